//! The `filters` parameter of lists, events and prunes.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

/// Why a filter cannot be used, in Docker's words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FilterError {
    /// The parameter is not JSON of a known form.
    Syntax(String),
    /// The operation has no filter of this name.
    Name(String),
    /// The filter does not take these values.
    Value {
        /// The filter.
        name: String,
        /// What was given.
        values: Vec<String>,
    },
}

impl std::fmt::Display for FilterError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Syntax(_) => f.write_str("invalid filter"),
            Self::Name(name) => write!(f, "invalid filter '{name}'"),
            Self::Value { name, values } => {
                write!(f, "invalid filter '{name}=[{}]'", values.join(" "))
            }
        }
    }
}

impl std::error::Error for FilterError {}

/// Filters by name. Values of one name are alternatives, names must all match.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Filters(BTreeMap<String, BTreeSet<String>>);

/// The two forms on the wire: Docker's own and the one of API 1.21 and before.
#[derive(Deserialize)]
#[serde(untagged)]
enum Form {
    Lists(BTreeMap<String, Option<Vec<String>>>),
    Maps(BTreeMap<String, Option<BTreeMap<String, bool>>>),
}

impl Filters {
    /// Reads `{"name":["a"]}` or `{"name":{"a":true}}`; nothing is no filter.
    pub fn from_json(text: &str) -> Result<Self, FilterError> {
        if text.is_empty() {
            return Ok(Self::default());
        }
        let form: Option<Form> =
            serde_json::from_str(text).map_err(|e| FilterError::Syntax(e.to_string()))?;
        let mut filters = Self::default();
        match form {
            None => {}
            Some(Form::Lists(lists)) => {
                for (name, values) in lists {
                    filters
                        .0
                        .insert(name, values.unwrap_or_default().into_iter().collect());
                }
            }
            Some(Form::Maps(maps)) => {
                for (name, values) in maps {
                    let on = values.unwrap_or_default().into_iter().filter(|(_, on)| *on);
                    filters.0.insert(name, on.map(|(value, _)| value).collect());
                }
            }
        }
        Ok(filters)
    }

    /// The form that clients send.
    pub fn to_json(&self) -> String {
        let maps: BTreeMap<_, BTreeMap<_, _>> = self
            .0
            .iter()
            .map(|(name, values)| (name, values.iter().map(|value| (value, true)).collect()))
            .collect();
        serde_json::to_string(&maps).unwrap_or_default()
    }

    /// Adds a value.
    pub fn add(&mut self, name: impl Into<String>, value: impl Into<String>) {
        self.0.entry(name.into()).or_default().insert(value.into());
    }

    /// Whether there is no filter at all.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether a filter is given.
    pub fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// A filter's values, in order.
    pub fn values(&self, name: &str) -> impl Iterator<Item = &str> {
        self.0.get(name).into_iter().flatten().map(String::as_str)
    }

    /// The names of the filters given.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// Refuses filters that the operation does not have.
    pub fn accept(&self, known: &[&str]) -> Result<(), FilterError> {
        match self.names().find(|name| !known.contains(name)) {
            Some(name) => Err(FilterError::Name(name.to_owned())),
            None => Ok(()),
        }
    }

    /// A filter that is true or false: `1`, `true`, `0` or `false`.
    pub fn truth(&self, name: &str) -> Result<Option<bool>, FilterError> {
        let values: Vec<&str> = self.values(name).collect();
        match values[..] {
            [] if !self.has(name) => Ok(None),
            ["1" | "true"] => Ok(Some(true)),
            ["0" | "false"] => Ok(Some(false)),
            _ => Err(FilterError::Value {
                name: name.to_owned(),
                values: values.into_iter().map(str::to_owned).collect(),
            }),
        }
    }

    /// Whether there is no such filter, or one of its values is this.
    pub fn exact(&self, name: &str, what: &str) -> bool {
        self.alternatives(name)
            .is_none_or(|values| values.contains(what))
    }

    /// Whether there is no such filter, or one of its values begins this.
    pub fn prefix(&self, name: &str, what: &str) -> bool {
        self.alternatives(name)
            .is_none_or(|values| values.iter().any(|value| what.starts_with(value.as_str())))
    }

    /// Whether all values of the filter, `key` or `key=value`, are in the map.
    pub fn pairs(&self, name: &str, map: &BTreeMap<String, String>) -> bool {
        self.values(name)
            .all(|wanted| match wanted.split_once('=') {
                Some((key, value)) => map.get(key).is_some_and(|found| found == value),
                None => map.contains_key(wanted),
            })
    }

    /// A filter's values, if it has any: an empty filter lets all through.
    fn alternatives(&self, name: &str) -> Option<&BTreeSet<String>> {
        self.0.get(name).filter(|values| !values.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_both_forms() {
        let lists = Filters::from_json(r#"{"label":["a=b","c"],"status":["running"]}"#).unwrap();
        let maps = Filters::from_json(
            r#"{"label":{"a=b":true,"c":true,"d":false},"status":{"running":true}}"#,
        );
        assert_eq!(lists, maps.unwrap());
        assert_eq!(Filters::from_json(&lists.to_json()).unwrap(), lists);
        assert!(Filters::from_json("{}").unwrap().is_empty());
        assert!(Filters::from_json("").unwrap().is_empty());
        assert!(Filters::from_json("{\"a\":1}").is_err());
        assert!(Filters::from_json("nonsense").is_err());
    }

    #[test]
    fn matches_as_docker_does() {
        let filters = Filters::from_json(r#"{"name":["we"],"label":["a=b","c"],"x":["maybe"]}"#);
        let filters = filters.unwrap();
        assert!(filters.prefix("name", "web") && !filters.exact("name", "web"));
        assert!(filters.exact("other", "anything"));
        let labels = BTreeMap::from([("a".into(), "b".into()), ("c".into(), String::new())]);
        assert!(filters.pairs("label", &labels));
        assert!(!filters.pairs("label", &BTreeMap::new()));
        assert_eq!(filters.truth("dangling"), Ok(None));
        assert_eq!(
            filters.truth("x").unwrap_err().to_string(),
            "invalid filter 'x=[maybe]'"
        );
        assert_eq!(
            filters.accept(&["name"]).unwrap_err().to_string(),
            "invalid filter 'label'"
        );
    }
}
