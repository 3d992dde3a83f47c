//! `gantry builder cache-mount`

use std::io::{IsTerminal as _, stdout};

use gantry_api_types::CacheMount;
use gantry_client::Error;
use gantry_units::{human_duration, human_size};

use crate::command::{Arity, Command};
use crate::commands::to_file::ToFile;
use crate::failure::Failure;
use crate::flags::flags;
use crate::output;
use crate::session::Session;
use crate::table;
use crate::upload::{chunks, input};

flags! {
    /// `gantry builder cache-mount ls`
    pub(crate) struct List {
        /// Only display the caches' ids
        "quiet" 'q' => quiet: bool,
    }
}

flags! {
    /// `gantry builder cache-mount export`
    pub(crate) struct Export {
        /// Write to a file, instead of STDOUT
        "output" 'o' => output: String,
    }
}

flags! {
    /// `gantry builder cache-mount import`
    pub(crate) struct Import {
        /// Read from a tar archive file, instead of STDIN
        "input" 'i' => input: String,
    }
}

flags! {
    /// `gantry builder cache-mount rm`
    pub(crate) struct Remove {}
}

impl Command for List {
    const USAGE: &'static str = "[OPTIONS]";
    const ABOUT: &'static str = "List the caches of RUN --mount=type=cache";
    const WORDS: Arity = Arity::None;

    async fn run(self, session: &Session, _words: Vec<String>) -> Result<(), Failure> {
        let client = session.client().await?;
        let request = client.get("/build/mounts");
        let all: Vec<CacheMount> = request.send().await.map_err(told)?.json().await?;
        if self.quiet {
            output::print(
                all.iter()
                    .map(|m| format!("{}\n", m.id))
                    .collect::<String>(),
            );
            return Ok(());
        }
        let rows: String = all.iter().map(row).collect();
        output::print(table::align(&format!(
            "ID\tNAME\tVARIANT\tSIZE\tLAST USED\n{rows}"
        )));
        Ok(())
    }
}

impl Command for Export {
    const USAGE: &'static str = "[OPTIONS] ID";
    const ABOUT: &'static str = "Export the files of a cache as a tar archive";
    const WORDS: Arity = Arity::Exactly(1);

    async fn run(self, session: &Session, words: Vec<String>) -> Result<(), Failure> {
        if self.output.is_empty() && stdout().is_terminal() {
            return Err(Failure::new(
                "cowardly refusing to save to a terminal. Use the -o flag or redirect",
            ));
        }
        let client = session.client().await?;
        let request = client.get("/build/mounts/export").query("id", &words[0]);
        let mut response = request.send().await.map_err(told)?;
        if self.output.is_empty() {
            while let Some(chunk) = response.chunk().await? {
                output::write(&chunk);
            }
            return Ok(());
        }
        ToFile::open(&self.output, "failed to export the cache")?
            .take(response)
            .await
    }
}

impl Command for Import {
    const USAGE: &'static str = "[OPTIONS] ID";
    const ABOUT: &'static str = "Put the files of a tar archive in place of a cache's";
    const WORDS: Arity = Arity::Exactly(1);

    async fn run(self, session: &Session, words: Vec<String>) -> Result<(), Failure> {
        let input = input(
            &self.input,
            "requested import from stdin, but stdin is a terminal",
        )?;
        let client = session.client().await?;
        let request = client.post("/build/mounts/import").query("id", &words[0]);
        let request = request.stream("application/x-tar", chunks(input)?);
        request.send().await.map_err(told)?;
        Ok(())
    }
}

impl Command for Remove {
    const USAGE: &'static str = "ID [ID...]";
    const ABOUT: &'static str = "Remove caches";
    const WORDS: Arity = Arity::AtLeast(1);

    async fn run(self, session: &Session, words: Vec<String>) -> Result<(), Failure> {
        let client = session.client().await?;
        let mut failures = Vec::new();
        for word in &words {
            let request = client.delete("/build/mounts").query("id", word);
            match request.send().await.map_err(told) {
                Ok(_) => output::line(word),
                Err(failure) => failures.push(failure),
            }
        }
        Failure::join(failures)
    }
}

/// Another engine has no such path.
fn told(error: Error) -> Failure {
    match error {
        Error::Api { status, message } if status == 405 || message == "page not found" => {
            Failure::new(
                "this engine cannot carry cache mounts: only Gantry's has `builder cache-mount`",
            )
        }
        other => other.into(),
    }
}

fn row(mount: &CacheMount) -> String {
    let used = mount.last_used_at.parse::<jiff::Timestamp>();
    let used = used.map_or(0, |time| {
        jiff::Timestamp::now().as_second() - time.as_second()
    });
    let used = std::time::Duration::from_secs(used.max(0) as u64);
    format!(
        "{}\t{}\t{}\t{}\t{} ago\n",
        mount.id,
        mount.name.get(..12).unwrap_or(&mount.name),
        mount.variant,
        human_size(mount.size as f64),
        human_duration(used),
    )
}
