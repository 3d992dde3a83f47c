//! The corpus of builds: real Docker's results, and ours.

use std::path::Path;

use anyhow::Result;
use gantry_compat::corpus::{self, Case, Client, Listed};

use super::stage::{Kind, Stage};
use super::{Args, report};
use crate::bench::gantry_binary;

/// Builds the cases with real Docker, with ours, or both, and compares.
pub(super) fn run(args: &Args) -> Result<()> {
    let cases = chosen(&args.names)?;
    let mut wrong = Vec::new();
    if !args.ours {
        wrong.extend(with_docker(&cases, args.record)?);
    }
    if !args.record {
        wrong.extend(with_ours(&cases, args.names.is_empty())?);
    }
    report(&wrong)
}

fn chosen(names: &[String]) -> Result<Vec<Case>> {
    let mut cases = Case::all()?;
    cases.retain(|case| names.is_empty() || names.iter().any(|n| case.name.contains(n)));
    Ok(cases)
}

fn with_docker(cases: &[Case], record: bool) -> Result<Vec<String>> {
    let stage = Stage::open(Kind::Docker)?;
    let client = Client::buildx(&stage.socket(), &stage.folder().join("client"))?;
    let mut wrong = Vec::new();
    for case in cases {
        if case.is_newer()? {
            continue;
        }
        let text = corpus::play(case, &client, stage.folder())?;
        if record {
            let recorded = corpus::record(case, &text);
            println!(
                "{}: {}",
                case.name,
                if recorded.is_ok() {
                    "recorded"
                } else {
                    "wrong"
                }
            );
            wrong.extend(recorded.err().map(|problem| problem.to_string()));
            continue;
        }
        let left = corpus::verdict(case, &case.golden()?, &text, "docker", &mut Listed::none());
        wrong.extend(
            left.into_iter()
                .map(|line| format!("real Docker itself: {line}")),
        );
    }
    Ok(wrong)
}

fn with_ours(cases: &[Case], all: bool) -> Result<Vec<String>> {
    let stage = Stage::open(Kind::Gantry)?;
    let (socket, config) = (stage.socket(), stage.folder().join("client"));
    let clients = [
        Client::buildx(&socket, &config)?,
        Client::classic(&socket, &config)?,
        Client::own(&gantry_binary()?, &socket, &config)?,
    ];
    let mut listed = Listed::read()?;
    let mut wrong = Vec::new();
    for case in cases {
        for client in &clients {
            wrong.extend(differences(case, client, stage.folder(), &mut listed)?);
        }
    }
    if all {
        let unused = listed.unused(&["buildx", "classic", "own"]).into_iter();
        wrong.extend(unused.map(|line| format!("listed, but does not differ: {line}")));
    }
    Ok(wrong)
}

fn differences(
    case: &Case,
    client: &Client,
    work: &Path,
    listed: &mut Listed,
) -> Result<Vec<String>> {
    if !case.is_for(client.name)? {
        return Ok(Vec::new());
    }
    let text = corpus::play(case, client, work)?;
    let left = corpus::verdict(case, &case.golden()?, &text, client.name, listed);
    println!(
        "{} [{}]: {} differences",
        case.name,
        client.name,
        left.len()
    );
    for line in &left {
        println!("    {line}");
    }
    Ok(left)
}
