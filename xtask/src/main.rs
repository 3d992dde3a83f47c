//! The task runner: what a developer would otherwise type twice.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program for a person's terminal"
)]

use clap::{Parser, Subcommand};

mod bench;
mod cache;
mod compat;
mod fuzz;
mod images;
mod integration;
mod matrix;
mod peers;
mod shell;
mod soak;
mod vm;

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
    /// Measure against real Docker, side by side
    Bench(bench::Args),
    /// Play the same requests to real Docker and to ours and compare what they answer
    Compat(compat::Args),
    /// Give every parser of foreign bytes to libFuzzer
    Fuzz(fuzz::Args),
    /// Run the integration tests; those that fail in the crowd once more, alone
    Integration(integration::Args),
    /// Who reaches what through which network, with real Docker and with ours
    Matrix(matrix::Args),
    /// Real Docker and Podman, to compare with
    #[command(subcommand)]
    Peers(peers::Verb),
    /// The traffic of network benchmarks
    #[command(subcommand, hide = true)]
    Load(bench::load::Verb),
    /// Kill daemons and monitors for minutes under 200 containers; measure with 1,300
    Soak(soak::Args),
    /// Boot Debian's kernels with pure cgroup v2 in virtual machines and try Gantry there
    Vm(vm::Args),
}

fn main() -> anyhow::Result<()> {
    match Args::parse().task {
        Task::Bench(args) => bench::run(&args),
        Task::Compat(args) => compat::run(&args),
        Task::Fuzz(args) => fuzz::run(&args),
        Task::Images(args) => images::run(&args),
        Task::Integration(args) => integration::run(&args),
        Task::Load(verb) => bench::load::run(&verb),
        Task::Matrix(args) => matrix::run(&args),
        Task::Peers(verb) => peers::run(&verb),
        Task::Soak(args) => soak::run(&args),
        Task::Vm(args) => vm::run(&args),
    }
}
