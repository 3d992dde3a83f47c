//! The `json` function.

use crate::Value;

/// Prints a value as Go's encoder does with HTML escaping off: compact, a struct's fields in their
/// order, a map's keys sorted.
pub fn to_json(value: &Value) -> String {
    let mut out = String::new();
    write(value, &mut out);
    out
}

fn write(value: &Value, out: &mut String) {
    match value {
        Value::Missing | Value::Null | Value::NullList | Value::NullMap => out.push_str("null"),
        Value::Omitted(value) => write(value, out),
        Value::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
        Value::Int(value) => out.push_str(&value.to_string()),
        Value::Float(value) => out.push_str(&float(*value)),
        Value::Text(text) => out.push_str(&string(text)),
        Value::List(items) => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                separate(index, out);
                write(item, out);
            }
            out.push(']');
        }
        Value::Map(entries) => pairs(Value::sorted(entries).into_iter(), out),
        Value::Struct(entries) => {
            pairs(
                entries
                    .iter()
                    .filter(|(_, value)| !matches!(value, Value::Omitted(_))),
                out,
            );
        }
        Value::Object(object) => out.push_str(&escaped(&**object)),
    }
}

/// An object writes itself, with a default encoder, which escapes what HTML would misread.
fn escaped(object: &dyn crate::Object) -> String {
    let mut out = String::from("{");
    for (index, name) in object.fields().iter().enumerate() {
        separate(index, &mut out);
        out.push_str(&string(name));
        out.push(':');
        write(&object.field(name).unwrap_or(Value::Null), &mut out);
    }
    out.push('}');
    out.replace('<', "\\u003c")
        .replace('>', "\\u003e")
        .replace('&', "\\u0026")
}

fn pairs<'a>(entries: impl Iterator<Item = &'a (String, Value)>, out: &mut String) {
    out.push('{');
    for (index, (key, item)) in entries.enumerate() {
        separate(index, out);
        out.push_str(&string(key));
        out.push(':');
        write(item, out);
    }
    out.push('}');
}

fn separate(index: usize, out: &mut String) {
    if index > 0 {
        out.push(',');
    }
}

fn string(text: &str) -> String {
    // Go escapes the two line separators that JavaScript cannot have in a string.
    serde_json::Value::from(text)
        .to_string()
        .replace('\u{2028}', "\\u2028")
        .replace('\u{2029}', "\\u2029")
}

fn float(value: f64) -> String {
    let magnitude = value.abs();
    if magnitude != 0.0 && !(1e-6..1e21).contains(&magnitude) {
        return crate::printf::exponent(value, None);
    }
    format!("{value}")
}
