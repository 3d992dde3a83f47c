//! What can be wrong with a value, in Docker's words.

/// What is wrong with a value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Not a duration.
    #[error("time: invalid duration \"{0}\"")]
    Duration(String),
    /// A number without a unit.
    #[error("time: missing unit in duration \"{0}\"")]
    DurationUnitMissing(String),
    /// A unit that does not exist.
    #[error("time: unknown unit \"{unit}\" in duration \"{value}\"")]
    DurationUnit {
        /// The unit.
        unit: String,
        /// The whole value.
        value: String,
    },
    /// Not a size.
    #[error("invalid size: '{0}'")]
    Size(String),
    /// A size with an unknown suffix.
    #[error("invalid suffix: '{0}'")]
    SizeSuffix(String),
    /// A host address that is none.
    #[error("invalid IP address: {0}")]
    IpAddress(String),
    /// No container port.
    #[error("no port specified: {0}<empty>")]
    NoPort(String),
    /// The container port is no port and no range.
    #[error("invalid containerPort: {0}")]
    ContainerPort(String),
    /// The host port is no port and no range.
    #[error("invalid hostPort: {0}")]
    HostPort(String),
    /// Two ranges of different length.
    #[error("invalid ranges specified for container and host Ports: {container} and {host}")]
    PortRanges {
        /// Container's range.
        container: String,
        /// Host's range.
        host: String,
    },
    /// Not tcp, udp or sctp.
    #[error("invalid proto: {0}")]
    Protocol(String),
    /// Not a port at all.
    #[error("invalid port: '{0}'")]
    Port(String),
    /// A port range for `--expose` that is none.
    #[error(
        "invalid range format for --expose: {0}, error: strconv.ParseUint: parsing \"{0}\": invalid syntax"
    )]
    Expose(String),
    /// A comma-separated value with unbalanced quotes.
    #[error("parse error on line 1, column {column}: bare \" in non-quoted field")]
    Quotes {
        /// Where.
        column: usize,
    },
    /// A field of a comma-separated flag without `=`.
    #[error("invalid field '{0}' must be a key=value pair")]
    FieldWithoutValue(String),
    /// A key that the flag does not know.
    #[error("unexpected key '{key}' in '{field}'")]
    UnknownKey {
        /// The key.
        key: String,
        /// The whole field.
        field: String,
    },
    /// A value that the key does not take.
    #[error("invalid value for {key}: {value}")]
    FieldValue {
        /// The key.
        key: String,
        /// The value.
        value: String,
    },
    /// A mount without a kind.
    #[error("type is required")]
    MountWithoutType,
    /// A mount without a target.
    #[error("target is required")]
    MountWithoutTarget,
    /// A kind of mount that does not exist.
    #[error("invalid mount type: \"{0}\"; use one of bind, volume, tmpfs, image")]
    MountType(String),
    /// An option of another kind of mount.
    #[error("cannot mix '{prefix}-*' options with mount type '{kind}'")]
    MountMix {
        /// The options' kind.
        prefix: &'static str,
        /// The mount's kind.
        kind: String,
    },
    /// A `--mount` option that means nothing without another one.
    #[error("option '{option}' requires '{other}' to be specified in conjunction")]
    MountNeeds {
        /// The option.
        option: &'static str,
        /// What it needs.
        other: &'static str,
    },
    /// Not `source:target[:mode]`.
    #[error("invalid volume specification: '{0}'")]
    Volume(String),
    /// A target that is not absolute.
    #[error(
        "invalid volume specification: '{spec}': invalid mount config for type \"{kind}\": invalid mount path: '{path}' mount path must be absolute"
    )]
    VolumeTarget {
        /// The whole value.
        spec: String,
        /// bind or volume.
        kind: &'static str,
        /// The target.
        path: String,
    },
    /// The root as a target.
    #[error(
        "invalid volume specification: '{0}': invalid mount config: invalid specification: destination can't be '/'"
    )]
    VolumeOnRoot(String),
    /// A mode that does not exist, or that contradicts itself.
    #[error("invalid mode: {0}")]
    VolumeMode(String),
    /// A volume name with a character that it may not have.
    #[error(
        "\"{0}\" includes invalid characters for a local volume name, only \"[a-zA-Z0-9][a-zA-Z0-9_.-]\" are allowed. If you intended to pass a host directory, use absolute path"
    )]
    VolumeName(String),
    /// Not a ulimit.
    #[error("invalid ulimit argument: {0}")]
    Ulimit(String),
    /// A ulimit that does not exist.
    #[error("invalid ulimit type: {0}")]
    UlimitType(String),
    /// The soft limit is above the hard one.
    #[error("ulimit soft limit must be less than or equal to hard limit: {soft} > {hard}")]
    UlimitOrder {
        /// Soft.
        soft: i64,
        /// Hard.
        hard: i64,
    },
    /// Not a device.
    #[error("bad format for path: {0}")]
    Device(String),
    /// A device path that is not absolute.
    #[error("{0} is not an absolute path")]
    DevicePath(String),
    /// Not a rule for the device cgroup.
    #[error("invalid device cgroup format '{0}'")]
    DeviceRule(String),
    /// Nothing after a device's path.
    #[error("bad format: {0}")]
    DeviceFormat(String),
    /// Not `path:rate`.
    #[error(
        "invalid rate for device: {0}. The correct format is <device-path>:<number>[<unit>]. Number must be a positive integer. Unit is optional and can be kb, mb, or gb"
    )]
    DeviceRate(String),
    /// Not `path:weight`.
    #[error("invalid weight for device: {0}")]
    DeviceWeight(String),
    /// Not a number of CPUs.
    #[error("failed to parse {0} as a rational number")]
    Cpus(String),
    /// More than nine digits after the point.
    #[error("value is too precise")]
    CpusPrecision,
    /// Not a list of CPUs or memory nodes.
    #[error("invalid cpuset '{0}': use numbers and ranges such as 0-3,5")]
    CpuSet(String),
    /// A restart policy that begins with a colon.
    #[error("invalid restart policy format: no policy provided before colon")]
    RestartWithoutPolicy,
    /// A retry count that is no number.
    #[error("invalid restart policy format: maximum retry count must be an integer")]
    RestartCount,
    /// A restart policy that does not exist.
    #[error(
        "invalid restart policy: unknown policy '{0}'; use one of 'no', 'always', 'on-failure', or 'unless-stopped'"
    )]
    RestartPolicy(String),
    /// A retry count that the policy does not take.
    #[error("invalid restart policy: maximum retry count can only be used with 'on-failure'{}", if *.negative { " and cannot be negative" } else { "" })]
    RestartCountUnused {
        /// The count is below zero as well.
        negative: bool,
    },
    /// A retry count below zero.
    #[error("invalid restart policy: maximum retry count cannot be negative")]
    RestartCountNegative,
    /// Not `name:address`.
    #[error("bad format for add-host: \"{0}\"")]
    ExtraHost(String),
    /// An address of `--add-host` that is none.
    #[error("invalid IP address in add-host: \"{0}\"")]
    ExtraHostAddress(String),
    /// A variable name with a blank.
    #[error("poorly formatted environment: variable '{0}' contains whitespaces")]
    EnvName(String),
    /// A line that begins with `=`.
    #[error("no variable name on line '{0}'")]
    EnvNameMissing(String),
    /// Bytes that are not UTF-8.
    #[error("invalid utf8 bytes at line {line}: {text}")]
    EnvBytes {
        /// Counted from 1.
        line: usize,
        /// The line, as far as it can be shown.
        text: String,
    },
    /// A signal that does not exist.
    #[error("invalid signal: {0}")]
    Signal(String),
    /// A key that cannot be typed.
    #[error("Unknown character: '{0}'")]
    DetachKey(String),
    /// A mode of a namespace that does not exist.
    #[error("invalid {what} mode: {value}")]
    Mode {
        /// `IPC`, `PID`, ...
        what: &'static str,
        /// The value.
        value: String,
    },
    /// A container name with a character that it may not have.
    #[error("Invalid container name ({0}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed")]
    ContainerName(String),
}
