//! Dockerfile instructions that change a configuration: `--change` of `commit` and `import`.

use gantry_oci::{ContainerDefaults, Healthcheck};
use gantry_units::{GoDuration, parse_expose};
use serde_json::{Map, Value};

use crate::Error;

/// The instructions that change a configuration; others need a build.
const KNOWN: &[&str] = &[
    "CMD",
    "ENTRYPOINT",
    "ENV",
    "EXPOSE",
    "HEALTHCHECK",
    "LABEL",
    "ONBUILD",
    "STOPSIGNAL",
    "USER",
    "VOLUME",
    "WORKDIR",
];

/// Applies instructions, one a string, in their order.
pub(crate) fn apply(changes: &[String], config: &mut ContainerDefaults) -> Result<(), Error> {
    for (number, change) in changes.iter().enumerate() {
        let line = change.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let (name, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
        let name = name.to_ascii_uppercase();
        if !KNOWN.contains(&name.as_str()) {
            let message = format!("{name} is not a valid change command");
            return Err(Error::Invalid(message));
        }
        one(&name, rest.trim(), config).map_err(|reason| {
            Error::Invalid(format!(
                "dockerfile parse error on line {}: {reason}",
                number + 1
            ))
        })?;
    }
    Ok(())
}

fn one(name: &str, rest: &str, config: &mut ContainerDefaults) -> Result<(), String> {
    const NEEDS_TEXT: &[&str] = &[
        "ENV",
        "EXPOSE",
        "LABEL",
        "ONBUILD",
        "STOPSIGNAL",
        "USER",
        "VOLUME",
        "WORKDIR",
        "HEALTHCHECK",
    ];
    if rest.is_empty() && NEEDS_TEXT.contains(&name) {
        return Err(format!("{name} requires at least one argument"));
    }
    match name {
        "CMD" => config.cmd = Some(command(rest, config)),
        "ENTRYPOINT" => {
            config.entrypoint = Some(command(rest, config));
            // A command was for the old entrypoint.
            config.cmd = None;
        }
        "ENV" => {
            for (key, value) in pairs(name, rest)? {
                let value = expand(&value, &config.env);
                set_env(&mut config.env, &key, &value);
            }
        }
        "EXPOSE" => {
            for word in words(rest)? {
                let word = expand(&word, &config.env);
                let ports = parse_expose(&word).map_err(|error| error.to_string())?;
                let nothing = || Value::Object(Map::new());
                config
                    .exposed_ports
                    .extend(ports.iter().map(|port| (port.to_string(), nothing())));
            }
        }
        "LABEL" => {
            for (key, value) in pairs(name, rest)? {
                config.labels.insert(key, expand(&value, &config.env));
            }
        }
        "ONBUILD" => config.on_build.push(rest.to_owned()),
        "STOPSIGNAL" => {
            let signal = expand(rest, &config.env);
            let _: gantry_units::Signal = signal
                .parse()
                .map_err(|_| format!("Invalid signal: {signal}"))?;
            config.stop_signal = Some(signal);
        }
        "USER" => config.user = expand(rest, &config.env),
        "VOLUME" => {
            let paths = json_words(rest).map_or_else(|| words(rest), Ok)?;
            for path in paths {
                if path.trim().is_empty() {
                    return Err("VOLUME specified can not be an empty string".to_owned());
                }
                config.volumes.insert(path, Value::Object(Map::new()));
            }
        }
        "WORKDIR" => {
            let path = expand(rest, &config.env);
            config.working_dir = if path.starts_with('/') {
                path
            } else {
                format!("{}/{path}", config.working_dir.trim_end_matches('/'))
            };
        }
        "HEALTHCHECK" => config.healthcheck = Some(health(rest)?),
        other => return Err(format!("unknown instruction: {other}")),
    }
    Ok(())
}

/// The JSON form as it is, the other one for a shell.
fn command(rest: &str, config: &ContainerDefaults) -> Vec<String> {
    if let Some(words) = json_words(rest) {
        return words;
    }
    if rest.is_empty() {
        return Vec::new();
    }
    let shell = config
        .shell
        .clone()
        .unwrap_or_else(|| vec!["/bin/sh".into(), "-c".into()]);
    shell.into_iter().chain([rest.to_owned()]).collect()
}

fn json_words(text: &str) -> Option<Vec<String>> {
    text.starts_with('[')
        .then(|| serde_json::from_str(text).ok())
        .flatten()
}

/// Words as a Dockerfile has them: quotes keep blanks together, a backslash keeps the next character.
fn words(text: &str) -> Result<Vec<String>, String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match (c, quote) {
            ('\\', None | Some('"')) => word.get_or_insert_default().extend(chars.next()),
            (c, Some(open)) if c == open => quote = None,
            (c, Some(_)) => word.get_or_insert_default().push(c),
            ('"' | '\'', None) => {
                word.get_or_insert_default();
                quote = Some(c);
            }
            (c, None) if c.is_whitespace() => words.extend(word.take()),
            (c, None) => word.get_or_insert_default().push(c),
        }
    }
    if quote.is_some() {
        return Err(format!(
            "unexpected end of statement while looking for matching quote in {text:?}"
        ));
    }
    words.extend(word);
    Ok(words)
}

/// `KEY=value KEY="other value"`, or the old `KEY the rest of the line`.
fn pairs(name: &str, rest: &str) -> Result<Vec<(String, String)>, String> {
    let first = rest.split_whitespace().next().unwrap_or_default();
    if !first.contains('=') {
        return match rest.split_once(char::is_whitespace) {
            Some((key, value)) => Ok(vec![(key.to_owned(), value.trim().to_owned())]),
            None => Err(format!("{name} must have two arguments")),
        };
    }
    words(rest)?
        .into_iter()
        .map(|word| match word.split_once('=') {
            Some(("", _)) => Err(format!("{name} names can not be blank")),
            Some((key, value)) => Ok((key.to_owned(), value.to_owned())),
            None => Err(format!(
                "can't find = in {word:?}. Must be of the form: name=value"
            )),
        })
        .collect()
}

/// `$NAME` and `${NAME}`.
fn expand(text: &str, env: &[String]) -> String {
    let value = |name: &str| {
        let found = env
            .iter()
            .find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='));
        found.unwrap_or_default().to_owned()
    };
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('$') {
        out.push_str(before);
        if let Some((name, after)) = after
            .strip_prefix('{')
            .and_then(|inner| inner.split_once('}'))
        {
            out.push_str(&value(name));
            rest = after;
            continue;
        }
        let end = after
            .find(|c: char| !c.is_ascii_alphanumeric() && c != '_')
            .unwrap_or(after.len());
        if end == 0 {
            out.push('$');
        } else {
            out.push_str(&value(&after[..end]));
        }
        rest = &after[end..];
    }
    out + rest
}

fn set_env(env: &mut Vec<String>, key: &str, value: &str) {
    let pair = format!("{key}={value}");
    let same = |old: &&mut String| {
        old.strip_prefix(key)
            .is_some_and(|rest| rest.starts_with('='))
    };
    match env.iter_mut().find(same) {
        Some(old) => *old = pair,
        None => env.push(pair),
    }
}

fn health(rest: &str) -> Result<Healthcheck, String> {
    let mut check = Healthcheck::default();
    let mut rest = rest;
    while let Some(flag) = rest.strip_prefix("--") {
        let (word, after) = flag.split_once(char::is_whitespace).unwrap_or((flag, ""));
        let (name, value) = word
            .split_once('=')
            .ok_or_else(|| format!("--{word} needs a value"))?;
        let duration = || {
            let parsed: Result<GoDuration, _> = value.parse();
            parsed
                .map(GoDuration::nanos)
                .map_err(|error| format!("--{name}: {error}"))
        };
        match name {
            "interval" => check.interval = duration()?,
            "timeout" => check.timeout = duration()?,
            "start-period" => check.start_period = duration()?,
            "start-interval" => check.start_interval = duration()?,
            "retries" => {
                check.retries = value
                    .parse()
                    .map_err(|_| format!("--retries: {value:?} is no number"))?;
            }
            other => return Err(format!("unknown flag: --{other}")),
        }
        rest = after.trim_start();
    }
    let (kind, rest) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
    let rest = rest.trim();
    check.test = match kind.to_ascii_uppercase().as_str() {
        "NONE" if rest.is_empty() => vec!["NONE".into()],
        "CMD" if rest.is_empty() => return Err("Missing command after HEALTHCHECK CMD".to_owned()),
        "CMD" => json_words(rest).map_or_else(
            || vec!["CMD-SHELL".into(), rest.to_owned()],
            |words| [vec!["CMD".to_owned()], words].concat(),
        ),
        other => return Err(format!("Unknown type {other:?} in HEALTHCHECK (try CMD)")),
    };
    Ok(check)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changed(changes: &[&str]) -> Result<ContainerDefaults, String> {
        let mut config = ContainerDefaults {
            env: vec!["PATH=/bin".into()],
            cmd: Some(vec!["old".into()]),
            ..ContainerDefaults::default()
        };
        let changes: Vec<String> = changes.iter().map(ToString::to_string).collect();
        apply(&changes, &mut config).map_err(|error| error.to_string())?;
        Ok(config)
    }

    #[test]
    fn instructions_change_their_fields() {
        let config = changed(&[
            "CMD [\"a\", \"b c\"]",
            "env A=1 B=\"two words\"",
            "ENV PATH=$PATH:/x${A}",
            "ENV OLD the rest",
            "EXPOSE 80 53/udp",
            "LABEL a=b 'c d'=e",
            "USER me",
            "VOLUME /a /b",
            "WORKDIR /w",
            "WORKDIR in",
            "STOPSIGNAL SIGINT",
            "ONBUILD RUN x",
            "HEALTHCHECK --interval=5s CMD true",
        ])
        .unwrap();
        assert_eq!(config.cmd.unwrap(), ["a", "b c"]);
        assert_eq!(
            config.env,
            ["PATH=/bin:/x1", "A=1", "B=two words", "OLD=the rest"]
        );
        assert!(config.exposed_ports.contains_key("80/tcp"));
        assert!(config.exposed_ports.contains_key("53/udp"));
        assert_eq!(config.labels["c d"], "e");
        assert_eq!((&*config.user, &*config.working_dir), ("me", "/w/in"));
        assert_eq!(config.volumes.len(), 2);
        assert_eq!(config.on_build, ["RUN x"]);
        let check = config.healthcheck.unwrap();
        assert_eq!(
            (check.interval, check.test),
            (
                5_000_000_000,
                vec!["CMD-SHELL".to_owned(), "true".to_owned()]
            )
        );
    }

    #[test]
    fn an_entrypoint_forgets_the_command() {
        let config = changed(&["ENTRYPOINT echo hi"]).unwrap();
        assert_eq!(config.entrypoint.unwrap(), ["/bin/sh", "-c", "echo hi"]);
        assert_eq!(config.cmd, None);
    }

    #[test]
    fn what_is_no_change_is_refused() {
        let refused = |change: &str| changed(&[change]).unwrap_err();
        assert!(refused("RUN x").contains("RUN is not a valid change command"));
        assert!(refused("FOO x").contains("FOO is not a valid change command"));
        assert!(refused("ENV A").contains("must have two arguments"));
        assert!(refused("ENV A='b").contains("matching quote"));
        assert!(refused("STOPSIGNAL x").contains("Invalid signal"));
    }
}
