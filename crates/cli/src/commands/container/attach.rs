//! `gantry attach`

use gantry_api_types::ContainerInspect;
use gantry_client::Client;

use super::exit::Exit;
use super::run::{attach_request, detach_keys, enter_terminal, wiring};
use crate::command::{Arity, Command};
use crate::failure::Failure;
use crate::flags::flags;
use crate::session::Session;
use crate::streams::{Attached, Ended, Target, check_terminal, follow_size, forward_signals};

flags! {
    /// `gantry attach`
    pub(crate) struct Attach {
        /// Override the key sequence for detaching a container
        "detach-keys" => detach_keys: String,
        /// Do not attach STDIN
        "no-stdin" => no_stdin: bool,
        /// Proxy all received signals to the process
        "sig-proxy" => sig_proxy: bool = true; "true",
    }
}

impl Command for Attach {
    const USAGE: &'static str = "[OPTIONS] CONTAINER";
    const ABOUT: &'static str =
        "Attach local standard input, output, and error streams to a running container";
    const WORDS: Arity = Arity::Exactly(1);

    async fn run(self, session: &Session, words: Vec<String>) -> Result<(), Failure> {
        let client = session.client().await?;
        let path = Client::path("/containers/", &words[0], "/json");
        let container: ContainerInspect = client.get(path).send().await?.json().await?;
        check_state(&container)?;
        let mut config = container.config.clone();
        config.attach_stdin = !self.no_stdin && config.open_stdin;
        config.attach_stdout = true;
        config.attach_stderr = true;
        check_terminal(config.attach_stdin, config.tty)?;
        if self.sig_proxy && !config.tty {
            forward_signals(&client, &container.id)?;
        }
        let exit = Exit::of(&client, &container.id, false).await?;
        let keys = detach_keys(session, &self.detach_keys);
        let hijacked = attach_request(&client, &container.id, &config, &keys)
            .hijack()
            .await?;
        let terminal = enter_terminal(&config)?;
        if config.tty {
            follow_size(&client, Target::Container(container.id.clone()))?;
        }
        let mut attached = Attached::start(hijacked, wiring(&config, &keys))?;
        let ended = attached.ended().await;
        drop(terminal);
        match ended {
            Ended::Detached => {
                eprintln!("read escape sequence");
                Ok(())
            }
            Ended::Failed(error) => Err(Failure::new(error)),
            Ended::Output => exit.status().await,
        }
    }
}

fn check_state(container: &ContainerInspect) -> Result<(), Failure> {
    let state = &container.state;
    if !state.running {
        return Err(Failure::new(
            "You cannot attach to a stopped container, start it first",
        ));
    }
    if state.paused {
        return Err(Failure::new(
            "You cannot attach to a paused container, unpause it first",
        ));
    }
    if state.restarting {
        return Err(Failure::new(
            "You cannot attach to a restarting container, wait until it is running",
        ));
    }
    Ok(())
}
