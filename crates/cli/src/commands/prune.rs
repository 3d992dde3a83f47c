//! What the `prune` commands share: asking first, and telling afterwards.

use std::io::{BufRead as _, Write as _, stdin};

use gantry_units::human_size;

use crate::failure::Failure;
use crate::format::filters;
use crate::output;
use crate::session::Session;

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

/// The conditions that are given, and those of the configuration file, as the API takes them.
pub(crate) fn conditions(session: &Session, given: &[String]) -> Option<String> {
    filters(&with_configured(given, &session.config().prune_filters))
}

/// What is given wins over what is configured and says the opposite.
fn with_configured(given: &[String], configured: &[String]) -> Vec<String> {
    let mut all = given.to_vec();
    for filter in configured {
        let Some((name, value)) = filter.split_once('=').filter(|(_, v)| !v.is_empty()) else {
            continue;
        };
        let opposite = match name {
            "label" => format!("label!={value}"),
            "label!" => format!("label={value}"),
            _ => String::new(),
        };
        if !given.contains(&opposite) {
            all.push(filter.clone());
        }
    }
    all
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_given_wins_over_what_is_configured() {
        let list = |text: &str| -> Vec<String> { text.split(' ').map(str::to_owned).collect() };
        assert_eq!(
            with_configured(
                &list("label!=keep until=1h"),
                &list("label=keep label!=db odd x=")
            ),
            list("label!=keep until=1h label!=db")
        );
    }
}
