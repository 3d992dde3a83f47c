//! What a finished command said.

use std::io::Write;
use std::process::{Command, Stdio};

/// A finished command.
pub(crate) struct Run {
    shown: String,
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Run {
    /// Runs a command to its end, without input.
    pub(crate) fn of(command: Command) -> Self {
        Self::with_input(command, "")
    }

    /// Runs a command to its end with this input.
    pub(crate) fn with_input(mut command: Command, input: &str) -> Self {
        let shown = format!("{command:?}");
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command
            .spawn()
            .unwrap_or_else(|e| panic!("cannot execute {shown}: {e}"));
        let mut stdin = child.stdin.take().unwrap();
        let input = input.to_owned();
        // A program that reads nothing closes its end early; that is its right.
        let writer = std::thread::spawn(move || drop(stdin.write_all(input.as_bytes())));
        let output = child.wait_with_output().unwrap();
        writer.join().unwrap();
        Self {
            shown,
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// Its output, trimmed; the test fails if the command did.
    #[track_caller]
    pub(crate) fn ok(&self) -> &str {
        self.exits(0).stdout.trim_end()
    }

    /// Itself, if it ended with this code; else the test fails with all it said.
    #[track_caller]
    pub(crate) fn exits(&self, code: i32) -> &Self {
        assert!(
            self.code == code,
            "{} exited with {} instead of {code}\nstdout: {}\nstderr: {}",
            self.shown,
            self.code,
            self.stdout,
            self.stderr
        );
        self
    }

    /// Itself, if it failed, with whatever code.
    #[track_caller]
    pub(crate) fn fails(&self) -> &Self {
        assert!(
            self.code != 0,
            "{} did not fail\nstdout: {}\nstderr: {}",
            self.shown,
            self.stdout,
            self.stderr
        );
        self
    }

    /// Itself, if its error output has this text.
    #[track_caller]
    pub(crate) fn says(&self, text: &str) -> &Self {
        assert!(
            self.stderr.contains(text),
            "{} did not say {text:?}\nstdout: {}\nstderr: {}",
            self.shown,
            self.stdout,
            self.stderr
        );
        self
    }
}
