//! Contexts: daemons by name, in the files that Docker's command line keeps them in, so that both
//! tools share them.
//!
//! [`Store`] reads and writes `~/.docker/contexts`; [`Current`] says which context a command is for.

mod archive;
mod current;
mod store;

pub(crate) use archive::{pack, unpack};
pub(crate) use current::{Current, DEFAULT};
pub(crate) use store::{Context, Store, check_name};
