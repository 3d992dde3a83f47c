//! Expansion of variables and quotes as BuildKit's frontend does it: near to a POSIX shell, but not one.

mod env;
mod error;
mod lexer;
mod pattern;

pub use env::Env;
pub use error::ExpandError;
pub use lexer::{Expanded, Lexer};

#[cfg(test)]
mod tests;
