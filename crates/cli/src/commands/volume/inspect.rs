//! `gantry volume inspect`

use crate::command::{Arity, Command};
use crate::commands::objects::{Source, inspect};
use crate::failure::Failure;
use crate::flags::flags;
use crate::session::Session;

flags! {
    /// `gantry volume inspect`
    pub(crate) struct InspectVolume {
        /// Format output using a custom template:\
        /// 'json':             Print in JSON format\
        /// 'TEMPLATE':         Print output using the given Go template.\
        /// Refer to https://docs.docker.com/go/formatting/ for more information about formatting
        /// output with templates
        "format" 'f' => format: String,
    }
}

impl Command for InspectVolume {
    const USAGE: &'static str = "[OPTIONS] VOLUME [VOLUME...]";
    const ABOUT: &'static str = "Display detailed information on one or more volumes";
    const WORDS: Arity = Arity::AtLeast(1);

    async fn run(self, session: &Session, names: Vec<String>) -> Result<(), Failure> {
        let client = session.client().await?;
        inspect(
            &client,
            &names,
            &[Source::new("/volumes/", "")],
            &self.format,
        )
        .await
    }
}
