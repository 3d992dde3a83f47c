//! The list of requests, and how it is written.
//!
//! ```text
//! # a comment
//! POST /containers/create?name=one {"Image":"busybox"}
//!   keep id .Id               {id} stands for it from here on
//!   mark start                {start} is the time before this request
//!   header X-Registry-Auth: abc
//!   body text                 a body that is no JSON
//!   tar name=content ...      a tar archive as the body
//!   from NAME                 the body of the answer kept by `save NAME`
//!   save NAME                 keeps this answer's body
//!   input text                takes over the connection and sends this (`\n` is a newline)
//!   since 1.44 | until 1.43   only at these versions
//!   wait .State.Status=exited asks again until the answer has this; not compared
//!   wait ~=text               the same for any text in the answer
//!   quiet                     not compared
//! ```
//! A line of four dots and more ends what a reader should see as one subject.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};

/// A play.
#[derive(Debug)]
pub struct Play {
    /// The file's name without its end.
    pub name: String,
    pub(crate) steps: Vec<Step>,
}

/// One request.
#[derive(Debug, Default, Clone)]
pub(crate) struct Step {
    /// As it is written, which names it in golden files.
    pub(crate) shown: String,
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) body: Body,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) keeps: Vec<(String, String)>,
    pub(crate) marks: Vec<String>,
    pub(crate) save: Option<String>,
    pub(crate) input: Option<String>,
    pub(crate) since: Option<u32>,
    pub(crate) until: Option<u32>,
    pub(crate) wait: Option<(String, String)>,
    pub(crate) quiet: bool,
}

#[derive(Debug, Default, Clone)]
pub(crate) enum Body {
    #[default]
    None,
    Json(String),
    Text(String),
    Tar(Vec<(String, String)>),
    Saved(String),
}

impl Play {
    /// All plays of the project, by name.
    pub fn all() -> Result<Vec<Self>> {
        let mut plays = Vec::new();
        for entry in fs::read_dir(crate::folder().join("plays"))? {
            plays.push(Self::read(&entry?.path())?);
        }
        plays.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(plays)
    }

    /// The play of this name.
    pub fn named(name: &str) -> Result<Self> {
        Self::read(&crate::folder().join(format!("plays/{name}.play")))
    }

    fn read(path: &Path) -> Result<Self> {
        let text = fs::read_to_string(path).with_context(|| path.display().to_string())?;
        let name = path.file_stem().unwrap_or_default().to_string_lossy();
        let mut steps: Vec<Step> = Vec::new();
        for (number, line) in text.lines().enumerate() {
            let here = || format!("{}:{}", path.display(), number + 1);
            if line.trim().is_empty() || line.starts_with('#') {
                continue;
            }
            if let Some(option) = line.strip_prefix("  ") {
                let step = steps.last_mut().with_context(here)?;
                option_of(step, option).with_context(here)?;
            } else {
                steps.push(request(line).with_context(here)?);
            }
        }
        Ok(Self {
            name: name.into_owned(),
            steps,
        })
    }
}

impl Step {
    /// Whether it is for this version, given as the number after `1.`.
    pub(crate) fn is_for(&self, minor: u32) -> bool {
        self.since.is_none_or(|since| minor >= since)
            && self.until.is_none_or(|until| minor <= until)
    }
}

fn request(line: &str) -> Result<Step> {
    let mut words = line.splitn(3, ' ');
    let (Some(method), Some(path)) = (words.next(), words.next()) else {
        bail!("a request is METHOD PATH [JSON]");
    };
    Ok(Step {
        shown: line.to_owned(),
        method: method.to_owned(),
        path: path.to_owned(),
        body: words
            .next()
            .map_or(Body::None, |json| Body::Json(json.to_owned())),
        ..Step::default()
    })
}

fn option_of(step: &mut Step, line: &str) -> Result<()> {
    let (word, rest) = line.trim().split_once(' ').unwrap_or((line.trim(), ""));
    let pair = |by: char| {
        rest.split_once(by)
            .map(|(a, b)| (a.trim().to_owned(), b.trim().to_owned()))
            .with_context(|| format!("{word} needs two parts"))
    };
    match word {
        "keep" => step.keeps.push(pair(' ')?),
        "mark" => step.marks.push(rest.to_owned()),
        "header" => step.headers.push(pair(':')?),
        "body" => step.body = Body::Text(rest.replace("\\n", "\n")),
        "tar" => {
            let files = rest.split_whitespace().filter_map(|f| f.split_once('='));
            step.body = Body::Tar(files.map(|(a, b)| (a.to_owned(), b.to_owned())).collect());
        }
        "from" => step.body = Body::Saved(rest.to_owned()),
        "save" => step.save = Some(rest.to_owned()),
        "input" => step.input = Some(rest.replace("\\n", "\n")),
        "since" => step.since = Some(minor(rest)?),
        "until" => step.until = Some(minor(rest)?),
        "wait" => step.wait = Some(pair('=')?),
        "quiet" => step.quiet = true,
        _ => bail!("{word} is no option"),
    }
    Ok(())
}

/// `44` of `1.44`.
pub(crate) fn minor(version: &str) -> Result<u32> {
    let number = version.strip_prefix("1.").context("versions are 1.N")?;
    Ok(number.parse()?)
}
