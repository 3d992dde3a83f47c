//! The daemon's own log, and the default for those of containers.

use super::setting;
use crate::Error;
use crate::config::Config;

pub(super) fn level(config: &Config) -> Result<String, Error> {
    match config.log_level.as_deref() {
        None if config.debug => Ok("debug".to_owned()),
        None => Ok("info".to_owned()),
        Some(_) if config.debug => Ok("debug".to_owned()),
        Some(level @ ("trace" | "debug" | "info" | "warn" | "error")) => Ok(level.to_owned()),
        // What is fatal is told on standard error besides.
        Some("fatal" | "panic") => Ok("error".to_owned()),
        Some(other) => Err(setting(
            "log-level",
            other,
            "expected debug, info, warn, error or fatal",
        )),
    }
}

pub(super) fn format(config: &Config) -> Result<bool, Error> {
    match config.log_format.as_deref() {
        None | Some("" | "text") => Ok(false),
        Some("json") => Ok(true),
        Some(other) => Err(setting("log-format", other, "expected text or json")),
    }
}

pub(super) fn driver(config: &Config) -> Result<String, Error> {
    let driver = config.log_driver.as_deref().unwrap_or("json-file");
    gantry_engine::check_log_defaults(driver, &config.log_opts)
        .map_err(|e| setting("log-driver", driver, &e.to_string()))?;
    Ok(driver.to_owned())
}
