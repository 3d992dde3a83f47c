//! Each play of `tests/compat/plays`, compared with what real Docker answered.

use gantry_compat::{Golden, Listed, Play, Player, Setting};

use crate::harness::Daemon;

/// One test a play; a play that is not in the list makes [`every_play_is_played`] fail.
macro_rules! plays {
    ($($play:ident),+ $(,)?) => {
        const NAMES: &[&str] = &[$(stringify!($play)),+];
        $(#[test] fn $play() { answers_as_docker_does(stringify!($play)); })+
    };
}

plays!(
    create, fields, files, images, inspect, life, missing, networks, resources, streams, swarm,
    system, volumes,
);

#[test]
fn every_play_is_played() {
    for play in Play::all().unwrap() {
        let name = play.name.as_str();
        assert!(NAMES.contains(&name), "{name}");
    }
}

fn answers_as_docker_does(name: &str) {
    let play = Play::named(name).unwrap();
    let golden = Golden::read(&play).unwrap();
    let daemon = Daemon::with_registry();
    let own = |part: &str| daemon.world.folder().join(part).display().to_string();
    let setting = Setting {
        socket: daemon.socket(),
        paths: vec![
            (own("data"), "<data>".into()),
            (own("run"), "<run>".into()),
            (daemon.world.name().to_owned(), "<cgroup>".into()),
        ],
    };
    let ours = Player::new(setting).unwrap().play(&play).unwrap();
    let left = gantry_compat::verdict(&play, &golden, &ours, &mut Listed::read().unwrap());
    assert!(
        left.is_empty(),
        "{} differences that tests/compat/differences.txt does not list:\n{}",
        left.len(),
        left.join("\n")
    );
}
