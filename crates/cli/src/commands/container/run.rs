//! `gantry run`

use gantry_api_types::{ContainerConfig, ContainerCreateRequest};
use gantry_client::Client;
use gantry_units::DetachKeys;

use super::creation::{CreateFlags, Creation, Pull, prepared, with_help};
use super::exit::Exit;
use crate::command::{Arity, Command};
use crate::create::ContainerFlags;
use crate::failure::Failure;
use crate::flags::flags;
use crate::output;
use crate::session::Session;
use crate::streams::{
    Attached, Ended, RawTerminal, Target, Wiring, check_terminal, follow_size, forward_signals,
};

flags! {
    /// `gantry run`
    pub(crate) struct Run {
        /// Run container in background and print container ID
        "detach" 'd' => detach: bool,
        /// Override the key sequence for detaching a container
        "detach-keys" => detach_keys: String,
        /// Pull image before running ("always", "missing", "never")
        "pull" => pull: String = "missing".to_owned(); "\"missing\"",
        /// Proxy received signals to the process
        "sig-proxy" => sig_proxy: bool = true; "true",
        + create: CreateFlags,
        + container: ContainerFlags,
    }
}

impl Command for Run {
    const USAGE: &'static str = "[OPTIONS] IMAGE [COMMAND] [ARG...]";
    const ABOUT: &'static str = "Create and run a new container from an image";
    const WORDS: Arity = Arity::AtLeast(1);
    const INTERSPERSED: bool = false;

    async fn run(self, session: &Session, words: Vec<String>) -> Result<(), Failure> {
        let refuse = |reason: String| with_help(session, 125, &reason);
        let pull = Pull::parse(&self.pull).map_err(refuse)?;
        // What is wrong with the options is told before a daemon is looked for.
        let endpoint = session.endpoint()?;
        let mut request = prepared(session, &self.container, &words, &endpoint).map_err(refuse)?;
        if self.detach && !self.container.attach.is_empty() {
            return Err(Failure::new(
                "conflicting options: cannot specify both --attach and --detach",
            ));
        }
        self.attachment(&mut request.body)?;
        let failed = |failure: Failure| started_badly(session, &failure.message);
        let config = request.body.config.clone();
        let creation = Creation::new(session, &self.create, pull, request).map_err(failed)?;
        let client = session
            .client()
            .await
            .map_err(|failure| refuse(failure.message))?;
        let id = creation.run(&client).await.map_err(failed)?;
        self.start(session, &client, &id, &config).await
    }
}

impl Run {
    /// Detached, nothing is attached; else a terminal inside needs one outside.
    fn attachment(&self, body: &mut ContainerCreateRequest) -> Result<(), Failure> {
        let config = &mut body.config;
        if self.detach {
            config.attach_stdin = false;
            config.attach_stdout = false;
            config.attach_stderr = false;
            config.stdin_once = false;
            return Ok(());
        }
        check_terminal(config.attach_stdin, config.tty)
    }

    /// The order is Docker's: attach, wait, start. So neither output nor the end of a
    /// container that ends at once can be missed.
    async fn start(
        &self,
        session: &Session,
        client: &Client,
        id: &str,
        config: &ContainerConfig,
    ) -> Result<(), Failure> {
        let failed = |failure: Failure| started_badly(session, &failure.message);
        if self.sig_proxy {
            forward_signals(client, id)?;
        }
        let attaches = config.attach_stdin || config.attach_stdout || config.attach_stderr;
        if !attaches {
            start(client, id).await.map_err(failed)?;
            output::line(id);
            return Ok(());
        }
        let keys = detach_keys(session, &self.detach_keys);
        let hijacked = attach_request(client, id, config, &keys).hijack().await?;
        let terminal = enter_terminal(config)?;
        let mut attached = Attached::start(hijacked, wiring(config, &keys))?;
        let exit = Exit::of(client, id, self.container.rm).await?;
        if let Err(failure) = start(client, id).await {
            drop(terminal);
            if self.container.rm {
                // The daemon is about to remove it; whoever runs us again wants the name free.
                let _ = exit.status().await;
            }
            return Err(failed(failure));
        }
        if config.tty {
            follow_size(client, Target::Container(id.to_owned()))?;
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

/// Raw mode, if input goes to a terminal inside.
pub(crate) fn enter_terminal(config: &ContainerConfig) -> Result<Option<RawTerminal>, Failure> {
    if config.tty && config.attach_stdin {
        return Ok(RawTerminal::enter()?);
    }
    Ok(None)
}

pub(crate) fn wiring(config: &ContainerConfig, keys: &str) -> Wiring {
    Wiring {
        input: config.attach_stdin,
        tty: config.tty,
        // As with Docker, keys are for terminals: piped input is never looked into.
        detach_keys: config.tty.then(|| parse_keys(keys)),
    }
}

fn parse_keys(keys: &str) -> DetachKeys {
    if keys.is_empty() {
        return DetachKeys::default();
    }
    keys.parse().unwrap_or_else(|error| {
        eprintln!("WARNING: invalid detach escape keys, using default: {error}");
        DetachKeys::default()
    })
}

/// The option's, else the configuration file's.
pub(crate) fn detach_keys(session: &Session, given: &str) -> String {
    if given.is_empty() {
        session.config().detach_keys.clone()
    } else {
        given.to_owned()
    }
}

pub(crate) fn attach_request(
    client: &Client,
    id: &str,
    config: &ContainerConfig,
    keys: &str,
) -> gantry_client::Request {
    client
        .post(Client::path("/containers/", id, "/attach"))
        .query("stream", "1")
        .flag("stdin", config.attach_stdin)
        .flag("stdout", config.attach_stdout)
        .flag("stderr", config.attach_stderr)
        .query_opt("detachKeys", Some(keys).filter(|keys| !keys.is_empty()))
}

pub(crate) async fn start(client: &Client, id: &str) -> Result<(), Failure> {
    client
        .post(Client::path("/containers/", id, "/start"))
        .send()
        .await?
        .finish()
        .await;
    Ok(())
}

/// 127 for a program that is not there, 126 for one that cannot be executed, else 125.
fn started_badly(session: &Session, message: &str) -> Failure {
    with_help(session, code_of(message), message)
}

fn code_of(message: &str) -> u8 {
    let says = |texts: &[&str]| texts.iter().any(|text| message.contains(text));
    if says(&["executable file not found", "no such file or directory"]) {
        127
    } else if says(&["permission denied", "is a directory"]) {
        126
    } else {
        125
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_exit_status_tells_what_is_wrong_with_the_program() {
        assert_eq!(
            code_of("exec: \"foo\": executable file not found in $PATH: unknown"),
            127
        );
        assert_eq!(
            code_of("exec: \"/x\": stat /x: no such file or directory: unknown"),
            127
        );
        assert_eq!(
            code_of("exec: \"/etc/passwd\": permission denied: unknown"),
            126
        );
        assert_eq!(code_of("exec: \"/etc\": is a directory: unknown"), 126);
        assert_eq!(
            code_of("Conflict. The container name \"/x\" is already in use"),
            125
        );
    }
}
