//! The health check that the options describe.

use gantry_api_types::Healthcheck;

use super::flags::ContainerFlags;

pub(crate) fn healthcheck(flags: &ContainerFlags) -> Result<Option<Healthcheck>, String> {
    let times = [
        ("--health-interval", flags.health_interval.nanos()),
        ("--health-timeout", flags.health_timeout.nanos()),
        ("--health-start-period", flags.health_start_period.nanos()),
        (
            "--health-start-interval",
            flags.health_start_interval.nanos(),
        ),
    ];
    let given = !flags.health_cmd.is_empty()
        || flags.health_retries != 0
        || times.iter().any(|(_, nanos)| *nanos != 0);
    if flags.no_healthcheck {
        if given {
            return Err("--no-healthcheck conflicts with --health-* options".to_owned());
        }
        return Ok(Some(Healthcheck {
            test: vec!["NONE".to_owned()],
            ..Healthcheck::default()
        }));
    }
    if !given {
        return Ok(None);
    }
    if let Some((name, _)) = times.iter().find(|(_, nanos)| *nanos < 0) {
        return Err(format!("{name} cannot be negative"));
    }
    if flags.health_retries < 0 {
        return Err("--health-retries cannot be negative".to_owned());
    }
    let test = if flags.health_cmd.is_empty() {
        Vec::new()
    } else {
        vec!["CMD-SHELL".to_owned(), flags.health_cmd.clone()]
    };
    Ok(Some(Healthcheck {
        test,
        interval: times[0].1,
        timeout: times[1].1,
        start_period: times[2].1,
        start_interval: times[3].1,
        retries: flags.health_retries,
    }))
}
