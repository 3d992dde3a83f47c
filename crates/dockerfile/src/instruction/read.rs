//! From an instruction's line to its type.

use super::flags::{Flags, Spec};
use super::{
    CommandLine, Instruction, KEYWORDS, Kind, Statement, copy, from, health, key_value, onbuild,
    run,
};
use crate::error::{Error, Problem};
use crate::json::{self, Array};
use crate::node::Node;
use crate::span::Span;
use crate::suggest::nearest;
use crate::words::blank_separated;

/// Understands an instruction.
pub(crate) fn read(node: &Node, escape: char) -> Result<Statement, Error> {
    let line = node.span.start.line;
    let request = Request { node, escape };
    let statement = if node.keyword.eq_ignore_ascii_case("from") {
        from::read(&request).map(Statement::From)
    } else {
        kind(&request).map(|kind| Statement::Instruction(instruction(node, kind)))
    };
    statement.map_err(|Wrong(problem, span)| {
        Error::instruction(problem, span.unwrap_or(node.span), line)
    })
}

fn instruction(node: &Node, kind: Kind) -> Instruction {
    Instruction {
        kind,
        keyword: node.keyword.clone(),
        source: node.source.clone(),
        span: node.span,
        keyword_span: node.keyword_span,
        comments: node.comments.clone(),
    }
}

/// A problem, and its place where that is not the whole instruction.
pub(crate) struct Wrong(pub(crate) Problem, pub(crate) Option<Span>);

impl From<Problem> for Wrong {
    fn from(problem: Problem) -> Self {
        Self(problem, None)
    }
}

fn kind(request: &Request<'_>) -> Result<Kind, Wrong> {
    let keyword = request.node.keyword.to_ascii_uppercase();
    Ok(match keyword.as_str() {
        "ADD" => Kind::Add(copy::read_add(request)?),
        "ARG" => Kind::Arg(key_value::read_arg(request)?),
        "CMD" => Kind::Cmd(command(request)?),
        "COPY" => Kind::Copy(copy::read_copy(request)?),
        "ENTRYPOINT" => Kind::Entrypoint(command(request)?),
        "ENV" => Kind::Env(key_value::read(request, "ENV")?),
        "EXPOSE" => Kind::Expose(expose(request)?),
        "HEALTHCHECK" => Kind::Healthcheck(health::read(request)?),
        "LABEL" => Kind::Label(key_value::read(request, "LABEL")?),
        "MAINTAINER" => Kind::Maintainer(single(request, "MAINTAINER")?),
        "ONBUILD" => Kind::Onbuild(onbuild::read(request)?),
        "RUN" => Kind::Run(Box::new(run::read(request)?)),
        "SHELL" => Kind::Shell(shell(request)?),
        "STOPSIGNAL" => Kind::StopSignal(single(request, "STOPSIGNAL")?),
        "USER" => Kind::User(single(request, "USER")?),
        "VOLUME" => Kind::Volume(volume(request)?),
        "WORKDIR" => Kind::Workdir(single(request, "WORKDIR")?),
        _ => return Err(unknown(request.node)),
    })
}

fn unknown(node: &Node) -> Wrong {
    let problem = Problem::UnknownInstruction {
        name: node.keyword.clone(),
        suggestion: nearest(&node.keyword, KEYWORDS, false),
    };
    Wrong(problem, Some(node.keyword_span))
}

/// What the readers of instructions get.
pub(crate) struct Request<'a> {
    pub(crate) node: &'a Node,
    pub(crate) escape: char,
}

impl Request<'_> {
    pub(crate) fn flags(&self, specs: &[Spec]) -> Result<Flags, Wrong> {
        Flags::read(&self.node.flags, specs).map_err(|(problem, span)| Wrong(problem, Some(span)))
    }

    pub(crate) fn rest(&self) -> &str {
        &self.node.rest
    }

    /// The exec form, or words between blanks.
    pub(crate) fn list(&self) -> Result<Vec<String>, Wrong> {
        match json::array(self.rest()) {
            Array::Strings(strings) => Ok(strings),
            Array::Mixed => Err(Problem::JsonNotStrings.into()),
            Array::No => Ok(blank_separated(self.rest())),
        }
    }

    /// The exec form, or a line for the shell.
    pub(crate) fn command_line(&self, text: &str) -> Result<CommandLine, Wrong> {
        let heredocs = self.node.heredocs.clone();
        match json::array(text) {
            Array::Strings(args) => Ok(CommandLine::Exec(args)),
            Array::Mixed => Err(Problem::JsonNotStrings.into()),
            Array::No => Ok(CommandLine::Shell {
                line: text.to_owned(),
                heredocs,
            }),
        }
    }
}

fn command(request: &Request<'_>) -> Result<CommandLine, Wrong> {
    request.flags(&[])?;
    request.command_line(request.rest())
}

fn single(request: &Request<'_>, name: &'static str) -> Result<String, Wrong> {
    if request.rest().is_empty() {
        return Err(Problem::ExactlyOne(name).into());
    }
    // BuildKit passes over flags of STOPSIGNAL without a word; here they are refused as everywhere.
    request.flags(&[])?;
    Ok(request.rest().to_owned())
}

fn expose(request: &Request<'_>) -> Result<Vec<String>, Wrong> {
    let mut ports = blank_separated(request.rest());
    if ports.is_empty() {
        return Err(Problem::AtLeastOne("EXPOSE").into());
    }
    request.flags(&[])?;
    ports.sort();
    Ok(ports)
}

fn shell(request: &Request<'_>) -> Result<Vec<String>, Wrong> {
    request.flags(&[])?;
    match request.command_line(request.rest())? {
        CommandLine::Exec(args) if args.is_empty() => Err(Problem::AtLeastOne("SHELL").into()),
        CommandLine::Exec(args) => Ok(args),
        CommandLine::Shell { line, .. } if line.is_empty() => {
            Err(Problem::AtLeastOne("SHELL").into())
        }
        CommandLine::Shell { .. } => Err(Problem::NotJson("SHELL").into()),
    }
}

fn volume(request: &Request<'_>) -> Result<Vec<String>, Wrong> {
    let paths = request.list()?;
    if paths.is_empty() {
        return Err(Problem::AtLeastOne("VOLUME").into());
    }
    request.flags(&[])?;
    let paths: Vec<String> = paths.iter().map(|p| p.trim().to_owned()).collect();
    if paths.iter().any(String::is_empty) {
        return Err(Problem::EmptyVolume.into());
    }
    Ok(paths)
}
