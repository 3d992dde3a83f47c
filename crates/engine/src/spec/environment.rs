//! Environment variables.

use gantry_api_types::ContainerConfig;

/// Docker's search path where the image names none.
const DEFAULT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/// What a terminal is called unless the request says otherwise.
const DEFAULT_TERM: &str = "TERM=xterm";

/// The variables of a container's process.
pub(super) fn of_container(config: &ContainerConfig, linked: &[String], home: &str) -> Vec<String> {
    let mut env = vec![
        format!("PATH={DEFAULT_PATH}"),
        format!("HOSTNAME={}", config.hostname),
    ];
    if config.tty {
        env.push(DEFAULT_TERM.to_owned());
    }
    env.extend_from_slice(linked);
    let mut env = overridden(env, config.env.as_deref().unwrap_or_default());
    set_home(&mut env, home);
    env
}

/// The variables of an exec: the container's, with or without a terminal, and its own.
pub(super) fn of_exec(
    container: &[String],
    terminals: (bool, bool),
    own: &[String],
    home: Option<&str>,
) -> Vec<String> {
    let mut env = container.to_vec();
    if let Some(home) = home {
        // Last stands only what we put there ourselves: see `set_home`.
        if env.last().is_some_and(|entry| name(entry) == "HOME") {
            env.pop();
        }
        set_home(&mut env, home);
    }
    match terminals {
        (true, false) => env.retain(|entry| entry != DEFAULT_TERM),
        (false, true) if !env.iter().any(|entry| name(entry) == "TERM") => {
            env.push(DEFAULT_TERM.to_owned());
        }
        _ => {}
    }
    overridden(env, own)
}

/// Later entries replace earlier ones in their place; a name without `=` removes.
fn overridden(mut env: Vec<String>, own: &[String]) -> Vec<String> {
    for entry in own {
        let position = env.iter().position(|e| name(e) == name(entry));
        match (position, entry.contains('=')) {
            (Some(at), true) => env[at].clone_from(entry),
            (None, true) => env.push(entry.clone()),
            (Some(at), false) => drop(env.remove(at)),
            (None, false) => {}
        }
    }
    env
}

/// The home directory is for programs only and not part of the configuration, hence at the end.
fn set_home(env: &mut Vec<String>, home: &str) {
    env.retain(|entry| entry != "HOME=");
    if !env.iter().any(|entry| name(entry) == "HOME") {
        env.push(format!("HOME={home}"));
    }
}

fn name(entry: &str) -> &str {
    entry.split_once('=').map_or(entry, |(name, _)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(tty: bool, env: &[&str]) -> ContainerConfig {
        ContainerConfig {
            hostname: "box".to_owned(),
            tty,
            env: Some(env.iter().map(|&e| e.to_owned()).collect()),
            ..ContainerConfig::default()
        }
    }

    #[test]
    fn defaults_are_overridden_in_place() {
        let env = of_container(&config(true, &["PATH=/bin", "A=b=c"]), &[], "/root");
        assert_eq!(
            env,
            [
                "PATH=/bin",
                "HOSTNAME=box",
                "TERM=xterm",
                "A=b=c",
                "HOME=/root"
            ]
        );
        let env = of_container(&config(true, &["TERM", "HOME=/x"]), &[], "/root");
        assert_eq!(env[1..], ["HOSTNAME=box", "HOME=/x"]);
        assert!(env[0].starts_with("PATH=/usr/local/sbin:"));
    }

    #[test]
    fn an_exec_adds_to_the_containers() {
        let container = of_container(&config(true, &["A=1"]), &[], "/root");
        let own = ["A=2".to_owned(), "B=3".to_owned()];
        let env = of_exec(&container, (true, false), &own, Some("/home/u"));
        assert_eq!(env[1..], ["HOSTNAME=box", "A=2", "HOME=/home/u", "B=3"]);
        let plain = of_container(&config(false, &[]), &[], "/");
        let env = of_exec(&plain, (false, true), &[], None);
        assert_eq!(env[1..], ["HOSTNAME=box", "HOME=/", "TERM=xterm"]);
    }
}
