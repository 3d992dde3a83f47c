//! Help: every command and option of the stock command line, and its words.

use std::process::Command;

use anyhow::Result;
use gantry_compat::help;

use crate::harness::gantry_binary;

#[test]
fn every_command_has_docker_s_options() {
    let folder = tempfile::tempdir().unwrap();
    // Called as docker, it calls itself so.
    let docker = folder.path().join("docker");
    std::os::unix::fs::symlink(gantry_binary(), &docker).unwrap();
    let ask = |words: &[&str]| -> Result<Option<String>> {
        let mut command = Command::new(&docker);
        command
            .args(words)
            .stdin(std::process::Stdio::null())
            .env("HOME", help::HOME)
            .env_remove("DOCKER_CONFIG");
        let output = command.output()?;
        let said = String::from_utf8(output.stdout)?;
        Ok(output.status.success().then_some(said))
    };
    let golden = help::golden().unwrap();
    let ours = help::walk(&ask, &golden).unwrap();
    let left = help::verdict(&golden, &ours).unwrap();
    assert!(
        left.is_empty(),
        "{} differences that tests/compat/help/differences.txt does not list:\n{}",
        left.len(),
        left.join("\n")
    );
}
