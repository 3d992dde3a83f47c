//! `gantry exec`

use std::time::{Duration, Instant};

use gantry_api_types::json::Words;
use gantry_api_types::{
    ContainerConfig, ExecCreateRequest, ExecCreateResponse, ExecInspect, ExecStartRequest,
};
use gantry_client::Client;

use super::run::{detach_keys, enter_terminal, wiring};
use crate::command::{Arity, Command};
use crate::create::read_lines;
use crate::failure::Failure;
use crate::flags::{List, flags};
use crate::session::Session;
use crate::streams::{Attached, Ended, Target, check_terminal, console_size, follow_size};

flags! {
    /// `gantry exec`
    pub(crate) struct Exec {
        /// Detached mode: run command in the background
        "detach" 'd' => detach: bool,
        /// Override the key sequence for detaching a container
        "detach-keys" => detach_keys: String,
        /// Set environment variables
        "env" 'e' => env: crate::create::Environ,
        /// Read in a file of environment variables
        "env-file" => env_file: List,
        /// Keep STDIN open even if not attached
        "interactive" 'i' => interactive: bool,
        /// Give extended privileges to the command
        "privileged" => privileged: bool,
        /// Allocate a pseudo-TTY
        "tty" 't' => tty: bool,
        /// Username or UID (format: "<name|uid>[:<group|gid>]")
        "user" 'u' => user: String,
        /// Working directory inside the container
        "workdir" 'w' => workdir: String,
    }
}

impl Command for Exec {
    const USAGE: &'static str = "[OPTIONS] CONTAINER COMMAND [ARG...]";
    const ABOUT: &'static str = "Execute a command in a running container";
    const WORDS: Arity = Arity::AtLeast(2);
    const INTERSPERSED: bool = false;

    async fn run(self, session: &Session, words: Vec<String>) -> Result<(), Failure> {
        let body = self.body(session, &words[1..])?;
        if !self.detach {
            check_terminal(body.attach_stdin, body.tty)?;
        }
        let client = session.client().await?;
        let path = Client::path("/containers/", &words[0], "/exec");
        let exec: ExecCreateResponse = client.post(path).json(&body).send().await?.json().await?;
        let start = ExecStartRequest {
            detach: self.detach,
            tty: self.tty,
            console_size: body.console_size,
        };
        let request = client
            .post(Client::path("/exec/", &exec.id, "/start"))
            .json(&start);
        if self.detach {
            request.send().await?.finish().await;
            return Ok(());
        }
        // The same wiring as a container's own streams.
        let config = ContainerConfig {
            tty: body.tty,
            attach_stdin: body.attach_stdin,
            ..ContainerConfig::default()
        };
        let hijacked = request.hijack().await?;
        let terminal = enter_terminal(&config)?;
        let mut attached = Attached::start(hijacked, wiring(&config, &body.detach_keys))?;
        if self.tty {
            follow_size(&client, Target::Exec(exec.id.clone()))?;
        }
        let ended = attached.ended().await;
        drop(terminal);
        match ended {
            Ended::Detached => Ok(()),
            Ended::Failed(error) => Err(Failure::new(error)),
            Ended::Output => exit_status(&client, &exec.id).await,
        }
    }
}

impl Exec {
    fn body(&self, session: &Session, command: &[String]) -> Result<ExecCreateRequest, Failure> {
        let mut env = Vec::new();
        for file in self.env_file.iter() {
            env.extend(read_lines(file, |name| std::env::var(name).ok()).map_err(Failure::new)?);
        }
        env.extend(self.env.iter().map(|entry| entry.0.clone()));
        let size = console_size();
        Ok(ExecCreateRequest {
            user: self.user.clone(),
            privileged: self.privileged,
            tty: self.tty,
            console_size: (self.tty && size != [0, 0]).then_some(size),
            attach_stdin: !self.detach && self.interactive,
            attach_stderr: !self.detach,
            attach_stdout: !self.detach,
            detach_keys: detach_keys(session, &self.detach_keys),
            env: (!env.is_empty()).then_some(env),
            working_dir: self.workdir.clone(),
            cmd: Some(Words(command.to_vec())),
        })
    }
}

/// The status of a program whose output has ended. The daemon may hear of its end a little later
/// than we do.
async fn exit_status(client: &Client, id: &str) -> Result<(), Failure> {
    const PATIENCE: Duration = Duration::from_secs(5);
    let mut pause = Duration::from_millis(1);
    let begun = Instant::now();
    loop {
        let path = Client::path("/exec/", id, "/json");
        let exec: ExecInspect = client.get(path).send().await?.json().await?;
        match exec.exit_code {
            Some(0) => return Ok(()),
            Some(code) => return Err(Failure::status(code)),
            None if begun.elapsed() > PATIENCE => {
                return Err(Failure::new(
                    "the daemon does not tell how the command ended",
                ));
            }
            None => {
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(Duration::from_millis(50));
            }
        }
    }
}
