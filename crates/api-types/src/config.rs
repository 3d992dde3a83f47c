//! The portable half of a container's configuration.

use std::collections::BTreeMap;

use crate::json::{NameSet, Words, body};

body! {
    /// How to see whether a container is well.
    pub struct Healthcheck {
        /// Empty: inherit; `NONE`; `CMD` and words; `CMD-SHELL` and one string.
        test: Vec<String> => "Test" omitempty,
        /// Nanoseconds between checks.
        interval: i64 => "Interval" omitempty,
        /// Nanoseconds after which a check is hung.
        timeout: i64 => "Timeout" omitempty,
        /// Nanoseconds in which failures do not count.
        start_period: i64 => "StartPeriod" omitempty,
        /// Nanoseconds between checks during the start period.
        start_interval: i64 => "StartInterval" omitempty,
        /// Failures in a row that make a container unhealthy.
        retries: i64 => "Retries" omitempty,
    }

    /// What runs in a container, independent of the host.
    pub struct ContainerConfig {
        /// Host name inside.
        hostname: String => "Hostname",
        /// Domain name inside.
        domainname: String => "Domainname",
        /// `user[:group]`, names or numbers.
        user: String => "User",
        /// Attach to standard input.
        attach_stdin: bool => "AttachStdin",
        /// Attach to standard output.
        attach_stdout: bool => "AttachStdout",
        /// Attach to standard error.
        attach_stderr: bool => "AttachStderr",
        /// Ports such as `80/tcp`.
        exposed_ports: NameSet => "ExposedPorts" omitempty,
        /// Give the process a terminal.
        tty: bool => "Tty",
        /// Keep standard input open.
        open_stdin: bool => "OpenStdin",
        /// Close standard input after the first client has gone.
        stdin_once: bool => "StdinOnce",
        /// `NAME=value`; `NAME` alone removes it.
        env: Option<Vec<String>> => "Env",
        /// Command, or arguments of the entrypoint.
        cmd: Option<Words> => "Cmd",
        /// How to see whether it is well.
        healthcheck: Option<Healthcheck> => "Healthcheck" omitempty,
        /// Windows only; kept.
        args_escaped: bool => "ArgsEscaped" omitempty,
        /// The image as the user named it.
        image: String => "Image",
        /// Paths that become anonymous volumes.
        volumes: Option<NameSet> => "Volumes",
        /// Working directory.
        working_dir: String => "WorkingDir",
        /// Program in front of the command.
        entrypoint: Option<Words> => "Entrypoint",
        /// No network at all.
        network_disabled: bool => "NetworkDisabled" omitempty,
        /// MAC address; deprecated in favour of the endpoint's.
        mac_address: String => "MacAddress" omitempty,
        /// Instructions for builds on this image.
        on_build: Option<Vec<String>> => "OnBuild",
        /// The user's labels.
        labels: Option<BTreeMap<String, String>> => "Labels",
        /// Signal of `stop`; empty means SIGTERM.
        stop_signal: String => "StopSignal" omitempty,
        /// Seconds that `stop` waits before SIGKILL.
        stop_timeout: Option<i64> => "StopTimeout" omitempty,
        /// Shell of the shell forms.
        shell: Option<Words> => "Shell" omitempty,
    }
}
