//! The kinds of values that options take.

use std::fmt::Display;
use std::marker::PhantomData;
use std::ops::Deref;
use std::str::FromStr;

use gantry_units as units;

/// A value that an option can set, once or several times.
pub(crate) trait FlagValue: Default {
    /// What stands behind the option's name in the help.
    const TYPE: &'static str;
    /// Whether the option is more than a switch.
    const TAKES_VALUE: bool = true;

    /// Takes a text. The last one wins, or it is added to a list.
    fn set(&mut self, text: &str) -> Result<(), String>;
}

impl FlagValue for bool {
    const TYPE: &'static str = "";
    const TAKES_VALUE: bool = false;

    fn set(&mut self, text: &str) -> Result<(), String> {
        *self = match text {
            "1" | "t" | "T" | "TRUE" | "true" | "True" => true,
            "0" | "f" | "F" | "FALSE" | "false" | "False" => false,
            _ => return Err(not_parsed("ParseBool", text, "invalid syntax")),
        };
        Ok(())
    }
}

impl FlagValue for String {
    const TYPE: &'static str = "string";

    fn set(&mut self, text: &str) -> Result<(), String> {
        text.clone_into(self);
        Ok(())
    }
}

impl FlagValue for i64 {
    const TYPE: &'static str = "int";

    fn set(&mut self, text: &str) -> Result<(), String> {
        *self = number(text, "ParseInt")?;
        Ok(())
    }
}

impl FlagValue for u16 {
    const TYPE: &'static str = "uint16";

    fn set(&mut self, text: &str) -> Result<(), String> {
        *self = number(text, "ParseUint")?;
        Ok(())
    }
}

impl FlagValue for u64 {
    const TYPE: &'static str = "uint";

    fn set(&mut self, text: &str) -> Result<(), String> {
        *self = number(text, "ParseUint")?;
        Ok(())
    }
}

impl FlagValue for units::GoDuration {
    const TYPE: &'static str = "duration";

    fn set(&mut self, text: &str) -> Result<(), String> {
        *self = text.parse().map_err(words)?;
        Ok(())
    }
}

/// An option that may not have been given.
impl<T: FlagValue> FlagValue for Option<T> {
    const TYPE: &'static str = T::TYPE;
    const TAKES_VALUE: bool = T::TAKES_VALUE;

    fn set(&mut self, text: &str) -> Result<(), String> {
        self.get_or_insert_default().set(text)
    }
}

/// Bytes, as `64m`; `-1` where that means no limit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Bytes(pub(crate) i64);

impl FlagValue for Bytes {
    const TYPE: &'static str = "bytes";

    fn set(&mut self, text: &str) -> Result<(), String> {
        self.0 = if text == "-1" {
            -1
        } else {
            units::parse_ram(text).map_err(words)?
        };
        Ok(())
    }
}

/// A number of CPUs, in billionths.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Decimal(pub(crate) i64);

impl FlagValue for Decimal {
    const TYPE: &'static str = "decimal";

    fn set(&mut self, text: &str) -> Result<(), String> {
        self.0 = units::parse_cpus(text).map_err(words)?;
        Ok(())
    }
}

macro_rules! text_list {
    ($($(#[$meta:meta])* $name:ident;)*) => {$(
        $(#[$meta])*
        #[derive(Debug, Clone, Default, PartialEq, Eq)]
        pub(crate) struct $name(pub(crate) Vec<String>);

        impl Deref for $name {
            type Target = Vec<String>;

            fn deref(&self) -> &Vec<String> {
                &self.0
            }
        }
    )*};
}
text_list! {
    /// Texts, one for each time that the option is given.
    List;
    /// Texts separated by commas.
    Strings;
    /// `key=value`, one for each time.
    Map;
    /// `key=value` conditions of a list.
    FilterList;
    /// `key=value` pairs separated by commas.
    StringMap;
    /// Addresses of a daemon; help calls one a text.
    Hosts;
}

impl FlagValue for Hosts {
    const TYPE: &'static str = "string";

    fn set(&mut self, text: &str) -> Result<(), String> {
        self.0.push(text.to_owned());
        Ok(())
    }
}

impl FlagValue for StringMap {
    const TYPE: &'static str = "stringToString";

    fn set(&mut self, text: &str) -> Result<(), String> {
        for pair in text.split(',').filter(|pair| !pair.is_empty()) {
            if !pair.contains('=') {
                return Err(format!("{pair} must be formatted as key=value"));
            }
            self.0.push(pair.to_owned());
        }
        Ok(())
    }
}

impl FlagValue for List {
    const TYPE: &'static str = "list";

    fn set(&mut self, text: &str) -> Result<(), String> {
        self.0.push(text.to_owned());
        Ok(())
    }
}

impl FlagValue for Map {
    const TYPE: &'static str = "map";

    fn set(&mut self, text: &str) -> Result<(), String> {
        self.0.push(text.to_owned());
        Ok(())
    }
}

impl FlagValue for Strings {
    const TYPE: &'static str = "strings";

    fn set(&mut self, text: &str) -> Result<(), String> {
        self.0.extend(text.split(',').map(str::to_owned));
        Ok(())
    }
}

impl FlagValue for FilterList {
    const TYPE: &'static str = "filter";

    fn set(&mut self, text: &str) -> Result<(), String> {
        if !text.contains('=') {
            return Err("bad format of filter (expected name=value)".to_owned());
        }
        self.0.push(text.to_owned());
        Ok(())
    }
}

/// The name that the help gives to a type.
pub(crate) trait Named {
    const NAME: &'static str;
}

/// A list of values with a grammar.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TypedList<T, N = ()>(pub(crate) Vec<T>, PhantomData<N>);

impl<T, N> Default for TypedList<T, N> {
    fn default() -> Self {
        Self(Vec::new(), PhantomData)
    }
}

impl<T, N> Deref for TypedList<T, N> {
    type Target = Vec<T>;

    fn deref(&self) -> &Vec<T> {
        &self.0
    }
}

impl Named for () {
    const NAME: &'static str = "list";
}

impl<T: FromStr<Err: Display>, N: Named> FlagValue for TypedList<T, N> {
    const TYPE: &'static str = N::NAME;

    fn set(&mut self, text: &str) -> Result<(), String> {
        self.0.push(text.parse().map_err(words)?);
        Ok(())
    }
}

fn words(error: impl Display) -> String {
    error.to_string()
}

/// Go's numbers: decimal, or with a prefix for another base.
fn number<T: TryFrom<i128>>(text: &str, function: &str) -> Result<T, String> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    let (radix, digits) = match digits.get(..2) {
        Some("0x" | "0X") => (16, &digits[2..]),
        Some("0o" | "0O") => (8, &digits[2..]),
        Some("0b" | "0B") => (2, &digits[2..]),
        _ => (10, digits),
    };
    let signed =
        digits.starts_with(['+', '-']) || (function == "ParseUint" && text.starts_with(['+', '-']));
    let value = i128::from_str_radix(digits, radix)
        .ok()
        .filter(|_| !signed)
        .ok_or_else(|| not_parsed(function, text, "invalid syntax"))?;
    let value = if text.starts_with('-') { -value } else { value };
    T::try_from(value).map_err(|_| not_parsed(function, text, "value out of range"))
}

fn not_parsed(function: &str, text: &str, reason: &str) -> String {
    format!(
        "strconv.{function}: parsing {}: {reason}",
        gantry_gotemplate::quote(text)
    )
}
