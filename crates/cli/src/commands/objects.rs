//! Printing objects in full: what the `inspect` commands share.

use std::io::Write as _;
use std::rc::Rc;

use gantry_client::{Client, Error, Kind};
use gantry_gotemplate::{Shape, Template, Value};
use serde_json::Value as Json;

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
    "Endpoints",
    "EndpointsConfig",
    "ExposedPorts",
    "IndexConfigs",
    "Labels",
    "Metadata",
    "Networks",
    "Options",
    "PortBindings",
    "Ports",
    "Runtimes",
    "StorageOpt",
    "Sysctls",
    "TLSMaterial",
    "Tmpfs",
    "Volumes",
    "status",
];

/// Keys of lists that may be `null`.
const LISTS: &[&str] = &[
    "Aliases",
    "Args",
    "Binds",
    "BlkioDeviceReadBps",
    "BlkioDeviceReadIOps",
    "BlkioDeviceWriteBps",
    "BlkioDeviceWriteIOps",
    "BlkioWeightDevice",
    "CapAdd",
    "CapDrop",
    "Cmd",
    "DNSNames",
    "DeviceCgroupRules",
    "DeviceRequests",
    "Devices",
    "Dns",
    "DnsOptions",
    "DnsSearch",
    "Entrypoint",
    "Env",
    "ExecIDs",
    "ExtraHosts",
    "GroupAdd",
    "Links",
    "MaskedPaths",
    "Mounts",
    "OnBuild",
    "ReadonlyPaths",
    "RepoDigests",
    "RepoTags",
    "SecondaryIPAddresses",
    "SecondaryIPv6Addresses",
    "SecurityOpt",
    "Shell",
    "Ulimits",
    "VolumesFrom",
    "Warnings",
];

/// Fields that the JSON leaves out when they are empty, but that a template may name.
const OPTIONAL: &[(&str, &str, Value)] = &[
    ("State", "Health", Value::Null),
    ("Config", "ExposedPorts", Value::NullMap),
    ("Config", "Healthcheck", Value::Null),
    ("Config", "Shell", Value::NullList),
    ("Config", "Cmd", Value::NullList),
    ("Config", "Entrypoint", Value::NullList),
    ("Config", "Env", Value::NullList),
    ("Config", "Labels", Value::NullMap),
    ("Config", "OnBuild", Value::NullList),
    ("Config", "Volumes", Value::NullMap),
    ("Config", "StopTimeout", Value::Null),
    ("HostConfig", "Annotations", Value::NullMap),
    ("HostConfig", "Init", Value::Null),
    ("HostConfig", "Mounts", Value::NullList),
    ("HostConfig", "StorageOpt", Value::NullMap),
    ("HostConfig", "Sysctls", Value::NullMap),
    ("HostConfig", "Tmpfs", Value::NullMap),
    ("", "SizeRw", Value::Null),
    ("", "SizeRootFs", Value::Null),
];

/// The same for strings.
const EMPTY_TEXTS: &[(&str, &str)] = &[
    ("Config", "StopSignal"),
    ("Config", "User"),
    ("Config", "WorkingDir"),
    ("HostConfig", "Runtime"),
];

/// How to find an object of one kind.
pub(crate) struct Source {
    pub(crate) before: &'static str,
    pub(crate) after: &'static str,
    pub(crate) query: Vec<(&'static str, String)>,
    /// What is worth a warning when the object is found here.
    pub(crate) remark: Option<&'static str>,
}

impl Source {
    pub(crate) fn new(before: &'static str, after: &'static str) -> Self {
        Self {
            before,
            after,
            query: Vec::new(),
            remark: None,
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
    // A mistake in the template is told before anybody is asked.
    template(format)?;
    let (mut found, mut failures) = (Vec::new(), Vec::new());
    for name in names {
        match look_up(client, name, sources).await {
            Ok(object) => found.push(object),
            Err(failure) => failures.push(failure),
        }
    }
    print(&found, format)?;
    Failure::join(failures)
}

fn template(format: &str) -> Result<Option<Template>, Failure> {
    match format {
        "" | "json" => Ok(None),
        other => parse(other).map(Some),
    }
}

/// Prints objects as `--format` wants them.
pub(crate) fn print(found: &[Json], format: &str) -> Result<(), Failure> {
    match template(format)? {
        None if format == "json" => output::line(Json::from(found.to_vec()).to_string()),
        None => print_all(found),
        Some(template) => {
            for object in found {
                output::line(render(&template, object)?);
            }
            // As Docker, which prints a line for nothing, too.
            if found.is_empty() {
                output::line("");
            }
        }
    }
    Ok(())
}

/// What a template says of an object. As with Docker's, one that does not fit our types may still
/// fit the document as it came; if not, the message is about that.
fn render(template: &Template, object: &Json) -> Result<String, Failure> {
    let typed = template.render(&value_of(object));
    typed
        .or_else(|_| template.render(&Value::from_json(object, &shape)))
        .map_err(|error| {
            output::line("");
            Failure::new(format!("template parsing error: {error}"))
        })
}

async fn look_up(client: &Client, name: &str, sources: &[Source]) -> Result<Json, Failure> {
    let mut last = None;
    for source in sources {
        match source.get(client, name).await {
            Ok(object) => {
                if let Some(remark) = source.remark {
                    eprintln!("WARNING: {remark}");
                }
                return Ok(object);
            }
            Err(error) if is_absent(&error, sources.len()) => last = Some(error),
            Err(error) => return Err(error.into()),
        }
    }
    match last {
        Some(error) if sources.len() == 1 => Err(error.into()),
        _ => Err(Failure::new(format!("Error: No such object: {name}"))),
    }
}

/// Whether one of so many sources has nothing of that name. An engine without a swarm answers 503 to
/// questions for a swarm's objects, and what is no image's name may be something else's.
fn is_absent(error: &Error, sources: usize) -> bool {
    let passed_over = || match error {
        Error::Api { status, message } => {
            *status == 503 || message.contains("invalid reference format")
        }
        _ => false,
    };
    error.kind() == Kind::NotFound || (sources > 1 && passed_over())
}

/// A mistake in the template is the user's, and has a status of its own.
fn parse(template: &str) -> Result<Template, Failure> {
    Template::parse(template)
        .map_err(|error| Failure::with_code(64, format!("template parsing error: {error}")))
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
fn value_of(object: &Json) -> Value {
    fill_optional(Value::from_json(object, &shape), "")
}

fn shape(parent: &str, key: &str) -> Shape {
    match (parent, key) {
        ("LogConfig", "Config") => Shape::Map,
        (_, key) if MAPS.contains(&key) => Shape::Map,
        (_, key) if LISTS.contains(&key) => Shape::List,
        _ => Shape::Struct,
    }
}

/// Adds the optional fields to a struct that stands under that name, and to those in it.
fn fill_optional(value: Value, name: &str) -> Value {
    let Value::Struct(fields) = value else {
        return value;
    };
    let is_container = fields.iter().any(|(key, _)| key == "HostConfig");
    let mut fields: Vec<(String, Value)> = fields
        .iter()
        .map(|(key, value)| {
            let known = OPTIONAL.iter().any(|(parent, ..)| parent == key);
            (
                key.clone(),
                if known {
                    fill_optional(value.clone(), key)
                } else {
                    value.clone()
                },
            )
        })
        .collect();
    for (parent, key, value) in OPTIONAL {
        let wanted = *parent == name && (!parent.is_empty() || is_container);
        if wanted && !fields.iter().any(|(known, _)| known == key) {
            fields.push(((*key).to_owned(), Value::Omitted(Rc::new(value.clone()))));
        }
    }
    for (parent, key) in EMPTY_TEXTS {
        if *parent == name && !fields.iter().any(|(known, _)| known == key) {
            fields.push(((*key).to_owned(), Value::Omitted(Rc::new(Value::from("")))));
        }
    }
    Value::Struct(Rc::new(fields))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn rendered(template: &str) -> String {
        let object = json!({
            "State": {"Running": true},
            "Config": {"Labels": null, "Env": ["A=b"]},
            "NetworkSettings": {"Ports": {"80/tcp": [{"HostIp": "0.0.0.0", "HostPort": "8080"}]}},
        });
        parse(template).unwrap().render(&value_of(&object)).unwrap()
    }

    #[test]
    fn templates_that_people_write_work() {
        assert_eq!(rendered("{{.State.Running}}"), "true");
        assert_eq!(
            rendered("{{if .State.Health}}{{.State.Health.Status}}{{else}}none{{end}}"),
            "none"
        );
        assert_eq!(
            rendered("{{(index (index .NetworkSettings.Ports \"80/tcp\") 0).HostPort}}"),
            "8080"
        );
        assert_eq!(
            rendered("{{.Config.Labels}} {{.Config.ExposedPorts}}"),
            "map[] map[]"
        );
        assert_eq!(
            rendered("{{range .Config.Env}}{{println .}}{{end}}"),
            "A=b\n"
        );
        assert_eq!(rendered("{{json .State}}"), "{\"Running\":true}");
    }
}
