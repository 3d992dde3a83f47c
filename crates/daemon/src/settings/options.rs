//! Keys with a little grammar of their own.

use gantry_api::ApiVersion;
use gantry_api_types::Ulimit;
use gantry_engine::Realtime;

use super::setting;
use crate::Error;
use crate::config::{self, Config};

/// The default size of writable layers, in bytes.
pub(super) fn storage_size(options: &[String]) -> Result<Option<u64>, Error> {
    let mut size = None;
    for option in options {
        let wrong = |reason: &str| setting("storage-opts", option, reason);
        let Some(("size" | "overlay.size" | "overlay2.size" | "erofs.size", value)) =
            option.split_once('=')
        else {
            return Err(wrong("unknown option; expected size=10G"));
        };
        let bytes = gantry_units::parse_ram(value).map_err(|e| wrong(&e.to_string()))?;
        // As with Docker, 0 is no limit.
        size = u64::try_from(bytes).ok().filter(|bytes| *bytes > 0);
    }
    Ok(size)
}

/// What real-time processes of all containers may take together.
pub(super) fn realtime(config: &Config) -> Result<Realtime, Error> {
    let number = |key, given: i64| {
        u64::try_from(given)
            .map_err(|_| setting(key, &given.to_string(), "expected microseconds, 0 or more"))
    };
    let realtime = Realtime {
        period: number("cpu-rt-period", config.cpu_rt_period)?,
        runtime: number("cpu-rt-runtime", config.cpu_rt_runtime)?,
    };
    if realtime.runtime > realtime.period && realtime.period != 0 {
        return Err(setting(
            "cpu-rt-runtime",
            &realtime.runtime.to_string(),
            "it cannot be higher than cpu-rt-period",
        ));
    }
    if (realtime.period != 0 || realtime.runtime != 0) && !gantry_engine::has_realtime_groups() {
        return Err(setting(
            "cpu-rt-runtime",
            &realtime.runtime.to_string(),
            "this kernel has no real-time CPU groups: they need cgroup v1 and CONFIG_RT_GROUP_SCHED",
        ));
    }
    Ok(realtime)
}

/// `native.cgroupdriver=cgroupfs` is what is done; anything else is refused.
pub(super) fn exec_options(options: &[String]) -> Result<(), Error> {
    for option in options {
        let reason = match option.split_once('=') {
            Some(("native.cgroupdriver", "cgroupfs")) => continue,
            Some(("native.cgroupdriver", "systemd")) => {
                "the systemd cgroup driver is not supported by this version of Gantry; its \
                 containers' cgroups are its own, beside those of systemd"
            }
            Some(("native.cgroupdriver", _)) => "native.cgroupdriver must be cgroupfs",
            _ => "unknown option; expected native.cgroupdriver=cgroupfs",
        };
        return Err(setting("exec-opts", option, reason));
    }
    Ok(())
}

/// Docker's features: what we do anyway may be switched on, what we do not do off.
pub(super) fn features(config: &Config) -> Result<Vec<String>, Error> {
    let mut notes = Vec::new();
    for (name, on) in &config.features {
        let note = match (name.as_str(), on) {
            ("containerd-snapshotter", _) => {
                "images are kept in a store of their own, neither containerd's nor Docker's"
            }
            ("buildkit", _) => "the builder is chosen by the client",
            ("cdi", true) => "CDI devices are always available",
            ("cdi", false) => {
                return Err(setting(
                    "features",
                    "cdi=false",
                    "CDI devices are always available",
                ));
            }
            (other, _) => return Err(setting("features", other, "unknown feature")),
        };
        notes.push(format!("features: {name} changes nothing: {note}"));
    }
    Ok(notes)
}

pub(super) fn oldest_api(config: &Config) -> Result<ApiVersion, Error> {
    let Some(text) = &config.min_api_version else {
        return Ok(ApiVersion::OLDEST);
    };
    let version: ApiVersion = text
        .parse()
        .map_err(|()| setting("min-api-version", text, "expected a version such as 1.24"))?;
    if version < ApiVersion::OLDEST || version > ApiVersion::NEWEST {
        let reason = format!("expected {} to {}", ApiVersion::OLDEST, ApiVersion::NEWEST);
        return Err(setting("min-api-version", text, &reason));
    }
    Ok(version)
}

/// The default filter as `--security-opt seccomp=` takes it.
pub(super) fn seccomp_profile(config: &Config) -> Result<Option<String>, Error> {
    match config.seccomp_profile.as_deref() {
        None | Some("" | "builtin" | "default") => Ok(None),
        Some("unconfined") => Ok(Some("unconfined".to_owned())),
        Some(path) => {
            let text = std::fs::read_to_string(path)
                .map_err(Error::file("read the seccomp profile", path))?;
            serde_json::from_str::<serde_json::Value>(&text)
                .map_err(|e| setting("seccomp-profile", path, &e.to_string()))?;
            Ok(Some(text))
        }
    }
}

pub(super) fn ulimits(config: &Config) -> Vec<Ulimit> {
    let limit = |(name, u): (&String, &config::Ulimit)| Ulimit {
        name: name.clone(),
        hard: u.hard,
        soft: u.soft,
    };
    config.default_ulimits.iter().map(limit).collect()
}

/// The builder's settings.
pub(super) fn builder(config: &Config) -> Result<gantry_builder::Settings, Error> {
    let settings = config.builder.settings();
    settings.map_err(|(key, reason)| setting(key, "", &reason))
}
