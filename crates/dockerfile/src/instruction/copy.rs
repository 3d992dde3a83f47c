//! COPY and ADD.

use super::flags::Spec;
use super::read::{Request, Wrong};
use crate::error::Problem;
use crate::heredoc::Heredoc;

/// What is copied, and to where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sources {
    /// Paths, patterns or URLs.
    pub paths: Vec<String>,
    /// Files written in the Dockerfile.
    pub inline: Vec<Inline>,
    /// Where it goes.
    pub destination: String,
}

/// A file written in the Dockerfile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inline {
    /// Its name.
    pub name: String,
    /// Its text.
    pub text: String,
    /// Whether variables in the text are expanded.
    pub expand: bool,
}

/// COPY.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Copy {
    /// What and where.
    pub sources: Sources,
    /// A stage, image or named context to copy from instead of the build's context.
    pub from: Option<String>,
    /// The owner.
    pub chown: Option<String>,
    /// The mode, octal or symbolic.
    pub chmod: Option<String>,
    /// A layer of its own, independent of what is below.
    pub link: bool,
    /// Keep the sources' directories.
    pub parents: bool,
    /// Patterns of what is left out.
    pub exclude: Vec<String>,
}

/// ADD.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Add {
    /// What and where.
    pub sources: Sources,
    /// The owner.
    pub chown: Option<String>,
    /// The mode, octal or symbolic.
    pub chmod: Option<String>,
    /// A layer of its own, independent of what is below.
    pub link: bool,
    /// Patterns of what is left out.
    pub exclude: Vec<String>,
    /// The digest that a download (or the commit that a repository) must have.
    pub checksum: Option<String>,
    /// Keep a repository's `.git`.
    pub keep_git_dir: Option<bool>,
    /// Whether archives are unpacked; without it local ones are.
    pub unpack: Option<bool>,
}

pub(crate) fn read_copy(request: &Request<'_>) -> Result<Copy, Wrong> {
    let arguments = arguments(request, "COPY")?;
    let flags = request.flags(&[
        Spec::Text("chown"),
        Spec::Text("from"),
        Spec::Text("chmod"),
        Spec::Bool("link"),
        Spec::List("exclude"),
        Spec::Bool("parents"),
    ])?;
    Ok(Copy {
        sources: sources(request, arguments, "COPY")?,
        from: flags.text("from").filter(|f| !f.is_empty()),
        chown: flags.text("chown"),
        chmod: flags.text("chmod"),
        link: flags.switch("link").unwrap_or(false),
        parents: flags.switch("parents").unwrap_or(false),
        exclude: flags.list("exclude"),
    })
}

pub(crate) fn read_add(request: &Request<'_>) -> Result<Add, Wrong> {
    let arguments = arguments(request, "ADD")?;
    let flags = request.flags(&[
        Spec::Text("chown"),
        Spec::Text("chmod"),
        Spec::Bool("link"),
        Spec::Bool("keep-git-dir"),
        Spec::Text("checksum"),
        Spec::Bool("unpack"),
        Spec::List("exclude"),
    ])?;
    Ok(Add {
        sources: sources(request, arguments, "ADD")?,
        chown: flags.text("chown"),
        chmod: flags.text("chmod"),
        link: flags.switch("link").unwrap_or(false),
        exclude: flags.list("exclude"),
        checksum: flags.text("checksum"),
        keep_git_dir: flags.switch("keep-git-dir"),
        unpack: flags.switch("unpack"),
    })
}

fn arguments(request: &Request<'_>, name: &'static str) -> Result<Vec<String>, Wrong> {
    let arguments = request.list()?;
    if arguments.len() < 2 {
        return Err(Problem::Destination(name).into());
    }
    Ok(arguments)
}

fn sources(
    request: &Request<'_>,
    mut arguments: Vec<String>,
    name: &'static str,
) -> Result<Sources, Wrong> {
    let destination = arguments.pop().unwrap_or_default();
    let heredoc = |word: &str| Heredoc::parse(word).ok().flatten();
    if heredoc(&destination).is_some() {
        return Err(Problem::HeredocDestination(name).into());
    }
    let mut sources = Sources {
        paths: Vec::new(),
        inline: Vec::new(),
        destination,
    };
    for argument in arguments {
        let Some(begun) = heredoc(&argument) else {
            sources.paths.push(argument);
            continue;
        };
        let read = request.node.heredocs.iter().rev();
        let read = read.clone().find(|h| h.name == begun.name);
        sources.inline.push(Inline {
            text: read.map(Heredoc::text).unwrap_or_default(),
            expand: begun.expand,
            name: begun.name,
        });
    }
    Ok(sources)
}
