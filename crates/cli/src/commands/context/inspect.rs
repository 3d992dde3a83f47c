//! `gantry context inspect`

use serde_json::{Map, Value, json};

use crate::command::{Arity, Command};
use crate::commands::objects;
use crate::contexts::DEFAULT;
use crate::failure::Failure;
use crate::flags::flags;
use crate::session::Session;

flags! {
    /// `gantry context inspect`
    pub(crate) struct InspectContext {
        /// Format output using a custom template:\
        /// 'json':             Print in JSON format\
        /// 'TEMPLATE':         Print output using the given Go template.\
        /// Refer to https://docs.docker.com/go/formatting/ for more information about formatting
        /// output with templates
        "format" 'f' => format: String,
    }
}

impl Command for InspectContext {
    const USAGE: &'static str = "[OPTIONS] [CONTEXT] [CONTEXT...]";
    const ABOUT: &'static str = "Display detailed information on one or more contexts";
    const WORDS: Arity = Arity::AtLeast(0);

    async fn run(self, session: &Session, mut names: Vec<String>) -> Result<(), Failure> {
        if names.is_empty() {
            names.push(session.current()?.name().to_owned());
        }
        let (mut found, mut failures) = (Vec::new(), Vec::new());
        for name in &names {
            match describe(session, name) {
                Ok(object) => found.push(object),
                Err(failure) => failures.push(failure),
            }
        }
        objects::print(&found, &self.format)?;
        Failure::join(failures)
    }
}

fn describe(session: &Session, name: &str) -> Result<Value, Failure> {
    let store = session.contexts();
    if name == DEFAULT {
        return Ok(json!({
            "Name": DEFAULT,
            "Metadata": {},
            "Endpoints": {"docker": {
                "Host": session.default_endpoint()?.to_string(),
                "SkipTLSVerify": false,
            }},
            "TLSMaterial": {},
            "Storage": {"MetadataPath": "<IN MEMORY>", "TLSPath": "<IN MEMORY>"},
        }));
    }
    let context = store.get(name)?;
    let files: Vec<String> = store
        .tls_files(name)
        .into_iter()
        .map(|(file, _)| file)
        .collect();
    let mut material = Map::new();
    if !files.is_empty() {
        material.insert("docker".to_owned(), json!(files));
    }
    Ok(json!({
        "Name": context.name,
        "Metadata": context.metadata,
        "Endpoints": context.endpoints,
        "TLSMaterial": material,
        "Storage": {
            "MetadataPath": store.meta_folder(name),
            "TLSPath": store.tls_folder(name),
        },
    }))
}
