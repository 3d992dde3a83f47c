//! `gantry stats`

use std::rc::Rc;
use std::time::Duration;

use futures_util::future::join_all;
use gantry_api_types::ContainerSummary;
use gantry_client::{Client, Error};
use gantry_gotemplate::{Object, Value};
use gantry_units::{bytes_size, human_size_with_precision};
use serde_json::Value as Json;
use tokio::time::{Instant, sleep_until};

use crate::command::{Arity, Command};
use crate::failure::Failure;
use crate::flags::flags;
use crate::format::{Format, Row, short_id};
use crate::output;
use crate::session::{Session, output_is_terminal};

flags! {
    /// `gantry stats`
    pub(crate) struct Stats {
        /// Show all containers (default shows just running)
        "all" 'a' => all: bool,
        /// Format output using a custom template:\
        /// 'table':            Print output in table format with column headers (default)\
        /// 'table TEMPLATE':   Print output in table format using the given Go template\
        /// 'json':             Print in JSON format\
        /// 'TEMPLATE':         Print output using the given Go template.\
        /// Refer to https://docs.docker.com/go/formatting/ for more information about formatting
        /// output with templates
        "format" => format: String,
        /// Disable streaming stats and only pull the first result
        "no-stream" => no_stream: bool,
        /// Do not truncate output
        "no-trunc" => no_trunc: bool,
    }
}

/// Time between two tables.
const RENEWED: Duration = Duration::from_secs(1);

const TABLE: &str = "table {{.ID}}\\t{{.Name}}\\t{{.CPUPerc}}\\t{{.MemUsage}}\\t{{.MemPerc}}\\t{{.NetIO}}\\t{{.BlockIO}}\\t{{.PIDs}}";

const HEADINGS: &[(&str, &str)] = &[
    ("Container", "CONTAINER"),
    ("ID", "CONTAINER ID"),
    ("Name", "NAME"),
    ("CPUPerc", "CPU %"),
    ("MemUsage", "MEM USAGE / LIMIT"),
    ("MemPerc", "MEM %"),
    ("NetIO", "NET I/O"),
    ("BlockIO", "BLOCK I/O"),
    ("PIDs", "PIDS"),
];

impl Command for Stats {
    const USAGE: &'static str = "[OPTIONS] [CONTAINER...]";
    const ABOUT: &'static str = "Display a live stream of container(s) resource usage statistics";
    const WORDS: Arity = Arity::AtLeast(0);

    async fn run(self, session: &Session, names: Vec<String>) -> Result<(), Failure> {
        let client = session.client().await?;
        let given = match self.format.as_str() {
            "" => session.config().stats_format.as_str(),
            given => given,
        };
        let format = Format::new(given, TABLE);
        loop {
            let next = Instant::now() + RENEWED;
            let wanted = if names.is_empty() {
                self.containers(&client).await?
            } else {
                names.clone()
            };
            let stats = join_all(wanted.iter().map(|name| one(&client, name))).await;
            let mut rows = Vec::new();
            for (name, stat) in wanted.iter().zip(stats) {
                match stat {
                    Ok(json) => rows.push(row(name, json, self.no_trunc)),
                    Err(error) if names.is_empty() => drop(error),
                    Err(error) => return Err(error.into()),
                }
            }
            if !self.no_stream && output_is_terminal() {
                // Back to the top left, and clear what is below.
                output::print("\x1b[H\x1b[2J");
            }
            format.print(HEADINGS, rows.into_iter())?;
            if self.no_stream {
                return Ok(());
            }
            sleep_until(next).await;
        }
    }
}

impl Stats {
    async fn containers(&self, client: &Client) -> Result<Vec<String>, Error> {
        let request = client.get("/containers/json").flag("all", self.all);
        let containers: Vec<ContainerSummary> = request.send().await?.json().await?;
        Ok(containers
            .into_iter()
            .map(|container| container.id)
            .collect())
    }
}

/// One sample; the daemon takes half a second for it, since it needs two readings of the CPU.
async fn one(client: &Client, name: &str) -> Result<Json, Error> {
    let path = Client::path("/containers/", name, "/stats");
    client
        .get(path)
        .query("stream", "0")
        .send()
        .await?
        .json()
        .await
}

struct Data {
    container: String,
    json: Json,
    whole: bool,
}

fn row(name: &str, json: Json, whole: bool) -> Rc<dyn Object> {
    Rc::new(Row {
        type_name: "*container.statsContext",
        fields: &[
            "BlockIO",
            "CPUPerc",
            "Container",
            "ID",
            "MemPerc",
            "MemUsage",
            "Name",
            "NetIO",
            "PIDs",
        ],
        field,
        label: |_, _| None,
        data: Data {
            container: name.to_owned(),
            json,
            whole,
        },
    })
}

fn field(data: &Data, name: &str) -> Option<Value> {
    let json = &data.json;
    let text = |key: &str| json[key].as_str().unwrap_or_default().to_owned();
    Some(Value::from(match name {
        "Container" => data.container.clone(),
        "ID" if data.whole => text("id"),
        "ID" => short_id(&text("id")),
        "Name" => text("name").trim_start_matches('/').to_owned(),
        "CPUPerc" => format!("{:.2}%", cpu_percent(json)),
        "MemUsage" => {
            let (used, limit) = memory(json);
            format!("{} / {}", bytes_size(used), bytes_size(limit))
        }
        "MemPerc" => {
            let (used, limit) = memory(json);
            format!(
                "{:.2}%",
                if limit > 0.0 {
                    used / limit * 100.0
                } else {
                    0.0
                }
            )
        }
        "NetIO" => {
            let sum = |key: &str| -> f64 {
                let networks = json["networks"].as_object().into_iter().flatten();
                networks
                    .map(|(_, network)| network[key].as_f64().unwrap_or(0.0))
                    .sum()
            };
            pair(sum("rx_bytes"), sum("tx_bytes"))
        }
        "BlockIO" => pair(block_bytes(json, "read"), block_bytes(json, "write")),
        "PIDs" => json["pids_stats"]["current"]
            .as_u64()
            .unwrap_or(0)
            .to_string(),
        _ => return None,
    }))
}

fn pair(first: f64, second: f64) -> String {
    format!(
        "{} / {}",
        human_size_with_precision(first, 3),
        human_size_with_precision(second, 3)
    )
}

fn cpu_percent(json: &Json) -> f64 {
    let number = |value: &Json| value.as_f64().unwrap_or(0.0);
    let (now, before) = (&json["cpu_stats"], &json["precpu_stats"]);
    let used =
        number(&now["cpu_usage"]["total_usage"]) - number(&before["cpu_usage"]["total_usage"]);
    let system = number(&now["system_cpu_usage"]) - number(&before["system_cpu_usage"]);
    let cpus = match number(&now["online_cpus"]) {
        0.0 => now["cpu_usage"]["percpu_usage"]
            .as_array()
            .map_or(1, Vec::len) as f64,
        cpus => cpus,
    };
    if used > 0.0 && system > 0.0 {
        used / system * cpus * 100.0
    } else {
        0.0
    }
}

/// Used memory without the page cache that can be dropped, and the limit.
fn memory(json: &Json) -> (f64, f64) {
    let memory = &json["memory_stats"];
    let number = |value: &Json| value.as_f64().unwrap_or(0.0);
    let usage = number(&memory["usage"]);
    let cache = ["total_inactive_file", "inactive_file"]
        .iter()
        .map(|key| number(&memory["stats"][*key]))
        .find(|bytes| *bytes > 0.0 && *bytes < usage)
        .unwrap_or(0.0);
    (usage - cache, number(&memory["limit"]))
}

fn block_bytes(json: &Json, operation: &str) -> f64 {
    json["blkio_stats"]["io_service_bytes_recursive"]
        .as_array()
        .into_iter()
        .flatten()
        .filter(|entry| {
            entry["op"]
                .as_str()
                .is_some_and(|op| op.eq_ignore_ascii_case(operation))
        })
        .map(|entry| entry["value"].as_f64().unwrap_or(0.0))
        .sum()
}
