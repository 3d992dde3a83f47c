//! Volumes and mounts: what they show, what they refuse, and that they lose nothing.

mod binds;
mod crash;
mod drivers;
mod escapes;
mod named;
mod ours;
mod parts;
mod stack;

use crate::harness::{Daemon, archives};

/// Makes an image of busybox and what a shell script does to it.
fn image(daemon: &Daemon, tag: &str, script: &str) {
    let folder = daemon.world.folder();
    let (layer, archive) = (folder.join("layer.tar"), folder.join("image.tar"));
    daemon
        .gantry(&format!("run --name maker busybox sh -c '{script}'"))
        .ok();
    let path = layer.display();
    daemon
        .script(&format!("$GANTRY cp -a maker:/. - > {path}"), "")
        .ok();
    archives::archive_of_layer(&archive, &format!("{tag}:latest"), &layer);
    daemon
        .gantry(&format!("load -q -i {}", archive.display()))
        .ok();
    daemon.gantry("rm maker").ok();
}
