//! `gantry inspect`

use crate::command::{Arity, Command};
use crate::commands::objects::{Source, inspect};
use crate::failure::Failure;
use crate::flags::flags;
use crate::session::Session;

flags! {
    /// `gantry inspect`
    pub(crate) struct Inspect {
        /// Format output using a custom template:\
        /// 'json':             Print in JSON format\
        /// 'TEMPLATE':         Print output using the given Go template.\
        /// Refer to https://docs.docker.com/go/formatting/ for more information about formatting
        /// output with templates
        "format" 'f' => format: String,
        /// Display total file sizes if the type is container
        "size" 's' => size: bool,
        /// Only inspect objects of the given type
        "type" => kind: Option<String>,
    }
}

impl Command for Inspect {
    const USAGE: &'static str = "[OPTIONS] NAME|ID [NAME|ID...]";
    const ABOUT: &'static str = "Return low-level information on Docker objects";
    const WORDS: Arity = Arity::AtLeast(1);

    async fn run(self, session: &Session, names: Vec<String>) -> Result<(), Failure> {
        let sources = self.sources()?;
        let client = session.client().await?;
        inspect(&client, &names, &sources, &self.format).await
    }
}

impl Inspect {
    fn sources(&self) -> Result<Vec<Source>, Failure> {
        let source = |before, after, remark| Source {
            remark: Some(remark).filter(|_| self.size),
            ..Source::new(before, after)
        };
        let mut container = Source::new("/containers/", "/json");
        if self.size {
            container.query.push(("size", "1".to_owned()));
        }
        let image = source("/images/", "/json", "--size ignored for image");
        let network = source("/networks/", "", "--size ignored for network");
        let volume = source("/volumes/", "", "--size ignored for volume");
        let plugin = source("/plugins/", "/json", "--size ignored for plugin");
        let secret = source("/secrets/", "", "--size ignored for secret");
        Ok(match self.kind.as_deref() {
            None => vec![container, image, network, volume, plugin, secret],
            Some("container") => vec![container],
            Some("image") => vec![image],
            Some("network") => vec![network],
            Some("volume") => vec![volume],
            Some("plugin") => vec![plugin],
            Some("secret") => vec![secret],
            // What only a swarm has: the daemon says so.
            Some("config") => vec![Source::new("/configs/", "")],
            Some("node") => vec![Source::new("/nodes/", "")],
            Some("service") => vec![Source::new("/services/", "")],
            Some("task") => vec![Source::new("/tasks/", "")],
            Some("") => {
                return Err(Failure::new(
                    "type is empty: must be one of \"config\", \"container\", \"image\", \"network\", \"node\", \"plugin\", \"secret\", \"service\", \"task\", \"volume\"",
                ));
            }
            Some(kind) => {
                return Err(Failure::new(format!(
                    "unknown type: \"{kind}\": must be one of \"config\", \"container\", \"image\", \"network\", \"node\", \"plugin\", \"secret\", \"service\", \"task\", \"volume\""
                )));
            }
        })
    }
}
