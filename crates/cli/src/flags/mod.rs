//! What was typed: options as pflag reads them.
//!
//! A command declares its options once, with [`flags!`]; the doc comments are the help.
//!
//! ```ignore
//! flags! {
//!     pub(crate) struct Stop {
//!         /// Signal to send to the container
//!         "signal" 's' => signal: Option<String>,
//!         /// Seconds to wait before killing the container
//!         "timeout" 't' | "time" => timeout: Option<i64>,
//!     }
//! }
//! ```
//!
//! A name after `|` is an alias that the help does not show; an option without a doc comment is not
//! shown at all. `= value` sets a default; `; "text"` is how the help shows it.

mod declare;
mod parse;
mod value;

pub(crate) use declare::{described, flags};
pub(crate) use parse::{Stop, parse};
pub(crate) use value::{
    Bytes, Decimal, FilterList, FlagValue, Hosts, List, Map, Named, StringMap, Strings, TypedList,
};

/// What is known of an option besides its value.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Flag {
    pub(crate) long: &'static str,
    pub(crate) short: Option<char>,
    pub(crate) aliases: &'static [&'static str],
    /// The doc comment: its lines, one after the other.
    pub(crate) help: &'static [&'static str],
    /// What stands behind the name in the help; empty for switches.
    pub(crate) type_name: &'static str,
    pub(crate) takes_value: bool,
    /// How the help shows the default.
    pub(crate) default: Option<&'static str>,
}

/// A set of options: a command's, or a part of it shared by several commands.
pub(crate) trait FlagSet: Default {
    /// All options.
    fn flags() -> Vec<Flag>;

    /// Sets the option of that long name; `None` if there is none.
    fn set(&mut self, long: &str, text: &str) -> Option<Result<(), String>>;
}

/// No options at all.
impl FlagSet for () {
    fn flags() -> Vec<Flag> {
        Vec::new()
    }

    fn set(&mut self, _: &str, _: &str) -> Option<Result<(), String>> {
        None
    }
}
