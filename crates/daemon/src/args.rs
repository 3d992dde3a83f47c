//! The arguments of `gantry daemon`.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

/// Run the Gantry daemon in the foreground.
#[derive(Debug, Parser)]
#[command(name = "gantry daemon", disable_version_flag = true)]
pub struct DaemonArgs {
    /// What to do instead of running.
    #[command(subcommand)]
    pub verb: Option<Verb>,
    /// How to run.
    #[command(flatten)]
    pub run: RunArgs,
}

/// What `gantry daemon` can do besides running.
#[derive(Debug, Clone, Copy, Subcommand)]
pub enum Verb {
    /// Stop the running daemon; containers go on.
    Stop,
}

/// Flags of the daemon; each wins over its key in the configuration file.
#[derive(Debug, Clone, Default, Args)]
pub struct RunArgs {
    /// Daemon configuration file
    #[arg(long, value_name = "FILE", global = true)]
    pub config_file: Option<PathBuf>,
    /// Where images, containers and volumes are kept (default /var/lib/gantry)
    #[arg(long, value_name = "DIR", env = "GANTRY_DATA_ROOT", global = true)]
    pub data_root: Option<PathBuf>,
    /// Where run-time state is kept (default /run/gantry)
    #[arg(long, value_name = "DIR", env = "GANTRY_RUN_ROOT", global = true)]
    pub exec_root: Option<PathBuf>,
    /// Where to listen, unix:///path; may be repeated
    #[arg(short = 'H', long = "host", value_name = "ADDRESS")]
    pub hosts: Vec<String>,
    /// Group that may use the socket
    #[arg(short = 'G', long, value_name = "GROUP")]
    pub group: Option<String>,
    /// Debug output
    #[arg(short = 'D', long)]
    pub debug: bool,
    /// debug, info, warn or error
    #[arg(short = 'l', long, value_name = "LEVEL")]
    pub log_level: Option<String>,
    /// Registry to ask before Docker Hub; may be repeated
    #[arg(long, value_name = "URL")]
    pub registry_mirror: Vec<String>,
    /// Registry that may speak HTTP; may be repeated
    #[arg(long, value_name = "HOST")]
    pub insecure_registry: Vec<String>,
    /// Address and prefix of the default bridge
    #[arg(long, value_name = "CIDR")]
    pub bip: Option<String>,
    /// Name of the default bridge
    #[arg(short = 'b', long, value_name = "NAME")]
    pub bridge: Option<String>,
    /// erofs or overlay
    #[arg(short = 's', long, value_name = "NAME")]
    pub storage_driver: Option<String>,
    /// The cgroup below which containers are put
    #[arg(long, value_name = "PATH")]
    pub cgroup_parent: Option<String>,
    /// Name servers of containers; may be repeated
    #[arg(long, value_name = "ADDRESS")]
    pub dns: Vec<String>,
    /// Set by the command line when it starts the daemon itself
    #[arg(long, hide = true)]
    pub autostarted: bool,
}
