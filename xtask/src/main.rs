//! The task runner: what a developer would otherwise type twice.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program for a person's terminal"
)]

use clap::{Parser, Subcommand};

mod cache;
mod images;
mod peers;
mod shell;

#[derive(Parser)]
#[command(name = "cargo xtask", about = "Tasks of the Gantry project")]
struct Args {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Make the test images from Debian's packages and put them into a registry's storage folder
    Images(images::Args),
    /// Real Docker and Podman, to compare with
    #[command(subcommand)]
    Peers(peers::Verb),
}

fn main() -> anyhow::Result<()> {
    match Args::parse().task {
        Task::Images(args) => images::run(&args),
        Task::Peers(verb) => peers::run(&verb),
    }
}
