//! `# check=skip=A,B;error=true`.

use super::Check;
use crate::directive;
use crate::document::Dockerfile;
use crate::error::{Error, Problem};
use crate::instruction::truth;

/// Which checks run, and what their findings mean.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CheckConfig {
    /// No check runs.
    pub skip_all: bool,
    /// Names of checks that do not run.
    pub skip: Vec<String>,
    /// Findings make the build fail.
    pub error: bool,
    /// All experimental checks run.
    pub experimental_all: bool,
    /// Names of experimental checks that run.
    pub experimental: Vec<String>,
}

impl CheckConfig {
    /// Reads `skip=..;error=..;experimental=..`.
    pub fn parse(text: &str) -> Result<Self, Problem> {
        let mut config = Self::default();
        for option in text.split(';').filter(|_| !text.trim().is_empty()) {
            let invalid = || Problem::CheckOption(option.to_owned());
            let (key, value) = option.split_once('=').ok_or_else(invalid)?;
            let value = value.trim();
            let names = || value.split(',').map(|n| n.trim().to_owned()).collect();
            match key.trim() {
                "skip" if value == "all" => config.skip_all = true,
                "skip" => config.skip = names(),
                "experimental" if value == "all" => config.experimental_all = true,
                "experimental" => config.experimental = names(),
                "error" => config.error = truth("error", value).map_err(|_| invalid())?,
                _ => return Err(invalid()),
            }
        }
        Ok(config)
    }

    /// What a file's directive says.
    pub fn of(file: &Dockerfile) -> Result<Self, Error> {
        let Some(found) = file.directives.iter().find(|d| d.name == "check") else {
            return Ok(Self::default());
        };
        let value = found.value.split(' ').next().unwrap_or_default();
        Self::parse(value).map_err(|p| Error::at(p, found.span))
    }

    /// With what a comment `# check=..` above an instruction adds.
    pub(super) fn with_comments(&self, comments: &[String]) -> Self {
        let mut merged = self.clone();
        let own = comments
            .iter()
            .filter_map(|c| directive::split(c))
            .find(|(name, _)| name == "check");
        let Some((_, value)) = own else {
            return merged;
        };
        if let Ok(own) = Self::parse(value.split(' ').next().unwrap_or_default()) {
            merged.skip_all |= own.skip_all;
            merged.experimental_all |= own.experimental_all;
            merged.skip.extend(own.skip);
            merged.experimental.extend(own.experimental);
        }
        merged
    }

    pub(super) fn runs(&self, check: Check) -> bool {
        let named = |list: &[String]| list.iter().any(|n| n == check.name());
        if check.is_experimental() {
            self.experimental_all || named(&self.experimental)
        } else {
            !self.skip_all && !named(&self.skip)
        }
    }
}
