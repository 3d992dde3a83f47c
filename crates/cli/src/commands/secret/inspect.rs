//! `gantry secret inspect`

use gantry_api_types::Secret;

use crate::command::{Arity, Command};
use crate::commands::objects::{Source, inspect};
use crate::failure::Failure;
use crate::flags::flags;
use crate::output;
use crate::session::Session;
use crate::times;

flags! {
    /// `gantry secret inspect`
    pub(crate) struct InspectSecret {
        /// Format output using a custom template:\
        /// 'json':             Print in JSON format\
        /// 'TEMPLATE':         Print output using the given Go template.\
        /// Refer to https://docs.docker.com/go/formatting/ for more information about formatting
        /// output with templates
        "format" 'f' => format: String,
        /// Print the information in a human friendly format
        "pretty" => pretty: bool,
    }
}

impl Command for InspectSecret {
    const USAGE: &'static str = "[OPTIONS] SECRET [SECRET...]";
    const ABOUT: &'static str = "Display detailed information on one or more secrets";
    const WORDS: Arity = Arity::AtLeast(1);

    async fn run(self, session: &Session, names: Vec<String>) -> Result<(), Failure> {
        if self.pretty && !self.format.is_empty() {
            return Err(Failure::new(
                "--format is incompatible with human friendly format",
            ));
        }
        let client = session.client().await?;
        let source = Source::new("/secrets/", "");
        if !self.pretty {
            return inspect(&client, &names, &[source], &self.format).await;
        }
        for name in &names {
            let secret =
                serde_json::from_value(source.get(&client, name).await?).map_err(Failure::new)?;
            output::print(pretty(&secret));
        }
        Ok(())
    }
}

fn pretty(secret: &Secret) -> String {
    let labels: Vec<String> = secret
        .spec
        .labels
        .iter()
        .map(|(key, value)| format!(" - {key}={value}\n"))
        .collect();
    format!(
        "ID:              {}\nName:              {}\nLabels:\n{}Driver:\nCreated at:        {}\nUpdated at:        {}\n",
        secret.id,
        secret.spec.name,
        labels.concat(),
        times::go_time_of(&secret.created_at),
        times::go_time_of(&secret.updated_at),
    )
}
