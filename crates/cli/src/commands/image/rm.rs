//! `gantry rmi`

use gantry_api_types::ImageDeleteItem;
use gantry_client::{Client, Error, Kind};

use super::history::platform_json;
use crate::command::{Arity, Command};
use crate::failure::Failure;
use crate::flags::{Strings, flags};
use crate::output;
use crate::session::Session;

flags! {
    /// `gantry rmi`
    pub(crate) struct Remove {
        /// Force removal of the image
        "force" 'f' => force: bool,
        /// Do not delete untagged parents
        "no-prune" => no_prune: bool,
        /// Remove only the given platform variant. Formatted as "os[/arch[/variant]]" (e.g.,
        /// "linux/amd64")
        "platform" => platform: Strings,
    }
}

impl Command for Remove {
    const USAGE: &'static str = "[OPTIONS] IMAGE [IMAGE...]";
    const ABOUT: &'static str = "Remove one or more images";
    const WORDS: Arity = Arity::AtLeast(1);

    async fn run(self, session: &Session, names: Vec<String>) -> Result<(), Failure> {
        let client = session.client().await?;
        let (mut failures, mut fatal) = (Vec::new(), false);
        for name in &names {
            match self.remove(&client, name).await {
                Ok(items) => items.iter().for_each(show),
                Err(error) => {
                    fatal |= error.kind() != Kind::NotFound;
                    failures.push(Failure::from(error));
                }
            }
        }
        match Failure::join(failures) {
            // Forced, an image that is not there is as good as removed.
            Err(failure) if self.force && !fatal => {
                eprintln!("{}", failure.message);
                Ok(())
            }
            result => result,
        }
    }
}

impl Remove {
    async fn remove(&self, client: &Client, name: &str) -> Result<Vec<ImageDeleteItem>, Error> {
        let mut request = client
            .delete(Client::path("/images/", name, ""))
            .flag("force", self.force)
            .flag("noprune", self.no_prune);
        for platform in self.platform.iter() {
            request = request.query("platforms", platform_json(platform));
        }
        request.send().await?.json().await
    }
}

fn show(item: &ImageDeleteItem) {
    if item.deleted.is_empty() {
        output::line(format!("Untagged: {}", item.untagged));
    } else {
        output::line(format!("Deleted: {}", item.deleted));
    }
}
