//! The options before the command.

use crate::flags::{Hosts, flags};

flags! {
    /// Options that come before the command.
    pub(crate) struct Globals {
        /// Location of client config files
        "config" => config: Option<String>,
        /// Name of the context to use to connect to the daemon (overrides DOCKER_HOST env var and
        /// default context set with "docker context use")
        "context" 'c' => context: Option<String>,
        /// Enable debug mode
        "debug" 'D' => debug: bool,
        /// Daemon socket to connect to
        "host" 'H' => host: Hosts,
        /// Set the logging level ("debug", "info", "warn", "error", "fatal")
        "log-level" 'l' => log_level: Option<String>; "\"info\"",
        /// Do not start a daemon when none listens on the local socket
        "no-autostart" => no_autostart: bool,
        /// Use TLS; implied by --tlsverify
        "tls" => tls: bool,
        /// Trust certs signed only by this CA
        "tlscacert" => tls_ca: Option<String>,
        /// Path to TLS certificate file
        "tlscert" => tls_cert: Option<String>,
        /// Path to TLS key file
        "tlskey" => tls_key: Option<String>,
        /// Use TLS and verify the remote
        "tlsverify" => tls_verify: bool,
        /// Print version information and quit
        "version" 'v' => version: bool,
    }
}
