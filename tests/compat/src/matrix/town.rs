//! A host, a router and a client behind it, in network namespaces.

use std::io::Read as _;
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, bail};

/// Who has which address, besides containers and their gateways.
pub(super) const ADDRESSES: [(&str, &str); 8] = [
    ("127.0.0.1", "loopback"),
    ("::1", "loopback"),
    ("198.51.100.1", "host"),
    ("2001:db8:1::1", "host"),
    ("198.51.100.254", "router"),
    ("2001:db8:1::fe", "router"),
    ("203.0.113.2", "client"),
    ("2001:db8:2::2", "client"),
];

/// The router and the client; they end with this.
#[derive(Debug)]
pub struct Town {
    router: Child,
    client: Child,
    host: u32,
}

impl Town {
    /// Around the network namespace of this process.
    pub fn around(host: u32) -> Result<Self> {
        let town = Self {
            router: namespace()?,
            client: namespace()?,
            host,
        };
        let output = Command::new("bash")
            .args(["-euc", include_str!("town.sh")])
            .env("HOST", host.to_string())
            .env("ROUTER", town.router.id().to_string())
            .env("CLIENT", town.client.id().to_string())
            .output()?;
        if !output.status.success() {
            bail!(
                "the town: {}",
                String::from_utf8_lossy(&output.stderr).trim()
            );
        }
        Ok(town)
    }

    /// A program at the host.
    pub fn at_host(&self, program: &str) -> Command {
        within(self.host, program)
    }

    /// A program at the client.
    pub fn at_client(&self, program: &str) -> Command {
        within(self.client.id(), program)
    }
}

impl Drop for Town {
    fn drop(&mut self) {
        for child in [&mut self.router, &mut self.client] {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn within(pid: u32, program: &str) -> Command {
    let mut command = Command::new("nsenter");
    command.args(["--net", "--target", &pid.to_string(), "--", program]);
    command
}

/// A process that sleeps in a network namespace of its own.
fn namespace() -> Result<Child> {
    let mut child = Command::new("unshare")
        .args(["--net", "sh", "-c", "echo; exec sleep 36000"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()?;
    let said = child.stdout.as_mut().context("it has one")?;
    // Its first word says that the namespace is there.
    said.read_exact(&mut [0])?;
    Ok(child)
}
