//! What a health check is to do.

use std::time::Duration;

use gantry_api_types::{ContainerConfig, Healthcheck};

use crate::Error;

/// The pause between checks, and before the first.
const INTERVAL: Duration = Duration::from_secs(30);
/// How long a check may take.
const TIMEOUT: Duration = Duration::from_secs(30);
/// The pause between checks while the container starts.
const START_INTERVAL: Duration = Duration::from_secs(5);
/// Failures in a row that make a container unhealthy.
const RETRIES: u32 = 3;
/// The shortest time that can be asked for.
const SHORTEST: i64 = 1_000_000;

/// A health check, its defaults filled in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Check {
    /// What is run.
    pub command: Vec<String>,
    /// The pause between checks, and before the first.
    pub interval: Duration,
    /// How long one may take.
    pub timeout: Duration,
    /// For how long after the start failures do not count.
    pub start_period: Duration,
    /// The pause between checks in the start period.
    pub start_interval: Duration,
    /// Failures in a row that make the container unhealthy.
    pub retries: u32,
}

impl Check {
    /// The container's check; `None` if it has none or was told to have none.
    pub(crate) fn of(config: &ContainerConfig) -> Option<Self> {
        let asked = config.healthcheck.as_ref()?;
        let (kind, words) = asked.test.split_first()?;
        let command = match kind.as_str() {
            "CMD" => words.to_vec(),
            "CMD-SHELL" => [shell(config), words.to_vec()].concat(),
            _ => return None,
        };
        Some(Self {
            command,
            interval: or(asked.interval, INTERVAL),
            timeout: or(asked.timeout, TIMEOUT),
            start_period: or(asked.start_period, Duration::ZERO),
            start_interval: or(asked.start_interval, START_INTERVAL),
            retries: u32::try_from(asked.retries)
                .ok()
                .filter(|retries| *retries > 0)
                .unwrap_or(RETRIES),
        })
    }
}

fn shell(config: &ContainerConfig) -> Vec<String> {
    let own = config.shell.as_ref().filter(|shell| !shell.is_empty());
    own.map_or_else(
        || vec!["/bin/sh".into(), "-c".into()],
        |shell| shell.0.clone(),
    )
}

fn or(nanos: i64, default: Duration) -> Duration {
    match u64::try_from(nanos) {
        Ok(nanos) if nanos > 0 => Duration::from_nanos(nanos),
        _ => default,
    }
}

/// Refuses a check that cannot be meant, in Docker's words.
pub(crate) fn validate(config: &ContainerConfig) -> Result<(), Error> {
    let Some(check) = &config.healthcheck else {
        return Ok(());
    };
    let times = [
        (check.interval, "Interval"),
        (check.timeout, "Timeout"),
        (check.start_period, "StartPeriod"),
        (check.start_interval, "StartInterval"),
    ];
    if let Some((_, name)) = times
        .iter()
        .find(|(time, _)| *time != 0 && *time < SHORTEST)
    {
        return Err(Error::Invalid(format!(
            "{name} in Healthcheck cannot be less than 1ms"
        )));
    }
    if check.retries < 0 {
        return Err(Error::Invalid(
            "Retries in Healthcheck cannot be negative".to_owned(),
        ));
    }
    match check.test.split_first() {
        Some((kind, words)) if matches!(kind.as_str(), "CMD" | "CMD-SHELL") && words.is_empty() => {
            Err(Error::Invalid(format!(
                "Test in Healthcheck has nothing to run after {kind:?}"
            )))
        }
        Some((kind, _)) if !matches!(kind.as_str(), "CMD" | "CMD-SHELL" | "NONE") => {
            Err(Error::Invalid(format!(
                "Unknown healthcheck type '{kind}' (expected 'CMD', 'CMD-SHELL' or 'NONE')"
            )))
        }
        _ => Ok(()),
    }
}

/// What the request leaves open, the image says.
pub(crate) fn inherit(config: &mut ContainerConfig, image: Option<&gantry_oci::Healthcheck>) {
    let Some(image) = image else { return };
    let check = config.healthcheck.get_or_insert_with(Healthcheck::default);
    if check.test.is_empty() {
        check.test.clone_from(&image.test);
    }
    for (own, theirs) in [
        (&mut check.interval, image.interval),
        (&mut check.timeout, image.timeout),
        (&mut check.start_period, image.start_period),
        (&mut check.start_interval, image.start_interval),
        (&mut check.retries, image.retries),
    ] {
        if *own == 0 {
            *own = theirs;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(test: &[&str]) -> ContainerConfig {
        let check = Healthcheck {
            test: test.iter().map(|word| (*word).to_owned()).collect(),
            ..Healthcheck::default()
        };
        ContainerConfig {
            healthcheck: Some(check),
            ..ContainerConfig::default()
        }
    }

    #[test]
    fn a_command_a_shell_or_nothing() {
        assert_eq!(
            Check::of(&config(&["CMD", "true"])).unwrap().command,
            ["true"]
        );
        let shell = Check::of(&config(&["CMD-SHELL", "a && b"])).unwrap();
        assert_eq!(shell.command, ["/bin/sh", "-c", "a && b"]);
        assert_eq!((shell.retries, shell.interval), (3, INTERVAL));
        assert_eq!(Check::of(&config(&["NONE"])), None);
        assert_eq!(Check::of(&ContainerConfig::default()), None);
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        let mut short = config(&["CMD", "true"]);
        short.healthcheck.as_mut().unwrap().interval = 1;
        let error = validate(&short).unwrap_err().to_string();
        assert_eq!(error, "Interval in Healthcheck cannot be less than 1ms");
        assert!(validate(&config(&["SOMETHING"])).is_err());
        assert!(validate(&config(&["CMD"])).is_err());
        assert!(validate(&config(&["NONE"])).is_ok());
    }

    #[test]
    fn the_image_fills_what_is_open() {
        let image = gantry_oci::Healthcheck {
            test: vec!["CMD".into(), "image".into()],
            interval: 5,
            retries: 7,
            ..gantry_oci::Healthcheck::default()
        };
        let mut open = ContainerConfig::default();
        inherit(&mut open, Some(&image));
        assert_eq!(open.healthcheck.unwrap().test, ["CMD", "image"]);
        let mut own = config(&["NONE"]);
        inherit(&mut own, Some(&image));
        assert_eq!(Check::of(&own), None);
    }
}
