//! A program that is nothing but the PID 1 of `--init`, as the tests need it.

fn main() -> std::process::ExitCode {
    gantry_runtime::init::run(std::env::args_os().skip(1))
}
