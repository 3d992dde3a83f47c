//! `top`: the processes of a container, as `ps` on the host shows them.
//!
//! The host's `ps` is asked for the container's processes only. Where the host has none, `builtin`
//! answers the two forms that people use, `-ef` and `aux`, from `/proc`.

mod builtin;
mod table;

use std::io::ErrorKind;
use std::sync::Arc;

use gantry_api_types::TopResponse;
use tokio::process::Command;

use crate::Error;
use crate::containers::{Container, Containers, Phase, blocking};

/// What `ps` is asked when nothing was said.
const DEFAULT_ARGUMENTS: &str = "-ef";

impl Containers {
    /// The processes of a running container; `arguments` are for `ps`.
    pub async fn top(&self, id: &str, arguments: &str) -> Result<TopResponse, Error> {
        let container = self.registry.find(id)?;
        let arguments = if arguments.is_empty() {
            DEFAULT_ARGUMENTS
        } else {
            arguments
        };
        table::check(arguments)?;
        must_run(&container)?;
        let pids = self.pids_of(&container).await?;
        let listed = match ps(arguments, &pids).await {
            Err(e) if e.kind() == ErrorKind::NotFound => builtin::answer(arguments, &pids)?,
            Err(e) => return Err(Error::Internal(format!("cannot execute ps: {e}"))),
            Ok(output) => table::parse(&output?, &pids)?,
        };
        self.announce(&container, "top", &[]);
        Ok(listed)
    }

    async fn pids_of(&self, container: &Arc<Container>) -> Result<Vec<u32>, Error> {
        let (service, container) = (self.clone(), Arc::clone(container));
        blocking(move || {
            let path = service.cgroup_path(&container);
            let procs = service
                .cgroups
                .open(&path)
                .and_then(|cgroup| cgroup.procs());
            let procs = procs.map_err(|e| {
                Error::Internal(format!(
                    "cannot list the processes of container {}: {e}",
                    container.id
                ))
            })?;
            Ok(procs
                .iter()
                .map(|pid| pid.as_raw_nonzero().get() as u32)
                .collect())
        })
        .await
    }
}

fn must_run(container: &Container) -> Result<(), Error> {
    match container.phase() {
        Phase::Running | Phase::Paused => Ok(()),
        Phase::Restarting => Err(Error::WrongPhase(format!(
            "container {} is restarting, wait until the container is running",
            container.id
        ))),
        _ => Err(Error::WrongPhase(format!(
            "container {} is not running",
            container.id
        ))),
    }
}

/// What `ps` prints; inside, its complaint.
async fn ps(arguments: &str, pids: &[u32]) -> std::io::Result<Result<String, Error>> {
    let words: Vec<&str> = arguments.split_whitespace().collect();
    let list: Vec<String> = pids.iter().map(u32::to_string).collect();
    // `-q` is quick, and refused beside options that choose processes: then all are asked for.
    let quick = run(&words, Some(&format!("-q{}", list.join(",")))).await?;
    match quick {
        Ok(output) => Ok(Ok(output)),
        Err(_) => run(&words, None).await,
    }
}

async fn run(words: &[&str], more: Option<&str>) -> std::io::Result<Result<String, Error>> {
    let output = Command::new("ps")
        .args(words)
        .args(more)
        .env("LC_ALL", "C")
        .stdin(std::process::Stdio::null())
        .kill_on_drop(true)
        .output()
        .await?;
    if output.status.success() {
        return Ok(Ok(String::from_utf8_lossy(&output.stdout).into_owned()));
    }
    let complaint = String::from_utf8_lossy(&output.stderr);
    let line = complaint
        .lines()
        .map(str::trim)
        .find(|line| !line.is_empty());
    let reason = line.map_or_else(|| output.status.to_string(), str::to_owned);
    Ok(Err(Error::Internal(format!("ps: {reason}"))))
}
