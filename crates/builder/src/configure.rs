//! Instructions that only change the image's configuration.

use gantry_dockerfile::{Applied, CommandLine, Healthcheck, Kind};
use gantry_oci::{ContainerDefaults, Healthcheck as Check};
use serde_json::{Map, Value};

use crate::Error;

/// The shell of images that set none.
const SHELL: [&str; 2] = ["/bin/sh", "-c"];

/// The shell that lines are given to.
pub(crate) fn shell(config: &ContainerDefaults) -> Vec<String> {
    let own = config.shell.clone().filter(|shell| !shell.is_empty());
    own.unwrap_or_else(|| SHELL.map(str::to_owned).into())
}

/// A working directory, seen from the present one.
pub(crate) fn working_dir(config: &ContainerDefaults, path: &str) -> String {
    let whole = if path.starts_with('/') {
        path.to_owned()
    } else {
        format!("{}/{path}", config.working_dir)
    };
    let normal = crate::files::normal(whole.as_bytes());
    format!("/{}", String::from_utf8_lossy(&normal))
}

/// The same as WORKDIR notes it: absolute paths as they are written, others with the slash at their end.
pub(crate) fn noted_working_dir(config: &ContainerDefaults, path: &str) -> String {
    if path.starts_with('/') {
        return path.to_owned();
    }
    let mut noted = working_dir(config, path);
    if path.ends_with('/') && !noted.ends_with('/') {
        noted.push('/');
    }
    noted
}

/// Applies an instruction; `command_set` says whether this stage has had a CMD, and is kept true.
pub(crate) fn apply(
    applied: &Applied,
    config: &mut ContainerDefaults,
    command_set: &mut bool,
) -> Result<(), Error> {
    match &applied.kind {
        Kind::Cmd(line) => {
            config.cmd = Some(words(line, config));
            // BuildKit notes it with every CMD.
            config.other.insert("ArgsEscaped".to_owned(), true.into());
            *command_set = true;
        }
        Kind::Entrypoint(line) => {
            config.entrypoint = Some(words(line, config));
            // A command of the base image was for its entrypoint.
            if !*command_set {
                config.cmd = None;
            }
        }
        Kind::Expose(_) => {
            let ports = applied.ports.iter().flat_map(|(_, port)| port.names());
            config
                .exposed_ports
                .extend(ports.map(|port| (port, nothing())));
        }
        Kind::Healthcheck(check) => config.healthcheck = Some(healthcheck(check)),
        Kind::Label(pairs) => {
            let pairs = pairs
                .iter()
                .map(|pair| (pair.key.clone(), pair.value.clone()));
            config.labels.extend(pairs);
        }
        Kind::Onbuild(expression) => config.on_build.push(expression.clone()),
        Kind::Shell(words) => config.shell = Some(words.clone()),
        Kind::StopSignal(signal) => {
            let _: gantry_units::Signal = signal
                .parse()
                .map_err(|_| Error::Invalid(format!("invalid signal: {signal}")))?;
            config.stop_signal = Some(signal.clone());
        }
        Kind::User(user) => config.user.clone_from(user),
        Kind::Volume(paths) => {
            config
                .volumes
                .extend(paths.iter().map(|path| (path.clone(), nothing())));
        }
        // Variables are the scope's, files the steps', the author the stage's.
        Kind::Add(_)
        | Kind::Arg(_)
        | Kind::Copy(_)
        | Kind::Env(_)
        | Kind::Maintainer(_)
        | Kind::Run(_)
        | Kind::Workdir(_) => {}
    }
    Ok(())
}

fn nothing() -> Value {
    Value::Object(Map::new())
}

fn words(line: &CommandLine, config: &ContainerDefaults) -> Vec<String> {
    line.arguments(&shell(config))
}

/// What the configuration says of a check.
pub(crate) fn healthcheck(check: &Healthcheck) -> Check {
    let Healthcheck::Command {
        command,
        interval,
        timeout,
        start_period,
        start_interval,
        retries,
    } = check
    else {
        return Check {
            test: vec!["NONE".to_owned()],
            ..Check::default()
        };
    };
    let test = match command {
        CommandLine::Exec(words) => [vec!["CMD".to_owned()], words.clone()].concat(),
        CommandLine::Shell { line, .. } => vec!["CMD-SHELL".to_owned(), line.clone()],
    };
    Check {
        test,
        interval: interval.nanos(),
        timeout: timeout.nanos(),
        start_period: start_period.nanos(),
        start_interval: start_interval.nanos(),
        retries: i64::from(*retries),
    }
}

#[cfg(test)]
mod tests {
    use super::{noted_working_dir, working_dir};
    use gantry_oci::ContainerDefaults;

    #[test]
    fn working_directories_follow_each_other() {
        let at = |dir: &str, path: &str| {
            let config = ContainerDefaults {
                working_dir: dir.into(),
                ..ContainerDefaults::default()
            };
            working_dir(&config, path)
        };
        assert_eq!(at("", "a"), "/a");
        assert_eq!(at("/a", "b/"), "/a/b");
        assert_eq!(at("/a", "/c"), "/c");
        assert_eq!(at("/a", "../../x"), "/x");
        let config = ContainerDefaults::default();
        assert_eq!(noted_working_dir(&config, "/a/b/"), "/a/b/");
        assert_eq!(noted_working_dir(&config, "b/"), "/b/");
    }
}
