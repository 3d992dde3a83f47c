//! `gantry info`

use gantry_api_types::SystemInfo;
use gantry_gotemplate::{Shape, Value};
use serde_json::{Value as Json, json};

use super::info_text::server_text;
use crate::command::{Arity, Command};
use crate::failure::Failure;
use crate::flags::flags;
use crate::output;
use crate::session::{Session, VERSION};

flags! {
    /// `gantry info`
    pub(crate) struct Info {
        /// Format output using a custom template:\
        /// 'json':             Print in JSON format\
        /// 'TEMPLATE':         Print output using the given Go template.\
        /// Refer to https://docs.docker.com/go/formatting/ for more information about formatting
        /// output with templates
        "format" 'f' => format: String,
    }
}

impl Command for Info {
    const USAGE: &'static str = "[OPTIONS]";
    const ABOUT: &'static str = "Display system-wide information";
    const WORDS: Arity = Arity::None;

    async fn run(self, session: &Session, _words: Vec<String>) -> Result<(), Failure> {
        if !self.format.is_empty() {
            return self.formatted(session).await;
        }
        let context = session.globals.context.as_deref().unwrap_or("default");
        output::print(format!(
            "Client: {}\n Version:    {VERSION}\n Context:    {context}\n Debug Mode: {}\n\nServer:\n",
            session.program.proper, session.globals.debug
        ));
        let client = session.client().await?;
        let info: SystemInfo = client.get("/info").send().await?.json().await?;
        output::line(server_text(&info));
        for warning in info.warnings.iter().flatten() {
            eprintln!("{warning}");
        }
        Ok(())
    }
}

impl Info {
    async fn formatted(&self, session: &Session) -> Result<(), Failure> {
        let text = if self.format == "json" {
            "{{json .}}"
        } else {
            &self.format
        };
        let template = gantry_gotemplate::Template::parse(text)
            .map_err(|error| Failure::with_code(64, format!("template parsing error: {error}")))?;
        let client = session.client().await?;
        let mut info: Json = client.get("/info").send().await?.json().await?;
        info["ServerErrors"] = json!([]);
        info["ClientInfo"] = json!({
            "Debug": session.globals.debug,
            "Version": VERSION,
            "Context": session.globals.context.as_deref().unwrap_or("default"),
            "Plugins": [],
            "Warnings": null,
        });
        let value = Value::from_json(&info, &|_, key| match key {
            "Runtimes" | "IndexConfigs" | "status" => Shape::Map,
            _ => Shape::Struct,
        });
        output::line(template.render(&value).map_err(crate::format::failed)?);
        Ok(())
    }
}
