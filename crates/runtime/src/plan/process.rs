//! The program to execute and as whom.

use std::ffi::CString;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};

use gantry_oci::{ConsoleSize, Process, Seccomp};
use gantry_seccomp::Program;
use gantry_sys::process::ExecStrings;
use rustix::fs::{Gid, Mode, Uid};
use rustix::process::{Resource, Rlimit};
use rustix::thread::CapabilitySet;

use super::hooks::StartHooks;
use super::scheduling::Scheduling;
use super::{CapabilityPlan, c_string, c_strings, open_procfs, rlimits};
use crate::error::errno_text;
use crate::{Error, Manner, Result, Stdio, Warning, init};

/// The program to execute and as whom.
#[derive(Debug)]
pub(crate) struct ProcessPlan {
    pub(crate) command: Command,
    pub(crate) arguments: ExecStrings,
    pub(crate) environment: ExecStrings,
    /// HOME is not set and must be read from the container's /etc/passwd.
    pub(crate) needs_home: bool,
    pub(crate) cwd: CString,
    pub(crate) uid: Uid,
    pub(crate) gid: Gid,
    pub(crate) groups: Vec<Gid>,
    pub(crate) umask: Mode,
    pub(crate) capabilities: Option<CapabilityPlan>,
    pub(crate) no_new_privileges: bool,
    pub(crate) seccomp: Option<Program>,
    pub(crate) rlimits: Vec<(Resource, Rlimit)>,
    pub(crate) label: Option<Label>,
    /// The session keyring's name; none shares the caller's.
    pub(crate) keyring: Option<CString>,
    /// How many descriptors from 3 on the program gets.
    pub(crate) preserve: u32,
    /// A FIFO from which the word to go on comes.
    pub(crate) gate: Option<OwnedFd>,
    pub(crate) scheduling: Scheduling,
    /// Hooks before the program, and the container's state for them.
    pub(crate) start_hooks: Option<StartHooks>,
    /// Written by the parent, which may have to lower it.
    pub(crate) oom_score_adj: Option<i32>,
    pub(crate) streams: Streams,
    /// The program that runs as PID 1 in front of the command.
    pub(crate) init: Option<OwnedFd>,
    /// The host's /proc.
    pub(crate) procfs: OwnedFd,
    pub(crate) warnings: Vec<Warning>,
}

/// The program's name and where it may be.
#[derive(Debug)]
pub(crate) struct Command {
    /// As it was asked for.
    pub(crate) name: String,
    /// Tried in turn; just one when the name has a slash.
    pub(crate) candidates: Vec<CString>,
    /// Whether $PATH is searched.
    pub(crate) searched: bool,
}

/// Where the standard streams come from.
#[derive(Debug)]
pub(crate) enum Streams {
    /// For 0, 1 and 2; their own numbers are high, so that none covers another.
    Fds([OwnedFd; 3]),
    /// A new pseudo-terminal.
    Terminal(Option<ConsoleSize>),
}

/// A security label for the next exec.
#[derive(Debug)]
pub(crate) struct Label {
    /// Below /proc, tried in turn (AppArmor's own directory exists since 5.8).
    pub(crate) files: &'static [&'static std::ffi::CStr],
    pub(crate) value: String,
}

/// From where a [`ProcessPlan`] is computed.
pub(crate) struct Settings<'a> {
    pub(crate) process: &'a Process,
    pub(crate) seccomp: Option<&'a Seccomp>,
    /// A process in a user namespace of its own has every capability there.
    pub(crate) own_user_namespace: bool,
    /// The container's name for the session keyring.
    pub(crate) keyring: &'a str,
    pub(crate) manner: Manner<'a>,
}

impl ProcessPlan {
    pub(crate) fn new(
        settings: Settings<'_>,
        stdio: &mut Stdio,
        init: Option<BorrowedFd<'_>>,
    ) -> Result<Self> {
        let process = settings.process;
        if settings.manner.preserve > crate::MOST_PRESERVED {
            return Err(Error::Invalid(format!(
                "cannot preserve {} descriptors: {} at most",
                settings.manner.preserve,
                crate::MOST_PRESERVED
            )));
        }
        let mut warnings = Vec::new();
        let ours = own_capabilities()?;
        let grantable = if settings.own_user_namespace {
            CapabilitySet::all()
        } else {
            ours
        };
        let capabilities = process
            .capabilities
            .as_ref()
            .map(|asked| CapabilityPlan::new(asked, grantable, &mut warnings));
        let command = Command::new(process)?;
        Ok(Self {
            arguments: arguments(process, init.is_some())?,
            environment: ExecStrings::new(c_strings(&process.env)?),
            needs_home: !process.env.iter().any(|entry| entry.starts_with("HOME=")),
            cwd: cwd(process)?,
            uid: Uid::from_raw(process.user.uid),
            gid: Gid::from_raw(process.user.gid),
            groups: process
                .user
                .additional_gids
                .iter()
                .map(|g| Gid::from_raw(*g))
                .collect(),
            umask: Mode::from_bits_truncate(process.user.umask.unwrap_or(0o022) & 0o777),
            capabilities,
            no_new_privileges: process.no_new_privileges,
            seccomp: settings
                .seccomp
                .filter(|filter| !filter.is_empty())
                .map(gantry_seccomp::compile)
                .transpose()?,
            rlimits: rlimits::plan(&process.rlimits, ours, &mut warnings)?,
            label: label(process)?,
            keyring: (!settings.manner.no_keyring)
                .then(|| c_string(&format!("_ses.{}", settings.keyring)))
                .transpose()?,
            preserve: settings.manner.preserve,
            gate: settings.manner.gate.map(high).transpose()?,
            scheduling: Scheduling::new(process)?,
            start_hooks: None,
            oom_score_adj: process.oom_score_adj,
            streams: Streams::new(stdio)?,
            init: init.map(|fd| high(fd)).transpose()?,
            procfs: open_procfs()?,
            command,
            warnings,
        })
    }
}

impl Command {
    fn new(process: &Process) -> Result<Self> {
        let name = match process.args.first() {
            Some(name) if !name.is_empty() => name.clone(),
            _ => return Err(Error::Invalid("no command specified: args is empty".into())),
        };
        let searched = !name.contains('/');
        let candidates = if searched {
            // A directory that is empty or relative would mean the working directory.
            search_path(&process.env)
                .split(':')
                .filter(|directory| directory.starts_with('/'))
                .map(|directory| c_string(&format!("{directory}/{name}")))
                .collect::<Result<_>>()?
        } else {
            vec![c_string(&name)?]
        };
        Ok(Self {
            name,
            candidates,
            searched,
        })
    }
}

/// The container's $PATH: the last one counts, as in a shell's environment made of such a list.
fn search_path(environment: &[String]) -> &str {
    environment
        .iter()
        .rev()
        .find_map(|entry| entry.strip_prefix("PATH="))
        .unwrap_or_default()
}

/// The command's arguments, behind those of init if there is one.
fn arguments(process: &Process, init: bool) -> Result<ExecStrings> {
    let mut strings = Vec::with_capacity(process.args.len() + 2);
    if init {
        strings.extend([c_string(init::NAME)?, c"--".to_owned()]);
    }
    strings.extend(c_strings(&process.args)?);
    Ok(ExecStrings::new(strings))
}

fn cwd(process: &Process) -> Result<CString> {
    match process.cwd.as_str() {
        "" => Ok(c"/".to_owned()),
        cwd if cwd.starts_with('/') => c_string(cwd),
        cwd => Err(Error::Invalid(format!("cwd {cwd:?}: must be absolute"))),
    }
}

fn label(process: &Process) -> Result<Option<Label>> {
    let set = |label: &Option<String>| label.clone().filter(|l| !l.is_empty());
    if let Some(profile) = set(&process.apparmor_profile) {
        let enabled = std::fs::read("/sys/module/apparmor/parameters/enabled")
            .is_ok_and(|text| text.starts_with(b"Y"));
        if !enabled {
            return Err(Error::Invalid(format!(
                "AppArmor profile {profile:?} is asked for, and the kernel has no AppArmor"
            )));
        }
        // Here its name can still be told.
        let loaded = std::fs::read_to_string("/sys/kernel/security/apparmor/profiles");
        if loaded.is_ok_and(|loaded| !lists(&loaded, &profile)) {
            return Err(Error::Step {
                step: format!("apply the AppArmor profile {profile:?}"),
                why: errno_text(rustix::io::Errno::NOENT),
            });
        }
        return Ok(Some(Label {
            files: &[c"thread-self/attr/apparmor/exec", c"thread-self/attr/exec"],
            value: format!("exec {profile}"),
        }));
    }
    Ok(set(&process.selinux_label).map(|value| Label {
        files: &[c"thread-self/attr/exec"],
        value,
    }))
}

/// Whether a profile is among the kernel's, whose lines are `name (enforce)`. Only the kernel can
/// tell of those in other namespaces and of several at once.
fn lists(loaded: &str, profile: &str) -> bool {
    let plain = !profile.starts_with(':') && !profile.contains("//&") && profile != "unconfined";
    let named = |line: &str| line.rsplit_once(" (").map(|(name, _)| name) == Some(profile);
    !plain || loaded.lines().any(named)
}

fn own_capabilities() -> Result<CapabilitySet> {
    rustix::thread::capabilities(None)
        .map(|sets| sets.permitted)
        .map_err(|errno| Error::Step {
            step: "read own capabilities".into(),
            why: errno_text(errno),
        })
}

impl Streams {
    fn new(stdio: &mut Stdio) -> Result<Self> {
        Ok(match stdio {
            Stdio::Terminal { size } => Self::Terminal(*size),
            Stdio::Fds {
                stdin,
                stdout,
                stderr,
            } => {
                use std::os::fd::AsFd;
                Self::Fds([
                    high(stdin.as_fd())?,
                    high(stdout.as_fd())?,
                    high(stderr.as_fd())?,
                ])
            }
        })
    }
}

/// A copy of a descriptor with a number that the child will not overwrite by another.
pub(crate) fn high(fd: BorrowedFd<'_>) -> Result<OwnedFd> {
    // Above whatever the program may get.
    const FIRST: i32 = 3 + crate::MOST_PRESERVED as i32 + 8;
    rustix::io::fcntl_dupfd_cloexec(fd, FIRST).map_err(|errno| Error::Step {
        step: format!("copy descriptor {}", fd.as_raw_fd()),
        why: errno_text(errno),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn process(args: &[&str], env: &[&str]) -> Process {
        Process {
            args: args.iter().map(|&a| a.to_owned()).collect(),
            env: env.iter().map(|&e| e.to_owned()).collect(),
            ..Process::default()
        }
    }

    #[test]
    fn the_path_is_that_of_the_container() {
        let process = process(
            &["sh"],
            &["PATH=/old", "X=1", "PATH=/bin::.:relative:/usr/bin"],
        );
        let command = Command::new(&process).unwrap();
        assert_eq!(
            command.candidates,
            [c"/bin/sh".to_owned(), c"/usr/bin/sh".to_owned()]
        );
    }

    #[test]
    fn a_name_with_a_slash_is_not_searched() {
        let command = Command::new(&process(&["./x"], &["PATH=/bin"])).unwrap();
        assert!(!command.searched);
        assert_eq!(command.candidates, [c"./x".to_owned()]);
        Command::new(&process(&[], &[])).unwrap_err();
        Command::new(&process(&[""], &[])).unwrap_err();
    }

    #[test]
    fn init_comes_first() {
        let strings = arguments(&process(&["sh", "-c", "x"], &[]), true).unwrap();
        let texts: Vec<_> = strings
            .as_slice()
            .iter()
            .map(|s| s.to_str().unwrap())
            .collect();
        assert_eq!(texts, ["/sbin/docker-init", "--", "sh", "-c", "x"]);
    }
}
