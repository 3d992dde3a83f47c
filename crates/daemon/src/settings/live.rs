//! What a reload may change.

use std::time::Duration;

use gantry_engine::Live;

use super::setting;
use crate::Error;
use crate::config::{Config, Size};

/// What a reload may change.
pub(super) fn live(config: &Config) -> Result<Live, Error> {
    let usual = Live::default();
    let at_least_1 = |key, number: Option<i64>, usual| match number {
        // As with Docker, 0 stands for the default.
        None | Some(0) => Ok(usual),
        Some(number) => usize::try_from(number)
            .map_err(|_| setting(key, &number.to_string(), "expected a number above 0")),
    };
    let one_of = |key, given: &Option<String>, known: &[&str], usual: &str| match given.as_deref() {
        None | Some("") => Ok(usual.to_owned()),
        Some(value) if known.contains(&value) => Ok(value.to_owned()),
        Some(other) => Err(setting(
            key,
            other,
            &format!("expected {}", known.join(" or ")),
        )),
    };
    for label in &config.labels {
        if !label.contains('=') {
            return Err(setting("labels", label, "expected key=value"));
        }
    }
    Ok(Live {
        debug: config.debug,
        labels: config.labels.clone(),
        registry_mirrors: config.registry_mirrors.clone(),
        insecure_registries: config.insecure_registries.clone(),
        max_concurrent_downloads: at_least_1(
            "max-concurrent-downloads",
            config.max_concurrent_downloads,
            usual.max_concurrent_downloads,
        )?,
        max_concurrent_uploads: at_least_1(
            "max-concurrent-uploads",
            config.max_concurrent_uploads,
            usual.max_concurrent_uploads,
        )?,
        max_download_attempts: at_least_1(
            "max-download-attempts",
            config.max_download_attempts,
            usual.max_download_attempts,
        )?,
        shm_size: match &config.default_shm_size {
            None => usual.shm_size,
            Some(Size::Number(bytes)) => *bytes,
            Some(Size::Text(text)) => gantry_units::parse_ram(text)
                .map_err(|e| setting("default-shm-size", text, &e.to_string()))?,
        },
        ipc_mode: one_of(
            "default-ipc-mode",
            &config.default_ipc_mode,
            &["private", "shareable"],
            &usual.ipc_mode,
        )?,
        cgroupns_mode: one_of(
            "default-cgroupns-mode",
            &config.default_cgroupns_mode,
            &["private", "host"],
            "",
        )?,
        default_runtime: one_of(
            "default-runtime",
            &config.default_runtime,
            &["gantry", "runc", "io.containerd.runc.v2"],
            &usual.default_runtime,
        )?,
        live_restore: config.live_restore.unwrap_or(true),
        shutdown_timeout: match config.shutdown_timeout {
            None => usual.shutdown_timeout,
            Some(seconds) => u64::try_from(seconds).ok().map(Duration::from_secs),
        },
    })
}
