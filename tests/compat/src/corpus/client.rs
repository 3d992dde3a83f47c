//! The command lines that ask for a build.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

/// A command line and the daemon that it talks to.
#[derive(Debug, Clone)]
pub struct Client {
    /// `buildx`, `classic` or `own`.
    pub name: &'static str,
    program: OsString,
    socket: PathBuf,
    config: PathBuf,
}

/// What a command said.
#[derive(Debug)]
pub(super) struct Said {
    pub(super) code: i32,
    pub(super) stdout: String,
    pub(super) stderr: String,
}

impl Client {
    /// The stock client with the buildx plugin; `config` is a folder for its settings.
    pub fn buildx(socket: &Path, config: &Path) -> Result<Self> {
        Self::new("buildx", "docker".into(), socket, config)
    }

    /// The stock client without BuildKit.
    pub fn classic(socket: &Path, config: &Path) -> Result<Self> {
        Self::new("classic", "docker".into(), socket, config)
    }

    /// Ours.
    pub fn own(gantry: &Path, socket: &Path, config: &Path) -> Result<Self> {
        Self::new("own", gantry.into(), socket, config)
    }

    fn new(name: &'static str, program: OsString, socket: &Path, config: &Path) -> Result<Self> {
        // What the tests' clients have, or the root with real Docker.
        let installed = crate::clients::installed();
        let plugins = [
            installed.join("buildx"),
            installed.join("root/usr/libexec/docker/cli-plugins"),
        ];
        fs::create_dir_all(config)?;
        let json = serde_json::json!({ "cliPluginsExtraDirs": plugins });
        fs::write(config.join("config.json"), json.to_string())?;
        Ok(Self {
            name,
            program,
            socket: socket.into(),
            config: config.into(),
        })
    }

    fn command(&self, program: &std::ffi::OsStr) -> Command {
        let mut command = Command::new(program);
        command
            .env("DOCKER_HOST", format!("unix://{}", self.socket.display()))
            .env("DOCKER_CONFIG", &self.config)
            .env(
                "DOCKER_BUILDKIT",
                if self.name == "classic" { "0" } else { "1" },
            )
            .env("BUILDX_NO_DEFAULT_ATTESTATIONS", "1");
        command
    }

    /// Builds, in the context's folder.
    pub(super) fn build(&self, tag: &str, options: &str, context: &Path) -> Result<Said> {
        // The classic client knows no --progress.
        let progress = match self.name {
            "classic" => "",
            // What another case has left in its cache may be older.
            "buildx" => "--progress plain --no-cache",
            _ => "--progress plain",
        };
        let script = format!("\"$BUILD\" build {progress} -t {tag} {options}");
        let mut command = self.command("bash".as_ref());
        command
            .args(["-uc", &script])
            .env("BUILD", &self.program)
            .current_dir(context);
        let output = command.output().context("bash is needed")?;
        Ok(Said {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        })
    }

    /// Saves an image as an archive.
    pub(super) fn save(&self, tag: &str, archive: &Path) -> Result<()> {
        let mut command = self.command("docker".as_ref());
        let output = command.args(["save", tag, "-o"]).arg(archive).output()?;
        if !output.status.success() {
            bail!(
                "cannot save {tag}: {}",
                String::from_utf8_lossy(&output.stderr)
            );
        }
        Ok(())
    }
}

/// The error that a build ended with, without what each client puts around it.
pub(super) fn message(stderr: &str) -> String {
    let text = without_excerpt(stderr).trim_end();
    // A command may have several lines, any other message has one.
    let from = if text.starts_with("The command '") {
        0
    } else {
        let command = text.rfind("\nThe command '");
        command.or_else(|| text.rfind('\n')).map_or(0, |at| at + 1)
    };
    plain(&as_buildkit_says(without_prefixes(&text[from..])))
}

/// An error without what clients put before it.
pub(super) fn without_prefixes(mut text: &str) -> &str {
    loop {
        let before = text;
        for prefix in AROUND {
            text = text.strip_prefix(prefix).unwrap_or(text);
        }
        if text == before {
            return text;
        }
    }
}

/// `POST /build` has the lines of the file behind the message: `Dockerfile:2`, a rule, the lines, a rule.
fn without_excerpt(text: &str) -> &str {
    let Some(at) = text
        .rfind("\n--------------------\n")
        .filter(|_| text.trim_end().ends_with("\n--------------------"))
    else {
        return text;
    };
    let first = text[..at].rfind("\n--------------------\n").unwrap_or(at);
    let before = &text[..first];
    before.rfind('\n').map_or(text, |end| &text[..end])
}

const AROUND: [&str; 5] = [
    "ERROR: ",
    "Error response from daemon: ",
    "failed to build: ",
    "failed to solve: ",
    "gantry: ",
];

/// `POST /build` tells of a command in its own words, which clients know.
fn as_buildkit_says(text: &str) -> String {
    let told = text.strip_prefix("The command '").and_then(|rest| {
        let (command, code) = rest.rsplit_once("' returned a non-zero code: ")?;
        Some(format!(
            "process {command:?} did not complete successfully: exit code: {code}"
        ))
    });
    told.unwrap_or_else(|| text.to_owned())
}

/// Without names that are other ones each time.
pub(super) fn plain(text: &str) -> String {
    let mut text = text.to_owned();
    for (from, to) in [
        ("failed to calculate checksum of ref ", ": "),
        ("/peerdata/overlay2/", "/merged"),
        ("/peerdata/tmp/", "/"),
    ] {
        if let Some(at) = text.find(from)
            && let Some(length) = text[at + from.len()..].find(to)
        {
            text.replace_range(at..at + from.len() + length + to.len(), "");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::message;

    #[test]
    fn the_core_of_a_message_is_found() {
        assert_eq!(
            message("#1 x\nERROR: failed to build: failed to solve: no\n"),
            "no"
        );
        assert_eq!(
            message("The command '/bin/sh -c a' returned a non-zero code: 3\n"),
            "process \"/bin/sh -c a\" did not complete successfully: exit code: 3"
        );
        let long = "x\nThe command '/bin/sh -c a\nb' returned a non-zero code: 3\nDockerfile:2\n--------------------\n   1 |     FROM x\n--------------------\n";
        assert_eq!(
            message(long),
            "process \"/bin/sh -c a\\nb\" did not complete successfully: exit code: 3"
        );
        let reference = "failed to compute cache key: failed to calculate checksum of ref a::b: \"/x\": not found";
        assert_eq!(
            message(reference),
            "failed to compute cache key: \"/x\": not found"
        );
    }
}
