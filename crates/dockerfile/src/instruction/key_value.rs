//! ENV, LABEL and ARG: names and values.

use super::from::describe;
use super::read::{Request, Wrong};
use crate::error::Problem;
use crate::words::{first_word, quoted_words};

/// A name and its value, quotes and variables still in them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyValue {
    /// The name.
    pub key: String,
    /// The value.
    pub value: String,
    /// Written as `NAME value`, the old way.
    pub legacy: bool,
}

/// A variable of the build.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArgItem {
    /// The name.
    pub name: String,
    /// The default; quotes and variables still in it.
    pub default: Option<String>,
    /// What the comment above says of it.
    pub description: Option<String>,
}

/// `a=b c="d e"`, or the old `a everything else`.
pub(crate) fn read(request: &Request<'_>, name: &'static str) -> Result<Vec<KeyValue>, Wrong> {
    let words = quoted_words(request.rest(), request.escape);
    let Some(first) = words.first() else {
        request.flags(&[])?;
        return Err(Problem::AtLeastOne(name).into());
    };
    if !first.contains('=') {
        let (key, value) = first_word(request.rest());
        let value = value.ok_or(Problem::TwoArguments(name))?;
        request.flags(&[])?;
        return Ok(vec![KeyValue {
            key: key.to_owned(),
            value: value.to_owned(),
            legacy: true,
        }]);
    }
    let mut pairs = Vec::new();
    for word in words {
        let Some((key, value)) = word.split_once('=') else {
            return Err(Problem::NotKeyValue(word).into());
        };
        if key.is_empty() {
            return Err(Problem::BlankName(name).into());
        }
        pairs.push(KeyValue {
            key: key.to_owned(),
            value: value.to_owned(),
            legacy: false,
        });
    }
    request.flags(&[])?;
    Ok(pairs)
}

/// `a b=c d="e f"`.
pub(crate) fn read_arg(request: &Request<'_>) -> Result<Vec<ArgItem>, Wrong> {
    let words = quoted_words(request.rest(), request.escape);
    if words.is_empty() {
        return Err(Problem::AtLeastOne("ARG").into());
    }
    request.flags(&[])?;
    words
        .iter()
        .map(|word| {
            let (name, default) = match word.split_once('=') {
                Some(("", _)) => return Err(Problem::BlankName("ARG").into()),
                Some((name, default)) => (name, Some(default.to_owned())),
                None => (word.as_str(), None),
            };
            Ok(ArgItem {
                name: name.to_owned(),
                default,
                description: describe(&request.node.comments, name).map(str::to_owned),
            })
        })
        .collect()
}
