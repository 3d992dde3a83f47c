//! `gantry load`

use super::history::platform_json;
use crate::command::{Arity, Command};
use crate::failure::Failure;
use crate::flags::flags;
use crate::progress::{self, Target};
use crate::session::{Session, output_is_terminal};
use crate::upload::{chunks, input};

flags! {
    /// `gantry load`
    pub(crate) struct Load {
        /// Read from tar archive file, instead of STDIN
        "input" 'i' => input: String,
        /// Load only the given platform variant. Formatted as "os[/arch[/variant]]" (e.g.,
        /// "linux/amd64")
        "platform" => platform: Option<String>,
        /// Suppress the load output
        "quiet" 'q' => quiet: bool,
    }
}

impl Command for Load {
    const USAGE: &'static str = "[OPTIONS]";
    const ABOUT: &'static str = "Load an image from a tar archive or STDIN";
    const WORDS: Arity = Arity::None;

    async fn run(self, session: &Session, _words: Vec<String>) -> Result<(), Failure> {
        let input = input(&self.input, "requested load from stdin, but stdin is empty")?;
        let client = session.client().await?;
        let request = client
            .post("/images/load")
            .query(
                "quiet",
                if self.quiet || !output_is_terminal() {
                    "1"
                } else {
                    "0"
                },
            )
            .query_opt("platform", self.platform.as_deref().map(platform_json))
            .stream("application/x-tar", chunks(input)?);
        progress::show(request.send().await?, Target::Output).await
    }
}
