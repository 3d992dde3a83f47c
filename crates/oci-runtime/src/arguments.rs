//! Options and words: `--name value`, `--name=value`, `-n value`, switches; the first word that is
//! no option ends them, as with runc.

use crate::{Error, Result};

/// Names of options, their short form, and whether they have a value.
pub(crate) type Known = &'static [(&'static str, Option<char>, bool)];

/// What was given.
#[derive(Debug, Default)]
pub(crate) struct Arguments {
    options: Vec<(&'static str, String)>,
    words: Vec<String>,
}

impl Arguments {
    pub(crate) fn parse(known: Known, given: Vec<String>) -> Result<Self> {
        let mut parsed = Self::default();
        let mut rest = given.into_iter();
        while let Some(word) = rest.next() {
            if word == "--" {
                parsed.words.extend(rest);
                break;
            }
            let Some(option) = word.strip_prefix('-').filter(|o| !o.is_empty()) else {
                parsed.words.push(word);
                parsed.words.extend(rest);
                break;
            };
            let option = option.strip_prefix('-').unwrap_or(option);
            let (name, mut value) = match option.split_once('=') {
                Some((name, value)) => (name, Some(value.to_owned())),
                None => (option, None),
            };
            let found = known.iter().find(|(long, short, _)| {
                *long == name || short.is_some_and(|short| name.chars().eq([short]))
            });
            let Some((long, _, has_value)) = found else {
                return Err(Error::Usage(format!(
                    "flag provided but not defined: -{name}"
                )));
            };
            if *has_value && value.is_none() {
                value = rest.next();
                if value.is_none() {
                    return Err(Error::Usage(format!("flag needs an argument: -{name}")));
                }
            }
            parsed
                .options
                .push((long, value.unwrap_or_else(|| "true".to_owned())));
        }
        Ok(parsed)
    }

    /// The last value of an option.
    pub(crate) fn value(&self, name: &str) -> Option<&str> {
        self.values(name).last()
    }

    /// All values of an option.
    pub(crate) fn values(&self, name: &str) -> impl Iterator<Item = &str> {
        self.options
            .iter()
            .filter(move |(given, _)| *given == name)
            .map(|(_, value)| value.as_str())
    }

    /// Whether a switch is on.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.value(name).is_some_and(|value| value != "false")
    }

    /// A number, for an option that has one.
    pub(crate) fn number<T: std::str::FromStr>(&self, name: &str) -> Result<Option<T>> {
        let parse = |text: &str| {
            text.parse()
                .map_err(|_| Error::Usage(format!("invalid value {text:?} for --{name}")))
        };
        self.value(name).map(parse).transpose()
    }

    /// What is no option.
    pub(crate) fn words(&self) -> &[String] {
        &self.words
    }

    /// The container's ID: the first word, and with `only` the only one.
    pub(crate) fn id(&self, only: bool) -> Result<&str> {
        match self.words.as_slice() {
            [id] => Ok(id),
            [id, ..] if !only => Ok(id),
            [] => Err(Error::Usage("the container's ID is missing".to_owned())),
            [_, word, ..] => Err(Error::Usage(format!("unexpected argument {word:?}"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: Known = &[
        ("bundle", Some('b'), true),
        ("env", Some('e'), true),
        ("detach", Some('d'), false),
    ];

    fn parse(words: &[&str]) -> Result<Arguments> {
        Arguments::parse(KNOWN, words.iter().map(|&w| w.to_owned()).collect())
    }

    #[test]
    fn options_come_first() {
        let parsed = parse(&["-b", "/x", "--env=A=1", "-e", "B", "-d", "id", "ls", "-l"]).unwrap();
        assert_eq!(parsed.value("bundle"), Some("/x"));
        assert_eq!(parsed.values("env").collect::<Vec<_>>(), ["A=1", "B"]);
        assert!(parsed.has("detach"));
        assert_eq!(parsed.words(), ["id", "ls", "-l"]);
        assert!(parsed.id(true).is_err() && parsed.id(false).is_ok());
        assert!(!parse(&["--detach=false"]).unwrap().has("detach"));
    }

    #[test]
    fn what_is_wrong_is_named() {
        assert!(
            parse(&["--what"])
                .unwrap_err()
                .to_string()
                .contains("-what")
        );
        assert!(parse(&["-b"]).unwrap_err().to_string().contains("needs"));
    }
}
