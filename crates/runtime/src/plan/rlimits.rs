//! Resource limits, cut to what we may raise.

use gantry_oci::Rlimit as Asked;
use rustix::process::{Resource, Rlimit, getrlimit};
use rustix::thread::CapabilitySet;

use crate::{Error, Result, Warning};

/// Reads the limits. A hard limit above our own needs CAP_SYS_RESOURCE; without it the container
/// gets ours, and a warning says so.
pub(super) fn plan(
    asked: &[Asked],
    own: CapabilitySet,
    warnings: &mut Vec<Warning>,
) -> Result<Vec<(Resource, Rlimit)>> {
    let may_raise = own.contains(CapabilitySet::SYS_RESOURCE);
    asked
        .iter()
        .map(|limit| {
            let resource = resource(&limit.kind)?;
            if limit.soft > limit.hard {
                return Err(Error::Invalid(format!(
                    "rlimit {}: the soft limit {} is above the hard limit {}",
                    limit.kind, limit.soft, limit.hard
                )));
            }
            let ours = getrlimit(resource).maximum.unwrap_or(u64::MAX);
            let hard = if may_raise {
                limit.hard
            } else {
                limit.hard.min(ours)
            };
            if hard != limit.hard {
                warnings.push(Warning {
                    message: format!(
                        "rlimit {}: the hard limit stays at {hard} instead of {}: raising it \
                         needs CAP_SYS_RESOURCE, which this machine does not grant",
                        limit.kind, limit.hard
                    ),
                });
            }
            let value = Rlimit {
                current: finite(limit.soft.min(hard)),
                maximum: finite(hard),
            };
            Ok((resource, value))
        })
        .collect()
}

/// `RLIM_INFINITY` is the highest number.
fn finite(limit: u64) -> Option<u64> {
    (limit != u64::MAX).then_some(limit)
}

fn resource(kind: &str) -> Result<Resource> {
    Ok(match kind {
        "RLIMIT_CPU" => Resource::Cpu,
        "RLIMIT_FSIZE" => Resource::Fsize,
        "RLIMIT_DATA" => Resource::Data,
        "RLIMIT_STACK" => Resource::Stack,
        "RLIMIT_CORE" => Resource::Core,
        "RLIMIT_RSS" => Resource::Rss,
        "RLIMIT_NPROC" => Resource::Nproc,
        "RLIMIT_NOFILE" => Resource::Nofile,
        "RLIMIT_MEMLOCK" => Resource::Memlock,
        "RLIMIT_AS" => Resource::As,
        "RLIMIT_LOCKS" => Resource::Locks,
        "RLIMIT_SIGPENDING" => Resource::Sigpending,
        "RLIMIT_MSGQUEUE" => Resource::Msgqueue,
        "RLIMIT_NICE" => Resource::Nice,
        "RLIMIT_RTPRIO" => Resource::Rtprio,
        "RLIMIT_RTTIME" => Resource::Rttime,
        other => return Err(Error::Invalid(format!("unknown rlimit {other:?}"))),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nofile(soft: u64, hard: u64) -> [Asked; 1] {
        [Asked {
            kind: "RLIMIT_NOFILE".into(),
            hard,
            soft,
        }]
    }

    #[test]
    fn a_limit_that_cannot_be_raised_is_cut_and_warned_of() {
        let ours = getrlimit(Resource::Nofile).maximum.unwrap();
        let mut warnings = Vec::new();
        let asked = nofile(ours + 1, ours + 2);
        let cut = plan(&asked, CapabilitySet::empty(), &mut warnings).unwrap();
        assert_eq!(
            (cut[0].1.current, cut[0].1.maximum),
            (Some(ours), Some(ours))
        );
        assert_eq!(warnings.len(), 1);
        warnings.clear();
        let raised = plan(&asked, CapabilitySet::all(), &mut warnings).unwrap();
        assert_eq!(raised[0].1.maximum, Some(ours + 2));
        assert!(warnings.is_empty());
        plan(&nofile(2, 1), CapabilitySet::all(), &mut warnings).unwrap_err();
    }
}
