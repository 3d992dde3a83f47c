//! `builder`: bounds of the build cache, and what builds may be granted.

use std::time::Duration;

use gantry_builder::{Entitlement, PruneOptions, Space, default_gc};
use serde::Deserialize;

use super::Size;

/// `builder`, with Docker's names.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct BuilderConfig {
    /// How the cache is kept within bounds.
    pub gc: Gc,
    /// What builds may be granted.
    pub entitlements: Entitlements,
}

/// `builder.gc`
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Gc {
    /// Whether it is kept within bounds at all; `true` if missing.
    pub enabled: Option<bool>,
    /// Rules in the place of Docker's.
    pub policy: Vec<Rule>,
    /// What `defaultReservedSpace` was called before.
    pub default_keep_storage: Option<Size>,
    /// What Docker's rules leave in any case.
    pub default_reserved_space: Option<Size>,
    /// What Docker's rules leave at most.
    pub default_max_used_space: Option<Size>,
    /// What Docker's rules keep free on the disk.
    pub default_min_free_space: Option<Size>,
}

/// One of `builder.gc.policy`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Rule {
    /// Also what images have.
    pub all: bool,
    /// `unused-for=48h`, `type=exec.cachemount`, `id=...`
    pub filter: Vec<String>,
    /// What `reservedSpace` was called before.
    pub keep_storage: Option<Size>,
    /// What stays in any case.
    pub reserved_space: Option<Size>,
    /// What stays at most.
    pub max_used_space: Option<Size>,
    /// What is to be free on the disk.
    pub min_free_space: Option<Size>,
}

/// `builder.entitlements`
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Entitlements {
    /// `--network=host`; `true` if missing.
    pub network_host: Option<bool>,
    /// `--security=insecure`; `false` if missing.
    pub security_insecure: Option<bool>,
    /// `--device`; `true` if missing.
    pub device: Option<bool>,
}

impl BuilderConfig {
    /// The builder's settings; the error is a key and what is wrong with it.
    pub(crate) fn settings(&self) -> Result<gantry_builder::Settings, (&'static str, String)> {
        let given = [
            (
                self.entitlements.network_host.unwrap_or(true),
                Entitlement::HostNetwork,
            ),
            (
                self.entitlements.security_insecure.unwrap_or(false),
                Entitlement::Insecure,
            ),
            (
                self.entitlements.device.unwrap_or(true),
                Entitlement::Device,
            ),
        ];
        let granted = given
            .into_iter()
            .filter_map(|(on, right)| on.then_some(right));
        Ok(gantry_builder::Settings {
            entitlements: granted.collect(),
            gc: self.gc.rules()?,
        })
    }
}

impl Gc {
    fn rules(&self) -> Result<Vec<PruneOptions>, (&'static str, String)> {
        if self.enabled == Some(false) {
            return Ok(Vec::new());
        }
        if !self.policy.is_empty() {
            return self.policy.iter().map(Rule::options).collect();
        }
        Ok(default_gc(Space {
            reserved: bytes(self.default_reserved_space.as_ref())?
                .max(bytes(self.default_keep_storage.as_ref())?),
            max_used: bytes(self.default_max_used_space.as_ref())?,
            min_free: bytes(self.default_min_free_space.as_ref())?,
        }))
    }
}

impl Rule {
    fn options(&self) -> Result<PruneOptions, (&'static str, String)> {
        let mut options = PruneOptions {
            all: self.all,
            space: Space {
                reserved: bytes(self.reserved_space.as_ref())?
                    .max(bytes(self.keep_storage.as_ref())?),
                max_used: bytes(self.max_used_space.as_ref())?,
                min_free: bytes(self.min_free_space.as_ref())?,
            },
            ..PruneOptions::default()
        };
        for filter in &self.filter {
            match filter.split_once('=') {
                Some(("unused-for" | "until", age)) => options.older_than = Some(duration(age)?),
                Some(("type", kind)) => options.kinds.push(kind.to_owned()),
                Some(("id", id)) => options.ids.push(id.to_owned()),
                _ => {
                    let why = format!("{filter}: expected unused-for=48h, type=... or id=...");
                    return Err(("builder.gc.policy", why));
                }
            }
        }
        Ok(options)
    }
}

fn duration(text: &str) -> Result<Duration, (&'static str, String)> {
    let wrong = || {
        (
            "builder.gc.policy",
            format!("{text} is no duration such as 48h"),
        )
    };
    let parsed: gantry_units::GoDuration = text.parse().map_err(|_| wrong())?;
    parsed.positive().ok_or_else(wrong)
}

fn bytes(size: Option<&Size>) -> Result<u64, (&'static str, String)> {
    let number = match size {
        None => 0,
        Some(Size::Number(number)) => *number,
        Some(Size::Text(text)) => {
            gantry_units::parse_ram(text).map_err(|e| ("builder.gc", format!("{text}: {e}")))?
        }
    };
    u64::try_from(number).map_err(|_| ("builder.gc", format!("{number} is negative")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(text: &str) -> Result<gantry_builder::Settings, (&'static str, String)> {
        serde_json::from_str::<BuilderConfig>(text)
            .unwrap()
            .settings()
    }

    #[test]
    fn dockers_keys_are_read() {
        let usual = settings("{}").unwrap();
        assert!(!usual.entitlements.contains(&Entitlement::Insecure) && usual.gc.len() == 4);
        let granted = settings(r#"{"entitlements": {"security-insecure": true}}"#).unwrap();
        assert!(granted.entitlements.contains(&Entitlement::Insecure));
        let off = settings(r#"{"gc": {"enabled": false}}"#).unwrap();
        assert!(off.gc.is_empty());
        let kept = settings(r#"{"gc": {"enabled": true, "defaultKeepStorage": "20GB"}}"#).unwrap();
        assert_eq!(kept.gc[3].space.reserved, 20 << 30);
        let rule = r#"{"gc": {"policy": [{"keepStorage": "1GB", "filter": ["unused-for=48h"]}]}}"#;
        let rule = &settings(rule).unwrap().gc[0];
        assert_eq!(rule.older_than, Some(Duration::from_secs(48 * 3600)));
        assert!(settings(r#"{"gc": {"policy": [{"filter": ["colour=red"]}]}}"#).is_err());
    }
}
