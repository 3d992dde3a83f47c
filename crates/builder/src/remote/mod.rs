//! Files from elsewhere: git repositories, archives and single files behind an address.

mod address;
mod context;
mod download;
mod git;

pub(crate) use address::GitAddress;
pub(crate) use download::{Downloaded, download, is_address};
pub(crate) use git::checkout;
