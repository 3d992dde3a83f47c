//! Checking out a commit of a git repository, by the machine's `git`.

use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;

use tokio::process::Command;

use super::GitAddress;
use crate::agent::AgentSocket;
use crate::trees::Access;
use crate::{Asker, Error};

/// The files of a commit.
#[derive(Debug)]
pub(crate) struct Checkout {
    /// Holds them; goes with this.
    pub folder: tempfile::TempDir,
    /// The commit.
    pub commit: String,
}

/// Fetches what the address wants into a folder below `place`.
pub(crate) async fn checkout(
    place: &Path,
    address: &GitAddress,
    keep_git: bool,
    asker: Option<&Arc<dyn Asker>>,
) -> Result<Checkout, Error> {
    let folder = tempfile::Builder::new()
        .prefix("git-")
        .tempdir_in(place)
        .map_err(Error::file("create a folder in", place))?;
    // What is copied out of it has the modes that git gives.
    std::fs::set_permissions(
        folder.path(),
        std::os::unix::fs::PermissionsExt::from_mode(0o755),
    )
    .map_err(Error::file("change", folder.path()))?;
    let git = Git::new(folder.path(), place, address, asker).await?;
    git.run(&["init", "-q"]).await?;
    git.run(&["remote", "add", "origin", &address.repository])
        .await?;
    git.fetch(address.reference.as_deref().unwrap_or("HEAD"))
        .await?;
    let commit = git
        .run(&["rev-parse", "HEAD^{commit}"])
        .await?
        .trim()
        .to_owned();
    if let Some(wanted) = &address.commit
        && !(wanted.len() >= 7 && commit.starts_with(wanted.as_str()))
    {
        return Err(Error::Invalid(format!(
            "expected checksum to match {wanted}, got {commit}"
        )));
    }
    if address.submodules && folder.path().join(".gitmodules").exists() {
        git.run(&["submodule", "update", "--init", "--recursive", "--depth=1"])
            .await?;
    }
    if !keep_git {
        forget_git(folder.path())?;
    }
    Ok(Checkout { folder, commit })
}

/// Removes `.git`, of submodules too.
fn forget_git(folder: &Path) -> Result<(), Error> {
    let failed = || Error::file("clear", folder);
    for entry in std::fs::read_dir(folder).map_err(failed())? {
        let entry = entry.map_err(failed())?;
        let kind = entry.file_type().map_err(failed())?;
        let path = entry.path();
        match (entry.file_name() == ".git", kind.is_dir()) {
            (true, true) => std::fs::remove_dir_all(path).map_err(failed())?,
            (true, false) => std::fs::remove_file(path).map_err(failed())?,
            (false, true) => forget_git(&path)?,
            (false, false) => {}
        }
    }
    Ok(())
}

/// The program, in a folder, with what it may know.
struct Git<'a> {
    folder: &'a Path,
    env: Vec<(String, String)>,
    /// Lives as long as it.
    _agent: Option<AgentSocket>,
}

impl<'a> Git<'a> {
    async fn new(
        folder: &'a Path,
        place: &Path,
        address: &GitAddress,
        asker: Option<&Arc<dyn Asker>>,
    ) -> Result<Self, Error> {
        let mut env: Vec<(String, String)> = [
            ("GIT_TERMINAL_PROMPT", "0"),
            ("GIT_CONFIG_NOSYSTEM", "1"),
            ("GIT_CONFIG_GLOBAL", "/dev/null"),
            // No paths of this machine, and no programs: an address may come from anybody.
            ("GIT_ALLOW_PROTOCOL", "http:https:git:ssh"),
            (
                "GIT_SSH_COMMAND",
                "ssh -F /dev/null -o BatchMode=yes -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR",
            ),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into();
        let mut agent = None;
        if let Some(asker) = asker {
            env.extend(authorization(address, asker).await?);
            if asker.has_agent("default").await? {
                let access = Access {
                    mode: 0o600,
                    uid: 0,
                    gid: 0,
                };
                let socket = AgentSocket::listen(place, asker, "default".to_owned(), access)?;
                env.push((
                    "SSH_AUTH_SOCK".to_owned(),
                    socket.path().display().to_string(),
                ));
                agent = Some(socket);
            }
        }
        Ok(Self {
            folder,
            env,
            _agent: agent,
        })
    }

    /// Fetches a commit and checks it out: just that one where the other side can.
    async fn fetch(&self, reference: &str) -> Result<(), Error> {
        let shallow = ["fetch", "-q", "--depth=1", "--no-tags", "origin", reference];
        if let Err(first) = self.run(&shallow).await {
            if matches!(first, Error::NotSupported(_)) {
                return Err(first);
            }
            // Some servers give no single commits, or no shallow history.
            let all = [
                "fetch",
                "-q",
                "--tags",
                "origin",
                "+refs/heads/*:refs/remotes/origin/*",
            ];
            self.run(&all).await?;
            let name = format!("origin/{reference}");
            let names = ["FETCH_HEAD", reference, &name];
            let names = if reference == "HEAD" {
                &names[..1]
            } else {
                &names[1..]
            };
            for name in names {
                if self
                    .run(&["checkout", "-q", "--detach", name])
                    .await
                    .is_ok()
                {
                    return Ok(());
                }
            }
            return Err(first);
        }
        self.run(&["checkout", "-q", "--detach", "FETCH_HEAD"])
            .await
            .map(drop)
    }

    async fn run(&self, arguments: &[&str]) -> Result<String, Error> {
        let mut command = Command::new("/bin/sh");
        // Modes of files are the repository's, whatever the daemon's mask is.
        command
            .args(["-c", "umask 022 && exec git \"$@\"", "git"])
            .args(arguments)
            .current_dir(self.folder)
            .env_clear()
            .env("HOME", self.folder)
            .envs(std::env::vars().filter(|(name, _)| passes(name)))
            .envs(self.env.iter().cloned())
            .stdin(Stdio::null())
            .kill_on_drop(true);
        let output = command
            .output()
            .await
            .map_err(Error::file("run", "/bin/sh"))?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        // What a shell says of a program that is not there.
        if output.status.code() == Some(127) {
            return Err(Error::NotSupported(
                "a git repository, without the program git on this machine,".to_owned(),
            ));
        }
        let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        let verb = arguments.first().copied().unwrap_or_default();
        Err(Error::Invalid(format!("git {verb} failed: {said}")))
    }
}

/// Variables of the daemon that git may know.
fn passes(name: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    name == "PATH" || name.starts_with("SSL_CERT_") || lower.ends_with("_proxy")
}

/// A token or a header for the repository's host, from secrets; it travels by the environment, where `ps` shows nothing.
async fn authorization(
    address: &GitAddress,
    asker: &Arc<dyn Asker>,
) -> Result<Vec<(String, String)>, Error> {
    if !address.repository.starts_with("http") {
        return Ok(Vec::new());
    }
    let host = address.host();
    let mut header = None;
    for (name, is_token) in [("GIT_AUTH_HEADER", false), ("GIT_AUTH_TOKEN", true)] {
        for id in [format!("{name}.{host}"), name.to_owned()] {
            if header.is_none()
                && let Some(secret) = asker.secret(&id).await?
            {
                let text = String::from_utf8_lossy(&secret).trim().to_owned();
                header = Some(if is_token { basic(&text) } else { text });
            }
        }
    }
    let Some(header) = header else {
        return Ok(Vec::new());
    };
    let scheme = address.repository.split("://").next().unwrap_or("https");
    let own = |name: &str, value: String| (name.to_owned(), value);
    Ok(vec![
        own("GIT_CONFIG_COUNT", "1".to_owned()),
        own(
            "GIT_CONFIG_KEY_0",
            format!("http.{scheme}://{host}/.extraheader"),
        ),
        own("GIT_CONFIG_VALUE_0", format!("Authorization: {header}")),
    ])
}

fn basic(token: &str) -> String {
    use base64::Engine as _;
    let pair = format!("x-access-token:{token}");
    let pair = base64::engine::general_purpose::STANDARD.encode(pair);
    format!("basic {pair}")
}
