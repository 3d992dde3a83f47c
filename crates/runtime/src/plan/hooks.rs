//! Hooks that the child runs: in the container's namespaces.

use std::ffi::CString;
use std::fs::File;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::time::Duration;

use gantry_oci::{Hook, Spec};
use gantry_sys::process::ExecStrings;

use super::{c_string, c_strings, high};
use crate::{Error, Result, hooks};

/// What the child needs to run hooks.
#[derive(Debug)]
pub(crate) struct HookPlan {
    /// The container's state as JSON, written by the parent, which alone knows the PID.
    pub(crate) state: OwnedFd,
    /// Before the container's root becomes `/`.
    pub(crate) create_container: Vec<ChildHook>,
}

/// Hooks just before the program.
#[derive(Debug)]
pub(crate) struct StartHooks {
    /// As [`HookPlan::state`].
    pub(crate) state: OwnedFd,
    pub(crate) hooks: Vec<ChildHook>,
}

/// A program to run.
#[derive(Debug)]
pub(crate) struct ChildHook {
    pub(crate) path: CString,
    pub(crate) arguments: ExecStrings,
    pub(crate) environment: ExecStrings,
    pub(crate) timeout: Option<Duration>,
}

impl HookPlan {
    /// Nothing if the spec has no hooks for the time before the program runs.
    pub(super) fn new(spec: &Spec) -> Result<Option<Self>> {
        let Some(hooks) = &spec.hooks else {
            return Ok(None);
        };
        let lists = [
            &hooks.prestart,
            &hooks.create_runtime,
            &hooks.create_container,
            &hooks.start_container,
            &hooks.poststart,
            &hooks.poststop,
        ];
        if let Some(hook) = lists.iter().copied().flatten().find(|h| !is_absolute(h)) {
            return Err(Error::Invalid(format!(
                "hook {:?}: its path must be absolute",
                hook.path
            )));
        }
        if lists.iter().take(4).all(|list| list.is_empty()) {
            return Ok(None);
        }
        let state = rustix::fs::memfd_create("state", rustix::fs::MemfdFlags::CLOEXEC)
            .map_err(|e| crate::launch::step("make a file for the container's state", e))?;
        Ok(Some(Self {
            state: high(state.as_fd())?,
            create_container: children(&hooks.create_container)?,
        }))
    }

    /// The hooks just before the program, with the same state.
    pub(super) fn at_start(&self, spec: &Spec) -> Result<Option<StartHooks>> {
        let hooks = spec.hooks.as_ref().map(|hooks| &hooks.start_container);
        let Some(hooks) = hooks.filter(|hooks| !hooks.is_empty()) else {
            return Ok(None);
        };
        Ok(Some(StartHooks {
            state: high(self.state.as_fd())?,
            hooks: children(hooks)?,
        }))
    }

    /// Says what the container is now.
    pub(crate) fn tell(&self, state: &gantry_oci::State) -> Result<()> {
        use std::io::{Seek, Write};
        let write = || {
            let mut file = File::from(self.state.try_clone()?);
            file.set_len(0)?;
            file.rewind()?;
            file.write_all(&serde_json::to_vec(state)?)
        };
        write().map_err(|e: std::io::Error| Error::Step {
            step: "write the container's state for its hooks".to_owned(),
            why: e.to_string(),
        })
    }
}

fn is_absolute(hook: &Hook) -> bool {
    Path::new(&hook.path).is_absolute()
}

fn children(hooks: &[Hook]) -> Result<Vec<ChildHook>> {
    hooks.iter().map(child).collect()
}

fn child(hook: &Hook) -> Result<ChildHook> {
    let path = c_string(&hook.path)?;
    let arguments = if hook.args.is_empty() {
        vec![path.clone()]
    } else {
        c_strings(&hook.args)?
    };
    Ok(ChildHook {
        path,
        arguments: ExecStrings::new(arguments),
        environment: ExecStrings::new(c_strings(&hook.env)?),
        timeout: hooks::timeout(hook),
    })
}
