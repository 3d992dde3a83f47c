//! Older versions' answers as a change to the newest one's (RFC 7386); `null` is free for that,
//! since comparable answers write `<null>`.

use serde_json::{Map, Value};

/// What turns `from` into `to`.
pub(crate) fn between(from: &Value, to: &Value) -> Value {
    let (Value::Object(a), Value::Object(b)) = (from, to) else {
        return to.clone();
    };
    let mut patch = Map::new();
    for (key, value) in b {
        match a.get(key) {
            Some(old) if old == value => {}
            Some(old @ Value::Object(_)) if value.is_object() => {
                patch.insert(key.clone(), between(old, value));
            }
            _ => {
                patch.insert(key.clone(), value.clone());
            }
        }
    }
    for key in a.keys().filter(|key| !b.contains_key(*key)) {
        patch.insert(key.clone(), Value::Null);
    }
    Value::Object(patch)
}

/// Applies such a change.
pub(crate) fn apply(to: &mut Value, patch: Value) {
    let Value::Object(changes) = patch else {
        *to = patch;
        return;
    };
    if !to.is_object() {
        *to = Value::Object(Map::new());
    }
    let Value::Object(map) = to else { return };
    for (key, change) in changes {
        if change.is_null() {
            map.shift_remove(&key);
        } else if change.is_object() {
            apply(map.entry(key).or_insert(Value::Null), change);
        } else {
            map.insert(key, change);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_patch_leads_to_the_other_value() {
        let from = json!({"a": 1, "b": {"c": 2, "d": [1]}, "e": {}});
        for to in [
            json!({"a": 1, "b": {"d": [1, 2]}}),
            json!({"b": 3, "f": {"g": {"h": 1}}, "e": {}}),
            json!([1]),
        ] {
            let mut value = from.clone();
            apply(&mut value, between(&from, &to));
            assert_eq!(value, to);
        }
    }
}
