//! Making a container and letting it go.

use std::os::fd::{BorrowedFd, OwnedFd};

use gantry_oci::{Spec, State, Status};
use gantry_sys::clone::Clone3;
use rustix::process::Pid;

use crate::describe::{command_failure, container_failure, hook_failure};
use crate::launch::{Ended, Launched};
use crate::plan::{Command, ContainerPlan, UserMaps};
use crate::process_files::{raise_limits, set_oom_score, write};
use crate::{Child, Error, Launch, Result, Running, Warning, child, hooks};

/// Makes a container: everything is done but `execve`; the process waits.
///
/// On failure nothing is left of it.
pub fn create(mut launch: Launch<'_>) -> Result<Created> {
    let mut plan = ContainerPlan::new(&mut launch)?;
    let mut launched = clone(&plan, launch.cgroup.into_fd())?;
    let mut warnings = std::mem::take(&mut plan.process.warnings);
    prepare(&launched, &plan, &mut warnings)?;
    launched
        .until_ready(|pid| run_hooks(&launch, &plan, pid))
        .map_err(|ended| why(ended, launch.spec, &plan))?;
    if let Some(hooks) = &plan.hooks {
        hooks.tell(&state(&launch, launched.pid(), Status::Created))?;
    }
    Ok(Created {
        launched,
        command: plan.process.command,
        warnings,
    })
}

fn clone(plan: &ContainerPlan, cgroup: Option<BorrowedFd<'_>>) -> Result<Launched> {
    let namespaces = &plan.namespaces;
    let clone = Clone3 {
        cgroup,
        namespaces: if namespaces.user.is_some() {
            0
        } else {
            namespaces.clone
        },
        ..Clone3::default()
    };
    Launched::clone(clone, &namespaces.by_parent, |link| {
        match &namespaces.user {
            Some(user) => child::through_user_namespace(user, plan, link),
            None => child::container(plan, link),
        }
    })
}

/// The hooks of the runtime's namespaces; afterwards the child runs those of the container's.
fn run_hooks(launch: &Launch<'_>, plan: &ContainerPlan, pid: Pid) -> Result<()> {
    let state = state(launch, pid, Status::Creating);
    hooks::before_creation(launch.spec, &state)?;
    match &plan.hooks {
        Some(hooks) => hooks.tell(&state),
        None => Ok(()),
    }
}

fn state(launch: &Launch<'_>, pid: Pid, status: Status) -> State {
    State {
        oci_version: launch.spec.oci_version.clone(),
        id: launch.id.to_owned(),
        status,
        pid: u32::try_from(pid.as_raw_nonzero().get()).ok(),
        bundle: launch.bundle.to_owned(),
        annotations: launch.spec.annotations.clone(),
    }
}

/// What only the parent may do for the child, while that one is at work already.
fn prepare(launched: &Launched, plan: &ContainerPlan, warnings: &mut Vec<Warning>) -> Result<()> {
    let pid = launched.pid();
    if let Some(score) = plan.process.oom_score_adj {
        set_oom_score(pid, score, warnings)?;
    }
    if let Some(maps) = &plan.namespaces.maps {
        raise_limits(pid, &plan.process.rlimits)?;
        map_users(pid, maps)?;
        // A child that is gone already has said why, and `until_ready` hears it.
        let _ = launched.link.go_on();
    }
    Ok(())
}

fn map_users(pid: Pid, maps: &UserMaps) -> Result<()> {
    write(pid, "uid_map", &maps.users)?;
    write(pid, "gid_map", &maps.groups)
}

fn why(ended: Ended, spec: &Spec, plan: &ContainerPlan) -> Error {
    match ended {
        Ended::Failed(failure) => container_failure(failure, spec, plan),
        Ended::Silent => Error::Died,
        Ended::Here(error) => error,
    }
}

/// A container whose process waits for [`Created::start`]. Dropping it kills and reaps the
/// process.
#[derive(Debug)]
pub struct Created {
    launched: Launched,
    command: Command,
    warnings: Vec<Warning>,
}

impl Created {
    /// The process, in the caller's PID namespace.
    pub fn pid(&self) -> Pid {
        self.launched.pid()
    }

    /// The process.
    pub fn pidfd(&self) -> BorrowedFd<'_> {
        self.launched.pidfd()
    }

    /// The pseudo-terminal's master, to set its size before the start or to keep it open.
    pub fn terminal(&self) -> Option<&OwnedFd> {
        self.launched.terminal.as_ref()
    }

    /// What was asked for and could not be done, without keeping the container from running.
    pub fn warnings(&self) -> &[Warning] {
        &self.warnings
    }

    /// Leaves the process alone, for who opened the gate of [`crate::Manner`] to let it go.
    pub fn leave(mut self) -> Option<Child> {
        self.launched.leave()
    }

    /// Hands the pseudo-terminal's master over.
    pub fn take_terminal(&mut self) -> Option<OwnedFd> {
        self.launched.terminal.take()
    }

    /// Lets the process execute its program; returns when it has, or with the reason why not.
    pub fn start(mut self) -> Result<Running> {
        let child = self.launched.execute().map_err(|ended| match ended {
            Ended::Failed(failure) => {
                hook_failure(failure).unwrap_or_else(|| command_failure(failure, &self.command))
            }
            Ended::Silent => Error::Died,
            Ended::Here(error) => error,
        })?;
        Ok(Running {
            child,
            terminal: self.launched.terminal.take(),
            warnings: self.warnings,
        })
    }
}
