//! How bodies are read and written: Go's `encoding/json` habits in one place.

use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;

use serde::de::{self, DeserializeOwned, MapAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A body's fields, one at a time; `body!` writes the implementations.
///
/// It lets one body be embedded in another (`flatten`), as Go embeds structs.
pub trait Fields: Default {
    /// The name that error messages use.
    const NAME: &'static str;

    /// Takes the value of `key` from `map` if the body has such a field.
    fn take<'de, A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<bool, A::Error>;

    /// Writes all fields.
    fn put<M: SerializeMap>(&self, map: &mut M) -> Result<(), M::Error>;
}

/// What Go's `omitempty` leaves out.
pub trait Empty {
    /// Whether the value is Go's zero value or has no elements.
    fn is_empty(&self) -> bool;
}

macro_rules! empty_when_default {
    ($($type:ty),*) => {$(
        impl Empty for $type {
            fn is_empty(&self) -> bool {
                *self == <$type>::default()
            }
        }
    )*};
}
empty_when_default!(bool, u8, u16, u32, u64, i32, i64, String);

impl<T> Empty for Option<T> {
    fn is_empty(&self) -> bool {
        self.is_none()
    }
}
impl<T> Empty for Vec<T> {
    fn is_empty(&self) -> bool {
        self.is_empty()
    }
}
impl<K, V> Empty for BTreeMap<K, V> {
    fn is_empty(&self) -> bool {
        self.is_empty()
    }
}

/// Reads any body from its fields. Keys match without regard to case, as Go's do.
struct FieldsVisitor<T>(PhantomData<T>);

impl<'de, T: Fields> Visitor<'de> for FieldsVisitor<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a JSON object ({})", T::NAME)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<T, A::Error> {
        let mut body = T::default();
        while let Some(key) = map.next_key::<String>()? {
            if !body.take(&key, &mut map)? {
                map.next_value::<de::IgnoredAny>()?;
            }
        }
        Ok(body)
    }
}

/// Deserialises a body; for the `body!` macro.
pub fn read<'de, T: Fields, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
    deserializer.deserialize_map(FieldsVisitor(PhantomData))
}

/// Serialises a body; for the `body!` macro.
pub fn write<T: Fields, S: Serializer>(body: &T, serializer: S) -> Result<S::Ok, S::Error> {
    let mut map = serializer.serialize_map(None)?;
    body.put(&mut map)?;
    map.end()
}

/// Takes one value: `null` leaves the field at its default, an error names the field.
pub fn value<'de, T, A>(map: &mut A, body: &str, key: &str) -> Result<T, A::Error>
where
    T: Deserialize<'de> + Default,
    A: MapAccess<'de>,
{
    match map.next_value::<Option<T>>() {
        Ok(value) => Ok(value.unwrap_or_default()),
        Err(err) => Err(de::Error::custom(format_args!("{body}.{key}: {err}"))),
    }
}

/// Reads a body from bytes; nothing at all is an empty body, as for Docker.
pub fn from_slice<T: DeserializeOwned + Default>(bytes: &[u8]) -> Result<T, serde_json::Error> {
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Ok(T::default());
    }
    Ok(serde_json::from_slice::<Option<T>>(bytes)?.unwrap_or_default())
}

/// An object without keys: the value type of Docker's sets (`ExposedPorts`, `Volumes`).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Nothing;

impl Serialize for Nothing {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_map(Some(0))?.end()
    }
}

impl<'de> Deserialize<'de> for Nothing {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        de::IgnoredAny::deserialize(deserializer).map(|_| Nothing)
    }
}

/// A set of names, `{"80/tcp": {}}` on the wire.
pub type NameSet = BTreeMap<String, Nothing>;

/// A list of words that may also be given as one string: `Cmd`, `Entrypoint`, `Shell`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Words(pub Vec<String>);

impl<'de> Deserialize<'de> for Words {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Form {
            List(Vec<String>),
            One(String),
        }
        Ok(match Form::deserialize(deserializer)? {
            Form::List(list) => Words(list),
            Form::One(one) => Words(vec![one]),
        })
    }
}

impl std::ops::Deref for Words {
    type Target = Vec<String>;

    fn deref(&self) -> &Vec<String> {
        &self.0
    }
}

impl From<Vec<String>> for Words {
    fn from(list: Vec<String>) -> Self {
        Words(list)
    }
}

/// Declares a body: fields with their key on the wire, in Docker's order.
///
/// `field: Type => "Key"` is always written, `=> "Key" omitempty` only when not empty,
/// `=> "Key" null` is `null` when empty, and `=> flatten` embeds another body's fields.
macro_rules! body {
    ($(
        $(#[$meta:meta])*
        pub struct $name:ident {
            $( $(#[$fmeta:meta])* $field:ident : $type:ty => $key:tt $($omit:ident)? , )*
        }
    )*) => {$(
        $(#[$meta])*
        #[derive(Debug, Clone, Default, PartialEq)]
        pub struct $name {
            $( $(#[$fmeta])* pub $field: $type, )*
        }

        impl $crate::json::Fields for $name {
            const NAME: &'static str = stringify!($name);

            #[allow(unused_variables)]
            fn take<'de, A: serde::de::MapAccess<'de>>(
                &mut self,
                key: &str,
                map: &mut A,
            ) -> Result<bool, A::Error> {
                $( body!(@take self, key, map, $field, $key); )*
                Ok(false)
            }

            #[allow(unused_variables)]
            fn put<M: serde::ser::SerializeMap>(&self, map: &mut M) -> Result<(), M::Error> {
                $( body!(@put self, map, $field, $key $($omit)?); )*
                Ok(())
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                $crate::json::write(self, serializer)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(de: D) -> Result<Self, D::Error> {
                $crate::json::read(de)
            }
        }
    )*};
    (@take $self:ident, $name:ident, $map:ident, $field:ident, flatten) => {
        if $crate::json::Fields::take(&mut $self.$field, $name, $map)? {
            return Ok(true);
        }
    };
    (@take $self:ident, $name:ident, $map:ident, $field:ident, $key:literal) => {
        if $name.eq_ignore_ascii_case($key) {
            $self.$field = $crate::json::value($map, Self::NAME, $key)?;
            return Ok(true);
        }
    };
    (@put $self:ident, $map:ident, $field:ident, flatten) => {
        $crate::json::Fields::put(&$self.$field, $map)?;
    };
    (@put $self:ident, $map:ident, $field:ident, $key:literal) => {
        $map.serialize_entry($key, &$self.$field)?;
    };
    (@put $self:ident, $map:ident, $field:ident, $key:literal null) => {
        if $crate::json::Empty::is_empty(&$self.$field) {
            $map.serialize_entry($key, &())?;
        } else {
            $map.serialize_entry($key, &$self.$field)?;
        }
    };
    (@put $self:ident, $map:ident, $field:ident, $key:literal omitempty) => {
        if !$crate::json::Empty::is_empty(&$self.$field) {
            $map.serialize_entry($key, &$self.$field)?;
        }
    };
}
pub(crate) use body;
