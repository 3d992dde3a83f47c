//! Who reaches what, and whom the server sees, compared with what real Docker gave.

use gantry_compat::matrix::{Differences, SCENES, Scene, Table, Town, World, record};
use serde_json::json;

use crate::harness::Daemon;

/// One test a scene; a scene that is not in the list makes [`every_scene_is_tried`] fail.
macro_rules! scenes {
    ($($name:ident: $scene:literal),+ $(,)?) => {
        const NAMES: &[&str] = &[$($scene),+];
        $(#[test] fn $name() { is_as_with_docker($scene); })+
    };
}

scenes!(
    the_default_bridge: "bridge",
    a_users_bridge: "user",
    an_internal_bridge: "internal",
    a_bridge_whose_containers_are_apart: "icc-off",
    the_hosts_network: "host",
    macvlan: "macvlan",
);

#[test]
fn every_scene_is_tried() {
    let all: Vec<&str> = SCENES.iter().map(|scene| scene.name).collect();
    assert_eq!(all, NAMES);
}

fn is_as_with_docker(name: &str) {
    let daemon = Daemon::with_registry_and(&json!({"bip": "172.30.0.1/16"}));
    let world = World {
        socket: daemon.socket(),
        pid: daemon.world.inner_pid(),
    };
    let town = Town::around(world.pid).unwrap();
    let scene = Scene::named(name).unwrap();
    let (listed, golden) = (Differences::read().unwrap(), Table::golden(name).unwrap());
    let differing = || {
        let ours = record(&world, &town, &scene).unwrap();
        listed.left(name, &golden, &ours)
    };
    let mut left = differing();
    // A busy machine may lose an answer: what differs does so each time.
    for _ in 0..2 {
        if !left.is_empty() {
            let again = differing();
            left.retain(|line| again.contains(line));
        }
    }
    assert!(left.is_empty(), "{}", left.join("\n"));
}
