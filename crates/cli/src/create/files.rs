//! Options that name files: `--env-file`, `--label-file`, and settings of network clients.

use std::path::Path;

use gantry_units::parse_env_file;

use super::body::Environment;

/// The lines of a file of `NAME=value`; `lookup` gives the value of a name that stands alone.
pub(crate) fn read_lines(
    path: &str,
    lookup: impl Fn(&str) -> Option<String>,
) -> Result<Vec<String>, String> {
    let bytes = std::fs::read(Path::new(path)).map_err(|error| open_error(path, &error))?;
    parse_env_file(&bytes, lookup).map_err(|error| error.to_string())
}

/// Go's wording of a failed open.
pub(crate) fn open_error(path: &str, error: &std::io::Error) -> String {
    let text = error.to_string();
    // Rust adds "(os error 2)" and begins with a capital letter.
    let text = text
        .split(" (os error")
        .next()
        .unwrap_or_default()
        .to_lowercase();
    format!("open {path}: {text}")
}

/// Environment variables: those of files first, so that `-e` wins, then the proxies of our
/// configuration file that nobody set.
pub(crate) fn environment(
    files: &[String],
    given: impl Iterator<Item = String>,
    environment: &Environment,
) -> Result<Vec<String>, String> {
    let mut variables = Vec::new();
    for file in files {
        variables.extend(read_lines(file, |name| std::env::var(name).ok())?);
    }
    variables.extend(given);
    let name_of = |variable: &str| variable.split('=').next().unwrap_or_default().to_owned();
    for (name, value) in &environment.proxies {
        if !variables.iter().any(|variable| name_of(variable) == *name) {
            variables.push(format!("{name}={value}"));
        }
    }
    Ok(variables)
}
