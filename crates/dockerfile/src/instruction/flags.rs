//! An instruction's flags against the list of those that it has.

use crate::error::Problem;
use crate::node::Flag;
use crate::span::Span;
use crate::suggest::nearest;

/// A flag that an instruction has.
#[derive(Clone, Copy)]
pub(crate) enum Spec {
    /// `--link`, `--link=false`.
    Bool(&'static str),
    /// `--from=x`.
    Text(&'static str),
    /// `--exclude=x --exclude=y`.
    List(&'static str),
}

impl Spec {
    fn name(self) -> &'static str {
        match self {
            Self::Bool(name) | Self::Text(name) | Self::List(name) => name,
        }
    }
}

/// The values of known flags.
#[derive(Debug, Default)]
pub(crate) struct Flags(Vec<(&'static str, String)>);

impl Flags {
    /// Checks what was written; an error comes with the flag's place.
    pub(crate) fn read(written: &[Flag], specs: &[Spec]) -> Result<Self, (Problem, Span)> {
        let mut flags = Self::default();
        for flag in written {
            flags
                .add(&flag.text, specs)
                .map_err(|problem| (problem, flag.span))?;
        }
        Ok(flags)
    }

    fn add(&mut self, text: &str, specs: &[Spec]) -> Result<(), Problem> {
        let (dashed, value) = match text.split_once('=') {
            Some((dashed, value)) => (dashed, Some(value)),
            None => (text, None),
        };
        let name = dashed.trim_start_matches("--");
        let Some(spec) = specs.iter().find(|s| dashed[2..] == *s.name()) else {
            return Err(Problem::UnknownFlag {
                name: dashed.to_owned(),
                suggestion: nearest(name, specs.iter().map(|s| s.name()), true),
            });
        };
        let again = self.0.iter().any(|(n, _)| *n == spec.name());
        if again && !matches!(spec, Spec::List(_)) {
            return Err(Problem::FlagTwice(dashed.to_owned()));
        }
        let value = match spec {
            Spec::Bool(_) => boolean(dashed, value)?,
            _ => value.ok_or_else(|| Problem::FlagValue(dashed.to_owned()))?,
        };
        self.0.push((spec.name(), value.to_owned()));
        Ok(())
    }

    /// A flag's text, if it was given.
    pub(crate) fn text(&self, name: &str) -> Option<String> {
        self.0
            .iter()
            .find(|(n, _)| *n == name)
            .map(|(_, v)| v.clone())
    }

    /// All values of a flag.
    pub(crate) fn list(&self, name: &str) -> Vec<String> {
        let given = self.0.iter().filter(|(n, _)| *n == name);
        given.map(|(_, v)| v.clone()).collect()
    }

    /// A switch, if it was given.
    pub(crate) fn switch(&self, name: &str) -> Option<bool> {
        self.text(name).map(|v| v == "true")
    }
}

fn boolean(flag: &str, value: Option<&str>) -> Result<&'static str, Problem> {
    match value.map(str::to_lowercase).as_deref() {
        None | Some("true") => Ok("true"),
        Some("false") => Ok("false"),
        Some("") => Err(Problem::FlagValue(flag.to_owned())),
        Some(_) => Err(Problem::FlagBool {
            flag: flag.to_owned(),
            value: value.unwrap_or_default().to_owned(),
        }),
    }
}
