//! The command line, a file per story.

mod hello;
mod lifecycle;
