//! Putting an image layout into a distribution registry's storage folder.

use std::fs;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::shell;

/// Serves `storage` on a loopback port for a moment and copies the image into it.
pub(crate) fn push(layout: &Path, name: &str, storage: &Path) -> Result<()> {
    let registry = Registry::serve(storage)?;
    let target = format!("docker://127.0.0.1:{}/library/{name}:latest", registry.port);
    shell::run(
        Command::new("skopeo")
            .args(["copy", "--insecure-policy", "--dest-tls-verify=false"])
            .args([format!("oci:{}:latest", layout.display()), target]),
    )?;
    Ok(())
}

/// A running registry; ends when dropped.
struct Registry {
    process: Child,
    port: u16,
}

impl Registry {
    fn serve(storage: &Path) -> Result<Self> {
        fs::create_dir_all(storage)?;
        // The port is free a moment later too, unless somebody is very quick; then we say so.
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?
            .local_addr()?
            .port();
        let config = storage.with_extension("yml");
        fs::write(
            &config,
            format!(
                "version: 0.1\nlog:\n  level: error\nstorage:\n  filesystem:\n    rootdirectory: {}\nhttp:\n  addr: 127.0.0.1:{port}\n",
                storage.display()
            ),
        )?;
        let process = Command::new("docker-registry")
            .arg("serve")
            .arg(&config)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .context("cannot execute docker-registry; ./test installs it")?;
        let registry = Self { process, port };
        let until = Instant::now() + Duration::from_secs(10);
        while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
            if Instant::now() > until {
                bail!("the registry does not answer on port {port}");
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(registry)
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
