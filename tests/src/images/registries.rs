//! Registries that take what is pushed, in a test's own world.

use std::process::{Child, Stdio};

use crate::harness::{Client, eventually};

/// Debian's docker-registry over an empty folder of the world; it ends with the world.
pub(crate) struct Writable {
    process: Child,
}

/// Where it is. A world has its loopback for itself.
pub(crate) const ADDRESS: &str = "127.0.0.1:5001";

impl Writable {
    /// One that takes everybody.
    pub(crate) fn serve(client: &Client) -> Self {
        Self::start(client, "")
    }

    /// One that wants this user and password.
    pub(crate) fn with_password(client: &Client, user: &str, password: &str) -> Self {
        let file = client.daemon.world.folder().join("htpasswd");
        let made = client.script(
            &format!("htpasswd -Bbn {user} {password} > {}", file.display()),
            "",
        );
        made.ok();
        let auth = format!("auth: {{htpasswd: {{realm: x, path: {}}}}}", file.display());
        Self::start(client, &auth)
    }

    fn start(client: &Client, auth: &str) -> Self {
        let world = &client.daemon.world;
        let config = world.folder().join("writable.yml");
        let text = format!(
            "version: 0.1\nlog: {{level: error}}\nstorage: {{filesystem: {{rootdirectory: {}}}}}\nhttp: {{addr: '{ADDRESS}'}}\n{auth}\n",
            world.folder().join("writable").display()
        );
        std::fs::write(&config, text).unwrap();
        let mut command = world.command("docker-registry");
        command
            .arg("serve")
            .arg(&config)
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let process = command.spawn().unwrap();
        eventually("the registry answers", || {
            world.sh("exec 3<>/dev/tcp/127.0.0.1/5001").code == 0
        });
        Self { process }
    }
}

impl Drop for Writable {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
