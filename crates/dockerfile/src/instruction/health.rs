//! HEALTHCHECK.

use gantry_units::GoDuration;

use super::CommandLine;
use super::flags::{Flags, Spec};
use super::read::{Request, Wrong};
use crate::error::Problem;
use crate::words::first_word;

/// How a container's health is found out. Durations of zero and no retries mean the engine's defaults.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Healthcheck {
    /// Not at all, whatever the base image says.
    None,
    /// By a command.
    Command {
        /// The command.
        command: CommandLine,
        /// Time between two checks.
        interval: GoDuration,
        /// How long one check may take.
        timeout: GoDuration,
        /// How long failures do not count after the start.
        start_period: GoDuration,
        /// Time between two checks within that period.
        start_interval: GoDuration,
        /// Failures in a row that make it unhealthy.
        retries: u32,
    },
}

const TIMES: [&str; 4] = ["interval", "timeout", "start-period", "start-interval"];

pub(crate) fn read(request: &Request<'_>) -> Result<Healthcheck, Wrong> {
    if request.rest().is_empty() {
        return Err(Problem::AtLeastOne("HEALTHCHECK").into());
    }
    let rest = request.rest();
    let end = rest.find(char::is_whitespace).unwrap_or(rest.len());
    let kind = first_word(&rest[..end]).0.to_uppercase();
    let text = rest[end..].trim();
    if kind == "NONE" {
        return match text {
            "" => Ok(Healthcheck::None),
            _ => Err(Problem::HealthNone.into()),
        };
    }
    let mut specs: Vec<Spec> = TIMES.into_iter().map(Spec::Text).collect();
    specs.push(Spec::Text("retries"));
    let flags = request.flags(&specs)?;
    if kind != "CMD" {
        return Err(Problem::HealthType(kind).into());
    }
    let command = request.command_line(text)?;
    let empty = match &command {
        CommandLine::Exec(args) => args.is_empty(),
        CommandLine::Shell { line, .. } => line.is_empty(),
    };
    if empty {
        return Err(Problem::HealthCommand.into());
    }
    Ok(Healthcheck::Command {
        command,
        interval: time(&flags, "interval")?,
        timeout: time(&flags, "timeout")?,
        start_period: time(&flags, "start-period")?,
        start_interval: time(&flags, "start-interval")?,
        retries: retries(&flags)?,
    })
}

fn time(flags: &Flags, name: &'static str) -> Result<GoDuration, Problem> {
    let Some(text) = flags.text(name).filter(|t| !t.is_empty()) else {
        return Ok(GoDuration::default());
    };
    let time: GoDuration = text.parse().map_err(|_| Problem::Duration(text.clone()))?;
    if time.nanos() != 0 && time.nanos() < 1_000_000 {
        return Err(Problem::HealthInterval(name));
    }
    Ok(time)
}

fn retries(flags: &Flags) -> Result<u32, Problem> {
    let Some(text) = flags.text("retries").filter(|t| !t.is_empty()) else {
        return Ok(0);
    };
    let count: i32 = text.parse().map_err(|_| Problem::Retries(text.clone()))?;
    u32::try_from(count).map_err(|_| Problem::RetriesNegative(count.into()))
}
