//! The functions a template can call: Go's own and Docker's.

use std::fmt::Write as _;

use std::cmp::Ordering;

use crate::Value;
use crate::compare::{equals, equals_any, order};
use crate::exec::list;
use crate::json::to_json;
use crate::printf::{display, print, println, sprintf};

const NAMES: &[&str] = &[
    "and", "call", "eq", "ge", "gt", "html", "index", "join", "js", "json", "le", "len", "lower",
    "lt", "ne", "not", "or", "pad", "print", "printf", "println", "slice", "split", "title",
    "truncate", "upper", "urlquery",
];

/// Whether there is a function of that name.
pub(crate) fn exists(name: &str) -> bool {
    NAMES.binary_search(&name).is_ok()
}

/// Calls a function. In a heading row the ones that change text give back their first text.
pub(crate) fn call(name: &str, arguments: &[Value], headings: bool) -> Result<Value, String> {
    if headings
        && matches!(
            name,
            "json" | "split" | "join" | "title" | "lower" | "upper" | "pad" | "truncate"
        )
    {
        return Ok(arguments.first().cloned().unwrap_or(Value::Missing));
    }
    match name {
        "and" => at_least(arguments, 1).map(|()| decide(arguments, false)),
        "or" => at_least(arguments, 1).map(|()| decide(arguments, true)),
        "not" => one(arguments).map(|value| Value::Bool(!value.is_true())),
        "len" => len(one(arguments)?),
        "index" => index(arguments),
        "slice" => slice(arguments),
        "print" => Ok(print(arguments).into()),
        "println" => Ok(println(arguments).into()),
        "printf" => printf(arguments),
        "html" => Ok(html(&print(arguments)).into()),
        "js" => Ok(js(&print(arguments)).into()),
        "urlquery" => Ok(urlquery(&print(arguments)).into()),
        "eq" => {
            at_least(arguments, 2).map_err(|_| "missing argument for comparison".to_owned())?;
            equals_any(&arguments[0], &arguments[1..]).map(Value::Bool)
        }
        "ne" => two(arguments)
            .and_then(|(a, b)| equals(a, b))
            .map(|same| Value::Bool(!same)),
        "lt" => ordered(arguments, &[Ordering::Less]),
        "le" => ordered(arguments, &[Ordering::Less, Ordering::Equal]),
        "gt" => ordered(arguments, &[Ordering::Greater]),
        "ge" => ordered(arguments, &[Ordering::Greater, Ordering::Equal]),
        "call" => Err("call of a value that is not a function".to_owned()),
        "json" => one(arguments).map(|value| to_json(value).into()),
        "lower" => Ok(text(one(arguments)?)?.to_lowercase().into()),
        "upper" => Ok(text(one(arguments)?)?.to_uppercase().into()),
        "title" => Ok(title(text(one(arguments)?)?).into()),
        "split" => {
            let (whole, separator) = two(arguments)?;
            Ok(split(text(whole)?, text(separator)?))
        }
        "join" => {
            let (items, separator) = two(arguments)?;
            join(items, text(separator)?)
        }
        "pad" => pad(arguments),
        "truncate" => truncate(arguments),
        other => Err(format!("function \"{other}\" not defined")),
    }
}

/// `and` and `or`: the first argument that decides, else the last.
fn decide(arguments: &[Value], wanted: bool) -> Value {
    arguments
        .iter()
        .find(|value| value.is_true() == wanted)
        .or(arguments.last())
        .cloned()
        .unwrap_or(Value::Missing)
}

fn len(value: &Value) -> Result<Value, String> {
    let length = match value {
        Value::Text(text) => text.len(),
        Value::List(items) => items.len(),
        Value::Map(entries) => entries.len(),
        Value::NullList | Value::NullMap => 0,
        Value::Missing | Value::Null => return Err("len of nil pointer".to_owned()),
        other => return Err(format!("len of type {}", other.type_name())),
    };
    Ok(Value::Int(length as i64))
}

fn index(arguments: &[Value]) -> Result<Value, String> {
    let Some((first, keys)) = arguments.split_first() else {
        return Err("wrong number of args for index: want at least 1 got 0".to_owned());
    };
    let mut value = first.clone();
    for key in keys {
        value = match (&value, key) {
            (Value::Missing | Value::Null, _) => return Err("index of untyped nil".to_owned()),
            (Value::NullMap, _) => Value::from(""),
            (Value::NullList, key) => {
                return Err(format!(
                    "reflect: slice index out of range: {}",
                    display(key)
                ));
            }
            (Value::List(items), Value::Int(at)) => usize::try_from(*at)
                .ok()
                .and_then(|at| items.get(at))
                .cloned()
                .ok_or_else(|| format!("reflect: slice index out of range: {at}"))?,
            (Value::Text(text), Value::Int(at)) => usize::try_from(*at)
                .ok()
                .and_then(|at| text.as_bytes().get(at))
                .map(|byte| Value::Int(i64::from(*byte)))
                .ok_or_else(|| format!("index out of range: {at}"))?,
            (Value::Map(entries), Value::Text(key)) => entries
                .iter()
                .find(|(known, _)| **known == **key)
                .map_or_else(|| zero_of(entries), |(_, value)| value.clone()),
            (Value::List(_) | Value::Text(_), other) => {
                return Err(format!(
                    "cannot index slice/array with type {}",
                    other.type_name()
                ));
            }
            (Value::Map(_), other) => {
                return Err(format!(
                    "value has type {}; should be string",
                    other.type_name()
                ));
            }
            (other, _) => return Err(format!("can't index item of type {}", other.type_name())),
        };
    }
    Ok(value)
}

/// What Go gives for a key that a map has not: the zero of the map's element type, which we know
/// only from the other elements. Docker's maps are of strings where they are empty.
fn zero_of(entries: &[(String, Value)]) -> Value {
    match entries.first() {
        None | Some((_, Value::Text(_))) => Value::from(""),
        Some((_, Value::List(_))) => list(Vec::new()),
        Some((_, Value::Struct(_))) => Value::Null,
        _ => Value::Missing,
    }
}

fn slice(arguments: &[Value]) -> Result<Value, String> {
    let Some((value, bounds)) = arguments.split_first() else {
        return Err("wrong number of args for slice: want at least 1 got 0".to_owned());
    };
    let length = match value {
        Value::Text(text) => text.len(),
        Value::List(items) => items.len(),
        Value::Missing | Value::Null => return Err("slice of untyped nil".to_owned()),
        other => return Err(format!("can't slice item of type {}", other.type_name())),
    };
    if bounds.len() > 3 {
        return Err(format!("too many slice indexes: {}", bounds.len()));
    }
    let mut at = [0, length];
    for (slot, bound) in at.iter_mut().zip(bounds) {
        let Value::Int(wanted) = bound else {
            return Err(format!(
                "cannot index slice/array with type {}",
                bound.type_name()
            ));
        };
        *slot = usize::try_from(*wanted)
            .ok()
            .filter(|wanted| *wanted <= length)
            .ok_or_else(|| format!("index out of range: {wanted}"))?;
    }
    if at[0] > at[1] {
        return Err(format!("invalid slice index: {} > {}", at[0], at[1]));
    }
    Ok(match value {
        Value::Text(text) => String::from_utf8_lossy(&text.as_bytes()[at[0]..at[1]])
            .into_owned()
            .into(),
        Value::List(items) => list(items[at[0]..at[1]].to_vec()),
        _ => Value::Missing,
    })
}

fn printf(arguments: &[Value]) -> Result<Value, String> {
    match arguments.split_first() {
        Some((Value::Text(format), rest)) => Ok(sprintf(format, rest).into()),
        Some((other, _)) => Err(format!(
            "wrong type for value; expected string; got {}",
            other.type_name()
        )),
        None => Err("wrong number of args for printf: want at least 1 got 0".to_owned()),
    }
}

fn split(whole: &str, separator: &str) -> Value {
    if separator.is_empty() {
        return list(whole.chars().map(|c| Value::from(c.to_string())).collect());
    }
    list(whole.split(separator).map(Value::from).collect())
}

fn join(items: &Value, separator: &str) -> Result<Value, String> {
    let items = match items {
        Value::List(items) => items,
        // A nil slice joins to nothing.
        Value::Null | Value::NullList => return Ok(Value::from("")),
        other => {
            return Err(format!(
                "wrong type for value; expected []string; got {}",
                other.type_name()
            ));
        }
    };
    let mut texts = Vec::with_capacity(items.len());
    for item in items.iter() {
        texts.push(text(item)?);
    }
    Ok(texts.join(separator).into())
}

/// `pad TEXT BEFORE AFTER`: spaces around a text that is not empty.
fn pad(arguments: &[Value]) -> Result<Value, String> {
    let [whole, Value::Int(before), Value::Int(after)] = arguments else {
        return Err(format!(
            "wrong number of args for pad: want 3 got {}",
            arguments.len()
        ));
    };
    let whole = text(whole)?;
    if whole.is_empty() {
        return Ok(Value::from(""));
    }
    let spaces = |count: i64| " ".repeat(usize::try_from(count).unwrap_or(0).min(4096));
    Ok(format!("{}{whole}{}", spaces(*before), spaces(*after)).into())
}

fn truncate(arguments: &[Value]) -> Result<Value, String> {
    let [whole, Value::Int(length)] = arguments else {
        return Err(format!(
            "wrong number of args for truncate: want 2 got {}",
            arguments.len()
        ));
    };
    let length = usize::try_from(*length).unwrap_or(0);
    Ok(text(whole)?.chars().take(length).collect::<String>().into())
}

fn title(whole: &str) -> String {
    let mut out = String::with_capacity(whole.len());
    let mut start = true;
    for c in whole.chars() {
        if start {
            out.extend(c.to_uppercase());
        } else {
            out.push(c);
        }
        start = !(c.is_alphanumeric() || c == '_' || c == '\'');
    }
    out
}

fn html(whole: &str) -> String {
    let mut out = String::with_capacity(whole.len());
    for c in whole.chars() {
        match c {
            '"' => out.push_str("&#34;"),
            '\'' => out.push_str("&#39;"),
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '\0' => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

fn js(whole: &str) -> String {
    let mut out = String::with_capacity(whole.len());
    for c in whole.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '\'' => out.push_str("\\'"),
            '"' => out.push_str("\\\""),
            '<' => out.push_str("\\u003C"),
            '>' => out.push_str("\\u003E"),
            '&' => out.push_str("\\u0026"),
            '=' => out.push_str("\\u003D"),
            c if (c as u32) < 0x20 => {
                let _ = write!(out, "\\u{:04X}", c as u32);
            }
            c => out.push(c),
        }
    }
    out
}

fn urlquery(whole: &str) -> String {
    let mut out = String::with_capacity(whole.len());
    for byte in whole.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                out.push(byte as char);
            }
            b' ' => out.push('+'),
            byte => {
                let _ = write!(out, "%{byte:02X}");
            }
        }
    }
    out
}

fn ordered(arguments: &[Value], wanted: &[Ordering]) -> Result<Value, String> {
    let (a, b) = two(arguments)?;
    Ok(Value::Bool(
        order(a, b)?.is_some_and(|found| wanted.contains(&found)),
    ))
}

fn text(value: &Value) -> Result<&str, String> {
    match value {
        Value::Text(text) => Ok(text),
        other => Err(format!(
            "wrong type for value; expected string; got {} ({})",
            other.type_name(),
            display(other)
        )),
    }
}

fn one(arguments: &[Value]) -> Result<&Value, String> {
    match arguments {
        [only] => Ok(only),
        _ => Err(format!(
            "wrong number of args: want 1 got {}",
            arguments.len()
        )),
    }
}

fn two(arguments: &[Value]) -> Result<(&Value, &Value), String> {
    match arguments {
        [first, second] => Ok((first, second)),
        _ => Err(format!(
            "wrong number of args: want 2 got {}",
            arguments.len()
        )),
    }
}

fn at_least(arguments: &[Value], count: usize) -> Result<(), String> {
    if arguments.len() < count {
        return Err(format!(
            "wrong number of args: want at least {count} got {}",
            arguments.len()
        ));
    }
    Ok(())
}
