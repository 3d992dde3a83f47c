//! The macro that declares options.

/// Declares a set of options; see the module's page. `+ name: Set` takes in another set.
macro_rules! flags {
    (
        $(#[$meta:meta])*
        $vis:vis struct $name:ident {
            $(
                $(#[doc = $doc:literal])*
                $long:literal $($short:literal)? $(| $alias:literal)* => $field:ident : $type:ty
                    $(= $default:expr)? $(; $shown:literal)?,
            )*
            $(+ $inner:ident : $set:ty,)*
        }
    ) => {
        $(#[$meta])*
        #[derive(Debug, Clone)]
        $vis struct $name {
            $(pub(crate) $field: $type,)*
            $(pub(crate) $inner: $set,)*
        }

        impl Default for $name {
            fn default() -> Self {
                Self {
                    $($field: $crate::flags::flags!(@default $type $(, $default)?),)*
                    $($inner: <$set>::default(),)*
                }
            }
        }

        impl $crate::flags::FlagSet for $name {
            fn flags() -> Vec<$crate::flags::Flag> {
                #[allow(unused_mut)]
                let mut flags = vec![$($crate::flags::Flag {
                    long: $long,
                    short: $crate::flags::flags!(@option $($short)?),
                    aliases: &[$($alias),*],
                    help: &[$($doc),*],
                    type_name: <$type as $crate::flags::FlagValue>::TYPE,
                    takes_value: <$type as $crate::flags::FlagValue>::TAKES_VALUE,
                    default: $crate::flags::flags!(@option $($shown)?),
                }),*];
                $(flags.extend(<$set as $crate::flags::FlagSet>::flags());)*
                flags
            }

            #[allow(unused_variables)]
            fn set(&mut self, long: &str, text: &str) -> Option<Result<(), String>> {
                match long {
                    $($long => Some($crate::flags::FlagValue::set(&mut self.$field, text)),)*
                    _ => {
                        $(if let Some(done) = $crate::flags::FlagSet::set(&mut self.$inner, long, text) {
                            return Some(done);
                        })*
                        None
                    }
                }
            }
        }
    };
    (@default $type:ty) => { <$type>::default() };
    (@default $type:ty, $default:expr) => { $default };
    (@option) => { None };
    (@option $value:literal) => { Some($value) };
}
pub(crate) use flags;

use super::Flag;

/// The help of an option as one text: lines of the doc comment are joined by spaces, a line that
/// ends in `\` ends there.
pub(crate) fn described(flag: &Flag) -> String {
    let mut text = String::new();
    for line in flag.help {
        let line = line.strip_prefix(' ').unwrap_or(line);
        if !text.is_empty() && !text.ends_with('\n') {
            text.push(' ');
        }
        match line.strip_suffix('\\') {
            Some(ended) => {
                text.push_str(ended.trim_end_matches(' '));
                text.push('\n');
            }
            None => text.push_str(line),
        }
    }
    text
}
