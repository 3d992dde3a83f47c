//! `--debug` and `--invoke`: a look at the step that failed, before the build does.

use std::collections::HashMap;
use std::io::IsTerminal as _;

use gantry_build_client::Shell;
use gantry_client::Client;
use tokio::sync::mpsc::Receiver;

use super::flags::BuildFlags;
use crate::commands::container::start::Start;
use crate::session::Session;

/// The label by which our own engine is known, and what it says there.
const EXECUTOR: (&str, &str) = ("org.mobyproject.buildkit.worker.executor", "gantry");
const SHELL: &str = "/bin/sh";

/// What is run in a step that failed.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Debug {
    command: Vec<String>,
    terminal: bool,
}

impl Debug {
    /// What the options say; `None` if nothing is to be run.
    pub(super) fn asked(flags: &BuildFlags) -> Option<Self> {
        if !flags.debug && flags.invoke.is_empty() {
            return None;
        }
        let command = match flags.invoke.as_str() {
            "" => vec![SHELL.to_owned()],
            text => text.split_whitespace().map(str::to_owned).collect(),
        };
        Some(Self {
            command,
            terminal: std::io::stdin().is_terminal(),
        })
    }

    pub(super) fn is_offered(labels: &HashMap<String, String>) -> bool {
        labels
            .get(EXECUTOR.0)
            .is_some_and(|name| name == EXECUTOR.1)
    }

    /// As the engine has to know it.
    pub(super) fn attribute(&self) -> (String, String) {
        let value = serde_json::json!([self.terminal, self.command]);
        ("gantry.debug".to_owned(), value.to_string())
    }
}

/// Works, and shows the containers that come meanwhile; then nothing goes on here, and the engine waits.
pub(super) async fn beside<T>(
    work: impl Future<Output = T>,
    shells: &mut Receiver<Shell>,
    leave: impl Fn(),
    session: &Session,
    client: &Client,
) -> T {
    let mut work = std::pin::pin!(work);
    loop {
        tokio::select! {
            done = &mut work => return done,
            Some(shell) = shells.recv() => {
                leave();
                shown(session, client, shell).await;
            }
        }
    }
}

/// Gives the terminal to a container until that ends.
async fn shown(session: &Session, client: &Client, shell: Shell) {
    eprintln!("{}; this is where it failed:", shell.why);
    let start = Start::interactive();
    let ended = start
        .start_attached(session, client, &shell.container)
        .await;
    // The shell's own end is of no interest.
    if let Err(failure) = ended
        && !failure.message.is_empty()
    {
        eprintln!("{}", failure.message);
    }
    // An engine that has given up waits no more.
    let _ = shell.done.send(());
}
