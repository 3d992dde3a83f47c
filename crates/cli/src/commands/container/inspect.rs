//! `gantry container inspect`

use crate::command::{Arity, Command};
use crate::commands::objects::{Source, inspect};
use crate::failure::Failure;
use crate::flags::flags;
use crate::session::Session;

flags! {
    /// `gantry container inspect`
    pub(crate) struct InspectContainer {
        /// Format output using a custom template:\
        /// 'json':             Print in JSON format\
        /// 'TEMPLATE':         Print output using the given Go template.\
        /// Refer to https://docs.docker.com/go/formatting/ for more information about formatting
        /// output with templates
        "format" 'f' => format: String,
        /// Display total file sizes
        "size" 's' => size: bool,
    }
}

impl Command for InspectContainer {
    const USAGE: &'static str = "[OPTIONS] CONTAINER [CONTAINER...]";
    const ABOUT: &'static str = "Display detailed information on one or more containers";
    const WORDS: Arity = Arity::AtLeast(1);

    async fn run(self, session: &Session, names: Vec<String>) -> Result<(), Failure> {
        let client = session.client().await?;
        let mut source = Source::new("/containers/", "/json");
        if self.size {
            source.query.push(("size", "1".to_owned()));
        }
        inspect(&client, &names, &[source], &self.format).await
    }
}
