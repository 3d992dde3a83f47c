//! `eq`, `lt` and their kin.

use std::cmp::Ordering;

use crate::Value;

/// Whether the first equals any of the others.
pub(crate) fn equals_any(first: &Value, others: &[Value]) -> Result<bool, String> {
    for other in others {
        if equals(first, other)? {
            return Ok(true);
        }
    }
    Ok(false)
}

pub(crate) fn equals(a: &Value, b: &Value) -> Result<bool, String> {
    match (a, b) {
        (Value::Missing | Value::Null, Value::Missing | Value::Null) => Ok(true),
        (Value::Missing | Value::Null, _) | (_, Value::Missing | Value::Null) => Ok(false),
        (Value::Bool(a), Value::Bool(b)) => Ok(a == b),
        (Value::Omitted(a), b) => equals(a, b),
        (a, Value::Omitted(b)) => equals(a, b),
        (a, b) if is_collection(a) || is_collection(b) => Err(format!(
            "non-comparable types {}, {}",
            a.type_name(),
            b.type_name()
        )),
        _ => order(a, b).map(|order| order == Some(Ordering::Equal)),
    }
}

fn is_collection(value: &Value) -> bool {
    matches!(
        value,
        Value::List(_) | Value::Map(_) | Value::NullList | Value::NullMap
    )
}

/// The order of two numbers or two strings; `None` when a number is not a number.
pub(crate) fn order(a: &Value, b: &Value) -> Result<Option<Ordering>, String> {
    match (a, b) {
        (Value::Int(a), Value::Int(b)) => Ok(Some(a.cmp(b))),
        (Value::Float(a), Value::Float(b)) => Ok(a.partial_cmp(b)),
        (Value::Text(a), Value::Text(b)) => Ok(Some(a.cmp(b))),
        _ => Err("incompatible types for comparison".to_owned()),
    }
}
