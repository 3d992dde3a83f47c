//! Completion: shells ask the program itself what may come next.
//!
//! `gantry completion bash|zsh|fish` prints a script ([`script`]) that calls `gantry __complete
//! WORDS... CURRENT`, which prints a candidate a line, a tab and a description behind it, and a last
//! line `:N` with directives for the shell, as Docker's command line does ([`complete`]). What a
//! word may be is read from the command's usage line: `CONTAINER` is a container's name.

mod candidates;
mod objects;
mod script;

pub(crate) use candidates::complete;
pub(crate) use script::script;

/// What begins such a call.
pub(crate) const COMMAND: &str = "__complete";
