//! Memory.
//!
//! Specification: `cgroup-v1/memory.rst`; `cgroup-v2.rst`, section Memory.

use gantry_oci::Memory;
use rustix::io::Errno;

use super::{home, or_max};
use crate::files::Dir;
use crate::group::Home;
use crate::{Cgroup, Controller, Error, Result, Warning};

const SWAP: &str = "swap limit capabilities";
const SWAPPINESS: &str = "memory swappiness";
const OOM_DISABLE: &str = "disabling the OOM killer";

pub(super) fn apply(group: &Cgroup, memory: &Memory, warnings: &mut Vec<Warning>) -> Result<()> {
    if *memory == Memory::default() {
        return Ok(());
    }
    match home(
        group,
        Controller::Memory,
        "memory limit capabilities",
        warnings,
    ) {
        Some(Home::V1(dir)) => v1(dir, memory, warnings),
        Some(Home::V2(dir)) => v2(dir, memory, warnings),
        None => Ok(()),
    }
}

fn v1(dir: &Dir, memory: &Memory, warnings: &mut Vec<Warning>) -> Result<()> {
    v1_limit_and_swap(dir, memory, warnings)?;
    if let Some(reservation) = memory.reservation {
        dir.limit(
            "memory.soft_limit_in_bytes",
            &reservation.to_string(),
            "memory soft limit capabilities",
            warnings,
        )?;
    }
    if let Some(swappiness) = memory.swappiness {
        check_swappiness(swappiness)?;
        dir.limit(
            "memory.swappiness",
            &swappiness.to_string(),
            SWAPPINESS,
            warnings,
        )?;
    }
    if memory.disable_oom_killer == Some(true) {
        dir.limit("memory.oom_control", "1", OOM_DISABLE, warnings)?;
    }
    Ok(())
}

/// The kernel refuses a memory limit above the memory+swap limit at any moment, so raising begins
/// with swap and lowering with memory.
fn v1_limit_and_swap(dir: &Dir, memory: &Memory, warnings: &mut Vec<Warning>) -> Result<()> {
    // Unlimited memory below a limit of memory+swap would make no sense.
    let swap = memory.swap.or((memory.limit == Some(-1)).then_some(-1));
    let raises = swap.is_some_and(|swap| {
        let now = dir.number("memory.memsw.limit_in_bytes");
        swap < 0 || now.is_some_and(|now| swap as u64 > now)
    });
    let set_swap = |warnings: &mut Vec<Warning>| match swap {
        // Without swap accounting nothing limits swap anyway.
        Some(-1) if !dir.has("memory.memsw.limit_in_bytes") => Ok(()),
        Some(swap) => dir.limit(
            "memory.memsw.limit_in_bytes",
            &swap.to_string(),
            SWAP,
            warnings,
        ),
        None => Ok(()),
    };
    if raises {
        set_swap(warnings)?;
    }
    if let Some(limit) = memory.limit {
        v1_limit(dir, limit)?;
    }
    if !raises {
        set_swap(warnings)?;
    }
    Ok(())
}

fn v1_limit(dir: &Dir, limit: i64) -> Result<()> {
    const FILE: &str = "memory.limit_in_bytes";
    dir.try_write(FILE, &limit.to_string())
        .map_err(|errno| match errno {
            // More is in use than the kernel could reclaim.
            Errno::BUSY => {
                let usage = dir.number("memory.usage_in_bytes").unwrap_or(0);
                Error::MemoryInUse { limit, usage }
            }
            errno => dir.write_error(FILE, &limit.to_string(), errno),
        })
}

fn v2(dir: &Dir, memory: &Memory, warnings: &mut Vec<Warning>) -> Result<()> {
    if let Some(swap) = v2_swap(memory)? {
        dir.limit("memory.swap.max", &or_max(swap), SWAP, warnings)?;
    }
    if let Some(limit) = memory.limit {
        dir.write("memory.max", &or_max(limit))?;
    }
    if let Some(reservation) = memory.reservation {
        dir.write("memory.low", &or_max(reservation))?;
    }
    if let Some(swappiness) = memory.swappiness {
        check_swappiness(swappiness)?;
        warnings.push(Warning::OtherVersion { limit: SWAPPINESS });
    }
    if memory.disable_oom_killer == Some(true) {
        warnings.push(Warning::OtherVersion { limit: OOM_DISABLE });
    }
    Ok(())
}

/// v1's memory+swap as v2's swap alone.
fn v2_swap(memory: &Memory) -> Result<Option<i64>> {
    let invalid = |swap: i64, why| {
        let value = swap.to_string();
        Err(Error::InvalidValue {
            what: "memory+swap limit",
            value,
            why,
        })
    };
    match (memory.limit, memory.swap) {
        (Some(-1), None) => Ok(Some(-1)),
        (_, None | Some(0)) => Ok(None),
        (_, Some(-1)) => Ok(Some(-1)),
        (None | Some(-1 | 0), Some(swap)) => {
            invalid(swap, "it needs a memory limit beside it: set that too")
        }
        (Some(limit), Some(swap)) if swap < limit => {
            invalid(swap, "it must not be smaller than the memory limit")
        }
        (Some(limit), Some(swap)) => Ok(Some(swap - limit)),
    }
}

fn check_swappiness(swappiness: u64) -> Result<()> {
    if swappiness <= 100 {
        return Ok(());
    }
    let value = swappiness.to_string();
    Err(Error::InvalidValue {
        what: "memory swappiness",
        value,
        why: "the range is 0 to 100",
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::fake::{fake, read};

    const SIXTY_FOUR: i64 = 64 << 20;

    #[test]
    fn v2_swap_is_what_exceeds_the_memory_limit() {
        let swap = |limit, swap| {
            v2_swap(&Memory {
                limit,
                swap,
                ..Memory::default()
            })
        };
        assert_eq!(swap(Some(64), Some(128)).unwrap(), Some(64));
        assert_eq!(swap(Some(64), Some(64)).unwrap(), Some(0));
        assert_eq!(swap(Some(64), Some(-1)).unwrap(), Some(-1));
        assert_eq!(swap(Some(-1), None).unwrap(), Some(-1));
        assert_eq!(swap(Some(64), None).unwrap(), None);
        assert!(swap(None, Some(64)).is_err());
        assert!(swap(Some(64), Some(32)).is_err());
    }

    #[test]
    fn v2_files() {
        let files = ["memory.max", "memory.low", "memory.swap.max"];
        let (_temp, dir) = fake(&files);
        let memory = Memory {
            limit: Some(SIXTY_FOUR),
            swap: Some(2 * SIXTY_FOUR),
            reservation: Some(1024),
            swappiness: Some(10),
            ..Memory::default()
        };
        let mut warnings = Vec::new();
        v2(&dir, &memory, &mut warnings).unwrap();
        assert_eq!(
            files.map(|f| read(&dir, f)),
            ["67108864", "1024", "67108864"]
        );
        assert_eq!(warnings, [Warning::OtherVersion { limit: SWAPPINESS }]);
    }

    #[test]
    fn a_kernel_without_swap_accounting_warns() {
        let (_temp, dir) = fake(&["memory.limit_in_bytes"]);
        let memory = Memory {
            limit: Some(1),
            swap: Some(2),
            ..Memory::default()
        };
        let mut warnings = Vec::new();
        v1(&dir, &memory, &mut warnings).unwrap();
        assert_eq!(read(&dir, "memory.limit_in_bytes"), "1");
        assert!(warnings[0].to_string().contains("swap limit capabilities"));
        v1(
            &dir,
            &Memory {
                limit: Some(-1),
                ..Memory::default()
            },
            &mut warnings,
        )
        .unwrap();
        assert_eq!(warnings.len(), 1);
    }
}
