//! `--ssh`: agents, and keys that get an agent of their own for the time of the build.

use std::collections::HashMap;
use std::fs::File;
use std::io::ErrorKind;
use std::os::unix::fs::FileTypeExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// An agent that does not listen after that long does not come.
const PATIENCE: Duration = Duration::from_secs(5);
const PAUSE: Duration = Duration::from_millis(10);

/// The agents of a build.
#[derive(Debug, Default)]
pub(super) struct Agents {
    /// Their sockets, by identifier.
    pub(super) sockets: HashMap<String, PathBuf>,
    started: Vec<Started>,
}

/// OpenSSH's agent with some keys; it ends with this.
#[derive(Debug)]
struct Started {
    agent: Child,
    _folder: TempDir,
}

impl Agents {
    /// Reads `--ssh`: `default`, `id=socket`, `id=key,key`.
    pub(super) fn of(given: &[String]) -> Result<Self, String> {
        let mut agents = Self::default();
        for text in given {
            let (id, path) = match text.split_once('=') {
                Some((id, path)) => (id, path.to_owned()),
                None => (
                    text.as_str(),
                    std::env::var("SSH_AUTH_SOCK").unwrap_or_default(),
                ),
            };
            if path.is_empty() {
                return Err(
                    "invalid empty ssh agent socket: make sure SSH_AUTH_SOCK is set".to_owned(),
                );
            }
            if agents.sockets.contains_key(id) {
                return Err(format!("invalid duplicate ID {id} in --ssh"));
            }
            let socket = if is_socket(Path::new(&path)) {
                PathBuf::from(path)
            } else {
                let (socket, started) = start(&path).map_err(|why| format!("--ssh {id}: {why}"))?;
                agents.started.push(started);
                socket
            };
            agents.sockets.insert(id.to_owned(), socket);
        }
        Ok(agents)
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        let _ = self.agent.kill();
        let _ = self.agent.wait();
    }
}

fn is_socket(path: &Path) -> bool {
    std::fs::metadata(path).is_ok_and(|file| file.file_type().is_socket())
}

/// Starts an agent for some key files.
fn start(keys: &str) -> Result<(PathBuf, Started), String> {
    let keys: Vec<&str> = keys.split(',').collect();
    for key in &keys {
        File::open(key).map_err(|error| crate::create::open_error(key, &error))?;
    }
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    let socket = folder.path().join("agent");
    let agent = Command::new("ssh-agent")
        .arg("-D")
        .arg("-a")
        .arg(&socket)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .map_err(|error| missing("ssh-agent", &error))?;
    let started = Started {
        agent,
        _folder: folder,
    };
    let began = Instant::now();
    while !is_socket(&socket) {
        if began.elapsed() > PATIENCE {
            return Err("ssh-agent does not listen".to_owned());
        }
        std::thread::sleep(PAUSE);
    }
    for key in keys {
        add(&socket, key)?;
    }
    Ok((socket, started))
}

/// Gives a key to an agent. It is read by us: ssh-add refuses files that others may read, as those in
/// CI's volumes are.
fn add(socket: &Path, key: &str) -> Result<(), String> {
    let file = File::open(key).map_err(|error| crate::create::open_error(key, &error))?;
    let added = Command::new("ssh-add")
        .args(["-q", "-"])
        .env("SSH_AUTH_SOCK", socket)
        .stdin(file)
        .output()
        .map_err(|error| missing("ssh-add", &error))?;
    if added.status.success() {
        return Ok(());
    }
    let why = String::from_utf8_lossy(&added.stderr).into_owned();
    Err(format!("the key {key} cannot be used: {}", why.trim()))
}

fn missing(program: &str, error: &std::io::Error) -> String {
    if error.kind() == ErrorKind::NotFound {
        return format!(
            "key files need OpenSSH's {program}, which is not installed here: install it, or give \
             the socket of an agent"
        );
    }
    format!("cannot run {program}: {error}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_neither_a_socket_nor_a_file_is_told() {
        let given = |text: &str| Agents::of(&[text.to_owned()]).unwrap_err();
        assert!(given("a=/none/at/all").contains("/none/at/all"));
        assert!(given("a=").contains("empty"));
    }
}
