//! What the child tells its parent: messages of fixed size, so that the child needs no allocator.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use gantry_sys::{Errno, fd_passing};

/// Lists the steps of a launch with the words for a failure; `{}` is the thing's name.
macro_rules! steps {
    ($($(#[$doc:meta])* $name:ident = $text:literal,)*) => {
        /// A step of the launch in the child.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        #[repr(u8)]
        pub(crate) enum Step { $($(#[$doc])* $name,)* }

        impl Step {
            const ALL: &[Self] = &[$(Self::$name,)*];

            /// What was tried, with `{}` for the thing's name.
            pub(crate) fn text(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }
        }
    };
}

steps! {
    Link = "speak with the parent process",
    Session = "start a session (setsid)",
    JoinUser = "join the user namespace",
    MapUsers = "become root of the user namespace",
    Join = "join the {} namespace",
    JoinTarget = "join the container's namespaces",
    JoinCgroup = "join the cgroup",
    CgroupNamespace = "make a cgroup namespace",
    TimeNamespace = "make a time namespace",
    Clocks = "set the clocks of the time namespace",
    Personality = "set the execution domain (personality)",
    Affinity = "set the processors (execCPUAffinity)",
    Scheduler = "set the scheduler",
    IoPriority = "set the input and output priority",
    HookCreateContainer = "createContainer",
    HookStartContainer = "startContainer",
    Loopback = "set the loopback interface up",
    Hostname = "set the hostname",
    Domainname = "set the domain name",
    PrivateMounts = "make the mount namespace private",
    AttachRoot = "attach the root file system",
    MountTarget = "create mountpoint for {}",
    MountLink = "mount {}: the target is reached by a symbolic link; it must be a plain directory",
    MountOpen = "open file system for {}",
    MountOption = "set option of {}",
    MountCreate = "create file system for {}",
    MountAttach = "attach {}",
    MountFlags = "set mount flags of {}",
    MountPropagation = "set mount propagation of {}",
    MountInside = "fill {}",
    DeviceDirectory = "open /dev of the container",
    Device = "create device {}",
    DeviceLink = "create the links in /dev",
    Terminal = "open a pseudo-terminal of the container",
    Console = "mount the terminal on /dev/console",
    Masked = "mask path {}",
    Readonly = "make path {} read-only",
    CwdCreate = "create working directory",
    Sysctl = "write sysctl {}",
    ReadonlyRoot = "make the root file system read-only",
    Pivot = "pivot_root",
    LeaveHost = "unmount the host's root",
    RootPropagation = "set the propagation of the root file system",
    Streams = "set up the standard streams",
    CloseFiles = "close other files",
    Label = "set the security label of the program",
    Cwd = "chdir",
    CwdOutside = "check the working directory",
    Rlimit = "set rlimit {}",
    Groups = "set the supplementary groups",
    Group = "set the group",
    User = "set the user",
    Bounding = "drop capabilities from the bounding set",
    Capabilities = "set the capabilities",
    Ambient = "set the ambient capabilities",
    NoNewPrivileges = "set no_new_privs",
    Seccomp = "install the system-call filter",
    NotInPath = "executable file not found in $PATH",
    CommandStat = "stat",
    CommandDenied = "permission denied",
    CommandDirectory = "is a directory",
    Execute = "exec",
}

/// A step that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Failure {
    pub(crate) step: Step,
    pub(crate) errno: Errno,
    /// The thing's place in the plan's list, where there is a list.
    pub(crate) item: u32,
}

/// The result of a step in the child.
pub(crate) type Outcome<T = ()> = Result<T, Failure>;

/// Names the step of a failed system call.
pub(crate) trait At<T> {
    /// A step of which there is one.
    fn at(self, step: Step) -> Outcome<T>;
    /// A step that is done for each thing of a list.
    fn at_item(self, step: Step, item: usize) -> Outcome<T>;
}

impl<T> At<T> for Result<T, Errno> {
    fn at(self, step: Step) -> Outcome<T> {
        self.at_item(step, 0)
    }

    fn at_item(self, step: Step, item: usize) -> Outcome<T> {
        self.map_err(|errno| Failure {
            step,
            errno,
            item: item as u32,
        })
    }
}

/// What the child says.
#[derive(Debug)]
pub(crate) enum Message {
    /// The pseudo-terminal's master.
    Terminal(OwnedFd),
    /// The container's process, when another than the one cloned first.
    Process(OwnedFd),
    /// Everything is mounted, and nobody has entered the new root yet: hooks may run.
    Namespaces,
    /// Everything is done but the exec.
    Ready,
    /// A step failed; the child ends.
    Failed(Failure),
}

const SIZE: usize = 12;

/// The child's end of the socket pair.
#[derive(Debug)]
pub(crate) struct ChildLink<'a>(pub(crate) BorrowedFd<'a>);

impl ChildLink<'_> {
    /// Hands the terminal's master over.
    pub(crate) fn send_terminal(&self, master: &OwnedFd) -> Result<(), Errno> {
        fd_passing::send(self.0, &encode(0, None), &[master.as_fd()])
    }

    /// Hands the real process over.
    pub(crate) fn send_process(&self, pidfd: &OwnedFd) -> Result<(), Errno> {
        fd_passing::send(self.0, &encode(1, None), &[pidfd.as_fd()])
    }

    /// Says that only the exec is left.
    pub(crate) fn send_ready(&self) -> Result<(), Errno> {
        fd_passing::send(self.0, &encode(2, None), &[])
    }

    /// Says that hooks may run.
    pub(crate) fn send_namespaces(&self) -> Result<(), Errno> {
        fd_passing::send(self.0, &encode(4, None), &[])
    }

    /// Says what failed. Nobody is left to be told if this fails.
    pub(crate) fn send_failure(&self, failure: Failure) {
        let _ = fd_passing::send(self.0, &encode(3, Some(failure)), &[]);
    }

    /// Waits for the parent's word; `ECANCELED` if it is gone or let go of us.
    pub(crate) fn wait(&self) -> Result<(), Errno> {
        let mut word = [0; 1];
        loop {
            match rustix::io::read(self.0, &mut word) {
                Ok(1) => return Ok(()),
                Err(Errno::INTR) => {}
                Ok(_) => return Err(Errno::CANCELED),
                Err(e) => return Err(e),
            }
        }
    }
}

/// The parent's end.
#[derive(Debug)]
pub(crate) struct ParentLink(pub(crate) OwnedFd);

impl ParentLink {
    /// Lets the child go on.
    pub(crate) fn go_on(&self) -> Result<(), Errno> {
        fd_passing::send(&self.0, b"!", &[])
    }

    /// The child's next message; nothing when its end is closed, by exec or by death.
    pub(crate) fn receive(&self) -> Result<Option<Message>, Errno> {
        let mut buffer = [0; SIZE];
        let mut received = fd_passing::receive(&self.0, &mut buffer)?;
        if received.bytes == 0 {
            return Ok(None);
        }
        let mut fd = || received.fds.pop().ok_or(Errno::BADMSG);
        let message = match buffer[0] {
            0 => Message::Terminal(fd()?),
            1 => Message::Process(fd()?),
            2 => Message::Ready,
            4 => Message::Namespaces,
            _ => Message::Failed(decode(buffer).ok_or(Errno::BADMSG)?),
        };
        Ok(Some(message))
    }
}

fn encode(kind: u8, failure: Option<Failure>) -> [u8; SIZE] {
    let mut buffer = [0; SIZE];
    buffer[0] = kind;
    if let Some(failure) = failure {
        buffer[1] = failure.step as u8;
        buffer[4..8].copy_from_slice(&failure.errno.raw_os_error().to_ne_bytes());
        buffer[8..].copy_from_slice(&failure.item.to_ne_bytes());
    }
    buffer
}

fn decode(buffer: [u8; SIZE]) -> Option<Failure> {
    let [_, step, _, _, errno @ .., i0, i1, i2, i3] = buffer;
    Some(Failure {
        step: *Step::ALL.get(usize::from(step))?,
        errno: Errno::from_raw_os_error(i32::from_ne_bytes(errno)),
        item: u32::from_ne_bytes([i0, i1, i2, i3]),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_arrive_as_they_were_sent() {
        let (ours, theirs) = fd_passing::seqpacket_pair().unwrap();
        let parent = ParentLink(ours);
        let child = ChildLink(theirs.as_fd());
        child.send_ready().unwrap();
        assert!(matches!(parent.receive().unwrap(), Some(Message::Ready)));
        let failure = Failure {
            step: Step::Execute,
            errno: Errno::NOEXEC,
            item: 70_000,
        };
        child.send_failure(failure);
        match parent.receive().unwrap() {
            Some(Message::Failed(got)) => assert_eq!(got, failure),
            other => panic!("{other:?}"),
        }
        parent.go_on().unwrap();
        child.wait().unwrap();
        drop(parent);
        assert_eq!(child.wait().unwrap_err(), Errno::CANCELED);
    }
}
