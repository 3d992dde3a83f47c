//! Why the daemon cannot start or be stopped.

use std::io;
use std::path::PathBuf;

/// Why the daemon cannot start or be stopped.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The configuration file is not acceptable.
    #[error("unable to configure the daemon with file {path}: {reason}", path = path.display())]
    Config {
        /// The file.
        path: PathBuf,
        /// The parser's reason.
        reason: String,
    },
    /// A setting has a value that cannot be.
    #[error("invalid value {value:?} for {setting}: {reason}")]
    Setting {
        /// Flag or key.
        setting: &'static str,
        /// What was given.
        value: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Only root can make containers.
    #[error("the daemon needs root rights; run it with sudo")]
    NotRoot,
    /// Another daemon has the data root.
    #[error(
        "another daemon{} uses the data root {}; stop it with \"gantry daemon stop\" or choose \
         another one with --data-root", holder.map(|p| format!(" (process {p})")).unwrap_or_default(), path.display()
    )]
    DataRootInUse {
        /// The data root.
        path: PathBuf,
        /// The other daemon.
        holder: Option<u32>,
    },
    /// Nothing to stop.
    #[error("no daemon runs on the data root {}", _0.display())]
    NotRunning(PathBuf),
    /// It did not end.
    #[error("the daemon (process {pid}) did not stop within {seconds} s; see its log")]
    DoesNotStop {
        /// The daemon.
        pid: u32,
        /// How long we waited.
        seconds: u64,
    },
    /// A socket cannot be opened.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// Where.
        address: String,
        /// Why not.
        source: io::Error,
    },
    /// A file operation failed.
    #[error("cannot {action} {path}: {source}", path = path.display())]
    File {
        /// What was tried.
        action: &'static str,
        /// Where.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The engine cannot start.
    #[error(transparent)]
    Engine(#[from] gantry_engine::Error),
    /// The builder cannot start.
    #[error(transparent)]
    Builder(#[from] gantry_builder::Error),
}

impl Error {
    pub(crate) fn file(
        action: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::File {
            action,
            path,
            source,
        }
    }
}
