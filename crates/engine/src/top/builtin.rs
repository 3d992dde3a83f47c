//! What `ps -ef` and `ps aux` show, for hosts that have no `ps`.

use std::fs;

use gantry_api_types::TopResponse;

use crate::Error;

/// Kernel ticks in a second.
const TICKS: u64 = 100;

/// One process of `/proc`.
struct Process {
    pid: u32,
    parent: u32,
    user: u32,
    state: String,
    ticks: u64,
    started: u64,
    size: u64,
    resident: u64,
    command: String,
}

/// How a process is shown.
type Row = fn(&Process) -> Vec<String>;

/// Answers the common forms.
pub(super) fn answer(arguments: &str, pids: &[u32]) -> Result<TopResponse, Error> {
    let (titles, row): (&[&str], Row) = match arguments.trim() {
        "-ef" | "ef" | "-e -f" => (
            &["UID", "PID", "PPID", "C", "STIME", "TTY", "TIME", "CMD"],
            long,
        ),
        "aux" | "-aux" | "u" => (
            &[
                "USER", "PID", "%CPU", "%MEM", "VSZ", "RSS", "TTY", "STAT", "START", "TIME",
                "COMMAND",
            ],
            wide,
        ),
        other => {
            return Err(Error::NotSupported(format!(
                "this host has no ps (package procps); without one, top knows -ef and aux, and \"{other}\""
            )));
        }
    };
    Ok(TopResponse {
        titles: titles.iter().map(|title| (*title).to_owned()).collect(),
        processes: pids
            .iter()
            .filter_map(|pid| read(*pid))
            .map(|p| row(&p))
            .collect(),
    })
}

/// A process; `None` when it has just ended.
fn read(pid: u32) -> Option<Process> {
    let file = |name: &str| fs::read_to_string(format!("/proc/{pid}/{name}")).ok();
    let stat = file("stat")?;
    // The name stands in parentheses and may hold anything.
    let (before, after) = stat.rsplit_once(')')?;
    let name = before.split_once('(').map_or("", |(_, name)| name);
    let fields: Vec<&str> = after.split_whitespace().collect();
    let number = |index: usize| {
        fields
            .get(index)
            .and_then(|f| f.parse::<u64>().ok())
            .unwrap_or(0)
    };
    let status = file("status")?;
    let user = status.lines().find_map(|line| line.strip_prefix("Uid:"))?;
    let words = file("cmdline").unwrap_or_default();
    let command = words.trim_end_matches('\0').replace('\0', " ");
    Some(Process {
        pid,
        parent: number(1) as u32,
        user: user.split_whitespace().nth(1)?.parse().ok()?,
        state: fields.first()?.to_string(),
        ticks: number(11) + number(12),
        started: boot_time() + number(19) / TICKS,
        size: number(20) / 1024,
        resident: number(21) * 4,
        command: if command.is_empty() {
            format!("[{name}]")
        } else {
            command
        },
    })
}

/// When the machine was started, in Unix seconds.
fn boot_time() -> u64 {
    let stat = fs::read_to_string("/proc/stat").unwrap_or_default();
    let line = stat.lines().find_map(|line| line.strip_prefix("btime "));
    line.and_then(|text| text.trim().parse().ok()).unwrap_or(0)
}

fn long(p: &Process) -> Vec<String> {
    vec![
        p.user.to_string(),
        p.pid.to_string(),
        p.parent.to_string(),
        "0".to_owned(),
        start(p),
        "?".to_owned(),
        time(p, true),
        p.command.clone(),
    ]
}

fn wide(p: &Process) -> Vec<String> {
    vec![
        p.user.to_string(),
        p.pid.to_string(),
        "0.0".to_owned(),
        "0.0".to_owned(),
        p.size.to_string(),
        p.resident.to_string(),
        "?".to_owned(),
        p.state.clone(),
        start(p),
        time(p, false),
        p.command.clone(),
    ]
}

/// Hour and minute of its start, in UTC.
fn start(p: &Process) -> String {
    jiff::Timestamp::from_second(p.started as i64).map_or_else(
        |_| "?".to_owned(),
        |time| time.strftime("%H:%M").to_string(),
    )
}

fn time(p: &Process, hours: bool) -> String {
    let seconds = p.ticks / TICKS;
    if hours {
        format!(
            "{:02}:{:02}:{:02}",
            seconds / 3600,
            seconds / 60 % 60,
            seconds % 60
        )
    } else {
        format!("{}:{:02}", seconds / 60, seconds % 60)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn we_find_ourselves() {
        let pid = std::process::id();
        let table = answer("-ef", &[pid]).unwrap();
        assert_eq!(table.processes[0][1], pid.to_string());
        assert_eq!(table.processes[0].len(), table.titles.len());
        let wide = answer("aux", &[pid, u32::MAX]).unwrap();
        assert_eq!(wide.processes.len(), 1);
        assert_eq!(wide.processes[0].len(), wide.titles.len());
        assert!(
            answer("-o pid", &[pid])
                .unwrap_err()
                .to_string()
                .contains("procps")
        );
    }
}
