//! Limits, without those on devices.

use gantry_api_types::{Resources as Asked, ThrottleDevice, WeightDevice};
use gantry_oci::{BlockIo, Cpu, Memory, Pids, Resources};

use super::SpecError;

/// Microseconds; Docker's period for `--cpus`.
const PERIOD: i64 = 100_000;
/// Billionths.
const NANO: i64 = 1_000_000_000;

/// The limits that are set.
pub(crate) fn limits(asked: &Asked) -> Result<Resources, SpecError> {
    Ok(Resources {
        memory: Some(memory(asked)).filter(|memory| *memory != Memory::default()),
        cpu: Some(cpu(asked)).filter(|cpu| *cpu != Cpu::default()),
        pids: asked.pids_limit.map(pids),
        block_io: Some(block_io(asked)?).filter(|io| *io != BlockIo::default()),
        ..Resources::default()
    })
}

fn memory(asked: &Asked) -> Memory {
    let limit = set(asked.memory);
    // Twice the memory unless something else is said: as much swap as memory.
    let twice = limit
        .filter(|limit| *limit > 0)
        .and_then(|limit| limit.checked_mul(2));
    Memory {
        limit,
        reservation: set(asked.memory_reservation),
        swap: set(asked.memory_swap).or(twice),
        // -1 is "not set", from the days before it could be null.
        swappiness: asked.memory_swappiness.and_then(|s| u64::try_from(s).ok()),
        disable_oom_killer: asked.oom_kill_disable.filter(|disable| *disable),
    }
}

fn cpu(asked: &Asked) -> Cpu {
    let mut cpu = Cpu {
        shares: unsigned(asked.cpu_shares),
        quota: set(asked.cpu_quota),
        period: unsigned(asked.cpu_period),
        realtime_runtime: set(asked.cpu_realtime_runtime),
        realtime_period: unsigned(asked.cpu_realtime_period),
        cpus: text(&asked.cpuset_cpus),
        mems: text(&asked.cpuset_mems),
    };
    if asked.nano_cpus > 0 {
        cpu.period = u64::try_from(PERIOD).ok();
        let quota = i128::from(asked.nano_cpus) * i128::from(PERIOD) / i128::from(NANO);
        cpu.quota = i64::try_from(quota).ok();
    }
    cpu
}

/// Zero and below are "no limit".
fn pids(limit: i64) -> Pids {
    Pids {
        limit: if limit > 0 { limit } else { -1 },
    }
}

fn block_io(asked: &Asked) -> Result<BlockIo, SpecError> {
    let weights = asked
        .blkio_weight_device
        .iter()
        .flatten()
        .map(weight_device);
    Ok(BlockIo {
        weight: Some(asked.blkio_weight).filter(|weight| *weight != 0),
        weight_device: weights.collect::<Result<_, _>>()?,
        throttle_read_bps_device: throttles(asked.blkio_device_read_bps.as_deref())?,
        throttle_write_bps_device: throttles(asked.blkio_device_write_bps.as_deref())?,
        throttle_read_iops_device: throttles(asked.blkio_device_read_iops.as_deref())?,
        throttle_write_iops_device: throttles(asked.blkio_device_write_iops.as_deref())?,
    })
}

fn weight_device(device: &WeightDevice) -> Result<gantry_oci::WeightDevice, SpecError> {
    let (major, minor) = numbers(&device.path)?;
    Ok(gantry_oci::WeightDevice {
        major,
        minor,
        weight: Some(device.weight),
    })
}

fn throttles(
    devices: Option<&[ThrottleDevice]>,
) -> Result<Vec<gantry_oci::ThrottleDevice>, SpecError> {
    let one = |device: &ThrottleDevice| {
        let (major, minor) = numbers(&device.path)?;
        Ok(gantry_oci::ThrottleDevice {
            major,
            minor,
            rate: device.rate,
        })
    };
    devices.unwrap_or_default().iter().map(one).collect()
}

/// The numbers of a block device.
fn numbers(path: &str) -> Result<(i64, i64), SpecError> {
    let failed = |reason: String| SpecError::BlockDevice {
        path: path.to_owned(),
        reason,
    };
    let stat = rustix::fs::stat(path).map_err(|errno| failed(errno.to_string()))?;
    if !rustix::fs::FileType::from_raw_mode(stat.st_mode).is_block_device() {
        return Err(failed("not a block device".to_owned()));
    }
    let number = stat.st_rdev;
    Ok((
        i64::from(rustix::fs::major(number)),
        i64::from(rustix::fs::minor(number)),
    ))
}

fn set(value: i64) -> Option<i64> {
    Some(value).filter(|value| *value != 0)
}

fn unsigned(value: i64) -> Option<u64> {
    u64::try_from(value).ok().filter(|value| *value != 0)
}

fn text(value: &str) -> Option<String> {
    Some(value.to_owned()).filter(|value| !value.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_and_swap() {
        let memory = |limit, swap| {
            let asked = Asked {
                memory: limit,
                memory_swap: swap,
                ..Asked::default()
            };
            limits(&asked).unwrap().memory
        };
        assert_eq!(memory(0, 0), None);
        assert_eq!(memory(64, 0).unwrap().swap, Some(128));
        assert_eq!(memory(64, 64).unwrap().swap, Some(64));
        assert_eq!(memory(64, -1).unwrap().swap, Some(-1));
    }

    #[test]
    fn cpus_become_a_quota() {
        let cpu = |asked: Asked| limits(&asked).unwrap().cpu;
        assert_eq!(cpu(Asked::default()), None);
        let half = cpu(Asked {
            nano_cpus: NANO / 2,
            ..Asked::default()
        })
        .unwrap();
        assert_eq!((half.quota, half.period), (Some(50_000), Some(100_000)));
        let set = cpu(Asked {
            cpuset_cpus: "0-1".to_owned(),
            ..Asked::default()
        })
        .unwrap();
        assert_eq!(set.cpus.as_deref(), Some("0-1"));
    }

    #[test]
    fn processes_and_devices() {
        let limit = |n| {
            limits(&Asked {
                pids_limit: n,
                ..Asked::default()
            })
            .unwrap()
            .pids
        };
        assert_eq!(limit(None), None);
        assert_eq!(limit(Some(100)).unwrap().limit, 100);
        assert_eq!(
            (
                limit(Some(0)).unwrap().limit,
                limit(Some(-1)).unwrap().limit
            ),
            (-1, -1)
        );
        let device = ThrottleDevice {
            path: "/dev/null".to_owned(),
            rate: 1,
        };
        let asked = Asked {
            blkio_device_read_bps: Some(vec![device]),
            ..Asked::default()
        };
        assert!(
            limits(&asked)
                .unwrap_err()
                .to_string()
                .contains("not a block device")
        );
    }
}
