//! `gantry image inspect`

use super::history::platform_json;
use crate::command::{Arity, Command};
use crate::commands::objects::{Source, inspect};
use crate::failure::Failure;
use crate::flags::flags;
use crate::session::Session;

flags! {
    /// `gantry image inspect`
    pub(crate) struct InspectImage {
        /// Format output using a custom template:\
        /// 'json':             Print in JSON format\
        /// 'TEMPLATE':         Print output using the given Go template.\
        /// Refer to https://docs.docker.com/go/formatting/ for more information about formatting
        /// output with templates
        "format" 'f' => format: String,
        /// Inspect a specific platform of the multi-platform image.\
        /// If the image or the server is not multi-platform capable, the command will error out if
        /// the platform does not match.\
        /// 'os[/arch[/variant]]': Explicit platform (eg. linux/amd64)
        "platform" => platform: Option<String>,
    }
}

impl Command for InspectImage {
    const USAGE: &'static str = "[OPTIONS] IMAGE [IMAGE...]";
    const ABOUT: &'static str = "Display detailed information on one or more images";
    const WORDS: Arity = Arity::AtLeast(1);

    async fn run(self, session: &Session, names: Vec<String>) -> Result<(), Failure> {
        let client = session.client().await?;
        let mut source = Source::new("/images/", "/json");
        if let Some(platform) = &self.platform {
            source.query.push(("platform", platform_json(platform)));
        }
        inspect(&client, &names, &[source], &self.format).await
    }
}
