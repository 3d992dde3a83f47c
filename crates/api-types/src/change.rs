//! Our own addition to `POST /containers/{id}/update`: what Docker makes a new container for.

use crate::host_config::PortMap;
use crate::json::body;
use crate::mount::Mount;

body! {
    /// Changes of a container that keep its writable layer.
    pub struct ContainerChange {
        /// Its new name.
        name: String => "Name" omitempty,
        /// Ports to publish as well; at once if it runs.
        publish_add: PortMap => "PublishAdd" omitempty,
        /// Ports not to publish any longer, `80/tcp` or `8080:80/tcp`; at once if it runs.
        publish_remove: Vec<String> => "PublishRemove" omitempty,
        /// Variables to set, `KEY=value`; from its next start on.
        env: Vec<String> => "Env" omitempty,
        /// Variables to remove; from its next start on.
        env_remove: Vec<String> => "EnvRemove" omitempty,
        /// Mounts to add; from its next start on.
        mounts_add: Vec<Mount> => "MountsAdd" omitempty,
        /// Destinations of mounts to remove; from its next start on.
        mounts_remove: Vec<String> => "MountsRemove" omitempty,
    }

    /// What became of the changes.
    pub struct ContainerChanged {
        /// What takes effect only when the container is started again: `Env`, `Mounts`.
        at_next_start: Vec<String> => "AtNextStart",
    }
}
