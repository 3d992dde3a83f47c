//! `gantry save`

use std::io::{IsTerminal as _, stdout};

use super::history::platform_json;
use crate::command::{Arity, Command};
use crate::commands::to_file::ToFile;
use crate::failure::Failure;
use crate::flags::flags;
use crate::output;
use crate::session::Session;

flags! {
    /// `gantry save`
    pub(crate) struct Save {
        /// Write to a file, instead of STDOUT
        "output" 'o' => output: String,
        /// Save only the given platform variant. Formatted as "os[/arch[/variant]]" (e.g.,
        /// "linux/amd64")
        "platform" => platform: Option<String>,
    }
}

impl Command for Save {
    const USAGE: &'static str = "[OPTIONS] IMAGE [IMAGE...]";
    const ABOUT: &'static str =
        "Save one or more images to a tar archive (streamed to STDOUT by default)";
    const WORDS: Arity = Arity::AtLeast(1);

    async fn run(self, session: &Session, names: Vec<String>) -> Result<(), Failure> {
        if self.output.is_empty() && stdout().is_terminal() {
            return Err(Failure::new(
                "cowardly refusing to save to a terminal. Use the -o flag or redirect",
            ));
        }
        let client = session.client().await?;
        let mut request = client
            .get("/images/get")
            .query_opt("platform", self.platform.as_deref().map(platform_json));
        for name in &names {
            request = request.query("names", name);
        }
        let mut response = request.send().await?;
        if self.output.is_empty() {
            while let Some(chunk) = response.chunk().await? {
                output::write(&chunk);
            }
            return Ok(());
        }
        ToFile::open(&self.output, "failed to save image")?
            .take(response)
            .await
    }
}
