//! Commands about networks.

pub(crate) mod inspect;
pub(crate) mod ls;
