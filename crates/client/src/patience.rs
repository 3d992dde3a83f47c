//! How long a local daemon may take to answer at all.
//!
//! The monitors of containers hold a daemon's socket open, so that it stays valid while the daemon
//! is replaced: a connection to it succeeds although nobody is there to answer. A command waits for
//! the next daemon, but not for ever.

use std::fs::File;
use std::future::Future;
use std::path::Path;
use std::time::Duration;

use rustix::fs::{FlockOperation, flock};
use tokio::time::{Instant, sleep, timeout_at};

use crate::autostart::SIGN_OF_LIFE;
use crate::{Endpoint, Error};

/// For a daemon of which nothing is known, or that lives but is busy.
const AT_MOST: Duration = Duration::from_secs(60);
/// For the one that takes the place of a daemon that has ended.
const FOR_THE_NEXT: Duration = Duration::from_secs(10);
/// An answer that comes in this time is not doubted.
const USUAL: Duration = Duration::from_millis(500);
/// How often we look whether somebody lives.
const LOOK: Duration = Duration::from_millis(250);

/// Waits for the answer. Only local sockets can be held open by others, and ssh may ask for a
/// password first.
pub(crate) async fn answer<T>(
    endpoint: &Endpoint,
    answering: impl Future<Output = Result<T, Error>>,
) -> Result<T, Error> {
    let Endpoint::Unix(socket) = endpoint else {
        return answering.await;
    };
    let begun = Instant::now();
    let mut answering = std::pin::pin!(answering);
    if let Ok(answer) = timeout_at(begun + USUAL, &mut answering).await {
        return answer;
    }
    tokio::select! {
        answer = answering => answer,
        () = nobody(socket, begun) => Err(Error::Silent {
            endpoint: endpoint.to_string(),
            seconds: begun.elapsed().as_secs(),
        }),
    }
}

/// Ends when waiting makes no sense any more.
async fn nobody(socket: &Path, begun: Instant) {
    let mut last_seen = begun;
    while begun.elapsed() < AT_MOST && last_seen.elapsed() < FOR_THE_NEXT {
        sleep(LOOK).await;
        if !has_ended(socket) {
            last_seen = Instant::now();
        }
    }
}

/// Whether surely no daemon lives that listens here: its sign of life is beside the socket, and
/// nobody keeps it locked.
fn has_ended(socket: &Path) -> bool {
    socket
        .parent()
        .and_then(|folder| File::open(folder.join(SIGN_OF_LIFE)).ok())
        .is_some_and(|file| flock(&file, FlockOperation::NonBlockingLockShared).is_ok())
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn nobody_is_waited_for_in_vain() {
        let folder = tempfile::tempdir().unwrap();
        let endpoint = Endpoint::Unix(folder.path().join("gantry.sock"));
        let waited = |folder: &Path| {
            let endpoint = Endpoint::Unix(folder.join("gantry.sock"));
            async move {
                let begun = Instant::now();
                let error = answer::<()>(&endpoint, pending()).await.unwrap_err();
                assert!(matches!(error, Error::Silent { .. }), "{error}");
                begun.elapsed().as_secs()
            }
        };
        assert_eq!(waited(folder.path()).await, 60, "nothing is known of it");
        let sign = File::create(folder.path().join(SIGN_OF_LIFE)).unwrap();
        assert_eq!(waited(folder.path()).await, 10, "it has ended");
        flock(&sign, FlockOperation::NonBlockingLockExclusive).unwrap();
        assert_eq!(waited(folder.path()).await, 60, "it lives");
        answer(&endpoint, async { Ok(()) }).await.unwrap();
    }
}
