//! Plays requests to a Docker Engine API and compares the answers with those of real Docker.
//!
//! A play (`plays/*.play`) is a list of requests. [`Player`] sends it at several API versions;
//! every [`Answer`] is made comparable by [`normal`]: ids, times, addresses and paths become
//! placeholders, machine's figures only their type (`rules.txt`). Real Docker's answers are
//! committed (`golden/*.golden`, written by `cargo xtask compat --record`); [`verdict`] compares a
//! daemon's answers with them. A difference that is meant is listed in `differences.txt`, by a
//! name that docs/compatibility.md explains; an entry that no longer differs is an error.

mod answer;
pub mod clients;
pub mod corpus;
mod differ;
mod glob;
mod golden;
pub mod help;
mod http;
mod listed;
pub mod matrix;
mod normal;
mod patch;
mod play;
mod player;
mod rules;
mod tarball;
mod text;

use std::path::PathBuf;

pub use answer::Answer;
pub use differ::Difference;
pub use golden::Golden;
pub use listed::Listed;
pub use play::Play;
pub use player::{Player, Setting};

/// The API versions at which every play is played, the newest first.
pub const VERSIONS: [&str; 4] = ["1.51", "1.44", "1.41", "1.24"];

/// Where plays, golden files and lists are.
pub fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// The answers to one play, for every version in the order of [`VERSIONS`].
pub type Recording = Vec<Vec<Option<Answer>>>;

/// Compares a recording with real Docker's; what is left is neither equal nor listed.
pub fn verdict(play: &Play, golden: &Golden, ours: &Recording, listed: &mut Listed) -> Vec<String> {
    let mut left: Vec<(String, Vec<&str>)> = Vec::new();
    for (number, step) in play.steps.iter().enumerate() {
        for (at, version) in VERSIONS.iter().enumerate() {
            let (Some(theirs), Some(ours)) = (&golden.recording[at][number], &ours[at][number])
            else {
                continue;
            };
            // An operation that is not built says so, which is no difference but a gap.
            if ours.status == 501 {
                continue;
            }
            for difference in differ::answers(theirs, ours) {
                if listed.covers(&step.shown, version, &difference.path) {
                    continue;
                }
                let line = format!("{}\n    {difference}", step.shown);
                match left.iter_mut().find(|(known, _)| *known == line) {
                    Some((_, versions)) => versions.push(version),
                    None => left.push((line, vec![version])),
                }
            }
        }
    }
    left.into_iter()
        .map(|(line, versions)| format!("{}: [{}] {line}", play.name, versions.join(" ")))
        .collect()
}
