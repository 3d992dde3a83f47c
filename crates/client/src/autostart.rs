//! Starting a daemon in the background when none listens.

use std::fs::{File, OpenOptions};
use std::io::{Read as _, Seek as _, SeekFrom};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use http::HeaderMap;
use rustix::fs::{FlockOperation, flock};

use crate::error::StartError;
use crate::{Client, Endpoint, Error, Ping, build_id};

/// How long a new daemon may take before it answers.
const PATIENCE: Duration = Duration::from_secs(30);
/// How often we look whether it does.
const LOOK: Duration = Duration::from_millis(2);
/// How much of a failed daemon's log is shown.
const TAIL: u64 = 2048;

/// The file in the run root that a daemon keeps locked for as long as it lives.
///
/// Its socket cannot tell: the monitors of containers hold that open too, so that it stays valid
/// across restarts, and a connection to it would wait for the next daemon.
pub const SIGN_OF_LIFE: &str = "daemon.alive";
/// In the environment of a daemon that a command line started.
const STARTED_BY: &str = "GANTRY_STARTED_BY";
/// How long one look at a daemon that is starting may take.
const LOOK_AT_MOST: Duration = Duration::from_secs(1);

/// How to start a daemon.
#[derive(Debug, Clone)]
pub struct Autostart {
    /// Where its sockets and state of this boot are.
    pub run_root: PathBuf,
    /// Headers of every request.
    pub headers: HeaderMap,
}

/// Connects to the daemon on the local socket, starting it first if none listens, and starting it
/// anew if an earlier command of another build started the one that does.
pub async fn connect_or_start(auto: &Autostart) -> Result<Client, Error> {
    let endpoint = Endpoint::local(&auto.run_root);
    if is_nobody_home(&auto.run_root) {
        return start(auto, &endpoint).await;
    }
    match Client::connect_with_ping(&endpoint, &auto.headers).await {
        Ok((client, ping)) if !is_stale(&ping) => Ok(client),
        // Without the rights to replace it, another build's daemon serves as well.
        Ok((client, _)) if !rustix::process::geteuid().is_root() => Ok(client),
        Ok(_) | Err(Error::NotRunning { .. } | Error::Silent { .. }) => {
            start(auto, &endpoint).await
        }
        Err(error) => Err(error),
    }
}

/// Whether surely no daemon lives; false where that cannot be told.
fn is_nobody_home(run_root: &Path) -> bool {
    match File::open(run_root.join(SIGN_OF_LIFE)) {
        Ok(file) => flock(&file, FlockOperation::NonBlockingLockShared).is_ok(),
        Err(e) => e.kind() == std::io::ErrorKind::NotFound,
    }
}

/// Whether a command line of another build started this daemon.
fn is_stale(ping: &Ping) -> bool {
    ping.autostarted
        && ping
            .build
            .as_ref()
            .is_some_and(|build| *build != build_id())
}

async fn start(auto: &Autostart, endpoint: &Endpoint) -> Result<Client, Error> {
    if !rustix::process::geteuid().is_root() {
        return Err(StartError::NotRoot {
            endpoint: endpoint.to_string(),
        }
        .into());
    }
    // Everybody who finds no daemon comes here; the first one starts it, the others find it.
    let _lock = lock(&auto.run_root)?;
    if !is_nobody_home(&auto.run_root) {
        match Client::connect_with_ping(endpoint, &auto.headers).await {
            Ok((client, ping)) if !is_stale(&ping) => return Ok(client),
            Ok(_) => stop_stale()?,
            Err(_) => {}
        }
    }
    let log = auto.run_root.join("daemon.log");
    let (child, from) = spawn(&log)?;
    wait(child, auto, endpoint, &log, from).await
}

fn lock(run_root: &Path) -> Result<File, StartError> {
    let fail = |path: &Path| {
        let path = path.to_owned();
        move |source| StartError::File { path, source }
    };
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o711)
        .create(run_root)
        .map_err(fail(run_root))?;
    let path = run_root.join("autostart.lock");
    let file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .mode(0o600)
        .open(&path)
        .map_err(fail(&path))?;
    flock(&file, FlockOperation::LockExclusive).map_err(|errno| fail(&path)(errno.into()))?;
    Ok(file)
}

/// Stops another build's daemon; its containers go on.
fn stop_stale() -> Result<(), StartError> {
    Command::new("/proc/self/exe")
        .args(["daemon", "stop"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .map(drop)
        .map_err(|source| StartError::Spawn { source })
}

/// Starts the daemon with its output in the log; also says where in the log it begins.
fn spawn(log: &Path) -> Result<(Child, u64), StartError> {
    let fail = |source| StartError::File {
        path: log.to_owned(),
        source,
    };
    let file = OpenOptions::new()
        .create(true)
        .append(true)
        .mode(0o600)
        .open(log)
        .map_err(fail)?;
    let from = file.metadata().map_err(fail)?.len();
    let errors = file.try_clone().map_err(fail)?;
    if std::env::var_os(STARTED_BY).is_some() {
        // A program that is not `gantry` but uses its command line would start itself for ever.
        return Err(StartError::Recursive);
    }
    let mut command = Command::new("/proc/self/exe");
    command
        .args(["daemon", "--autostarted"])
        .env(STARTED_BY, std::process::id().to_string())
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(file)
        .stderr(errors);
    let child =
        gantry_sys::detached::spawn(&mut command).map_err(|source| StartError::Spawn { source })?;
    Ok((child, from))
}

async fn wait(
    mut child: Child,
    auto: &Autostart,
    endpoint: &Endpoint,
    log: &Path,
    from: u64,
) -> Result<Client, Error> {
    let begun = Instant::now();
    loop {
        if !is_nobody_home(&auto.run_root) {
            let looking = Client::connect_with_headers(endpoint, &auto.headers);
            match tokio::time::timeout(LOOK_AT_MOST, looking).await {
                Ok(Ok(client)) => return Ok(client),
                Ok(Err(Error::NotRunning { .. } | Error::Silent { .. })) | Err(_) => {}
                Ok(Err(error)) => return Err(error),
            }
        }
        let log_path = log.to_owned();
        if let Ok(Some(status)) = child.try_wait() {
            let tail = tail(log, from);
            return Err(StartError::Ended {
                status,
                log: log_path,
                tail,
            }
            .into());
        }
        if begun.elapsed() > PATIENCE {
            let (seconds, tail) = (PATIENCE.as_secs(), tail(log, from));
            return Err(StartError::Silent {
                seconds,
                log: log_path,
                tail,
            }
            .into());
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// The end of what the daemon wrote since it was started.
fn tail(log: &Path, from: u64) -> String {
    let read = || -> std::io::Result<Vec<u8>> {
        let mut file = File::open(log)?;
        let length = file.metadata()?.len();
        file.seek(SeekFrom::Start(from.max(length.saturating_sub(TAIL))))?;
        let mut bytes = Vec::new();
        file.take(TAIL).read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    match read() {
        Ok(bytes) => String::from_utf8_lossy(&bytes).trim_end().to_owned(),
        Err(error) => format!("(cannot be read: {error})"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_daemon_that_a_command_of_another_build_started_is_stale() {
        let ping = |autostarted, build: Option<&str>| Ping {
            autostarted,
            build: build.map(str::to_owned),
            ..Ping::default()
        };
        assert!(is_stale(&ping(true, Some("0.0.0-other"))));
        assert!(!is_stale(&ping(true, Some(&build_id()))));
        assert!(
            !is_stale(&ping(false, Some("0.0.0-other"))),
            "somebody runs this one on purpose"
        );
        assert!(!is_stale(&ping(true, None)), "not one of ours");
    }

    #[test]
    fn the_log_is_shown_from_this_start_on() {
        let path = std::env::temp_dir().join(format!("gantry-client-log-{}", std::process::id()));
        std::fs::write(&path, "old\nnew line\n").unwrap();
        assert_eq!(tail(&path, 4), "new line");
        std::fs::remove_file(&path).unwrap();
        assert!(tail(&path, 0).contains("cannot be read"));
    }
}
