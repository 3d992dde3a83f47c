//! What signals mean: the end, the end of the containers as well, another configuration.

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;

use crate::Error;

/// Whether the daemon shall end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    NotYet,
    /// As it is configured.
    Asked,
    /// The containers too, whatever is configured.
    WithContainers,
}

/// `gantry daemon stop --stop-containers` sends it.
pub(crate) const WITH_CONTAINERS: rustix::process::Signal = rustix::process::Signal::USR2;

fn listen(kind: SignalKind) -> Result<Signal, Error> {
    signal(kind).map_err(Error::file("handle signals of", "the daemon"))
}

/// Changes when somebody asks for the end.
pub(crate) fn wait_for_end() -> Result<watch::Receiver<End>, Error> {
    let (mut term, mut int, mut all) = (
        listen(SignalKind::terminate())?,
        listen(SignalKind::interrupt())?,
        listen(SignalKind::user_defined2())?,
    );
    let (sender, receiver) = watch::channel(End::NotYet);
    tokio::spawn(async move {
        let end = tokio::select! {
            _ = term.recv() => End::Asked,
            _ = int.recv() => End::Asked,
            _ = all.recv() => End::WithContainers,
        };
        let _ = sender.send(end);
    });
    Ok(receiver)
}

/// Arrives when the configuration is to be read again.
pub(crate) fn reloads() -> Result<Signal, Error> {
    listen(SignalKind::hangup())
}
