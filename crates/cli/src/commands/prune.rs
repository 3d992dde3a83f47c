//! What the `prune` commands share: asking first, and telling afterwards.

use std::io::{BufRead as _, Write as _, stdin};

use gantry_units::human_size;

use crate::failure::Failure;
use crate::output;

/// Asks on standard input; anything but yes ends the command, as with Docker.
pub(crate) fn confirm(force: bool, warning: &str) -> Result<(), Failure> {
    if force {
        return Ok(());
    }
    output::print(format!(
        "{warning}\nAre you sure you want to continue? [y/N] "
    ));
    std::io::stdout().flush()?;
    let mut answer = String::new();
    stdin().lock().read_line(&mut answer)?;
    match answer.trim().to_lowercase().as_str() {
        "y" | "yes" => Ok(()),
        // Not a failure: nothing was to be done.
        _ => Err(Failure::with_code(0, "")),
    }
}

/// The names of what is gone, and the room that it took.
pub(crate) fn report(title: &str, gone: &[String], reclaimed: u64) {
    if !gone.is_empty() {
        output::print(format!("{title}\n{}\n\n", gone.join("\n")));
    }
    output::line(format!(
        "Total reclaimed space: {}",
        human_size(reclaimed as f64)
    ));
}
