//! `gantry version`

use std::fmt::Write as _;

use gantry_api_types::Version as ServerVersion;
use gantry_client::{ApiVersion, Client};
use gantry_gotemplate::{Shape, Value};
use serde_json::{Value as Json, json};

use crate::command::{Arity, Command};
use crate::failure::Failure;
use crate::flags::flags;
use crate::output;
use crate::session::{Session, VERSION, build};

flags! {
    /// `gantry version`
    pub(crate) struct Version {
        /// Format output using a custom template:\
        /// 'json':             Print in JSON format\
        /// 'TEMPLATE':         Print output using the given Go template.\
        /// Refer to https://docs.docker.com/go/formatting/ for more information about formatting
        /// output with templates
        "format" 'f' => format: String,
    }
}

impl Command for Version {
    const USAGE: &'static str = "[OPTIONS]";
    const ABOUT: &'static str = "Show the Docker version information";
    const WORDS: Arity = Arity::None;

    async fn run(self, session: &Session, _words: Vec<String>) -> Result<(), Failure> {
        let template = match self.format.as_str() {
            "" => None,
            "json" => Some("{{json .}}"),
            other => Some(other),
        };
        let template = template
            .map(|text| {
                gantry_gotemplate::Template::parse(text).map_err(|error| {
                    Failure::with_code(64, format!("template parsing error: {error}"))
                })
            })
            .transpose()?;
        let server = match session.client().await {
            Ok(client) => ask(&client).await.map(|server| (client.version(), server)),
            Err(failure) => Err(failure),
        };
        let api = server.as_ref().map_or(ApiVersion::NEWEST, |(api, _)| *api);
        match template {
            Some(template) => {
                let server = server
                    .as_ref()
                    .map_or(Json::Null, |(_, server)| server_json(server));
                let mut value = json!({"Client": client_json(session, api), "Server": server});
                if self.format.contains(".APIVersion") {
                    add_field_names(&mut value);
                }
                let value = Value::from_json(&value, &|_, key| {
                    if key == "Details" {
                        Shape::Map
                    } else {
                        Shape::Struct
                    }
                });
                output::line(template.render(&value).map_err(crate::format::failed)?);
            }
            None => {
                output::print(client_text(session, api));
                if let Ok((_, server)) = &server {
                    output::print(server_text(server));
                }
            }
        }
        server.map(drop)
    }
}

async fn ask(client: &Client) -> Result<ServerVersion, Failure> {
    Ok(client.get("/version").send().await?.json().await?)
}

fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}

fn client_json(session: &Session, api: ApiVersion) -> Json {
    json!({
        "Platform": {"Name": session.program.proper},
        "Version": VERSION,
        "ApiVersion": api.to_string(),
        "DefaultAPIVersion": ApiVersion::NEWEST.to_string(),
        "GitCommit": build(),
        "GoVersion": "",
        "Os": "linux",
        "Arch": architecture(),
        "BuildTime": "",
        "Context": session.globals.context.as_deref().unwrap_or("default"),
    })
}

/// Docker's templates know the API version by the field's name, `{{json .}}` by the wire's key.
fn add_field_names(value: &mut Json) {
    for side in ["Client", "Server"] {
        let version = value[side]["ApiVersion"].clone();
        if let Json::Object(fields) = &mut value[side] {
            fields.insert("APIVersion".to_owned(), version);
        }
    }
}

/// As Docker's client shows it: the keys of its own type, not those of the wire.
fn server_json(server: &ServerVersion) -> Json {
    let mut value = json!(server);
    if let Json::Object(fields) = &mut value {
        for (name, empty) in [
            ("MinAPIVersion", json!("")),
            ("KernelVersion", json!("")),
            ("Experimental", json!(false)),
            ("BuildTime", json!("")),
            ("Components", json!([])),
        ] {
            if !fields.contains_key(name) {
                fields.insert(name.to_owned(), empty);
            }
        }
    }
    value
}

fn client_text(session: &Session, api: ApiVersion) -> String {
    let mut text = format!("Client: {}\n", session.program.proper);
    let rows = [
        ("Version", VERSION.to_owned()),
        ("API version", negotiated(api)),
        ("Git commit", build().to_owned()),
        ("OS/Arch", format!("linux/{}", architecture())),
        (
            "Context",
            session
                .globals
                .context
                .clone()
                .unwrap_or_else(|| "default".to_owned()),
        ),
    ];
    for (name, value) in rows {
        text.push_str(&row(1, name, &value));
    }
    text
}

/// Tells our own version too when an older one was agreed on.
fn negotiated(api: ApiVersion) -> String {
    if api < ApiVersion::NEWEST {
        return format!("{api} (downgraded from {})", ApiVersion::NEWEST);
    }
    api.to_string()
}

fn server_text(server: &ServerVersion) -> String {
    let mut text = format!("\nServer: {}\n", server.platform.name);
    let engine = server
        .components
        .iter()
        .find(|component| component.name == "Engine");
    let minimum = match server.min_api_version.as_str() {
        "" => String::new(),
        minimum => format!(" (minimum version {minimum})"),
    };
    text.push_str(" Engine:\n");
    let rows = [
        ("Version", server.version.clone()),
        ("API version", format!("{}{minimum}", server.api_version)),
        ("Go version", server.go_version.clone()),
        ("Git commit", server.git_commit.clone()),
        ("Built", server.build_time.clone()),
        ("OS/Arch", format!("{}/{}", server.os, server.arch)),
        ("Experimental", server.experimental.to_string()),
    ];
    for (name, value) in rows.iter().filter(|(_, value)| !value.is_empty()) {
        text.push_str(&row(2, name, value));
    }
    let others = server
        .components
        .iter()
        .filter(|component| Some(*component) != engine);
    for component in others {
        let _ = write!(
            text,
            " {}:\n{}",
            component.name,
            row(2, "Version", &component.version)
        );
        for (key, value) in component
            .details
            .iter()
            .filter(|(_, value)| !value.is_empty())
        {
            text.push_str(&row(2, key, value));
        }
    }
    text
}

fn row(indent: usize, name: &str, value: &str) -> String {
    let width = 20 - indent;
    format!(
        "{}{:width$}{value}\n",
        " ".repeat(indent),
        format!("{name}:")
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::globals::Globals;
    use crate::program::Program;

    #[test]
    fn the_text_is_laid_out_as_docker_s() {
        let session = Session::new(Program::GANTRY, Globals::default());
        let text = client_text(&session, ApiVersion::NEWEST);
        assert!(
            text.starts_with("Client: Gantry\n Version:           "),
            "{text}"
        );
        assert!(text.contains("\n API version:       1.51\n"), "{text}");
        let server = ServerVersion {
            version: "1".to_owned(),
            ..ServerVersion::default()
        };
        assert!(server_text(&server).contains(" Engine:\n  Version:          1\n"));
    }
}
