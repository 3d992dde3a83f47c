//! Sending a folder: fsutil's protocol, the side that has the files.
//!
//! All entries go first, as packets with what `stat` says, each folder before what is in it and
//! names in the order of their bytes; their numbers are implied by their order. The other side knows
//! which files it has already and asks for the contents of the others by number. A file that is gone
//! by then is sent empty, as it is nobody's fault; the end is a packet from the other side and its
//! echo.

pub(crate) mod entry;
mod filter;
mod follow;
mod transfer;
mod walk;

pub use filter::{Filter, Source};
pub use transfer::send;
pub use walk::{Entry, walk};
