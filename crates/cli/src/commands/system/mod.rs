//! Commands about the engine, and about any object.

pub(crate) mod df;
mod df_verbose;
pub(crate) mod dial_stdio;
pub(crate) mod events;
pub(crate) mod info;
mod info_text;
pub(crate) mod inspect;
pub(crate) mod prune;
pub(crate) mod version;
