//! RUN, and command lines in general.

use super::flags::Spec;
use super::read::{Request, Wrong};
use super::{DeviceRequest, MountSpec};
use crate::error::Problem;
use crate::heredoc::Heredoc;

/// A command in one of its two forms.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CommandLine {
    /// `["a", "b"]`: executed as it is.
    Exec(Vec<String>),
    /// `a b`: a line for the shell.
    Shell {
        /// The line.
        line: String,
        /// The heredocs that it begins.
        heredocs: Vec<Heredoc>,
    },
}

impl CommandLine {
    /// The arguments to execute, with `shell` in front of a line.
    ///
    /// The heredocs of a line are not in it; see [`CommandLine::script`].
    pub fn arguments(&self, shell: &[String]) -> Vec<String> {
        match self {
            Self::Exec(args) => args.clone(),
            Self::Shell { line, .. } => shell.iter().cloned().chain([line.clone()]).collect(),
        }
    }

    /// The heredocs that a line begins.
    pub fn heredocs(&self) -> &[Heredoc] {
        match self {
            Self::Shell { heredocs, .. } => heredocs,
            Self::Exec(_) => &[],
        }
    }

    /// The script that a line which is nothing but one heredoc stands for.
    pub fn script(&self) -> Option<String> {
        match self {
            Self::Shell { line, heredocs } => {
                let alone = Heredoc::parse(line).ok().flatten().is_some();
                heredocs.first().filter(|_| alone).map(Heredoc::text)
            }
            Self::Exec(_) => None,
        }
    }
}

/// The network of a command.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Network {
    /// As the whole build.
    #[default]
    Default,
    /// None but the loopback.
    None,
    /// The host's.
    Host,
}

/// How much a command may do.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Security {
    /// As a container.
    #[default]
    Sandbox,
    /// Everything.
    Insecure,
}

/// RUN.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    /// The command.
    pub command: CommandLine,
    /// Its mounts; variables still in them.
    pub mounts: Vec<MountSpec>,
    /// Its network.
    pub network: Network,
    /// Its rights.
    pub security: Security,
    /// Devices that it asks for.
    pub devices: Vec<DeviceRequest>,
}

pub(crate) fn read(request: &Request<'_>) -> Result<Run, Wrong> {
    let flags = request.flags(&[
        Spec::List("mount"),
        Spec::Text("network"),
        Spec::Text("security"),
        Spec::List("device"),
    ])?;
    let command = request.command_line(request.rest())?;
    let mounts = flags.list("mount");
    let devices = flags.list("device");
    Ok(Run {
        command,
        mounts: mounts
            .into_iter()
            .map(MountSpec::new)
            .collect::<Result<_, _>>()?,
        network: network(flags.text("network"))?,
        security: security(flags.text("security"))?,
        devices: devices
            .iter()
            .map(|d| DeviceRequest::parse(d))
            .collect::<Result<_, _>>()?,
    })
}

fn network(text: Option<String>) -> Result<Network, Problem> {
    match text.as_deref() {
        None | Some("default") => Ok(Network::Default),
        Some("none") => Ok(Network::None),
        Some("host") => Ok(Network::Host),
        Some(other) => Err(Problem::Network(other.to_owned())),
    }
}

fn security(text: Option<String>) -> Result<Security, Problem> {
    match text.as_deref() {
        None | Some("sandbox") => Ok(Security::Sandbox),
        Some("insecure") => Ok(Security::Insecure),
        Some(other) => Err(Problem::Security(other.to_owned())),
    }
}
