//! `gantry logs`

use std::io::{self, Write as _};

use gantry_api_types::ContainerInspect;
use gantry_client::{ApiVersion, Client, Response, StreamCopy};

use crate::command::{Arity, Command};
use crate::failure::Failure;
use crate::flags::flags;
use crate::session::Session;
use crate::streams::write_frame;
use crate::{output, times};

flags! {
    /// `gantry logs`
    pub(crate) struct Logs {
        /// Show extra details provided to logs
        "details" => details: bool,
        /// Follow log output
        "follow" 'f' => follow: bool,
        /// Show logs since timestamp (e.g. "2013-01-02T13:23:37Z") or relative (e.g. "42m" for 42
        /// minutes)
        "since" => since: Option<String>,
        /// Number of lines to show from the end of the logs
        "tail" 'n' => tail: String = "all".to_owned(); "\"all\"",
        /// Show timestamps
        "timestamps" 't' => timestamps: bool,
        /// Show logs before a timestamp (e.g. "2013-01-02T13:23:37Z") or relative (e.g. "42m" for 42
        /// minutes)
        "until" => until: Option<String>,
    }
}

impl Command for Logs {
    const USAGE: &'static str = "[OPTIONS] CONTAINER";
    const ABOUT: &'static str = "Fetch the logs of a container";
    const WORDS: Arity = Arity::Exactly(1);

    async fn run(self, session: &Session, words: Vec<String>) -> Result<(), Failure> {
        let client = session.client().await?;
        let request = client
            .get(Client::path("/containers/", &words[0], "/logs"))
            .query("stdout", "1")
            .query("stderr", "1")
            .flag("follow", self.follow)
            .flag("timestamps", self.timestamps)
            .flag("details", self.details)
            .query("tail", &self.tail)
            .query_opt("since", moment("since", self.since.as_deref())?)
            .query_opt("until", moment("until", self.until.as_deref())?);
        let response = request.send().await?;
        let framed = is_framed(&client, &words[0], &response).await?;
        copy(response, framed).await
    }
}

/// Whether lines come in frames: newer daemons say it, of older ones we ask for the terminal.
async fn is_framed(client: &Client, name: &str, response: &Response) -> Result<bool, Failure> {
    match response.header("content-type") {
        Some("application/vnd.docker.multiplexed-stream") => Ok(true),
        Some(_) if ApiVersion::parse("1.42").is_some_and(|first| client.version() >= first) => {
            Ok(false)
        }
        _ => {
            let path = Client::path("/containers/", name, "/json");
            let container: ContainerInspect = client.get(path).send().await?.json().await?;
            Ok(!container.config.tty)
        }
    }
}

async fn copy(mut response: Response, framed: bool) -> Result<(), Failure> {
    let mut frames = StreamCopy::default();
    while let Some(chunk) = response.chunk().await? {
        if !framed {
            output::write(&chunk);
            continue;
        }
        let mut out = io::stdout().lock();
        let copied = frames
            .feed(&chunk, |frame| {
                write_frame(frame, &mut out, &mut io::stderr())
            })
            .and_then(|()| out.flush());
        match copied {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                return Err(Failure::status(141));
            }
            other => other?,
        }
    }
    Ok(())
}

fn moment(name: &str, given: Option<&str>) -> Result<Option<String>, Failure> {
    times::given(given).map_err(|failure| {
        Failure::new(format!("invalid value for \"{name}\": {}", failure.message))
    })
}
