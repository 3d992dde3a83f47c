//! Why no configuration can be made.

/// What in a request makes a configuration impossible; the words are Docker's where it has some.
#[derive(Debug, thiserror::Error)]
pub enum SpecError {
    /// Nothing to run.
    #[error("no command specified")]
    NoCommand,
    /// A relative working directory.
    #[error("the working directory '{0}' is invalid, it needs to be an absolute path")]
    WorkingDirectory(String),
    /// Not between -1000 and 1000.
    #[error("Invalid value {0}, range for oom score adj is [-1000, 1000]")]
    OomScore(i64),
    /// No such user in the container.
    #[error("unable to find user {0}: no matching entries in passwd file")]
    NoSuchUser(String),
    /// No such group in the container, in `--user`.
    #[error("unable to find group {0}: no matching entries in group file")]
    NoSuchGroup(String),
    /// No such group in the container, in `--group-add`.
    #[error("Unable to find group {0}")]
    NoSuchAddedGroup(String),
    /// A number that is no user or group.
    #[error("uids and gids must be in range 0-2147483647")]
    IdRange,
    /// No such capability.
    #[error("unknown capability: \"{0}\"")]
    UnknownCapability(String),
    /// A capability that we do not have ourselves.
    #[error(
        "capability not supported by kernel or not available in the current environment: \"{0}\""
    )]
    UnavailableCapability(String),
    /// One of the two, in `--cap-add` or `--cap-drop`.
    #[error("invalid {list}: {source}")]
    CapabilityList {
        /// `CapAdd` or `CapDrop`.
        list: &'static str,
        /// What is wrong with it.
        source: Box<SpecError>,
    },
    /// `bind-recursive=readonly` where the kernel cannot.
    #[error(
        "mount {0}: read-only with all that is mounted below (bind-recursive=readonly) needs Linux 5.12"
    )]
    RecursiveReadOnly(String),
    /// A limit out of its range, or two that contradict one another.
    #[error("{0}")]
    Limit(String),
    /// A device that is none, or not there.
    #[error("error gathering device information while adding custom device \"{path}\": {reason}")]
    Device {
        /// The path on the host.
        path: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A rule for devices that cannot be read.
    #[error("invalid device cgroup rule format: '{0}'")]
    DeviceRule(String),
    /// A block device for a limit that is not there.
    #[error("cannot limit {path}: {reason}")]
    BlockDevice {
        /// The path on the host.
        path: String,
        /// What is wrong with it.
        reason: String,
    },
    /// An option of a tmpfs that does not exist.
    #[error("invalid tmpfs option \"{0}\"")]
    TmpfsOption(String),
    /// A security option that does not exist, or has no value.
    #[error("invalid --security-opt {stage}: \"{option}\"")]
    SecurityOption {
        /// Docker numbers the places where it gives up.
        stage: u8,
        /// What was given.
        option: String,
    },
    /// A profile where AppArmor is off.
    #[error(
        "apparmor profile \"{0}\" cannot be applied: AppArmor is not enabled on this host; use \
         apparmor=unconfined"
    )]
    NoAppArmor(String),
    /// Security labels where SELinux is on.
    #[error("security label \"{0}\" cannot be applied: SELinux is not supported yet")]
    NoSelinux(String),
    /// A seccomp profile that cannot be used.
    #[error(transparent)]
    Seccomp(#[from] gantry_seccomp::Error),
    /// A mode of a namespace that does not exist.
    #[error("invalid {what} mode: {value}")]
    Mode {
        /// Of which namespace.
        what: &'static str,
        /// What was given.
        value: String,
    },
    /// A limit on something that does not exist.
    #[error("invalid ulimit type: {0}")]
    UlimitType(String),
    /// The container to be joined does not run.
    #[error("cannot join the {0} namespace of a container that is not running")]
    NotJoinable(&'static str),
    /// A file of the container could not be read.
    #[error("cannot read {path} of the container: {errno}")]
    Unreadable {
        /// The path in the container.
        path: &'static str,
        /// Why.
        errno: rustix::io::Errno,
    },
}
