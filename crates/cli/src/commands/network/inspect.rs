//! `gantry network inspect`

use crate::command::{Arity, Command};
use crate::commands::objects::{Source, inspect};
use crate::failure::Failure;
use crate::flags::flags;
use crate::session::Session;

flags! {
    /// `gantry network inspect`
    pub(crate) struct InspectNetwork {
        /// Format output using a custom template:\
        /// 'json':             Print in JSON format\
        /// 'TEMPLATE':         Print output using the given Go template.\
        /// Refer to https://docs.docker.com/go/formatting/ for more information about formatting
        /// output with templates
        "format" 'f' => format: String,
        /// Verbose output for diagnostics
        "verbose" 'v' => verbose: bool,
    }
}

impl Command for InspectNetwork {
    const USAGE: &'static str = "[OPTIONS] NETWORK [NETWORK...]";
    const ABOUT: &'static str = "Display detailed information on one or more networks";
    const WORDS: Arity = Arity::AtLeast(1);

    async fn run(self, session: &Session, names: Vec<String>) -> Result<(), Failure> {
        let client = session.client().await?;
        let mut source = Source::new("/networks/", "");
        if self.verbose {
            source.query.push(("verbose", "true".to_owned()));
        }
        inspect(&client, &names, &[source], &self.format).await
    }
}
