//! `gantry secret create`

use std::io::Read as _;

use base64::Engine as _;
use gantry_api_types::{SecretCreateResponse, SecretDriver, SecretSpec};

use crate::command::{Arity, Command};
use crate::create::{Labels, pairs};
use crate::failure::Failure;
use crate::flags::flags;
use crate::output;
use crate::session::Session;

flags! {
    /// `gantry secret create`
    pub(crate) struct Create {
        /// Secret driver
        "driver" 'd' => driver: String,
        /// Secret labels
        "label" 'l' => label: Labels,
        /// Template driver
        "template-driver" => template_driver: String,
    }
}

impl Command for Create {
    const USAGE: &'static str = "[OPTIONS] SECRET [file|-]";
    const ABOUT: &'static str = "Create a secret from a file or STDIN as content";
    const WORDS: Arity = Arity::Between(1, 2);

    async fn run(self, session: &Session, words: Vec<String>) -> Result<(), Failure> {
        let driver = |name: String| (!name.is_empty()).then_some(SecretDriver { name });
        let with_driver = !self.driver.is_empty();
        let data = match words.get(1).map(String::as_str) {
            None if with_driver => Vec::new(),
            None => return Err(Failure::new("secret file is required")),
            Some(_) if with_driver => {
                return Err(Failure::new(
                    "When using secret driver secret data must be empty",
                ));
            }
            Some(from) => content(from)?,
        };
        let labels: Vec<String> = self.label.iter().map(ToString::to_string).collect();
        let spec = SecretSpec {
            name: words.into_iter().next().unwrap_or_default(),
            labels: pairs(&labels),
            data: base64::engine::general_purpose::STANDARD.encode(data),
            driver: driver(self.driver),
            templating: driver(self.template_driver),
        };
        let client = session.client().await?;
        let request = client.post("/secrets/create").json(&spec);
        let made: SecretCreateResponse = request.send().await?.json().await?;
        output::line(made.id);
        Ok(())
    }
}

/// The file's content; `-` is standard input.
fn content(from: &str) -> Result<Vec<u8>, Failure> {
    let mut data = Vec::new();
    let (name, read) = match from {
        "-" => ("STDIN", std::io::stdin().read_to_end(&mut data)),
        path => {
            let opened = std::fs::File::open(path);
            (path, opened.and_then(|mut f| f.read_to_end(&mut data)))
        }
    };
    read.map_err(|e| {
        let reason = crate::create::open_error(name, &e);
        Failure::new(format!("error reading from {name}: {reason}"))
    })?;
    Ok(data)
}
