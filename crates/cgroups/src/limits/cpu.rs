//! Processor time.
//!
//! Specification: `scheduler/sched-bwc.rst`, `scheduler/sched-rt-group.rst`; `cgroup-v2.rst`,
//! section CPU.

use gantry_oci::Cpu;
use rustix::io::Errno;

use super::home;
use crate::files::Dir;
use crate::group::Home;
use crate::{Cgroup, Controller, Result, Warning};

/// Microseconds of the kernel's own period.
const DEFAULT_PERIOD: u64 = 100_000;
const SHARES: &str = "CPU shares";
const QUOTA: &str = "CPU CFS scheduler";
const REALTIME: &str = "CPU realtime scheduler";

pub(super) fn apply(group: &Cgroup, cpu: &Cpu, warnings: &mut Vec<Warning>) -> Result<()> {
    let only_set = Cpu {
        cpus: cpu.cpus.clone(),
        mems: cpu.mems.clone(),
        ..Cpu::default()
    };
    if *cpu == only_set {
        return Ok(());
    }
    match home(group, Controller::Cpu, "CPU limit capabilities", warnings) {
        Some(Home::V1(dir)) => v1(dir, cpu, warnings),
        Some(Home::V2(dir)) => v2(dir, cpu, warnings),
        None => Ok(()),
    }
}

fn v1(dir: &Dir, cpu: &Cpu, warnings: &mut Vec<Warning>) -> Result<()> {
    if let Some(shares) = cpu.shares.filter(|s| *s != 0) {
        dir.limit("cpu.shares", &shares.to_string(), SHARES, warnings)?;
    }
    // The runtime must stay below the period, and both start at zero and a second.
    if let Some(period) = cpu.realtime_period.filter(|p| *p != 0) {
        dir.limit("cpu.rt_period_us", &period.to_string(), REALTIME, warnings)?;
    }
    if let Some(runtime) = cpu.realtime_runtime.filter(|r| *r != 0) {
        dir.limit(
            "cpu.rt_runtime_us",
            &runtime.to_string(),
            REALTIME,
            warnings,
        )?;
    }
    v1_quota(dir, cpu, warnings)
}

fn v1_quota(dir: &Dir, cpu: &Cpu, warnings: &mut Vec<Warning>) -> Result<()> {
    let period = cpu.period.filter(|p| *p != 0).map(|p| p.to_string());
    let quota = cpu.quota.filter(|q| *q != 0).map(|q| q.to_string());
    let mut period_is_set = false;
    if let Some(period) = &period {
        match dir.try_write("cpu.cfs_period_us", period) {
            Ok(()) => period_is_set = true,
            // The old quota in the new period is more than a parent allows: first the new quota.
            Err(Errno::INVAL) if quota.is_some() => {}
            Err(Errno::NOENT) => {
                let file = "cpu.cfs_period_us".to_owned();
                warnings.push(Warning::NotSupported { limit: QUOTA, file });
                return Ok(());
            }
            Err(errno) => return Err(dir.write_error("cpu.cfs_period_us", period, errno)),
        }
    }
    if let Some(quota) = &quota {
        dir.limit("cpu.cfs_quota_us", quota, QUOTA, warnings)?;
    }
    match period {
        Some(period) if !period_is_set => dir.write("cpu.cfs_period_us", &period),
        _ => Ok(()),
    }
}

fn v2(dir: &Dir, cpu: &Cpu, warnings: &mut Vec<Warning>) -> Result<()> {
    if let Some(shares) = cpu.shares.filter(|s| *s != 0) {
        dir.limit("cpu.weight", &weight(shares).to_string(), SHARES, warnings)?;
    }
    if cpu.quota.is_some_and(|q| q != 0) || cpu.period.is_some_and(|p| p != 0) {
        let now = dir.try_read("cpu.max").unwrap_or_default();
        dir.limit("cpu.max", &v2_max(cpu, &now), QUOTA, warnings)?;
    }
    if cpu.realtime_period.is_some_and(|p| p != 0) || cpu.realtime_runtime.is_some_and(|r| r != 0) {
        warnings.push(Warning::OtherVersion { limit: REALTIME });
    }
    Ok(())
}

/// `cpu.max`: what is not named keeps its value.
fn v2_max(cpu: &Cpu, now: &str) -> String {
    let mut now = now.split_whitespace();
    let old_quota = now.next().unwrap_or("max").to_owned();
    let old_period = now
        .next()
        .and_then(|p| p.parse().ok())
        .unwrap_or(DEFAULT_PERIOD);
    let quota = match cpu.quota {
        None | Some(0) => old_quota,
        Some(quota) => super::or_max(quota),
    };
    let period = cpu.period.filter(|p| *p != 0).unwrap_or(old_period);
    format!("{quota} {period}")
}

/// v1's shares (2-262144, 1024 is normal) as v2's weight (1-10000, 100 is normal).
///
/// A parabola through the three pairs (2, 1), (1024, 100), (262144, 10000) of logarithms, which
/// runc uses from 1.3.2 on; its older straight line made 1024 a weight of 39, so that containers
/// lost against everything else on the machine.
fn weight(shares: u64) -> u64 {
    if shares <= 2 {
        return 1;
    }
    if shares >= 262_144 {
        return 10_000;
    }
    // Below 2^18, so the conversion is exact.
    let log = f64::from(shares as u32).log2();
    let exponent = (log * log + 125.0 * log) / 612.0 - 7.0 / 34.0;
    10_f64.powf(exponent).ceil() as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::fake::{fake, read};

    #[test]
    fn shares_become_weights_with_the_same_normal() {
        assert_eq!(
            [1, 2, 1024, 262_144, 1 << 40].map(weight),
            [1, 1, 100, 10_000, 10_000]
        );
        assert!(weight(512) < weight(1024) && weight(1024) < weight(2048));
    }

    #[test]
    fn v2_max_keeps_what_is_not_named() {
        let cpu = |quota, period| Cpu {
            quota,
            period,
            ..Cpu::default()
        };
        assert_eq!(
            v2_max(&cpu(Some(50_000), Some(100_000)), ""),
            "50000 100000"
        );
        assert_eq!(
            v2_max(&cpu(Some(50_000), None), "max 200000\n"),
            "50000 200000"
        );
        assert_eq!(
            v2_max(&cpu(None, Some(50_000)), "10000 100000\n"),
            "10000 50000"
        );
        assert_eq!(v2_max(&cpu(Some(-1), None), "10000 100000\n"), "max 100000");
    }

    #[test]
    fn v2_files() {
        let (_temp, dir) = fake(&["cpu.weight", "cpu.max"]);
        let cpu = Cpu {
            shares: Some(1024),
            quota: Some(150_000),
            period: Some(100_000),
            realtime_runtime: Some(1),
            ..Cpu::default()
        };
        let mut warnings = Vec::new();
        v2(&dir, &cpu, &mut warnings).unwrap();
        assert_eq!(read(&dir, "cpu.weight"), "100");
        assert_eq!(read(&dir, "cpu.max"), "150000 100000");
        assert_eq!(warnings, [Warning::OtherVersion { limit: REALTIME }]);
    }
}
