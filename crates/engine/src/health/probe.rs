//! One run of a health check: an exec whose output and exit code are the result.

use std::io;
use std::os::unix::net::UnixStream as StdStream;
use std::time::Duration;

use gantry_api_types::json::Words;
use gantry_api_types::{ExecCreateRequest, ExecStartRequest};
use gantry_monitor::protocol::Request;
use gantry_units::GoDuration;
use tokio::io::AsyncReadExt as _;
use tokio::net::UnixStream;

use super::Check;
use super::state::Outcome;
use crate::containers::{ClientStream, Container, Containers};
use crate::{Error, clock};

/// Bytes of output that are kept.
const MOST_OUTPUT: usize = 4096;
/// How long a check may take to be started.
const START: Duration = Duration::from_secs(30);
/// How long a check that was killed may take to go.
const FAREWELL: Duration = Duration::from_secs(2);
const SIGKILL: i32 = 9;

/// An exec that must not outlive the interest in it.
struct Running<'a> {
    service: &'a Containers,
    id: String,
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.service.execs.forget(&self.id);
    }
}

impl Containers {
    pub(super) async fn probe(&self, container: &Container, check: &Check) -> Outcome {
        let start = clock::now_nanos();
        let (exit_code, output) = match self.try_probe(container, check).await {
            Ok(result) => result,
            Err(error) => (-1, error.to_string()),
        };
        Outcome {
            start,
            end: clock::now_nanos(),
            exit_code,
            output,
        }
    }

    async fn try_probe(
        &self,
        container: &Container,
        check: &Check,
    ) -> Result<(i32, String), Error> {
        let exec = Running {
            service: self,
            id: self.create_probe(container, check)?,
        };
        let (ours, theirs) = StdStream::pair().map_err(no_stream)?;
        ours.set_nonblocking(true).map_err(no_stream)?;
        theirs.set_nonblocking(true).map_err(no_stream)?;
        let mut stream = UnixStream::from_std(ours).map_err(no_stream)?;
        let client = ClientStream {
            fd: theirs.into(),
            leftover: Vec::new(),
        };
        let request = ExecStartRequest::default();
        let starting = self.exec_start(&exec.id, &request, Some(client));
        tokio::time::timeout(START, starting).await.map_err(|_| {
            Error::Internal(format!(
                "timed out starting health check for container {}",
                container.id
            ))
        })??;
        let mut output = Output::default();
        if tokio::time::timeout(check.timeout, output.read(&mut stream))
            .await
            .is_err()
        {
            self.end_probe(container, &exec.id).await;
            let _ = tokio::time::timeout(FAREWELL, output.read(&mut stream)).await;
            return Ok((-1, too_late(check.timeout, &output.text())));
        }
        match self.exec_inspect(&exec.id).await?.exit_code {
            Some(code) => Ok((code as i32, output.text())),
            None => Err(Error::Internal(format!(
                "healthcheck for container {} has no exit code",
                container.id
            ))),
        }
    }

    fn create_probe(&self, container: &Container, check: &Check) -> Result<String, Error> {
        let request = ExecCreateRequest {
            attach_stdout: true,
            attach_stderr: true,
            cmd: Some(Words(check.command.clone())),
            ..ExecCreateRequest::default()
        };
        self.exec_create_plain(container, request)
    }

    async fn end_probe(&self, container: &Container, id: &str) {
        if let Some(link) = container.link() {
            let request = Request::Signal {
                exec: Some(id.to_owned()),
                signal: SIGKILL,
            };
            // A check that has ended meanwhile cannot be killed, and need not be.
            let _ = link.call(request, &[]).await;
        }
    }
}

fn no_stream(error: io::Error) -> Error {
    Error::Internal(format!(
        "cannot make the streams of a health check: {error}"
    ))
}

fn too_late(timeout: Duration, output: &str) -> String {
    let timeout = GoDuration::from(timeout);
    if output.is_empty() {
        format!("Health check exceeded timeout ({timeout})")
    } else {
        format!("Health check exceeded timeout ({timeout}): {output}")
    }
}

/// The beginning of what a check says; the rest is read and dropped.
#[derive(Default)]
struct Output {
    kept: Vec<u8>,
    cut: bool,
}

impl Output {
    async fn read(&mut self, stream: &mut UnixStream) {
        let mut chunk = [0; 1024];
        while let Ok(count @ 1..) = stream.read(&mut chunk).await {
            let room = MOST_OUTPUT - self.kept.len();
            self.kept.extend_from_slice(&chunk[..count.min(room)]);
            self.cut |= count > room;
        }
    }

    fn text(&self) -> String {
        let mut text = String::from_utf8_lossy(&self.kept).into_owned();
        if self.cut {
            text.push_str("...");
        }
        text
    }
}
