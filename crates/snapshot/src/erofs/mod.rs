//! Layers as mounted EROFS images over their tars: the `erofs` storage driver.

mod chunks;
mod dirents;
mod driver;
mod format;
mod index;
mod plan;
mod xattrs;

pub(crate) use driver::Erofs;
pub use index::{IndexError, TarContent, write_index};
