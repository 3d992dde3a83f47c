//! Reading `daemon.json` and putting the flags beside it.

use std::path::Path;

use serde_json::{Map, Value};

use super::Config;
use super::keys::{Answer, KEYS, find};
use crate::Error;

/// Reads `path`; a missing file is an empty one unless it was asked for by name.
pub(crate) fn read(path: &Path, must_exist: bool) -> Result<Map<String, Value>, Error> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound && !must_exist => String::new(),
        Err(source) => {
            return Err(Error::File {
                action: "read",
                path: path.to_owned(),
                source,
            });
        }
    };
    parse(&text).map_err(|reason| Error::Config {
        path: path.to_owned(),
        reason,
    })
}

/// Parses the text of a configuration file; keys that nobody knows are refused by name.
fn parse(text: &str) -> Result<Map<String, Value>, String> {
    if text.trim().is_empty() {
        return Ok(Map::new());
    }
    let map: Map<String, Value> = serde_json::from_str(text).map_err(|e| e.to_string())?;
    let unknown: Vec<&str> = map
        .keys()
        .map(String::as_str)
        .filter(|name| name.contains('.') || find(name).is_none())
        .collect();
    if !unknown.is_empty() {
        return Err(format!(
            "the following directives don't match any configuration option: {}",
            unknown.join(", ")
        ));
    }
    Ok(map)
}

/// Puts the flags to the file's keys. As with Docker, the same key in both is an error.
pub(crate) fn merge(
    file: Map<String, Value>,
    flags: Map<String, Value>,
    path: &Path,
) -> Result<Config, Error> {
    let refuse = |reason: String| Error::Config {
        path: path.to_owned(),
        reason,
    };
    let mut merged = file;
    let mut conflicts = Vec::new();
    for (name, value) in flags {
        let (place, name) = match name.split_once('.') {
            None => (&mut merged, name.as_str()),
            Some((outer, inner)) => {
                let object = merged.entry(outer).or_insert_with(|| Map::new().into());
                let Value::Object(object) = object else {
                    return Err(refuse(format!("{outer}: expected an object")));
                };
                (object, inner)
            }
        };
        match place.get(name) {
            Some(old) => conflicts.push(format!("{name}: (from flag: {value}, from file: {old})")),
            None => {
                place.insert(name.to_owned(), value);
            }
        }
    }
    if !conflicts.is_empty() {
        conflicts.sort();
        return Err(refuse(format!(
            "the following directives are specified both as a flag and in the configuration file: {}",
            conflicts.join(", ")
        )));
    }
    typed(merged).map_err(refuse)
}

/// Refuses what is refused, notes what changes nothing, and reads the rest.
fn typed(mut merged: Map<String, Value>) -> Result<Config, String> {
    let mut notes = Vec::new();
    for key in KEYS {
        let Some(value) = merged.get(key.name) else {
            continue;
        };
        if let Some(reason) = key.refusal(value) {
            return Err(format!("{}: {reason}", key.name));
        }
        match key.answer {
            Answer::Works => {}
            Answer::Noted(why) => {
                notes.push(format!("{} changes nothing: {why}", key.name));
                merged.remove(key.name);
            }
            Answer::Only(..) | Answer::Refused(_) => {
                merged.remove(key.name);
            }
        }
    }
    let mut config: Config =
        serde_json::from_value(Value::Object(merged)).map_err(|e| e.to_string())?;
    config.notes = notes;
    Ok(config)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn merged(file: &str, flags: Value) -> Result<Config, String> {
        let Value::Object(flags) = flags else {
            panic!("flags are an object")
        };
        merge(parse(file)?, flags, Path::new("/d.json")).map_err(|e| e.to_string())
    }

    #[test]
    fn dockers_keys_are_understood() {
        let config = merged(
            r#"{"data-root": "/d", "registry-mirrors": ["http://127.0.0.1:5000"],
                "log-opts": {"max-size": "10m"}, "live-restore": true, "userland-proxy": false,
                "raw-logs": true}"#,
            serde_json::json!({"bip": "10.1.0.1/16"}),
        )
        .unwrap();
        assert_eq!(config.data_root.as_deref(), Some(Path::new("/d")));
        assert_eq!(config.registry_mirrors, ["http://127.0.0.1:5000"]);
        assert_eq!(config.log_opts["max-size"], "10m");
        assert_eq!(config.bip.as_deref(), Some("10.1.0.1/16"));
        assert_eq!(config.userland_proxy, Some(false));
        assert_eq!(config.notes.len(), 1);
    }

    #[test]
    fn an_unknown_key_is_refused_by_name() {
        let refused = parse(r#"{"data-roof": "/d", "proxies.http-proxy": "x"}"#).unwrap_err();
        assert_eq!(
            refused,
            "the following directives don't match any configuration option: data-roof, proxies.http-proxy"
        );
    }

    #[test]
    fn the_same_key_in_both_is_an_error() {
        let refused = merged(
            r#"{"bip": "10.1.0.1/16", "proxies": {"http-proxy": "http://a"}}"#,
            serde_json::json!({"bip": "10.2.0.1/16", "proxies.http-proxy": "http://b"}),
        )
        .unwrap_err();
        assert!(
            refused.ends_with(
                "specified both as a flag and in the configuration file: \
                 bip: (from flag: \"10.2.0.1/16\", from file: \"10.1.0.1/16\"), \
                 http-proxy: (from flag: \"http://b\", from file: \"http://a\")"
            ),
            "{refused}"
        );
    }

    #[test]
    fn each_refused_key_says_why() {
        for key in KEYS {
            let value = match key.answer {
                Answer::Refused(_) | Answer::Only(..) => Value::from("something else"),
                Answer::Works | Answer::Noted(_) => continue,
            };
            let file = serde_json::json!({ key.name: value }).to_string();
            let refused = merged(&file, serde_json::json!({})).unwrap_err();
            assert!(refused.contains(&format!("{}: ", key.name)), "{refused}");
        }
    }

    #[test]
    fn a_missing_file_is_empty_unless_it_was_named() {
        let path = Path::new("/nonexistent/daemon.json");
        assert!(read(path, false).unwrap().is_empty());
        assert!(read(path, true).is_err());
    }
}
