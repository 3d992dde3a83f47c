//! How the program is scheduled (runtime-spec, `config.md#linux-process`).

use gantry_oci::{CpuAffinity, IoPriority, Personality, Process, Scheduler};
use gantry_sys::scheduling::SchedAttributes;
use rustix::thread::CpuSet;

use crate::{Error, Result};

/// How the program is scheduled and as what it executes.
#[derive(Debug, Default)]
pub(crate) struct Scheduling {
    pub(crate) attributes: Option<SchedAttributes>,
    /// Class and level.
    pub(crate) io: Option<(u8, u8)>,
    /// Before the cgroup is joined; only for a further process.
    pub(crate) first_processors: Option<CpuSet>,
    /// After that.
    pub(crate) processors: Option<CpuSet>,
}

impl Scheduling {
    pub(super) fn new(process: &Process) -> Result<Self> {
        let affinity = process.exec_cpu_affinity.clone().unwrap_or_default();
        let CpuAffinity { initial, last } = affinity;
        Ok(Self {
            attributes: process.scheduler.as_ref().map(attributes).transpose()?,
            io: process.io_priority.as_ref().map(io).transpose()?,
            first_processors: processors(&initial)?,
            processors: processors(&last)?,
        })
    }
}

fn attributes(asked: &Scheduler) -> Result<SchedAttributes> {
    let policy = match asked.policy.as_str() {
        "SCHED_OTHER" => 0,
        "SCHED_FIFO" => 1,
        "SCHED_RR" => 2,
        "SCHED_BATCH" => 3,
        "SCHED_ISO" => 4,
        "SCHED_IDLE" => 5,
        "SCHED_DEADLINE" => 6,
        other => return Err(invalid("scheduler policy", other)),
    };
    let mut flags = 0;
    for flag in &asked.flags {
        flags |= match flag.as_str() {
            "SCHED_FLAG_RESET_ON_FORK" => 0x01,
            "SCHED_FLAG_RECLAIM" => 0x02,
            "SCHED_FLAG_DL_OVERRUN" => 0x04,
            "SCHED_FLAG_KEEP_POLICY" => 0x08,
            "SCHED_FLAG_KEEP_PARAMS" => 0x10,
            "SCHED_FLAG_UTIL_CLAMP_MIN" => 0x20,
            "SCHED_FLAG_UTIL_CLAMP_MAX" => 0x40,
            other => return Err(invalid("scheduler flag", other)),
        };
    }
    let priority = u32::try_from(asked.priority)
        .map_err(|_| invalid("scheduler priority", &asked.priority.to_string()))?;
    Ok(SchedAttributes {
        policy,
        flags,
        nice: asked.nice,
        priority,
        runtime: asked.runtime,
        deadline: asked.deadline,
        period: asked.period,
        ..SchedAttributes::default()
    })
}

fn io(asked: &IoPriority) -> Result<(u8, u8)> {
    let class = match asked.class.as_str() {
        "IOPRIO_CLASS_RT" => 1,
        "IOPRIO_CLASS_BE" => 2,
        "IOPRIO_CLASS_IDLE" => 3,
        other => return Err(invalid("ioPriority class", other)),
    };
    let level = u8::try_from(asked.priority).ok().filter(|level| *level < 8);
    let level = level.ok_or_else(|| invalid("ioPriority level", &asked.priority.to_string()))?;
    Ok((class, level))
}

/// The number for personality(2).
pub(super) fn personality(asked: &Personality) -> Result<u32> {
    if let Some(flag) = asked.flags.first() {
        return Err(invalid("personality flag", flag));
    }
    match asked.domain.as_str() {
        "LINUX" => Ok(0),
        "LINUX32" => Ok(8),
        other => Err(invalid("personality domain", other)),
    }
}

/// `0-2,7`.
fn processors(list: &str) -> Result<Option<CpuSet>> {
    if list.is_empty() {
        return Ok(None);
    }
    let bad = || invalid("CPU list", list);
    let number = |text: &str| {
        let number: usize = text.trim().parse().map_err(|_| bad())?;
        Ok(number).and_then(|n| (n < CpuSet::MAX_CPU).then_some(n).ok_or_else(bad))
    };
    let mut set = CpuSet::new();
    for part in list.split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        for cpu in number(first)?..=number(last)? {
            set.set(cpu);
        }
    }
    Ok(Some(set))
}

fn invalid(what: &str, value: &str) -> Error {
    Error::Invalid(format!("{what} {value:?} is unknown or out of range"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_become_numbers() {
        let asked = Scheduler {
            policy: "SCHED_FIFO".into(),
            priority: 10,
            flags: vec!["SCHED_FLAG_RESET_ON_FORK".into()],
            ..Scheduler::default()
        };
        let got = attributes(&asked).unwrap();
        assert_eq!((got.policy, got.flags, got.priority), (1, 1, 10));
        let best_effort = IoPriority {
            class: "IOPRIO_CLASS_BE".into(),
            priority: 7,
        };
        assert_eq!(io(&best_effort).unwrap(), (2, 7));
        let set = processors("0,2-3").unwrap().unwrap();
        assert!(set.is_set(0) && !set.is_set(1) && set.is_set(3));
        for bad in ["x", "0-", "5000"] {
            assert!(processors(bad).is_err(), "{bad}");
        }
    }
}
