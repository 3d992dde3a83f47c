//! `gantry ps`

use std::rc::Rc;

use gantry_api_types::ContainerSummary;
use gantry_gotemplate::{Object, Value, quote};
use gantry_units::human_size_with_precision;

use super::ports_text::ports_text;
use crate::command::{Arity, Command};
use crate::failure::Failure;
use crate::flags::{FilterList, flags};
use crate::format::{Format, Row, ellipsis, filters, labels, short_id};
use crate::session::Session;
use crate::times;

flags! {
    /// `gantry ps`
    pub(crate) struct List {
        /// Show all containers (default shows just running)
        "all" 'a' => all: bool,
        /// Filter output based on conditions provided
        "filter" 'f' => filter: FilterList,
        /// Format output using a custom template:\
        /// 'table':            Print output in table format with column headers (default)\
        /// 'table TEMPLATE':   Print output in table format using the given Go template\
        /// 'json':             Print in JSON format\
        /// 'TEMPLATE':         Print output using the given Go template.\
        /// Refer to https://docs.docker.com/go/formatting/ for more information about formatting
        /// output with templates
        "format" => format: String,
        /// Show n last created containers (includes all states)
        "last" 'n' => last: i64 = -1; "-1",
        /// Show the latest created container (includes all states)
        "latest" 'l' => latest: bool,
        /// Don't truncate output
        "no-trunc" => no_trunc: bool,
        /// Only display container IDs
        "quiet" 'q' => quiet: bool,
        /// Display total file sizes
        "size" 's' => size: bool,
    }
}

const TABLE: &str = "table {{.ID}}\\t{{.Image}}\\t{{.Command}}\\t{{.RunningFor}}\\t{{.Status}}\\t{{.Ports}}\\t{{.Names}}";

/// What stands above each column.
pub(crate) const HEADINGS: &[(&str, &str)] = &[
    ("ID", "CONTAINER ID"),
    ("Names", "NAMES"),
    ("Image", "IMAGE"),
    ("Command", "COMMAND"),
    ("CreatedAt", "CREATED AT"),
    ("RunningFor", "CREATED"),
    ("Ports", "PORTS"),
    ("State", "STATE"),
    ("Status", "STATUS"),
    ("Size", "SIZE"),
    ("Labels", "LABELS"),
    ("Mounts", "MOUNTS"),
    ("LocalVolumes", "LOCAL VOLUMES"),
    ("Networks", "NETWORKS"),
    ("Platform", "PLATFORM"),
];

const FIELDS: &[&str] = &[
    "Command",
    "CreatedAt",
    "ID",
    "Image",
    "Labels",
    "LocalVolumes",
    "Mounts",
    "Names",
    "Networks",
    "Platform",
    "Ports",
    "RunningFor",
    "Size",
    "State",
    "Status",
];

impl Command for List {
    const USAGE: &'static str = "[OPTIONS]";
    const ABOUT: &'static str = "List containers";
    const WORDS: Arity = Arity::None;

    async fn run(self, session: &Session, _words: Vec<String>) -> Result<(), Failure> {
        let format = self.format(session);
        let client = session.client().await?;
        let limit = if self.latest { 1 } else { self.last };
        let request = client
            .get("/containers/json")
            .flag("all", self.all)
            .flag("size", self.size || wants_size(&self.format))
            .query_opt("limit", (limit > 0).then(|| limit.to_string()))
            .query_opt("filters", filters(&self.filter));
        let containers: Vec<ContainerSummary> = request.send().await?.json().await?;
        let rows = containers
            .into_iter()
            .map(|summary| row(summary, self.no_trunc));
        format.print(HEADINGS, rows)
    }
}

impl List {
    fn format(&self, session: &Session) -> Format {
        if self.quiet && self.format.is_empty() {
            return Format::new("{{.ID}}", "");
        }
        let given = match self.format.as_str() {
            "" if !self.quiet => session.config().ps_format.as_str(),
            given => given,
        };
        let table = if self.size {
            format!("{TABLE}\\t{{{{.Size}}}}")
        } else {
            TABLE.to_owned()
        };
        Format::new(given, &table)
    }
}

/// Sizes are dear: they are asked for only when they are shown.
fn wants_size(format: &str) -> bool {
    format.contains(".Size") || format.contains("json .}") || format.contains("json . }")
}

struct Data {
    summary: ContainerSummary,
    whole: bool,
}

/// A container as templates see it; `whole` is to cut nothing.
pub(crate) fn row(summary: ContainerSummary, whole: bool) -> Rc<dyn Object> {
    Rc::new(Row {
        type_name: "*formatter.ContainerContext",
        fields: FIELDS,
        field,
        label: |data, key| data.summary.labels.as_ref()?.get(key).cloned(),
        data: Data { summary, whole },
    })
}

fn field(data: &Data, name: &str) -> Option<Value> {
    let container = &data.summary;
    Some(match name {
        "ID" if data.whole => container.id.as_str().into(),
        "ID" => short_id(&container.id).into(),
        "Names" => names(data).into(),
        "Image" => image(data).into(),
        "Command" if data.whole => quote(&container.command).into(),
        "Command" => quote(&ellipsis(&container.command, 20)).into(),
        "CreatedAt" => times::go_time(container.created).into(),
        "RunningFor" => times::ago(container.created).into(),
        "Ports" => ports_text(&container.ports).into(),
        "State" => container.state.as_str().into(),
        "Status" => container.status.as_str().into(),
        "Size" => size(container).into(),
        "Labels" => labels(container.labels.as_ref()).into(),
        "Mounts" => mounts(data).into(),
        "LocalVolumes" => {
            let local = container
                .mounts
                .iter()
                .filter(|mount| mount.driver == "local")
                .count();
            local.to_string().into()
        }
        "Networks" => {
            let names: Vec<&str> = container
                .network_settings
                .networks
                .iter()
                .flat_map(|networks| networks.keys().map(String::as_str))
                .collect();
            names.join(",").into()
        }
        "Platform" => platform(container).map_or(Value::Null, Value::from),
        _ => return None,
    })
}

/// Without `--no-trunc`, the container's own name alone; the others are those of links.
fn names(data: &Data) -> String {
    let names: Vec<&str> = data
        .summary
        .names
        .iter()
        .flatten()
        .map(|name| name.strip_prefix('/').unwrap_or(name))
        .collect();
    if data.whole {
        return names.join(",");
    }
    match names.iter().find(|name| !name.contains('/')) {
        Some(own) => (*own).to_owned(),
        None => names.join(","),
    }
}

fn image(data: &Data) -> String {
    let image = &data.summary.image;
    if image.is_empty() {
        return "<no image>".to_owned();
    }
    if data.whole {
        return image.clone();
    }
    if !data.summary.image_id.is_empty() && short_id(&data.summary.image_id) == short_id(image) {
        return short_id(image);
    }
    match image.split_once('@') {
        Some((name, _))
            if name
                .rsplit('/')
                .next()
                .is_some_and(|last| last.contains(':')) =>
        {
            name.to_owned()
        }
        _ => image.clone(),
    }
}

fn size(container: &ContainerSummary) -> String {
    let written = human_size_with_precision(container.size_rw as f64, 3);
    if container.size_root_fs > 0 {
        let all = human_size_with_precision(container.size_root_fs as f64, 3);
        return format!("{written} (virtual {all})");
    }
    written
}

fn mounts(data: &Data) -> String {
    let names: Vec<String> = data
        .summary
        .mounts
        .iter()
        .map(|mount| {
            let name = if mount.name.is_empty() {
                &mount.source
            } else {
                &mount.name
            };
            if data.whole {
                name.clone()
            } else {
                ellipsis(name, 15)
            }
        })
        .collect();
    names.join(",")
}

fn platform(container: &ContainerSummary) -> Option<String> {
    let platform = container
        .image_manifest_descriptor
        .as_ref()?
        .platform
        .as_ref()?;
    let mut text = format!("{}/{}", platform.os, platform.architecture);
    if !platform.variant.is_empty() {
        text = format!("{text}/{}", platform.variant);
    }
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use gantry_api_types::Port;

    fn example() -> ContainerSummary {
        ContainerSummary {
            id: "0123456789abcdef".repeat(4),
            names: Some(vec!["/web".to_owned(), "/other/alias".to_owned()]),
            image: "nginx".to_owned(),
            command: "/docker-entrypoint.sh nginx -g 'daemon off;'".to_owned(),
            created: jiff::Timestamp::now().as_second() - 125,
            ports: vec![Port {
                ip: "0.0.0.0".to_owned(),
                private_port: 80,
                public_port: 8080,
                kind: "tcp".to_owned(),
            }],
            state: "running".to_owned(),
            status: "Up 2 minutes".to_owned(),
            ..ContainerSummary::default()
        }
    }

    fn render(format: &Format, whole: bool) -> String {
        format
            .render(HEADINGS, [row(example(), whole)].into_iter())
            .unwrap()
    }

    #[test]
    fn the_table_is_docker_s() {
        insta::assert_snapshot!(render(&Format::new("", TABLE), false), @r#"
        CONTAINER ID   IMAGE     COMMAND                  CREATED         STATUS         PORTS                  NAMES
        0123456789ab   nginx     "/docker-entrypoint.…"   2 minutes ago   Up 2 minutes   0.0.0.0:8080->80/tcp   web
        "#);
    }

    #[test]
    fn nothing_is_cut_when_asked_for_all() {
        let text = render(&Format::new("{{.ID}} {{.Names}} {{.Command}}", ""), true);
        assert!(text.starts_with(&"0123456789abcdef".repeat(4)), "{text}");
        assert!(
            text.contains("web,other/alias \"/docker-entrypoint.sh nginx -g 'daemon off;'\""),
            "{text}"
        );
    }

    #[test]
    fn json_has_all_fields_in_alphabetical_order() {
        let text = render(&Format::new("json", ""), false);
        let object: serde_json::Map<String, serde_json::Value> =
            serde_json::from_str(&text).unwrap();
        assert_eq!(object.keys().collect::<Vec<_>>(), FIELDS);
    }
}
