//! Working directory, limits, user, groups, capabilities and filter of the program.

use gantry_sys::{Errno, process, scheduling, seccomp};
use rustix::thread::{CapabilitySet, CapabilitySets, CpuSet};

use crate::plan::{CapabilityPlan, ProcessPlan};
use crate::report::{At, Outcome, Step};

/// Enters the working directory. Root may not be let in where the user is (NFS); then it is to be
/// tried again as the user, and this says so.
pub(super) fn working_directory(plan: &ProcessPlan) -> Outcome<bool> {
    match rustix::process::chdir(&plan.cwd) {
        Ok(()) => Ok(false),
        Err(Errno::ACCESS | Errno::PERM) => Ok(true),
        Err(errno) => Err(errno).at(Step::Cwd),
    }
}

/// Enters the working directory as the user.
pub(super) fn change_directory(plan: &ProcessPlan) -> Outcome {
    rustix::process::chdir(&plan.cwd).at(Step::Cwd)
}

/// A working directory that the root does not lead to was reached by some leaked descriptor: never
/// run there (CVE-2024-21626).
pub(super) fn check_working_directory() -> Outcome {
    let mut buffer = [0; 4096];
    match process::working_directory(&mut buffer) {
        Ok(path) if path.to_bytes().starts_with(b"/") => Ok(()),
        // Deeper than PATH_MAX: the kernel found the way, it is only too long to be told.
        Err(Errno::NAMETOOLONG | Errno::RANGE) => Ok(()),
        Ok(_) => Err(Errno::NOENT).at(Step::CwdOutside),
        Err(errno) => Err(errno).at(Step::CwdOutside),
    }
}

/// Runs on these processors from now on.
pub(super) fn run_on(processors: Option<&CpuSet>) -> Outcome {
    match processors {
        Some(set) => rustix::thread::sched_setaffinity(None, set).at(Step::Affinity),
        None => Ok(()),
    }
}

fn schedule(plan: &ProcessPlan) -> Outcome {
    if let Some(attributes) = &plan.scheduling.attributes {
        scheduling::set_scheduler(attributes).at(Step::Scheduler)?;
    }
    if let Some((class, level)) = plan.scheduling.io {
        scheduling::set_io_priority(class, level).at(Step::IoPriority)?;
    }
    Ok(())
}

/// Takes on limits, groups and user. Every permitted capability is kept for [`finish`]; those in
/// effect are the program's already, so that what follows sees files with its eyes.
pub(super) fn assume(plan: &ProcessPlan) -> Outcome {
    for (item, (resource, limit)) in plan.rlimits.iter().enumerate() {
        rustix::process::setrlimit(*resource, *limit).at_item(Step::Rlimit, item)?;
    }
    schedule(plan)?;
    rustix::process::umask(plan.umask);
    if let Some(capabilities) = &plan.capabilities {
        drop_bounding(capabilities)?;
        rustix::thread::set_keep_capabilities(true).at(Step::Capabilities)?;
    }
    rustix::thread::set_thread_groups(&plan.groups).at(Step::Groups)?;
    rustix::thread::set_thread_res_gid(plan.gid, plan.gid, plan.gid).at(Step::Group)?;
    rustix::thread::set_thread_res_uid(plan.uid, plan.uid, plan.uid).at(Step::User)?;
    if let Some(capabilities) = &plan.capabilities {
        rustix::thread::set_keep_capabilities(false).at(Step::Capabilities)?;
        let now = rustix::thread::capabilities(None).at(Step::Capabilities)?;
        let sets = CapabilitySets {
            effective: capabilities.sets.effective & now.permitted,
            ..now
        };
        rustix::thread::set_capabilities(None, sets).at(Step::Capabilities)?;
    }
    Ok(())
}

fn drop_bounding(plan: &CapabilityPlan) -> Outcome {
    for number in 0..u64::BITS {
        let one = CapabilitySet::from_bits_retain(1 << number);
        if plan.bounding.contains(one) {
            continue;
        }
        match rustix::thread::remove_capability_from_bounding_set(one) {
            Ok(()) => {}
            // Above the last one that this kernel has.
            Err(Errno::INVAL) => break,
            Err(errno) => return Err(errno).at(Step::Bounding),
        }
    }
    Ok(())
}

/// The last before the exec. A filter without no_new_privs needs CAP_SYS_ADMIN and so comes before
/// the capabilities are given up; with it, it comes last of all.
pub(super) fn finish(plan: &ProcessPlan) -> Outcome {
    if plan.no_new_privileges {
        set_capabilities(plan)?;
        rustix::thread::set_no_new_privs(true).at(Step::NoNewPrivileges)?;
        install_filter(plan)
    } else {
        if plan.seccomp.is_some() && plan.capabilities.is_some() {
            raise(CapabilitySet::SYS_ADMIN)?;
        }
        install_filter(plan)?;
        set_capabilities(plan)
    }
}

fn raise(capability: CapabilitySet) -> Outcome {
    let now = rustix::thread::capabilities(None).at(Step::Capabilities)?;
    let sets = CapabilitySets {
        effective: now.effective | (capability & now.permitted),
        ..now
    };
    rustix::thread::set_capabilities(None, sets).at(Step::Capabilities)
}

fn install_filter(plan: &ProcessPlan) -> Outcome {
    match &plan.seccomp {
        Some(program) => {
            seccomp::install(program.instructions(), program.flags()).at(Step::Seccomp)
        }
        None => Ok(()),
    }
}

fn set_capabilities(plan: &ProcessPlan) -> Outcome {
    let Some(capabilities) = &plan.capabilities else {
        return Ok(());
    };
    rustix::thread::set_capabilities(None, capabilities.sets).at(Step::Capabilities)?;
    rustix::thread::clear_ambient_capability_set().at(Step::Ambient)?;
    for capability in capabilities.ambient.iter() {
        rustix::thread::configure_capability_in_ambient_set(capability, true).at(Step::Ambient)?;
    }
    Ok(())
}
