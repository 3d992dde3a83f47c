//! Hooks that run in the caller's namespaces (runtime-spec, `config.md#posix-platform-hooks`).
//!
//! `prestart`, `createRuntime`, `poststart` and `poststop` are programs of the host. Those that run
//! in the container's namespaces are the child's: `crate::child::hooks`.

use std::fs::File;
use std::io::{Read, Seek};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use gantry_oci::{Hook, Spec, State, Status};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::MemfdFlags;
use rustix::process::{Pid, PidfdFlags, pidfd_open};

use crate::{Error, Result, Warning};

/// Runs the `prestart` and `createRuntime` hooks; the first that fails ends the launch.
pub(crate) fn before_creation(spec: &Spec, state: &State) -> Result<()> {
    let Some(hooks) = &spec.hooks else {
        return Ok(());
    };
    let lists = [
        ("prestart", &hooks.prestart),
        ("createRuntime", &hooks.create_runtime),
    ];
    for (kind, list) in lists {
        for (number, hook) in list.iter().enumerate() {
            run(hook, state).map_err(|why| Error::Hook { kind, number, why })?;
        }
    }
    Ok(())
}

/// Runs the `poststart` hooks. One that fails stops neither the others nor the container.
pub fn after_start(spec: &Spec, state: &State) -> Vec<Warning> {
    let hooks = spec.hooks.as_ref().map(|hooks| &hooks.poststart);
    warn("poststart", hooks, state, Status::Running)
}

/// Runs the `poststop` hooks, once the container is gone. One that fails does not stop the others.
pub fn after_stop(spec: &Spec, state: &State) -> Vec<Warning> {
    let hooks = spec.hooks.as_ref().map(|hooks| &hooks.poststop);
    warn("poststop", hooks, state, Status::Stopped)
}

fn warn(
    kind: &'static str,
    hooks: Option<&Vec<Hook>>,
    state: &State,
    status: Status,
) -> Vec<Warning> {
    let state = State {
        status,
        ..state.clone()
    };
    let failed = |(number, hook)| match run(hook, &state) {
        Ok(()) => None,
        Err(why) => Some(Warning {
            message: Error::Hook { kind, number, why }.to_string(),
        }),
    };
    let hooks = hooks.into_iter().flatten().enumerate();
    hooks.filter_map(failed).collect()
}

/// A file in memory with the state, to be read from its start.
pub(crate) fn state_file(state: &State) -> std::io::Result<File> {
    use std::io::Write;
    let mut file = memory_file("state")?;
    file.write_all(&serde_json::to_vec(state)?)?;
    file.rewind()?;
    Ok(file)
}

fn memory_file(name: &str) -> std::io::Result<File> {
    Ok(File::from(rustix::fs::memfd_create(
        name,
        MemfdFlags::CLOEXEC,
    )?))
}

/// Runs one; says why it failed. Files instead of pipes: nobody can be blocked by them.
fn run(hook: &Hook, state: &State) -> Result<(), String> {
    let text = |e: std::io::Error| e.to_string();
    let (mut out, mut err) = (
        memory_file("stdout").map_err(text)?,
        memory_file("stderr").map_err(text)?,
    );
    let mut command = Command::new(&hook.path);
    if let Some((name, arguments)) = hook.args.split_first() {
        command.arg0(name).args(arguments);
    }
    let pairs = hook.env.iter().filter_map(|entry| entry.split_once('='));
    command
        .env_clear()
        .envs(pairs)
        .stdin(state_file(state).map_err(text)?)
        .stdout(out.try_clone().map_err(text)?)
        .stderr(Stdio::from(err.try_clone().map_err(text)?));
    let mut child = command
        .spawn()
        .map_err(|e| format!("exec {}: {e}", hook.path))?;
    let status = wait(&mut child, timeout(hook)).map_err(text)?;
    match status {
        Some(status) if status.success() => Ok(()),
        status => Err(format!(
            "{}, stdout: {}, stderr: {}",
            how(status, hook),
            contents(&mut out),
            contents(&mut err)
        )),
    }
}

/// How long a hook may take.
pub(crate) fn timeout(hook: &Hook) -> Option<Duration> {
    let seconds = hook.timeout.and_then(|seconds| u64::try_from(seconds).ok());
    seconds
        .filter(|seconds| *seconds > 0)
        .map(Duration::from_secs)
}

fn how(status: Option<ExitStatus>, hook: &Hook) -> String {
    match status {
        None => format!("not done within {} s", hook.timeout.unwrap_or_default()),
        Some(status) => match (status.code(), status.signal()) {
            (Some(code), _) => format!("exit status {code}"),
            (None, signal) => format!("killed by signal {}", signal.unwrap_or_default()),
        },
    }
}

/// Waits; nothing if the time ran out, and the program was killed.
fn wait(child: &mut Child, limit: Option<Duration>) -> std::io::Result<Option<ExitStatus>> {
    if let Some(limit) = limit {
        let pid = Pid::from_raw(child.id() as i32).unwrap_or(Pid::INIT);
        let pidfd = pidfd_open(pid, PidfdFlags::empty())?;
        if !ended(&pidfd, limit)? {
            child.kill()?;
            child.wait()?;
            return Ok(None);
        }
    }
    child.wait().map(Some)
}

fn ended(pidfd: &OwnedFd, limit: Duration) -> std::io::Result<bool> {
    let until = Instant::now() + limit;
    loop {
        let left = until.saturating_duration_since(Instant::now());
        let left = Timespec::try_from(left).unwrap_or_default();
        let mut files = [PollFd::from_borrowed_fd(pidfd.as_fd(), PollFlags::IN)];
        match poll(&mut files, Some(&left)) {
            Ok(ready) => return Ok(ready > 0),
            Err(rustix::io::Errno::INTR) => {}
            Err(errno) => return Err(errno.into()),
        }
    }
}

/// What the hook said, up to 4 KiB of it.
fn contents(file: &mut File) -> String {
    let mut text = Vec::new();
    let read = file
        .rewind()
        .and_then(|()| file.take(4096).read_to_end(&mut text));
    match read {
        Ok(_) => String::from_utf8_lossy(&text).trim_end().to_owned(),
        Err(_) => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hook(script: &str, timeout: Option<i64>) -> Hook {
        Hook {
            path: "/bin/sh".into(),
            args: ["sh", "-c", script].map(str::to_owned).into(),
            env: vec!["WORD=hello".into()],
            timeout,
        }
    }

    fn state() -> State {
        State {
            oci_version: "1.2.0".into(),
            id: "box".into(),
            status: Status::Creating,
            pid: Some(7),
            bundle: "/b".into(),
            annotations: std::collections::BTreeMap::new(),
        }
    }

    #[test]
    fn a_hook_reads_the_state_and_its_own_environment() {
        let script = r#"[ "$WORD" = hello ] && grep -q '"pid":7' && [ -z "$HOME" ]"#;
        run(&hook(script, None), &state()).unwrap();
    }

    #[test]
    fn a_failure_tells_what_the_hook_said() {
        let why = run(&hook("echo so; echo no >&2; exit 3", None), &state()).unwrap_err();
        assert_eq!(why, "exit status 3, stdout: so, stderr: no");
        let why = run(&hook("exec sleep 100", Some(1)), &state()).unwrap_err();
        assert!(why.starts_with("not done within 1 s"), "{why}");
    }
}
