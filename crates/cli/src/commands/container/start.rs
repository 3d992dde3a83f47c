//! `gantry start`

use gantry_api_types::ContainerInspect;
use gantry_client::Client;

use super::exit::Exit;
use super::run::{attach_request, detach_keys, enter_terminal, start, wiring};
use crate::command::{Arity, Command};
use crate::failure::Failure;
use crate::flags::flags;
use crate::output;
use crate::session::Session;
use crate::streams::{Attached, Ended, Target, check_terminal, follow_size, forward_signals};

flags! {
    /// `gantry start`
    pub(crate) struct Start {
        /// Attach STDOUT/STDERR and forward signals
        "attach" 'a' => attach: bool,
        /// Restore from this checkpoint
        "checkpoint" => checkpoint: String,
        /// Use a custom checkpoint storage directory
        "checkpoint-dir" => checkpoint_dir: String,
        /// Override the key sequence for detaching a container
        "detach-keys" => detach_keys: String,
        /// Attach container's STDIN
        "interactive" 'i' => interactive: bool,
    }
}

impl Command for Start {
    const USAGE: &'static str = "[OPTIONS] CONTAINER [CONTAINER...]";
    const ABOUT: &'static str = "Start one or more stopped containers";
    const WORDS: Arity = Arity::AtLeast(1);

    async fn run(self, session: &Session, names: Vec<String>) -> Result<(), Failure> {
        for (given, option) in [
            (&self.checkpoint, "--checkpoint"),
            (&self.checkpoint_dir, "--checkpoint-dir"),
        ] {
            if !given.is_empty() {
                return Err(Failure::new(format!(
                    "\"{option}\" is only supported on a Docker daemon with experimental features enabled"
                )));
            }
        }
        let client = session.client().await?;
        if !self.attach && !self.interactive {
            return start_all(&client, &names).await;
        }
        match names.as_slice() {
            [name] => self.start_attached(session, &client, name).await,
            _ => Err(Failure::new(
                "you cannot start and attach multiple containers at once",
            )),
        }
    }
}

async fn start_all(client: &Client, names: &[String]) -> Result<(), Failure> {
    let mut failed = Vec::new();
    for name in names {
        match start(client, name).await {
            Ok(()) => output::line(name),
            Err(failure) => {
                eprintln!("{}", failure.message);
                failed.push(name.as_str());
            }
        }
    }
    if failed.is_empty() {
        return Ok(());
    }
    Err(Failure::new(format!(
        "Error: failed to start containers: {}",
        failed.join(", ")
    )))
}

impl Start {
    /// Attached in every way.
    pub(crate) fn interactive() -> Self {
        Self {
            attach: true,
            interactive: true,
            ..Self::default()
        }
    }

    pub(crate) async fn start_attached(
        &self,
        session: &Session,
        client: &Client,
        name: &str,
    ) -> Result<(), Failure> {
        let path = Client::path("/containers/", name, "/json");
        let container: ContainerInspect = client.get(path).send().await?.json().await?;
        let mut config = container.config.clone();
        config.attach_stdin = self.interactive && config.open_stdin;
        config.attach_stdout = true;
        config.attach_stderr = true;
        check_terminal(config.attach_stdin, config.tty)?;
        if !config.tty {
            forward_signals(client, &container.id)?;
        }
        let keys = detach_keys(session, &self.detach_keys);
        let hijacked = attach_request(client, &container.id, &config, &keys)
            .hijack()
            .await?;
        let terminal = enter_terminal(&config)?;
        let mut attached = Attached::start(hijacked, wiring(&config, &keys))?;
        let exit = Exit::of(client, &container.id, container.host_config.auto_remove).await?;
        start(client, &container.id).await?;
        if config.tty {
            follow_size(client, Target::Container(container.id.clone()))?;
        }
        let ended = attached.ended().await;
        drop(terminal);
        match ended {
            Ended::Detached => Ok(()),
            Ended::Failed(error) => Err(Failure::new(error)),
            Ended::Output => exit.status().await,
        }
    }
}
