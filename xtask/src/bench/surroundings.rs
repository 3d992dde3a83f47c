//! What lies around an engine's host: an address of its own, and another host behind a wire.

use std::io::Read as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result};

use crate::shell;

/// The host's address that is neither loopback nor a bridge's.
pub(crate) const HOST_ADDRESS: &str = "198.51.100.1";

const SCRIPT: &str = r#"
at() { nsenter --net --target "$@"; }
at "$HOST" ip link add bench-wire type veth peer name eth0 netns "$OUTSIDE"
at "$HOST" ip addr add 198.51.100.1/24 dev bench-wire
at "$HOST" ip link set bench-wire up
at "$OUTSIDE" ip addr add 198.51.100.2/24 dev eth0
at "$OUTSIDE" ip link set eth0 up
at "$OUTSIDE" ip route add default via 198.51.100.1
"#;

/// A network namespace, held by a process that sleeps in it.
pub(super) struct Namespace(Child);

impl Namespace {
    pub(super) fn make() -> Result<Self> {
        let holder = Command::new("unshare")
            .args([
                "--net",
                "sh",
                "-c",
                "ip link set lo up; echo; exec sleep 36000",
            ])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut made = Self(holder);
        // Its first word says that the namespace is there.
        let said = made.0.stdout.as_mut().context("it has one")?;
        said.read_exact(&mut [0])?;
        Ok(made)
    }

    pub(super) fn pid(&self) -> u32 {
        self.0.id()
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Gives the host of this process an address and a neighbour.
pub(super) fn make_neighbour(host: u32) -> Result<Namespace> {
    let outside = Namespace::make()?;
    let (here, there) = (host.to_string(), outside.pid().to_string());
    shell::script(SCRIPT, &[("HOST", &here), ("OUTSIDE", &there)])?;
    Ok(outside)
}

/// A program in the network namespace of a process.
pub(super) fn in_netns(pid: u32, program: &Path) -> Command {
    let mut command = Command::new("nsenter");
    command
        .args(["--net", "--target", &pid.to_string(), "--"])
        .arg(program);
    command
}

/// The only child of a process, such as `unshare --fork`.
pub(super) fn only_child(pid: u32) -> Result<u32> {
    let children = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"))?;
    let first = children.split_whitespace().next();
    Ok(first
        .context("the namespace's first process has ended")?
        .parse()?)
}
