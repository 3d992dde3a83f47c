//! The arguments of `gantry daemon`: a flag for each key of `daemon.json`, and a few of our own.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::builder::{BoolishValueParser, ValueParser};
use clap::{Arg, ArgAction, ArgMatches, Command};
use serde_json::{Map, Value};

use crate::config::keys::{Answer, Form, KEYS, Key};

/// What `gantry daemon` is to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verb {
    /// Run in the foreground.
    Run,
    /// Check the configuration and end.
    Validate,
    /// Stop the running daemon.
    Stop {
        /// Stop its containers as well.
        containers: bool,
    },
}

/// A daemon's command line.
#[derive(Debug, Clone)]
pub struct DaemonArgs {
    /// What to do.
    pub verb: Verb,
    /// How.
    pub run: RunArgs,
}

/// Flags of the daemon.
#[derive(Debug, Clone, Default)]
pub struct RunArgs {
    /// The configuration file, where another than the usual one is meant.
    pub config_file: Option<PathBuf>,
    /// Keys of the configuration file that were given as flags.
    pub keys: Map<String, Value>,
    /// Stop the containers at the end.
    pub stop_containers: bool,
    /// A command line started it.
    pub autostarted: bool,
}

impl DaemonArgs {
    /// Reads a command line; its first word is the program's name.
    pub fn parse(words: impl IntoIterator<Item = OsString>) -> Result<Self, clap::Error> {
        let matches = command().try_get_matches_from(words)?;
        let (verb, given) = match matches.subcommand() {
            Some(("stop", stop)) => (
                Verb::Stop {
                    containers: stop.get_flag(STOP_CONTAINERS),
                },
                stop,
            ),
            _ if matches.get_flag("validate") => (Verb::Validate, &matches),
            _ => (Verb::Run, &matches),
        };
        Ok(Self {
            run: run_args(given)?,
            verb,
        })
    }
}

const STOP_CONTAINERS: &str = "stop-containers";

/// The command line as clap is told it.
pub fn command() -> Command {
    let own = [
        Arg::new("config-file")
            .long("config-file")
            .value_name("FILE")
            .value_parser(ValueParser::path_buf())
            .help("Daemon configuration file (default /etc/gantry/daemon.json)"),
        Arg::new(STOP_CONTAINERS)
            .long(STOP_CONTAINERS)
            .action(ArgAction::SetTrue)
            .help("Stop the containers when the daemon ends; they go on otherwise"),
    ];
    let stop = Command::new("stop")
        .about("Stop the running daemon; containers go on")
        .args(own.clone())
        .args(
            KEYS.iter()
                .filter(|key| finds_the_daemon(key))
                .filter_map(arg),
        );
    Command::new("gantry daemon")
        .about("Run the Gantry daemon in the foreground.\n\nFlags are keys of daemon.json; the same key in both is an error.")
        .disable_version_flag(true)
        .disable_help_subcommand(true)
        .args(own)
        .arg(
            Arg::new("validate")
                .long("validate")
                .action(ArgAction::SetTrue)
                .help("Check the configuration and end"),
        )
        .arg(
            Arg::new("autostarted")
                .long("autostarted")
                .action(ArgAction::SetTrue)
                .hide(true),
        )
        .args(KEYS.iter().filter_map(arg))
        .subcommand(stop)
}

/// Where a running daemon is looked for.
fn finds_the_daemon(key: &Key) -> bool {
    matches!(key.name, "data-root" | "exec-root")
}

fn arg(key: &'static Key) -> Option<Arg> {
    let flag = key.flag_name()?;
    let arg = Arg::new(key.name)
        .long(flag)
        .help(key.help)
        .hide(matches!(key.answer, Answer::Refused(_) | Answer::Only(..)));
    let arg = match key.short {
        Some(letter) => arg.short(letter),
        None => arg,
    };
    Some(match key.form {
        Form::Switch => arg
            .num_args(0..=1)
            .require_equals(true)
            .default_missing_value("true")
            .value_name("BOOL")
            .hide_possible_values(true)
            .value_parser(BoolishValueParser::new()),
        Form::Number => arg
            .value_name("NUMBER")
            .allow_negative_numbers(true)
            .value_parser(clap::value_parser!(i64)),
        Form::Text => arg.value_name("TEXT"),
        Form::List => arg.value_name("TEXT").action(ArgAction::Append),
        Form::Map | Form::Features => arg.value_name("NAME=VALUE").action(ArgAction::Append),
        Form::Pools => arg.value_name("base=CIDR,size=N").action(ArgAction::Append),
        Form::Ulimits => arg.value_name("NAME=SOFT[:HARD]").action(ArgAction::Append),
        Form::Object => return None,
    })
}

fn run_args(matches: &ArgMatches) -> Result<RunArgs, clap::Error> {
    let mut keys = Map::new();
    for key in KEYS {
        let id = key.name;
        // The verbs have only some of the flags.
        if !matches!(matches.try_contains_id(id), Ok(true)) {
            continue;
        }
        let texts = || -> Vec<String> {
            matches
                .get_many::<String>(id)
                .into_iter()
                .flatten()
                .cloned()
                .collect()
        };
        let value = match key.form {
            Form::Switch => matches.get_one::<bool>(id).map(|on| Value::from(*on)),
            Form::Number => matches
                .get_one::<i64>(id)
                .map(|number| Value::from(*number)),
            Form::Text => matches
                .get_one::<String>(id)
                .map(|text| Value::from(text.as_str())),
            Form::List => Some(texts().into()),
            Form::Map => Some(map(key, &texts(), |text| Ok(text.into()))?),
            Form::Features => Some(map(key, &texts(), |text| {
                text.parse::<bool>()
                    .map(Value::from)
                    .map_err(|e| e.to_string())
            })?),
            Form::Ulimits => Some(map_of(key, &texts(), ulimit)?),
            Form::Pools => Some(Value::Array(
                texts()
                    .iter()
                    .map(|text| pool(text).map_err(|e| wrong(key, text, &e)))
                    .collect::<Result<_, _>>()?,
            )),
            Form::Object => None,
        };
        if let Some(value) = value {
            keys.insert(id.to_owned(), value);
        }
    }
    let is_set = |id: &str| matches!(matches.try_get_one::<bool>(id), Ok(Some(true)));
    Ok(RunArgs {
        config_file: matches.get_one::<PathBuf>("config-file").cloned(),
        keys,
        stop_containers: is_set(STOP_CONTAINERS),
        autostarted: is_set("autostarted"),
    })
}

/// `name=value` words as an object.
fn map(
    key: &Key,
    words: &[String],
    value: impl Fn(&str) -> Result<Value, String>,
) -> Result<Value, clap::Error> {
    map_of(key, words, |name, text| Ok((name.to_owned(), value(text)?)))
}

fn map_of(
    key: &Key,
    words: &[String],
    entry: impl Fn(&str, &str) -> Result<(String, Value), String>,
) -> Result<Value, clap::Error> {
    words
        .iter()
        .map(|word| {
            let (name, value) = word
                .split_once('=')
                .ok_or_else(|| wrong(key, word, "expected name=value"))?;
            entry(name, value).map_err(|e| wrong(key, word, &e))
        })
        .collect::<Result<Map<_, _>, _>>()
        .map(Value::Object)
}

/// `nofile`, `1024:2048`.
fn ulimit(name: &str, value: &str) -> Result<(String, Value), String> {
    let limit: gantry_units::Ulimit = format!("{name}={value}")
        .parse()
        .map_err(|e: gantry_units::Error| e.to_string())?;
    let value = serde_json::json!({"Name": limit.name, "Soft": limit.soft, "Hard": limit.hard});
    Ok((name.to_owned(), value))
}

/// `base=10.0.0.0/8,size=24`.
fn pool(text: &str) -> Result<Value, String> {
    let mut pool = Map::new();
    for part in text.split(',') {
        match part.split_once('=') {
            Some(("base", base)) => pool.insert("base".to_owned(), base.into()),
            Some(("size", size)) => {
                let size: u8 = size
                    .parse()
                    .map_err(|_| "size is not a number".to_owned())?;
                pool.insert("size".to_owned(), size.into())
            }
            _ => return Err("expected base=CIDR,size=NUMBER".to_owned()),
        };
    }
    Ok(Value::Object(pool))
}

fn wrong(key: &Key, text: &str, reason: &str) -> clap::Error {
    let flag = key.flag_name().unwrap_or(key.name);
    command().error(
        clap::error::ErrorKind::ValueValidation,
        format!("invalid argument {text:?} for \"--{flag}\" flag: {reason}"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<DaemonArgs, clap::Error> {
        DaemonArgs::parse(line.split_whitespace().map(OsString::from))
    }

    #[test]
    fn flags_become_keys() {
        let args = parse(
            "d -D --icc=false -H fd:// -H tcp://0.0.0.0 --label a=b --log-opt max-size=1m \
             --default-ulimit nofile=1:2 --default-address-pool base=10.0.0.0/8,size=24 \
             --shutdown-timeout -1 --http-proxy http://p --feature cdi=true",
        )
        .unwrap();
        assert_eq!(
            Value::Object(args.run.keys),
            serde_json::json!({
                "debug": true,
                "default-address-pools": [{"base": "10.0.0.0/8", "size": 24}],
                "default-ulimits": {"nofile": {"Name": "nofile", "Soft": 1, "Hard": 2}},
                "features": {"cdi": true},
                "hosts": ["fd://", "tcp://0.0.0.0"],
                "icc": false,
                "labels": ["a=b"],
                "log-opts": {"max-size": "1m"},
                "proxies.http-proxy": "http://p",
                "shutdown-timeout": -1,
            })
        );
        assert_eq!(args.verb, Verb::Run);
    }

    #[test]
    fn stopping_has_its_own_flags() {
        let args = parse("d stop --stop-containers --data-root /d").unwrap();
        assert_eq!(args.verb, Verb::Stop { containers: true });
        assert_eq!(args.run.keys["data-root"], "/d");
        assert!(parse("d stop --bip 10.0.0.1/8").is_err());
        assert_eq!(parse("d --validate").unwrap().verb, Verb::Validate);
    }

    #[test]
    fn a_wrong_value_names_its_flag() {
        let refused = parse("d --default-ulimit nofile").unwrap_err().to_string();
        assert!(refused.contains("--default-ulimit"), "{refused}");
        command().debug_assert();
    }
}
