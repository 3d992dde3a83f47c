//! Commands about the engine, and about any object.

pub(crate) mod dial_stdio;
pub(crate) mod events;
pub(crate) mod info;
mod info_text;
pub(crate) mod inspect;
pub(crate) mod version;
