use std::io;
use std::path::PathBuf;

/// Why a log cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file cannot be opened or read.
    #[error("read log file {}: {source}", path.display())]
    Read {
        /// The log file.
        path: PathBuf,
        /// What the kernel said.
        source: io::Error,
    },
    /// Changes of the file cannot be watched.
    #[error("watch log file {} for new lines: {source}", path.display())]
    Watch {
        /// The log file.
        path: PathBuf,
        /// What the kernel said.
        source: io::Error,
    },
}
