//! What a template sees.

use std::fmt;
use std::rc::Rc;

/// A value as Go would hold it.
#[derive(Clone)]
pub enum Value {
    /// What a missing key of a map gives: prints `<no value>`.
    Missing,
    /// A nil pointer: prints `<nil>`.
    Null,
    /// A nil slice: prints `[]`, but is `null` in JSON.
    NullList,
    /// A nil map: prints `map[]`, but is `null` in JSON.
    NullMap,
    /// A truth value.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A number with a fraction.
    Float(f64),
    /// A string.
    Text(Rc<str>),
    /// A slice.
    List(Rc<[Value]>),
    /// A map: prints `map[key:value]`, sorted; a missing key is [`Value::Missing`].
    Map(Rc<Vec<(String, Value)>>),
    /// A struct: prints `{value value}`; a missing field is an error.
    Struct(Rc<Vec<(String, Value)>>),
    /// A struct whose fields are computed when a template names them.
    Object(Rc<dyn Object>),
    /// An empty field of a struct that its JSON leaves out; else it is as what is inside.
    Omitted(Rc<Value>),
}

/// What a key of a JSON document stands for in Go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// An object with fields, or a pointer, or a plain value.
    Struct,
    /// An object with any keys.
    Map,
    /// A list.
    List,
}

/// A value with fields computed on demand and with methods.
pub trait Object {
    /// The type's name in messages.
    fn type_name(&self) -> &str;

    /// The fields that `{{json .}}` prints, in this order.
    fn fields(&self) -> &[&str];

    /// The field of that name.
    fn field(&self, name: &str) -> Option<Value>;

    /// Calls a method with arguments; `None` when there is no such method.
    fn call(&self, name: &str, arguments: &[Value]) -> Option<Result<Value, String>> {
        let _ = (name, arguments);
        None
    }
}

impl Value {
    /// Go's truth: not zero, not empty, not nil.
    pub fn is_true(&self) -> bool {
        match self {
            Self::Missing | Self::Null | Self::NullList | Self::NullMap => false,
            Self::Omitted(value) => value.is_true(),
            Self::Bool(value) => *value,
            Self::Int(value) => *value != 0,
            Self::Float(value) => *value != 0.0,
            Self::Text(text) => !text.is_empty(),
            Self::List(items) => !items.is_empty(),
            Self::Map(entries) => !entries.is_empty(),
            Self::Struct(_) | Self::Object(_) => true,
        }
    }

    /// Converts a JSON document. `shape` is asked what a key stands for, with the key of the object
    /// around it; JSON alone cannot tell a map from a struct, nor one `null` from another.
    pub fn from_json(json: &serde_json::Value, shape: &dyn Fn(&str, &str) -> Shape) -> Self {
        convert(json, "", Shape::Struct, shape)
    }

    /// The type's name as Go's messages show it.
    pub(crate) fn type_name(&self) -> &str {
        match self {
            Self::Missing | Self::Null => "interface {}",
            Self::NullList => "[]interface {}",
            Self::NullMap => "map[string]interface {}",
            Self::Omitted(value) => value.type_name(),
            Self::Bool(_) => "bool",
            Self::Int(_) => "int",
            Self::Float(_) => "float64",
            Self::Text(_) => "string",
            Self::List(_) => "[]interface {}",
            Self::Map(_) => "map[string]interface {}",
            Self::Struct(_) => "struct",
            Self::Object(object) => object.type_name(),
        }
    }

    /// Entries in the order in which Go visits a map: sorted by key.
    pub(crate) fn sorted(entries: &[(String, Value)]) -> Vec<&(String, Value)> {
        let mut sorted: Vec<_> = entries.iter().collect();
        sorted.sort_by(|a, b| a.0.cmp(&b.0));
        sorted
    }
}

fn convert(
    json: &serde_json::Value,
    key: &str,
    shape: Shape,
    shapes: &dyn Fn(&str, &str) -> Shape,
) -> Value {
    match json {
        serde_json::Value::Null => match shape {
            Shape::Struct => Value::Null,
            Shape::Map => Value::NullMap,
            Shape::List => Value::NullList,
        },
        serde_json::Value::Bool(value) => Value::Bool(*value),
        serde_json::Value::Number(number) => number
            .as_i64()
            .map_or_else(|| Value::Float(number.as_f64().unwrap_or(0.0)), Value::Int),
        serde_json::Value::String(text) => Value::from(text.as_str()),
        serde_json::Value::Array(items) => Value::List(
            items
                .iter()
                .map(|item| convert(item, key, Shape::Struct, shapes))
                .collect(),
        ),
        serde_json::Value::Object(object) => {
            let inner = |name: &String, item| {
                // The values of a map are what the map's own name says, not their keys.
                let shape = if shape == Shape::Map {
                    Shape::Struct
                } else {
                    shapes(key, name)
                };
                (name.clone(), convert(item, name, shape, shapes))
            };
            let entries = Rc::new(
                object
                    .iter()
                    .map(|(name, item)| inner(name, item))
                    .collect(),
            );
            if shape == Shape::Map {
                Value::Map(entries)
            } else {
                Value::Struct(entries)
            }
        }
    }
}

impl From<serde_json::Value> for Value {
    fn from(json: serde_json::Value) -> Self {
        fn plain(json: serde_json::Value) -> Value {
            match json {
                serde_json::Value::Array(items) => {
                    Value::List(items.into_iter().map(plain).collect())
                }
                serde_json::Value::Object(object) => Value::Map(Rc::new(
                    object
                        .into_iter()
                        .map(|(name, item)| (name, plain(item)))
                        .collect(),
                )),
                scalar => convert(&scalar, "", Shape::Struct, &|_, _| Shape::Struct),
            }
        }
        plain(json)
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(Rc::from(text))
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(Rc::from(text))
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Self::Int(value)
    }
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}({})", self.type_name(), crate::printf::display(self))
    }
}
