//! Block input and output.
//!
//! Specification: `cgroup-v1/blkio-controller.rst`; `cgroup-v2.rst`, section IO;
//! `block/bfq-iosched.rst`.

use gantry_oci::{BlockIo, ThrottleDevice};

use super::home;
use crate::files::{Dir, Wrote};
use crate::group::Home;
use crate::{Cgroup, Controller, Error, Result, Warning};

const WEIGHT: &str = "Block I/O weight";
const WEIGHT_DEVICE: &str = "Block I/O weight_device";

pub(super) fn apply(group: &Cgroup, io: &BlockIo, warnings: &mut Vec<Warning>) -> Result<()> {
    if *io == BlockIo::default()
        || *io
            == (BlockIo {
                weight: Some(0),
                ..BlockIo::default()
            })
    {
        return Ok(());
    }
    match home(group, Controller::Blkio, "Block I/O limits", warnings) {
        Some(Home::V1(dir)) => v1(dir, io, warnings),
        Some(Home::V2(dir)) => v2(dir, io, warnings),
        None => Ok(()),
    }
}

/// The four throttles: v1's file, v2's key in `io.max`, the list, Docker's name.
fn throttles(io: &BlockIo) -> [(&'static str, &'static str, &[ThrottleDevice], &'static str); 4] {
    [
        (
            "blkio.throttle.read_bps_device",
            "rbps",
            &io.throttle_read_bps_device,
            "BPS Block I/O read limit",
        ),
        (
            "blkio.throttle.write_bps_device",
            "wbps",
            &io.throttle_write_bps_device,
            "BPS Block I/O write limit",
        ),
        (
            "blkio.throttle.read_iops_device",
            "riops",
            &io.throttle_read_iops_device,
            "IOPS Block read limit",
        ),
        (
            "blkio.throttle.write_iops_device",
            "wiops",
            &io.throttle_write_iops_device,
            "IOPS Block write limit",
        ),
    ]
}

fn v1(dir: &Dir, io: &BlockIo, warnings: &mut Vec<Warning>) -> Result<()> {
    if let Some(weight) = checked_weight(io.weight)? {
        // The first is the CFQ scheduler's, gone since Linux 5.0, the second BFQ's.
        let value = weight.to_string();
        if dir.write_supported("blkio.weight", &value)? == Wrote::Unsupported {
            dir.limit("blkio.bfq.weight", &value, WEIGHT, warnings)?;
        }
    }
    for device in &io.weight_device {
        if let Some(weight) = checked_weight(device.weight)? {
            let value = format!("{}:{} {weight}", device.major, device.minor);
            if dir.write_supported("blkio.weight_device", &value)? == Wrote::Unsupported {
                dir.limit("blkio.bfq.weight_device", &value, WEIGHT_DEVICE, warnings)?;
            }
        }
    }
    for (file, _, devices, name) in throttles(io) {
        for device in devices {
            let value = format!("{}:{} {}", device.major, device.minor, device.rate);
            dir.limit(file, &value, name, warnings)?;
        }
    }
    Ok(())
}

fn v2(dir: &Dir, io: &BlockIo, warnings: &mut Vec<Warning>) -> Result<()> {
    if let Some(weight) = checked_weight(io.weight)? {
        // BFQ's file takes v1's numbers; the cost model's has a range of its own.
        if dir.write_supported("io.bfq.weight", &weight.to_string())? == Wrote::Unsupported {
            dir.limit(
                "io.weight",
                &v2_weight(weight).to_string(),
                WEIGHT,
                warnings,
            )?;
        }
    }
    for device in &io.weight_device {
        if let Some(weight) = checked_weight(device.weight)? {
            let at = format!("{}:{}", device.major, device.minor);
            let bfq = format!("{at} {weight}");
            if dir.write_supported("io.bfq.weight", &bfq)? == Wrote::Unsupported {
                let value = format!("{at} {}", v2_weight(weight));
                dir.limit("io.weight", &value, WEIGHT_DEVICE, warnings)?;
            }
        }
    }
    for (_, key, devices, name) in throttles(io) {
        for device in devices {
            // v1's zero lifts the limit.
            let rate = if device.rate == 0 {
                "max".to_owned()
            } else {
                device.rate.to_string()
            };
            let value = format!("{}:{} {key}={rate}", device.major, device.minor);
            dir.limit("io.max", &value, name, warnings)?;
        }
    }
    Ok(())
}

/// v1's weight (10-1000) on v2's scale (1-10000).
fn v2_weight(weight: u16) -> u64 {
    1 + (u64::from(weight) - 10) * 9999 / 990
}

fn checked_weight(weight: Option<u16>) -> Result<Option<u16>> {
    match weight {
        None | Some(0) => Ok(None),
        Some(weight @ 10..=1000) => Ok(Some(weight)),
        Some(weight) => Err(Error::InvalidValue {
            what: "block I/O weight",
            value: weight.to_string(),
            why: "the range is 10 to 1000",
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::fake::{fake, read};

    fn rate(rate: u64) -> Vec<ThrottleDevice> {
        vec![ThrottleDevice {
            major: 8,
            minor: 16,
            rate,
        }]
    }

    #[test]
    fn v2_rates_and_weights() {
        let (_temp, dir) = fake(&["io.weight", "io.max"]);
        let io = BlockIo {
            weight: Some(500),
            throttle_read_bps_device: rate(1 << 20),
            ..BlockIo::default()
        };
        v2(&dir, &io, &mut Vec::new()).unwrap();
        assert_eq!(read(&dir, "io.weight"), "4950");
        assert_eq!(read(&dir, "io.max"), "8:16 rbps=1048576");
        let io = BlockIo {
            throttle_write_iops_device: rate(0),
            ..BlockIo::default()
        };
        let (_temp, dir) = fake(&["io.max"]);
        v2(&dir, &io, &mut Vec::new()).unwrap();
        assert_eq!(read(&dir, "io.max"), "8:16 wiops=max");
    }

    #[test]
    fn a_scheduler_without_weights_warns() {
        let (_temp, dir) = fake(&[]);
        let io = BlockIo {
            weight: Some(10),
            ..BlockIo::default()
        };
        let mut warnings = Vec::new();
        v1(&dir, &io, &mut warnings).unwrap();
        assert_eq!(warnings.len(), 1);
        assert_eq!([10, 1000].map(v2_weight), [1, 10_000]);
        let bad = BlockIo {
            weight: Some(9),
            ..BlockIo::default()
        };
        assert!(v1(&dir, &bad, &mut warnings).is_err());
    }
}
