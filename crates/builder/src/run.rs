//! RUN: a container on the layers so far.

use std::os::fd::OwnedFd;
use std::time::Duration;

use bytes::BytesMut;
use gantry_api_types::{
    ContainerConfig, ContainerCreateRequest, Healthcheck, HostConfig, LogConfig,
};
use gantry_engine::{AttachRequest, ClientStream, Containers, Lent, RemoveOptions, WaitCondition};
use gantry_reference::ImageId;
use tokio::io::AsyncReadExt;
use tokio::net::UnixStream;

use crate::builder::STEP_LABEL;
use crate::progress::Teller;
use crate::{Error, Told};

/// How often a container is removed again that cannot be removed yet, and the time between.
const TRIES: u32 = 100;
const PAUSE: Duration = Duration::from_millis(100);

/// A command and what it sees.
pub(crate) struct Command {
    /// The image of the layers below.
    pub ground: ImageId,
    /// The arguments.
    pub arguments: Vec<String>,
    /// `NAME=value`.
    pub env: Vec<String>,
    /// Where it runs; empty is `/`.
    pub working_dir: String,
    /// Whom it runs as; empty is root.
    pub user: String,
    /// What its machine is called, if that is said.
    pub hostname: String,
    /// Mounts, limits, network.
    pub host: HostConfig,
    /// What is in no record.
    pub lent: Lent,
    /// Somebody types into it: on a terminal, or not.
    pub typed: Option<Terminal>,
}

/// Whether somebody who types has a terminal.
pub(crate) type Terminal = bool;

/// A command that has ended, and its container.
pub(crate) struct Ended {
    pub step: StepContainer,
    command: String,
    code: i64,
}

impl Ended {
    /// The code that it ended with.
    pub(crate) fn code(&self) -> i64 {
        self.code
    }

    /// How it failed; `None` if it did not.
    pub(crate) fn failure(&self) -> Option<Error> {
        (self.code != 0).then(|| Error::Command {
            command: self.command.clone(),
            code: self.code,
        })
    }
}

/// A container that goes when nobody needs it any more, also when the build is given up.
pub(crate) struct StepContainer {
    containers: Containers,
    /// Its ID.
    pub id: String,
}

impl Drop for StepContainer {
    fn drop(&mut self) {
        let (containers, id) = (self.containers.clone(), std::mem::take(&mut self.id));
        if !id.is_empty() {
            tokio::spawn(removed(containers, id));
        }
    }
}

impl StepContainer {
    /// Removes it, and waits until it is gone.
    pub(crate) async fn gone(mut self) {
        let id = std::mem::take(&mut self.id);
        removed(self.containers.clone(), id).await;
    }
}

async fn removed(containers: Containers, id: String) {
    let options = RemoveOptions {
        force: true,
        volumes: true,
    };
    // One whose start was just under way can only be removed a moment later.
    let mut tries = 0;
    while let Err(error) = containers.remove(&id, options).await {
        tries += 1;
        if tries == TRIES {
            tracing::warn!("cannot remove the container {id} of a build: {error}");
            break;
        }
        tokio::time::sleep(PAUSE).await;
    }
}

impl Command {
    /// Runs it to its end; the container still holds what it wrote.
    pub(crate) async fn run(
        self,
        containers: &Containers,
        teller: &Teller,
    ) -> Result<Ended, Error> {
        let shown = self.arguments.join(" ");
        let step = self.made(containers).await?;
        teller.tell(Told::Running(step.id.clone()));
        let (ours, theirs) = UnixStream::pair().map_err(Error::file("make", "a socket"))?;
        let theirs = theirs.into_std().map_err(Error::file("make", "a socket"))?;
        let attach = AttachRequest {
            stdout: true,
            stderr: true,
            ..AttachRequest::default()
        };
        let stream = ClientStream {
            fd: OwnedFd::from(theirs),
            leftover: Vec::new(),
        };
        containers.attach(&step.id, attach, stream).await?;
        let end = containers.wait(&step.id, WaitCondition::NextExit)?;
        containers.start(&step.id).await?;
        let ((), end) = tokio::join!(tell(ours, teller), end);
        Ok(Ended {
            step,
            command: shown,
            code: end.status_code,
        })
    }

    /// The container, not yet started.
    pub(crate) async fn made(mut self, containers: &Containers) -> Result<StepContainer, Error> {
        // Made to its end, and then removed, also when the build is given up meanwhile.
        let lent = Lent {
            volatile: true,
            ..std::mem::take(&mut self.lent)
        };
        let (service, request) = (containers.clone(), self.request());
        let making = tokio::spawn(async move {
            let created = service.create(None, None, request).await?;
            let step = StepContainer {
                containers: service,
                id: created.id,
            };
            step.containers.lend(&step.id, lent)?;
            Ok::<_, Error>(step)
        });
        making.await.map_err(|e| Error::CutOff(e.to_string()))?
    }

    fn request(self) -> ContainerCreateRequest {
        ContainerCreateRequest {
            config: ContainerConfig {
                image: self.ground.to_string(),
                cmd: Some(gantry_api_types::json::Words(self.arguments)),
                entrypoint: Some(gantry_api_types::json::Words(vec![String::new()])),
                env: Some(self.env),
                working_dir: self.working_dir,
                user: self.user,
                hostname: self.hostname,
                open_stdin: self.typed.is_some(),
                stdin_once: self.typed.is_some(),
                tty: self.typed == Some(true),
                labels: Some([(STEP_LABEL.to_owned(), String::new())].into()),
                healthcheck: Some(Healthcheck {
                    test: vec!["NONE".to_owned()],
                    ..Healthcheck::default()
                }),
                ..ContainerConfig::default()
            },
            host_config: HostConfig {
                // Its output is the build's.
                log_config: LogConfig {
                    kind: "none".to_owned(),
                    ..LogConfig::default()
                },
                ..self.host
            },
            ..ContainerCreateRequest::default()
        }
    }
}

/// Tells a command's output until its end, without the frames that streams come in.
async fn tell(mut from: UnixStream, teller: &Teller) {
    let mut buffer = BytesMut::with_capacity(64 << 10);
    while matches!(from.read_buf(&mut buffer).await, Ok(read) if read > 0) {
        while let Some(frame) = frame(&mut buffer) {
            teller.tell(frame);
        }
    }
}

/// The first whole frame: a byte for the stream, three of nothing, four of length, and the bytes.
fn frame(buffer: &mut BytesMut) -> Option<Told> {
    let stream = *buffer.first()?;
    let length = buffer.get(4..8)?;
    let length = u32::from_be_bytes(length.try_into().ok()?) as usize;
    if buffer.len() < 8 + length {
        return None;
    }
    let frame = buffer.split_to(8 + length);
    Some(Told::Output {
        stream,
        bytes: frame[8..].to_vec(),
    })
}
