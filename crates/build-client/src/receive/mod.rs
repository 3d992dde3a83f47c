//! Taking in what was built: as one stream of bytes or as a tree of files.

mod stream;
mod tree;

pub use stream::into_writer;
pub use tree::into_folder;
