//! Dockerfiles: the language of BuildKit's frontend, without building anything.
//!
//! - [`Dockerfile::parse`] reads a file into stages of typed [`Instruction`]s, each with its place.
//! - [`Globals`] and [`Scope`] give variables their values and put them into instructions.
//! - [`Graph`] knows what each stage needs and which stages a target needs.
//! - [`Ignore`] is `.dockerignore`.
//! - [`check`] finds what BuildKit's 21 build checks find; [`outline`] and [`targets`] describe a file.
//!
//! The crate knows no files, networks or images: it reads bytes that it is given, and whoever builds tells it what the
//! base images bring along. No input makes it panic or run for long: nesting and lengths have limits.
//!
//! Reference: <https://docs.docker.com/reference/dockerfile/>, and the behaviour of BuildKit 0.32.

mod checks;
mod directive;
mod document;
mod error;
mod expand;
mod graph;
mod heredoc;
mod ignore;
mod instruction;
mod json;
mod lines;
mod node;
mod outline;
mod platform;
mod scope;
mod span;
mod suggest;
mod words;

pub use checks::{BaseImage, Check, CheckConfig, CheckInput, Finding, Report, check};
pub use directive::{Directive, detect_syntax};
pub use document::{Dockerfile, Stage};
pub use error::{Error, Problem};
pub use expand::{Env, ExpandError, Expanded, Lexer};
pub use graph::{Dependency, Graph, Source};
pub use heredoc::Heredoc;
pub use ignore::{Ignore, Parent};
pub use instruction::{
    Add, ArgItem, CommandLine, Copy, DeviceRequest, ExposedPort, ExposedProtocol, From,
    Healthcheck, Inline, Instruction, KeyValue, Kind, Mount, MountSpec, MountType, Network, Run,
    Security, Sharing, Sources, parse_exposed, parse_trigger,
};
pub use outline::{Outline, OutlineArg, OutlineSecret, Target, outline, targets};
pub use platform::Platform;
pub use scope::{Applied, BuildOptions, Globals, Scope, Undefined};
pub use span::{Position, Span, excerpt};
