//! Instructions, each as a type that cannot hold a wrong value.

mod copy;
mod device;
mod expose;
mod flags;
mod from;
mod health;
mod key_value;
mod mount;
mod onbuild;
mod read;
mod run;

pub use copy::{Add, Copy, Inline, Sources};
pub use device::DeviceRequest;
pub use expose::{ExposedPort, ExposedProtocol, parse_exposed};
pub use from::From;
pub use health::Healthcheck;
pub use key_value::{ArgItem, KeyValue};
pub use mount::{Mount, MountSpec, MountType, Sharing};
pub use onbuild::parse_trigger;
pub use run::{CommandLine, Network, Run, Security};

pub(crate) use mount::truth;
pub(crate) use read::read;

use crate::span::Span;

/// An instruction of a stage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Instruction {
    /// What it says.
    pub kind: Kind,
    /// The keyword as it was typed.
    pub keyword: String,
    /// The line, continuations joined, without heredocs.
    pub source: String,
    /// Where it stands, heredocs included.
    pub span: Span,
    /// Where its keyword stands.
    pub keyword_span: Span,
    /// The comment lines right above it.
    pub comments: Vec<String>,
}

/// What an instruction says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// Files, URLs, git repositories and archives into the image.
    Add(Add),
    /// Variables of the build.
    Arg(Vec<ArgItem>),
    /// What a container runs, or its arguments.
    Cmd(CommandLine),
    /// Files into the image.
    Copy(Copy),
    /// What a container runs.
    Entrypoint(CommandLine),
    /// Variables of the image.
    Env(Vec<KeyValue>),
    /// Ports that containers listen on, still to be expanded and read by [`parse_exposed`].
    Expose(Vec<String>),
    /// How a container's health is found out.
    Healthcheck(Healthcheck),
    /// Labels of the image.
    Label(Vec<KeyValue>),
    /// The image's author.
    Maintainer(String),
    /// An instruction for images built on this one.
    Onbuild(String),
    /// A command of the build.
    Run(Box<Run>),
    /// The shell of the shell form.
    Shell(Vec<String>),
    /// The signal that stops a container.
    StopSignal(String),
    /// Whom commands run as.
    User(String),
    /// Mount points of volumes.
    Volume(Vec<String>),
    /// Where commands run.
    Workdir(String),
}

/// What a line of a Dockerfile is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Statement {
    From(From),
    Instruction(Instruction),
}

/// All keywords.
pub(crate) const KEYWORDS: [&str; 18] = [
    "ADD",
    "ARG",
    "CMD",
    "COPY",
    "ENTRYPOINT",
    "ENV",
    "EXPOSE",
    "FROM",
    "HEALTHCHECK",
    "LABEL",
    "MAINTAINER",
    "ONBUILD",
    "RUN",
    "SHELL",
    "STOPSIGNAL",
    "USER",
    "VOLUME",
    "WORKDIR",
];

#[cfg(test)]
mod tests;
