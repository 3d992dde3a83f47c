//! Swarm's commands: what a Docker outside of a swarm answers, which is the daemon's own word.
//!
//! None of them can do anything without a swarm, so they are a table: each asks the daemon what it
//! would ask first, and the daemon says why not. Their options are not looked at: whatever they
//! say, the answer is the same.

use gantry_client::Client;
use http::Method;

use crate::command::Entry;
use crate::failure::Failure;
use crate::session::Session;

/// A command, and what it asks.
struct Asks {
    path: &'static str,
    method: Method,
    route: &'static str,
}

const fn asks(path: &'static str, method: Method, route: &'static str) -> Asks {
    Asks {
        path,
        method,
        route,
    }
}

const ASKS: &[Asks] = &[
    asks("config create", Method::POST, "/configs/create"),
    asks("config inspect", Method::GET, "/configs"),
    asks("config ls", Method::GET, "/configs"),
    asks("config rm", Method::DELETE, "/configs/x"),
    asks("node demote", Method::GET, "/nodes"),
    asks("node inspect", Method::GET, "/nodes"),
    asks("node ls", Method::GET, "/nodes"),
    asks("node promote", Method::GET, "/nodes"),
    asks("node ps", Method::GET, "/nodes"),
    asks("node rm", Method::GET, "/nodes"),
    asks("node update", Method::GET, "/nodes"),
    asks("service create", Method::POST, "/services/create"),
    asks("service inspect", Method::GET, "/services"),
    asks("service logs", Method::GET, "/services"),
    asks("service ls", Method::GET, "/services"),
    asks("service ps", Method::GET, "/services"),
    asks("service rm", Method::GET, "/services"),
    asks("service rollback", Method::GET, "/services"),
    asks("service scale", Method::GET, "/services"),
    asks("service update", Method::GET, "/services"),
    asks("stack deploy", Method::GET, "/services"),
    asks("stack ls", Method::GET, "/services"),
    asks("stack ps", Method::GET, "/tasks"),
    asks("stack rm", Method::GET, "/services"),
    asks("stack services", Method::GET, "/services"),
    asks("swarm ca", Method::GET, "/swarm"),
    asks("swarm init", Method::POST, "/swarm/init"),
    asks("swarm join", Method::POST, "/swarm/join"),
    asks("swarm join-token", Method::GET, "/swarm"),
    asks("swarm leave", Method::POST, "/swarm/leave"),
    asks("swarm unlock", Method::GET, "/swarm"),
    asks("swarm unlock-key", Method::GET, "/swarm"),
    asks("swarm update", Method::GET, "/swarm"),
];

/// The entries of the list of all commands.
pub(crate) const ENTRIES: &[Entry] = &[
    entry(
        &["config create"],
        "[OPTIONS] CONFIG file|-",
        "Create a config from a file or STDIN",
    ),
    entry(
        &["config inspect"],
        "[OPTIONS] CONFIG [CONFIG...]",
        "Display detailed information on one or more configs",
    ),
    entry(&["config ls", "config list"], "[OPTIONS]", "List configs"),
    entry(
        &["config rm", "config remove"],
        "CONFIG [CONFIG...]",
        "Remove one or more configs",
    ),
    entry(
        &["node demote"],
        "NODE [NODE...]",
        "Demote one or more nodes from manager in the swarm",
    ),
    entry(
        &["node inspect"],
        "[OPTIONS] self|NODE [NODE...]",
        "Display detailed information on one or more nodes",
    ),
    entry(
        &["node ls", "node list"],
        "[OPTIONS]",
        "List nodes in the swarm",
    ),
    entry(
        &["node promote"],
        "NODE [NODE...]",
        "Promote one or more nodes to manager in the swarm",
    ),
    entry(
        &["node ps"],
        "[OPTIONS] [NODE...]",
        "List tasks running on one or more nodes, defaults to current node",
    ),
    entry(
        &["node rm", "node remove"],
        "[OPTIONS] NODE [NODE...]",
        "Remove one or more nodes from the swarm",
    ),
    entry(&["node update"], "[OPTIONS] NODE", "Update a node"),
    entry(
        &["service create"],
        "[OPTIONS] IMAGE [COMMAND] [ARG...]",
        "Create a new service",
    ),
    entry(
        &["service inspect"],
        "[OPTIONS] SERVICE [SERVICE...]",
        "Display detailed information on one or more services",
    ),
    entry(
        &["service logs"],
        "[OPTIONS] SERVICE|TASK",
        "Fetch the logs of a service or task",
    ),
    entry(
        &["service ls", "service list"],
        "[OPTIONS]",
        "List services",
    ),
    entry(
        &["service ps"],
        "[OPTIONS] SERVICE [SERVICE...]",
        "List the tasks of one or more services",
    ),
    entry(
        &["service rm", "service remove"],
        "SERVICE [SERVICE...]",
        "Remove one or more services",
    ),
    entry(
        &["service rollback"],
        "[OPTIONS] SERVICE",
        "Revert changes to a service's configuration",
    ),
    entry(
        &["service scale"],
        "SERVICE=REPLICAS [SERVICE=REPLICAS...]",
        "Scale one or multiple replicated services",
    ),
    entry(&["service update"], "[OPTIONS] SERVICE", "Update a service"),
    Entry::untyped(
        &["stack config"],
        "[OPTIONS]",
        "Outputs the final config file, after doing merges and interpolations",
        no_merging,
    ),
    entry(
        &["stack deploy", "stack up"],
        "[OPTIONS] STACK",
        "Deploy a new stack or update an existing stack",
    ),
    entry(&["stack ls", "stack list"], "[OPTIONS]", "List stacks"),
    entry(
        &["stack ps"],
        "[OPTIONS] STACK",
        "List the tasks in the stack",
    ),
    entry(
        &["stack rm", "stack remove", "stack down"],
        "[OPTIONS] STACK [STACK...]",
        "Remove one or more stacks",
    ),
    entry(
        &["stack services"],
        "[OPTIONS] STACK",
        "List the services in the stack",
    ),
    entry(&["swarm ca"], "[OPTIONS]", "Display and rotate the root CA"),
    entry(&["swarm init"], "[OPTIONS]", "Initialize a swarm"),
    entry(
        &["swarm join"],
        "[OPTIONS] HOST:PORT",
        "Join a swarm as a node and/or manager",
    ),
    entry(
        &["swarm join-token"],
        "[OPTIONS] (worker|manager)",
        "Manage join tokens",
    ),
    entry(&["swarm leave"], "[OPTIONS]", "Leave the swarm"),
    entry(&["swarm unlock"], "", "Unlock swarm"),
    entry(&["swarm unlock-key"], "[OPTIONS]", "Manage the unlock key"),
    entry(&["swarm update"], "[OPTIONS]", "Update the swarm"),
];

const fn entry(paths: &'static [&'static str], usage: &'static str, about: &'static str) -> Entry {
    Entry::untyped(paths, usage, about, answer)
}

fn answer(entry: &Entry, path: &str, session: &Session, words: &[String]) -> Result<(), Failure> {
    let words: Vec<&str> = words
        .iter()
        .map(String::as_str)
        .filter(|word| !word.starts_with('-'))
        .collect();
    check(entry, path, session, &words)?;
    let Some(asks) = ASKS.iter().find(|asks| asks.path == entry.paths[0]) else {
        return Err(Failure::new("there is no swarm mode"));
    };
    Session::block_on(async {
        let client = session.client().await?;
        match ask(&client, asks).await {
            Ok(()) => Err(Failure::new(
                "this daemon is in a swarm, which this command line cannot manage; use docker",
            )),
            // This one finds out by itself, in words of its own.
            Err(e)
                if asks.path == "stack deploy" && e.to_string().contains("not a swarm manager") =>
            {
                Err(Failure::new(
                    "this node is not a swarm manager. Use \"docker swarm init\" or \"docker swarm join\" to connect this node to swarm and try again",
                ))
            }
            Err(e) => Err(told(asks.path, &words, e.into())),
        }
    })
}

/// What is wrong whatever the daemon says.
fn check(entry: &Entry, path: &str, session: &Session, words: &[&str]) -> Result<(), Failure> {
    let name = session.program.name;
    match (entry.paths[0], words) {
        ("swarm join-token", []) => Err(Failure::new(format!(
            "{name}: '{name} {path}' requires 1 argument\n\nUsage:  {name} {path} {}\n\nRun '{name} {path} --help' for more information",
            entry.usage
        ))),
        ("swarm join-token", [role]) if !["worker", "manager"].contains(role) => {
            Err(Failure::new(format!("unknown role {role}")))
        }
        _ => Ok(()),
    }
}

/// The daemon's answer as each command tells it.
fn told(path: &str, words: &[&str], failure: Failure) -> Failure {
    match (path, words) {
        ("config inspect" | "node inspect" | "service inspect", _) => crate::output::line("[]"),
        ("swarm unlock", _) => return Failure::new("Error: This node is not part of a swarm"),
        ("swarm unlock-key", _) => {
            return Failure::new(format!("could not fetch unlock key: {}", failure.message));
        }
        ("service scale", [scaled, ..]) => {
            let service = scaled.split('=').next().unwrap_or_default();
            return Failure::new(format!("{service}: {}", failure.message));
        }
        _ => {}
    }
    failure
}

/// The only one that asks no daemon.
fn no_merging(_: &Entry, path: &str, session: &Session, _: &[String]) -> Result<(), Failure> {
    let name = session.program.name;
    Err(Failure::new(format!(
        "{name} {path}: merging the files of a stack is not supported without a swarm to deploy it; \
         `{name} compose config` does it for compose files"
    )))
}

async fn ask(client: &Client, asks: &Asks) -> Result<(), gantry_client::Error> {
    let request = client.request(asks.method.clone(), asks.route);
    let request = if asks.method == Method::POST {
        request.json(&serde_json::json!({}))
    } else {
        request
    };
    request.send().await?.finish().await;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_knows_what_to_ask() {
        let asking = || {
            ENTRIES
                .iter()
                .filter(|entry| entry.paths[0] != "stack config")
        };
        for entry in asking() {
            assert!(
                ASKS.iter().any(|asks| asks.path == entry.paths[0]),
                "{}",
                entry.paths[0]
            );
        }
        assert_eq!(asking().count(), ASKS.len());
    }
}
