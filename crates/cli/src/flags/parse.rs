//! From words to options, by pflag's rules.

use super::{Flag, FlagSet};

/// Options and the words that are not options.
#[derive(Debug)]
pub(crate) struct Parsed<F> {
    pub(crate) flags: F,
    pub(crate) words: Vec<String>,
}

/// Why reading the words ended before their end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Stop {
    /// The user asks for help; by `-h`, which is out of date, if true.
    Help(bool),
    /// The words make no sense.
    Error(String),
}

/// Reads a command's words. Without `interspersed`, the first word that is no option ends the
/// options: what follows belongs to the program in the container.
pub(crate) fn parse<F: FlagSet>(words: &[String], interspersed: bool) -> Result<Parsed<F>, Stop> {
    let mut reader = Reader {
        known: F::flags(),
        parsed: Parsed {
            flags: F::default(),
            words: Vec::new(),
        },
    };
    let mut rest = words.iter();
    while let Some(word) = rest.next() {
        if word == "--" {
            break;
        }
        if let Some(long) = word.strip_prefix("--") {
            reader.long(long, &mut rest)?;
        } else if word.len() > 1 && word.starts_with('-') {
            reader.cluster(word, &mut rest)?;
        } else {
            reader.parsed.words.push(word.clone());
            if !interspersed {
                break;
            }
        }
    }
    reader.parsed.words.extend(rest.cloned());
    Ok(reader.parsed)
}

struct Reader<F> {
    known: Vec<Flag>,
    parsed: Parsed<F>,
}

type Rest<'a> = std::slice::Iter<'a, String>;

impl<F: FlagSet> Reader<F> {
    /// `--name`, `--name=value`, `--name value`.
    fn long(&mut self, word: &str, rest: &mut Rest<'_>) -> Result<(), Stop> {
        let (name, value) = match word.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (word, None),
        };
        if name.is_empty() || name.starts_with('-') {
            return Err(Stop::Error(format!("bad flag syntax: --{word}")));
        }
        let found = self
            .known
            .iter()
            .find(|flag| flag.long == name || flag.aliases.contains(&name));
        let Some(flag) = found.copied() else {
            return Err(match name {
                "help" => Stop::Help(false),
                _ => Stop::Error(format!("unknown flag: --{name}")),
            });
        };
        let value = match value {
            Some(value) => value,
            None if !flag.takes_value => "true",
            None => rest
                .next()
                .ok_or_else(|| Stop::Error(format!("flag needs an argument: --{name}")))?,
        };
        self.set(flag, value)
    }

    /// `-a`, `-abc`, `-ovalue`, `-o=value`, `-o value`.
    fn cluster(&mut self, word: &str, rest: &mut Rest<'_>) -> Result<(), Stop> {
        let letters = word[1..].char_indices();
        for (at, letter) in letters {
            let after = &word[1 + at + letter.len_utf8()..];
            let Some(flag) = self
                .known
                .iter()
                .find(|flag| flag.short == Some(letter))
                .copied()
            else {
                return Err(match letter {
                    'h' => Stop::Help(true),
                    _ => Stop::Error(format!("unknown shorthand flag: '{letter}' in {word}")),
                });
            };
            if let Some(value) = after.strip_prefix('=') {
                return self.set(flag, value);
            }
            if !flag.takes_value {
                self.set(flag, "true")?;
                continue;
            }
            if !after.is_empty() {
                return self.set(flag, after);
            }
            let value = rest.next().ok_or_else(|| {
                Stop::Error(format!("flag needs an argument: '{letter}' in {word}"))
            })?;
            return self.set(flag, value);
        }
        Ok(())
    }

    fn set(&mut self, flag: Flag, value: &str) -> Result<(), Stop> {
        match self.parsed.flags.set(flag.long, value) {
            None | Some(Ok(())) => Ok(()),
            Some(Err(reason)) => {
                let short = flag
                    .short
                    .map(|short| format!("-{short}, "))
                    .unwrap_or_default();
                let value = gantry_gotemplate::quote(value);
                let name = flag.long;
                Err(Stop::Error(format!(
                    "invalid argument {value} for \"{short}--{name}\" flag: {reason}"
                )))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flags::{List, flags};

    flags! {
        struct Some {
            /// All
            "all" 'a' => all: bool,
            /// Proxy
            "sig-proxy" => sig_proxy: bool = true,
            /// Number
            "last" 'n' | "latest-n" => last: i64 = -1,
            /// Ports
            "publish" 'p' => publish: List,
        }
    }

    fn read(line: &str, interspersed: bool) -> Result<Parsed<Some>, Stop> {
        let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        parse(&words, interspersed)
    }

    fn error(line: &str) -> String {
        match read(line, true) {
            Err(Stop::Error(text)) => text,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn all_ways_to_write_an_option_are_read() {
        let parsed = read(
            "-an5 --publish 80 x -p=81 -p82 --sig-proxy=false -- -a",
            true,
        )
        .unwrap();
        assert!(parsed.flags.all && !parsed.flags.sig_proxy);
        assert_eq!(parsed.flags.last, 5);
        assert_eq!(*parsed.flags.publish, ["80", "81", "82"]);
        assert_eq!(parsed.words, ["x", "-a"]);
        assert_eq!(read("--latest-n=3 --last 4", true).unwrap().flags.last, 4);
    }

    #[test]
    fn a_container_s_own_options_are_left_alone() {
        let parsed = read("-a image -n --foo", false).unwrap();
        assert_eq!(parsed.words, ["image", "-n", "--foo"]);
        assert_eq!(parsed.flags.last, -1);
    }

    #[test]
    fn mistakes_are_told_as_docker_tells_them() {
        assert_eq!(error("--foo"), "unknown flag: --foo");
        assert_eq!(error("-xyz"), "unknown shorthand flag: 'x' in -xyz");
        assert_eq!(error("-n"), "flag needs an argument: 'n' in -n");
        assert_eq!(error("--publish"), "flag needs an argument: --publish");
        assert_eq!(
            error("-n x"),
            "invalid argument \"x\" for \"-n, --last\" flag: strconv.ParseInt: parsing \"x\": invalid syntax"
        );
        assert_eq!(
            error("-a=x"),
            "invalid argument \"x\" for \"-a, --all\" flag: strconv.ParseBool: parsing \"x\": invalid syntax"
        );
    }

    #[test]
    fn help_is_asked_for_in_two_ways() {
        assert_eq!(read("x --help", true).unwrap_err(), Stop::Help(false));
        assert_eq!(read("-h", true).unwrap_err(), Stop::Help(true));
    }
}
