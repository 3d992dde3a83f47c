//! The registry with the real images, on a loopback port of a world.

use std::fs;
use std::path::PathBuf;
use std::process::{Child, Stdio};

use super::{World, eventually};

/// Debian's docker-registry over the storage that `cargo xtask images` fills.
pub(super) struct Registry {
    process: Child,
}

/// A world has its loopback for itself.
pub(crate) const ADDRESS: &str = "127.0.0.1:5000";

impl Registry {
    pub(super) fn serve(world: &World) -> Self {
        let storage = storage();
        assert!(
            storage.exists(),
            "{} is missing: run cargo xtask images first",
            storage.display()
        );
        let config = world.folder().join("registry.yml");
        let text = format!(
            "version: 0.1\nlog:\n  level: error\nstorage:\n  filesystem:\n    rootdirectory: {}\n  maintenance:\n    readonly:\n      enabled: true\nhttp:\n  addr: {ADDRESS}\n",
            storage.display()
        );
        fs::write(&config, text).unwrap();
        let mut command = world.command("docker-registry");
        command
            .arg("serve")
            .arg(&config)
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let process = command
            .spawn()
            .expect("docker-registry is installed by ./test");
        eventually("the registry answers", || {
            world.sh("exec 3<>/dev/tcp/127.0.0.1/5000").code == 0
        });
        Self { process }
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn storage() -> PathBuf {
    let cache = std::env::var_os("GANTRY_CACHE").unwrap_or_else(|| "/var/cache/gantry-dev".into());
    PathBuf::from(cache).join("registry")
}
