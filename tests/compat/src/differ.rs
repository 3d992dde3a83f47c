//! What differs between two answers, by path.

use std::fmt;

use serde_json::Value;

use crate::answer::Answer;

/// One difference.
#[derive(Debug)]
pub struct Difference {
    /// Where: `status`, `headers.content-type`, `body.State.Status`, `body.Ports[].Type`;
    /// `status.500` where Docker takes the client's mistake for its own.
    pub path: String,
    /// Real Docker's value, if there is one.
    theirs: Option<Value>,
    /// The other's.
    ours: Option<Value>,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let show = |value: &Option<Value>| match value {
            None => "nothing".to_owned(),
            Some(value) => {
                let text = value.to_string();
                match text.char_indices().nth(600) {
                    Some((end, _)) => format!("{}...", &text[..end]),
                    None => text,
                }
            }
        };
        write!(
            f,
            "{}: docker {}, ours {}",
            self.path,
            show(&self.theirs),
            show(&self.ours)
        )
    }
}

/// All differences of two answers.
pub(crate) fn answers(theirs: &Answer, ours: &Answer) -> Vec<Difference> {
    let mut found = Vec::new();
    compare(
        "",
        Some(&theirs.to_value()),
        Some(&ours.to_value()),
        &mut found,
    );
    if theirs.status == 500 && (400..500).contains(&ours.status) {
        for difference in found.iter_mut().filter(|d| d.path == "status") {
            difference.path = "status.500".into();
        }
    }
    found
}

fn compare(path: &str, theirs: Option<&Value>, ours: Option<&Value>, found: &mut Vec<Difference>) {
    match (theirs, ours) {
        (Some(Value::Object(a)), Some(Value::Object(b))) => {
            let mut keys: Vec<&String> = a.keys().chain(b.keys()).collect();
            keys.sort();
            keys.dedup();
            for key in keys {
                let path = if path.is_empty() {
                    key.clone()
                } else {
                    format!("{path}.{key}")
                };
                compare(&path, a.get(key), b.get(key), found);
            }
        }
        (Some(Value::Array(a)), Some(Value::Array(b)))
            if a.len() == b.len() && !path.ends_with(".messages") =>
        {
            for (a, b) in a.iter().zip(b) {
                compare(&format!("{path}[]"), Some(a), Some(b), found);
            }
        }
        (Some(Value::Array(a)), Some(Value::Array(b))) if path.ends_with(".messages") => {
            let left = unpaired(a, b);
            for (what, is_theirs) in &left {
                let moved = left.contains(&(what.clone(), !is_theirs));
                let (theirs, ours) = if *is_theirs {
                    (Some(what.clone()), None)
                } else {
                    (None, Some(what.clone()))
                };
                found.push(Difference {
                    path: path_of(path, what, moved),
                    theirs,
                    ours,
                });
            }
        }
        (a, b) if a == b => {}
        (a, b) => found.push(Difference {
            path: path.to_owned(),
            theirs: a.cloned(),
            ours: b.cloned(),
        }),
    }
}

/// `body.messages[]`; of an event `body.messages[start]`, or `body.messages[start].order` where
/// both sides have it, but at different places.
fn path_of(path: &str, message: &Value, moved: bool) -> String {
    let action = message["Action"].as_str().unwrap_or_default();
    let end = if moved { ".order" } else { "" };
    format!("{path}[{action}]{end}")
}

/// Messages that only one side has, in the order of the longest list that both have.
fn unpaired(a: &[Value], b: &[Value]) -> Vec<(Value, bool)> {
    // lengths[i][j]: how many messages a[i..] and b[j..] have in common.
    let mut lengths = vec![vec![0usize; b.len() + 1]; a.len() + 1];
    for i in (0..a.len()).rev() {
        for j in (0..b.len()).rev() {
            lengths[i][j] = if a[i] == b[j] {
                lengths[i + 1][j + 1] + 1
            } else {
                lengths[i + 1][j].max(lengths[i][j + 1])
            };
        }
    }
    let (mut i, mut j, mut left) = (0, 0, Vec::new());
    while i < a.len() || j < b.len() {
        if i < a.len() && j < b.len() && a[i] == b[j] {
            (i, j) = (i + 1, j + 1);
        } else if i < a.len() && (j == b.len() || lengths[i + 1][j] >= lengths[i][j + 1]) {
            left.push((a[i].clone(), true));
            i += 1;
        } else {
            left.push((b[j].clone(), false));
            j += 1;
        }
    }
    left
}
