//! `attach`, `resize` and the clients' own sockets.

use std::os::fd::{AsFd, OwnedFd};

use gantry_monitor::protocol::{Attach, Reply, Request};

use super::Containers;
use super::phase::Phase;
use crate::Error;

/// A client's connection after the API has switched it over: from here on the monitor and the
/// client speak with each other, and a restart of the daemon does not part them.
#[derive(Debug)]
pub struct ClientStream {
    /// The client's stream socket.
    pub fd: OwnedFd,
    /// What was already read from it.
    pub leftover: Vec<u8>,
}

/// Which streams a client wants.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AttachRequest {
    /// The client's bytes become standard input.
    pub stdin: bool,
    /// Standard output goes to the client.
    pub stdout: bool,
    /// Standard error goes to the client.
    pub stderr: bool,
    /// The key sequence that detaches, as bytes; empty is Docker's ctrl-p, ctrl-q.
    pub detach_keys: Vec<u8>,
    /// Output never comes in frames, as from a terminal.
    pub raw: bool,
}

/// ctrl-p, ctrl-q.
pub(crate) const DEFAULT_DETACH_KEYS: [u8; 2] = [16, 17];

impl Containers {
    /// Whether a container can be attached to, and whether it has a terminal: to be asked before
    /// the connection is switched over, since no error can be told afterwards.
    pub fn attachable(&self, id: &str) -> Result<bool, Error> {
        let container = self.registry.find(id)?;
        match container.phase() {
            Phase::Paused => Err(Error::WrongPhase(format!(
                "container {} is paused, unpause the container before attach",
                container.id
            ))),
            Phase::Restarting => Err(Error::WrongPhase(format!(
                "container {} is restarting, wait until the container is running",
                container.id
            ))),
            _ => Ok(container.record().config.tty),
        }
    }

    /// Connects a client to the container's streams; before the start, the client is kept until then.
    pub async fn attach(
        &self,
        id: &str,
        request: AttachRequest,
        stream: ClientStream,
    ) -> Result<(), Error> {
        let container = self.registry.find(id)?;
        let (tty, open_stdin) = {
            let record = container.record();
            (record.config.tty, record.config.open_stdin)
        };
        let attach = Attach {
            stdin: request.stdin && open_stdin,
            stdout: request.stdout,
            stderr: request.stderr,
            framed: !tty && !request.raw,
            detach_keys: detach_keys(request.detach_keys),
            leftover: stream.leftover,
        };
        self.announce(&container, "attach", &[]);
        let link = {
            // A start in progress takes the waiting clients at one moment; be before or after it.
            let starting = container.phase() == Phase::Starting;
            let _operation = if starting {
                Some(container.operation.lock().await)
            } else {
                None
            };
            container.link()
        };
        match link {
            Some(link) => {
                let sent = link
                    .call(Request::Attach(attach), &[stream.fd.as_fd()])
                    .await;
                expect_ok(sent.map_err(|e| container.monitor_lost(e))?.0)
            }
            None => {
                container.keep_client(attach, stream.fd);
                Ok(())
            }
        }
    }

    /// Sets the size of the container's terminal, in characters.
    pub async fn resize(&self, id: &str, rows: u16, columns: u16) -> Result<(), Error> {
        let container = self.registry.find(id)?;
        let link = container.live_link()?;
        let size = [("height", rows.to_string()), ("width", columns.to_string())];
        self.announce(&container, "resize", &size);
        if !container.record().config.tty {
            // Docker has nothing to resize and nothing to complain of.
            return Ok(());
        }
        let request = Request::Resize {
            exec: None,
            rows,
            columns,
        };
        expect_ok(
            link.call(request, &[])
                .await
                .map_err(|e| container.monitor_lost(e))?
                .0,
        )
    }
}

pub(crate) fn detach_keys(given: Vec<u8>) -> Vec<u8> {
    if given.is_empty() {
        DEFAULT_DETACH_KEYS.to_vec()
    } else {
        given
    }
}

pub(crate) fn expect_ok(reply: Reply) -> Result<(), Error> {
    match reply {
        Reply::Failed(failure) => Err(Error::WrongPhase(failure.message)),
        _ => Ok(()),
    }
}
