//! `ssh://`: a program at the other end passes our bytes on to the daemon there.

use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::{Command, Stdio};

use crate::SshTarget;

/// Starts ssh; the socket is its standard input and output, and its end is ours.
pub(crate) fn open(target: &SshTarget) -> io::Result<UnixStream> {
    let (ours, theirs) = UnixStream::pair()?;
    let mut command = Command::new("ssh");
    command
        .args(arguments(target))
        .stdin(Stdio::from(OwnedFd::from(theirs.try_clone()?)))
        .stdout(Stdio::from(OwnedFd::from(theirs)))
        .stderr(Stdio::inherit());
    // In a session of its own: ctrl-c is for the container, not for the connection to it.
    let spawned = gantry_sys::detached::spawn(&mut command);
    // Our copies of its end go with the command, so that its end is seen.
    drop(command);
    let mut child =
        spawned.map_err(|e| io::Error::new(e.kind(), format!("cannot run ssh: {e}")))?;
    // It ends when our end of the socket does; somebody has to take note.
    std::thread::Builder::new()
        .name("ssh".to_owned())
        .spawn(move || child.wait())?;
    Ok(ours)
}

fn arguments(target: &SshTarget) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    if let Some(user) = &target.user {
        words.extend(["-l".to_owned(), user.clone()]);
    }
    if let Some(port) = target.port {
        words.extend(["-p".to_owned(), port.to_string()]);
    }
    let fixed = ["-o", "ConnectTimeout=30", "-T", "--", target.host.as_str()];
    words.extend(fixed.map(str::to_owned));
    words.push(remote_command(target.path.as_deref()));
    words
}

/// Runs whichever command is there; the remote user's shell may be any, so `sh` is asked.
fn remote_command(path: Option<&str>) -> String {
    const SCRIPT: &str = r#"command -v gantry >/dev/null 2>&1 && exec gantry "$@" system dial-stdio; exec docker "$@" system dial-stdio"#;
    match path {
        None => format!("sh -c '{SCRIPT}' sh"),
        Some(path) => {
            let quoted = path.replace('\'', r"'\''");
            format!("sh -c '{SCRIPT}' sh --host 'unix://{quoted}'")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_remote_command_survives_the_remote_shell() {
        let target = SshTarget {
            user: Some("me".to_owned()),
            host: "there".to_owned(),
            port: Some(2222),
            path: Some("/run/it's.sock".to_owned()),
        };
        let words = arguments(&target);
        assert_eq!(words[..4], ["-l", "me", "-p", "2222"]);
        assert_eq!(words[7..9], ["--", "there"]);
        // `printf` stands in for the programs.
        let script = words[9].replace("command -v gantry >/dev/null 2>&1 && exec gantry", "true");
        let script = script.replace("exec docker", r#"printf "%s|""#);
        let output = Command::new("sh").args(["-c", &script]).output().unwrap();
        assert_eq!(
            String::from_utf8(output.stdout).unwrap(),
            "--host|unix:///run/it's.sock|system|dial-stdio|"
        );
    }
}
