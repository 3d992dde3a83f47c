//! Resource limits of processes (setrlimit(2)).

use gantry_api_types::{HostConfig, Ulimit};
use gantry_oci::Rlimit;

use super::SpecError;

/// The request's limits, then those of the daemon that the request does not set.
pub(super) fn merged(host: &HostConfig, defaults: &[Ulimit]) -> Result<Vec<Rlimit>, SpecError> {
    let own = host.resources.ulimits.as_deref().unwrap_or_default();
    let missing = defaults
        .iter()
        .filter(|d| !own.iter().any(|o| o.name == d.name));
    own.iter().chain(missing).map(rlimit).collect()
}

fn rlimit(limit: &Ulimit) -> Result<Rlimit, SpecError> {
    if !gantry_units::Ulimit::is_known(&limit.name) {
        return Err(SpecError::UlimitType(limit.name.clone()));
    }
    Ok(Rlimit {
        kind: format!("RLIMIT_{}", limit.name.to_uppercase()),
        // -1 becomes the highest number, which is "unlimited".
        hard: limit.hard as u64,
        soft: limit.soft as u64,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_request_wins_over_the_daemon() {
        let limit = |name: &str, n| Ulimit {
            name: name.to_owned(),
            hard: n,
            soft: n,
        };
        let mut host = HostConfig::default();
        host.resources.ulimits = Some(vec![limit("nofile", 10)]);
        let limits = merged(&host, &[limit("nofile", 20), limit("core", -1)]).unwrap();
        let short: Vec<_> = limits.iter().map(|l| (l.kind.as_str(), l.hard)).collect();
        assert_eq!(short, [("RLIMIT_NOFILE", 10), ("RLIMIT_CORE", u64::MAX)]);
        assert!(merged(&host, &[limit("sofas", 1)]).is_err());
    }
}
