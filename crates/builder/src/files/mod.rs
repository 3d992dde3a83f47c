//! Files from one root into a layer: which, where to, and how they are written.

mod chmod;
mod fingerprint;
mod layer;
mod owner;
mod place;
mod select;

use std::ffi::CString;

pub(crate) use chmod::Chmod;
pub(crate) use fingerprint::{Fingerprint, content};
pub(crate) use layer::{LayerWriter, link, open};
pub(crate) use owner::Owner;
pub(crate) use place::{Place, resolve};
pub(crate) use select::{Found, Selected, Selection, is_pattern, join, normal, select};

use crate::Error;

/// A path for the kernel.
pub(crate) fn c_path(path: &[u8]) -> Result<CString, Error> {
    CString::new(path).map_err(|_| {
        let shown = String::from_utf8_lossy(path).into_owned();
        Error::Invalid(format!("the path {shown:?} has a zero byte"))
    })
}
