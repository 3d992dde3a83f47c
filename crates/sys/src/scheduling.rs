//! How a process is scheduled and as what it executes: sched_setattr(2), ioprio_set(2),
//! personality(2), for the calling thread.

use crate::{Result, checked};

/// The kernel's `struct sched_attr` (version 0).
#[repr(C)]
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SchedAttributes {
    /// Bytes of the structure; [`set_scheduler`] fills it in.
    pub size: u32,
    /// `SCHED_*`.
    pub policy: u32,
    /// `SCHED_FLAG_*`.
    pub flags: u64,
    /// For `SCHED_OTHER` and `SCHED_BATCH`.
    pub nice: i32,
    /// For `SCHED_FIFO` and `SCHED_RR`.
    pub priority: u32,
    /// Nanoseconds, for `SCHED_DEADLINE`.
    pub runtime: u64,
    /// Nanoseconds, for `SCHED_DEADLINE`.
    pub deadline: u64,
    /// Nanoseconds, for `SCHED_DEADLINE`.
    pub period: u64,
}

/// Sets how the calling thread is scheduled.
pub fn set_scheduler(attributes: &SchedAttributes) -> Result<()> {
    let attributes = SchedAttributes {
        size: size_of::<SchedAttributes>() as u32,
        ..*attributes
    };
    // SAFETY: the structure is the kernel's, names its own size and is only read.
    checked(unsafe { libc::syscall(libc::SYS_sched_setattr, 0, &raw const attributes, 0) })?;
    Ok(())
}

/// Sets the calling thread's input and output priority: a class (1 real-time, 2 best effort,
/// 3 idle) and a level (0-7).
pub fn set_io_priority(class: u8, level: u8) -> Result<()> {
    const WHO_PROCESS: libc::c_int = 1;
    const CLASS_SHIFT: u32 = 13;
    let value = (libc::c_int::from(class) << CLASS_SHIFT) | libc::c_int::from(level);
    // SAFETY: ioprio_set takes numbers only.
    checked(unsafe { libc::syscall(libc::SYS_ioprio_set, WHO_PROCESS, 0, value) })?;
    Ok(())
}

/// Sets the execution domain, which survives an exec.
pub fn set_personality(domain: u32) -> Result<()> {
    // SAFETY: personality takes a number only.
    checked(unsafe { libc::syscall(libc::SYS_personality, libc::c_ulong::from(domain)) })?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_becomes_nicer() {
        std::thread::spawn(|| {
            let nicer = SchedAttributes {
                nice: 5,
                ..SchedAttributes::default()
            };
            set_scheduler(&nicer).unwrap();
            set_io_priority(2, 7).unwrap();
            let stat = std::fs::read_to_string("/proc/thread-self/stat").unwrap();
            let after_name = stat.rsplit(')').next().unwrap();
            assert_eq!(after_name.split_whitespace().nth(16), Some("5"));
        })
        .join()
        .unwrap();
    }
}
