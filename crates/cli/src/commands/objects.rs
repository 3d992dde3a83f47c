//! Printing objects in full: what the `inspect` commands share.

use std::io::Write as _;

use gantry_client::{Client, Error, Kind};
use gantry_gotemplate::Value;
use serde_json::{Map, Value as Json};

use crate::failure::Failure;
use crate::output;

/// Keys whose objects are maps in Docker's types; all other objects are structs.
const MAPS: &[&str] = &[
    "Annotations",
    "AuxiliaryAddresses",
    "Attributes",
    "Containers",
    "Data",
    "DriverOpts",
    "EndpointsConfig",
    "ExposedPorts",
    "IndexConfigs",
    "Labels",
    "Networks",
    "Options",
    "PortBindings",
    "Ports",
    "Runtimes",
    "StorageOpt",
    "Sysctls",
    "Tmpfs",
    "Volumes",
    "status",
];

/// Fields that are not written when they are empty, but that a template may name.
const OPTIONAL: &[(&str, &str, &str)] = &[
    ("State", "Health", "null"),
    ("Config", "ExposedPorts", "{}"),
    ("Config", "Healthcheck", "null"),
    ("Config", "MacAddress", "\"\""),
    ("Config", "Shell", "[]"),
    ("Config", "StopSignal", "\"\""),
    ("Config", "StopTimeout", "null"),
    ("HostConfig", "Annotations", "{}"),
    ("HostConfig", "Init", "null"),
    ("HostConfig", "Mounts", "[]"),
    ("HostConfig", "Runtime", "\"\""),
    ("HostConfig", "StorageOpt", "{}"),
    ("HostConfig", "Sysctls", "{}"),
    ("HostConfig", "Tmpfs", "{}"),
];

/// How to find an object of one kind.
pub(crate) struct Source {
    pub(crate) before: &'static str,
    pub(crate) after: &'static str,
    pub(crate) query: Vec<(&'static str, String)>,
}

impl Source {
    pub(crate) fn new(before: &'static str, after: &'static str) -> Self {
        Self {
            before,
            after,
            query: Vec::new(),
        }
    }

    pub(crate) async fn get(&self, client: &Client, name: &str) -> Result<Json, Error> {
        let mut request = client.get(Client::path(self.before, name, self.after));
        for (key, value) in &self.query {
            request = request.query(key, value);
        }
        request.send().await?.json().await
    }
}

/// Looks every name up in the sources, first come first served, and prints what was found.
pub(crate) async fn inspect(
    client: &Client,
    names: &[String],
    sources: &[Source],
    format: &str,
) -> Result<(), Failure> {
    let template = match format {
        "" => None,
        "json" => Some(parse("{{json .}}")?),
        other => Some(parse(other)?),
    };
    let (mut found, mut failures) = (Vec::new(), Vec::new());
    for name in names {
        match look_up(client, name, sources).await {
            Ok(object) => found.push(object),
            Err(failure) => failures.push(failure),
        }
    }
    match template {
        None => print_all(&found),
        Some(template) => {
            for object in &found {
                let text = template
                    .render(&value_of(object))
                    .map_err(|error| Failure::new(format!("template parsing error: {error}")))?;
                output::line(text);
            }
            // As Docker, which prints a line for nothing, too.
            if found.is_empty() {
                output::line("");
            }
        }
    }
    Failure::join(failures)
}

async fn look_up(client: &Client, name: &str, sources: &[Source]) -> Result<Json, Failure> {
    let mut last = None;
    for source in sources {
        match source.get(client, name).await {
            Ok(object) => return Ok(object),
            Err(error) if error.kind() == Kind::NotFound => last = Some(error),
            Err(error) => return Err(error.into()),
        }
    }
    match last {
        Some(error) if sources.len() == 1 => Err(error.into()),
        _ => Err(Failure::new(format!("Error: No such object: {name}"))),
    }
}

/// A mistake in the template is the user's, and has a status of its own.
fn parse(template: &str) -> Result<gantry_gotemplate::Template, Failure> {
    crate::format::parse(template).map_err(|failure| Failure::with_code(64, failure.message))
}

fn print_all(objects: &[Json]) {
    let mut text = Vec::new();
    let indent = serde_json::ser::PrettyFormatter::with_indent(b"    ");
    let mut writer = serde_json::Serializer::with_formatter(&mut text, indent);
    if serde::Serialize::serialize(objects, &mut writer).is_ok() {
        let _ = text.write_all(b"\n");
        output::write(&text);
    }
}

/// What a template sees of an object.
pub(crate) fn value_of(object: &Json) -> Value {
    let mut object = object.clone();
    if let Json::Object(fields) = &mut object {
        fill_optional(fields);
    }
    Value::from_json(&object, &|key| MAPS.contains(&key))
}

fn fill_optional(fields: &mut Map<String, Json>) {
    for (parent, name, value) in OPTIONAL {
        if let Some(Json::Object(inner)) = fields.get_mut(*parent)
            && !inner.contains_key(*name)
        {
            inner.insert(
                (*name).to_owned(),
                serde_json::from_str(value).unwrap_or(Json::Null),
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn render(template: &str) -> String {
        let object = json!({
            "State": {"Running": true},
            "Config": {"Labels": null, "Env": ["A=b"]},
            "NetworkSettings": {"Ports": {"80/tcp": [{"HostIp": "0.0.0.0", "HostPort": "8080"}]}},
        });
        parse(template).unwrap().render(&value_of(&object)).unwrap()
    }

    #[test]
    fn templates_that_people_write_work() {
        assert_eq!(render("{{.State.Running}}"), "true");
        assert_eq!(
            render("{{if .State.Health}}{{.State.Health.Status}}{{else}}none{{end}}"),
            "none"
        );
        assert_eq!(
            render("{{(index (index .NetworkSettings.Ports \"80/tcp\") 0).HostPort}}"),
            "8080"
        );
        assert_eq!(
            render("{{.Config.Labels}} {{.Config.ExposedPorts}}"),
            "map[] map[]"
        );
        assert_eq!(render("{{range .Config.Env}}{{println .}}{{end}}"), "A=b\n");
        assert_eq!(
            render("{{json .State}}"),
            "{\"Running\":true,\"Health\":null}"
        );
    }
}
