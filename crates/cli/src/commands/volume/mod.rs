//! Commands about volumes.

pub(crate) mod clone;
mod cluster;
pub(crate) mod create;
pub(crate) mod export;
pub(crate) mod import;
pub(crate) mod inspect;
pub(crate) mod ls;
pub(crate) mod prune;
pub(crate) mod rename;
pub(crate) mod restore;
pub(crate) mod rm;
pub(crate) mod snapshot;
pub(crate) mod update;
