//! `gantry buildx history inspect`

use std::fmt::Write as _;

use gantry_units::bytes_size;
use serde_json::Value;

use super::super::du::aligned;
use super::super::{builder, failure, known};
use super::record::{platform_name, shown, without_empty};
use super::{duration, named, records};
use crate::command::{Arity, Command};
use crate::failure::Failure;
use crate::flags::flags;
use crate::session::Session;
use crate::{output, table};

flags! {
    /// `gantry buildx history inspect`
    pub(crate) struct Inspect {
        /// Override the configured builder instance
        "builder" => builder: String,
        /// Format the output
        "format" => format: String = "pretty".to_owned(); "\"pretty\"",
    }
}

impl Command for Inspect {
    const USAGE: &'static str = "[OPTIONS] [REF]";
    const ABOUT: &'static str = "Inspect a build record";
    const WORDS: Arity = Arity::AtMost(1);

    async fn run(self, session: &Session, words: Vec<String>) -> Result<(), Failure> {
        known(session, &self.builder)?;
        let records = records(session, "").await?;
        let word = words.first().map_or("", String::as_str);
        let record = named(&records, word)?;
        let builder = builder(session).await?;
        let workers = builder.workers().await.map_err(|error| failure(&error))?;
        let platform = workers.first().and_then(|worker| worker.platforms.first());
        let platform = platform.map(platform_name).unwrap_or_default();
        let shown = shown(&builder, record, &platform).await?;
        match self.format.as_str() {
            "pretty" => output::print(pretty(&shown, word.is_empty())),
            "json" => {
                let text = serde_json::to_string_pretty(&without_empty(shown));
                output::line(text.map_err(|error| Failure::new(format!("ERROR: {error}")))?);
            }
            template => {
                let template = crate::format::parse(template)?;
                let value = gantry_gotemplate::Value::from(shown);
                output::line(template.render(&value).map_err(crate::format::failed)?);
            }
        }
        Ok(())
    }
}

/// A record for people; `with_ref` says that nobody named it.
fn pretty(of: &Value, with_ref: bool) -> String {
    let mut head = String::new();
    let reference = if with_ref {
        text(&of["Ref"])
    } else {
        String::new()
    };
    for (label, value) in [
        ("Name", text(&of["Name"])),
        ("Ref", reference),
        ("Context", text(&of["Context"])),
        ("Dockerfile", text(&of["Dockerfile"])),
        ("VCS Repository", text(&of["VCSRepository"])),
        ("VCS Revision", text(&of["VCSRevision"])),
        ("Target", text(&of["Target"])),
        ("Platforms", text(&of["Platform"])),
    ] {
        row(&mut head, label, &value);
    }
    let mut out = format!("{}\n", aligned(&head));
    out.push_str(&list(&of["NamedContexts"], "NAMED CONTEXT"));
    let _ = writeln!(out, "{}", aligned(&times(of)));
    let config = aligned(&config(&of["Config"]));
    let _ = writeln!(out, "{config}");
    out.push_str(&list(&of["BuildArgs"], "BUILD ARG"));
    out.push_str(&list(&of["Labels"], "LABEL"));
    out.push_str(&lines(of, "Materials", "URI\tDIGEST", &["URI", "Digests"]));
    let columns = ["Digest", "Platform", "Type"];
    out.push_str(&lines(
        of,
        "Attachments",
        "DIGEST\tPLATFORM\tTYPE",
        &columns,
    ));
    out.push_str(&error(&of["Error"]));
    let _ = writeln!(
        out,
        "Print build logs: gantry buildx history logs {}",
        text(&of["Ref"])
    );
    out
}

fn times(of: &Value) -> String {
    let started = text(&of["StartedAt"]).replace('T', " ");
    let mut out = format!("Started:\t{}\n", started.get(..19).unwrap_or(&started));
    let seconds = of["Duration"].as_f64().unwrap_or_default() / 1e9;
    let running = if of["Status"] == "running" {
        " (running)"
    } else {
        ""
    };
    let _ = writeln!(out, "Duration:\t{}{running}", duration(seconds));
    match of["Status"].as_str() {
        Some("failed") => row(&mut out, "Error", &text(&of["Error"]["Message"])),
        Some("canceled") => row(&mut out, "Status", "Canceled"),
        _ => {}
    }
    let number = |key: &str| of[key].as_i64().unwrap_or_default();
    let (done, all) = (number("NumCompletedSteps"), number("NumTotalSteps"));
    let share = number("NumCachedSteps") as f64 / all.max(1) as f64 * 100.0;
    let _ = writeln!(out, "Build Steps:\t{done}/{all} ({share:.0}% cached)");
    out
}

fn config(of: &Value) -> String {
    let mut out = String::new();
    let size = |key: &str| match text(&of[key]).parse::<u64>() {
        Ok(bytes) => bytes_size(bytes as f64),
        Err(_) => text(&of[key]),
    };
    for (label, value) in [
        ("Network", text(&of["Network"])),
        ("Hostname", text(&of["Hostname"])),
        ("Extra Hosts", text(&of["ExtraHosts"])),
        ("Cgroup Parent", text(&of["CgroupParent"])),
        ("Image Resolve Mode", text(&of["ImageResolveMode"])),
        ("Multi-Platform", text(&of["MultiPlatform"])),
        ("No Cache", text(&of["NoCache"])),
        ("No Cache Filter", text(&of["NoCacheFilter"])),
        ("Shm Size", text(&of["ShmSize"])),
        ("Resource Limits", text(&of["Ulimit"])),
        ("Memory", size("Memory")),
        ("Memory Swap", size("MemorySwap")),
        ("CPU Shares", text(&of["CPUShares"])),
        ("CPU Period", text(&of["CPUPeriod"])),
        ("CPU Quota", text(&of["CPUQuota"])),
        ("CPUSet CPUs", text(&of["CPUSetCPUs"])),
        ("CPUSet Mems", text(&of["CPUSetMems"])),
        ("Cache Mount Namespace", text(&of["CacheMountNS"])),
        (
            "Dockerfile Check Config",
            text(&of["DockerfileCheckConfig"]),
        ),
        ("Source Date Epoch", text(&of["SourceDateEpoch"])),
        ("Sandbox Hostname", text(&of["SandboxHostname"])),
    ] {
        row(&mut out, label, &value);
    }
    for other in of["RestRaw"].as_array().into_iter().flatten() {
        row(&mut out, &text(&other["Name"]), &text(&other["Value"]));
    }
    out
}

fn error(of: &Value) -> String {
    let mut out = text(&of["Sources"]);
    let logs: Vec<&Value> = of["Logs"].as_array().into_iter().flatten().collect();
    if !logs.is_empty() {
        let _ = writeln!(out, "Logs:\n> => {}:", text(&of["Name"]));
        for line in logs {
            let _ = writeln!(out, "> {}", text(line));
        }
        out.push('\n');
    }
    out
}

fn row(out: &mut String, label: &str, value: &str) {
    if !value.is_empty() {
        let _ = writeln!(out, "{label}:\t{value}");
    }
}

/// Names and values in a table.
fn list(of: &Value, title: &str) -> String {
    let all: Vec<&Value> = of.as_array().into_iter().flatten().collect();
    if all.is_empty() {
        return String::new();
    }
    let mut rows = format!("{title}\tVALUE\n");
    for one in all {
        let _ = writeln!(rows, "{}\t{}", text(&one["Name"]), text(&one["Value"]));
    }
    format!("{}\n", table::align(&rows))
}

/// A table below a heading.
fn lines(of: &Value, field: &str, titles: &str, columns: &[&str]) -> String {
    let all: Vec<&Value> = of[field].as_array().into_iter().flatten().collect();
    if all.is_empty() {
        return String::new();
    }
    let mut rows = format!("{titles}\n");
    for one in all {
        let cells: Vec<String> = columns.iter().map(|column| text(&one[*column])).collect();
        let _ = writeln!(rows, "{}", cells.join("\t"));
    }
    format!("{field}:\n{}\n", table::align(&rows))
}

/// A value in a line; nothing for what is empty.
fn text(of: &Value) -> String {
    match of {
        Value::String(text) => text.clone(),
        Value::Array(all) => all.iter().map(text).collect::<Vec<_>>().join(", "),
        Value::Bool(true) => "true".to_owned(),
        Value::Number(number) => number.to_string(),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_empty_is_not_shown() {
        let record = serde_json::json!({
            "Ref": "abc", "Name": "x", "Status": "completed", "Duration": 1_500_000_000_i64,
            "NumCompletedSteps": 2, "NumTotalSteps": 2, "NumCachedSteps": 1,
            "BuildArgs": [{"Name": "A", "Value": "1"}],
        });
        let shown = pretty(&record, true);
        for part in [
            "Ref:  abc",
            "Duration:    1.5s",
            "2/2 (50% cached)",
            "BUILD ARG   VALUE\nA           1\n",
        ] {
            assert!(shown.contains(part), "{part}: {shown}");
        }
        assert!(
            !shown.contains("LABEL") && !shown.contains("Materials"),
            "{shown}"
        );
    }
}
