//! `--security-opt`.

use super::files::open_error;

const KNOWN_ALONE: &[&str] = &["no-new-privileges", "no-new-privileges:true", "disable"];

/// The options as the API takes them: `:` is `=`, and a seccomp profile is its content.
pub(crate) fn options(given: &[String]) -> Result<Option<Vec<String>>, String> {
    let mut options = Vec::new();
    for text in given {
        // It concerns the masked paths only; the daemon does not know it.
        if text == "systempaths=unconfined" {
            continue;
        }
        options.push(option(text)?);
    }
    Ok((!options.is_empty()).then_some(options))
}

fn option(text: &str) -> Result<String, String> {
    if KNOWN_ALONE.contains(&text) {
        return Ok(text.to_owned());
    }
    let Some((key, value)) = text.split_once('=').or_else(|| text.split_once(':')) else {
        return Err(format!("Invalid --security-opt: \"{text}\""));
    };
    if key != "seccomp" || value == "unconfined" || value == "builtin" {
        // Old forms have a colon.
        return Ok(if text.contains('=') {
            text.to_owned()
        } else {
            format!("{key}={value}")
        });
    }
    let bytes = std::fs::read(value).map_err(|error| {
        format!(
            "opening seccomp profile ({value}) failed: {}",
            open_error(value, &error)
        )
    })?;
    let profile: serde_json::Value = serde_json::from_slice(&bytes).map_err(|error| {
        format!("compacting json for seccomp profile ({value}) failed: {error}")
    })?;
    Ok(format!("seccomp={profile}"))
}

/// `systempaths=unconfined`: nothing is masked or read-only.
pub(crate) fn unconfined_paths(given: &[String]) -> Option<Vec<String>> {
    given
        .iter()
        .any(|text| text == "systempaths=unconfined")
        .then(Vec::new)
}
