//! Commands about registries and logins.

pub(crate) mod login;
pub(crate) mod logout;
