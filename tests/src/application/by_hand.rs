//! The application, container by container.

use super::{counts, files, page};
use crate::harness::Daemon;

/// All four containers, on the volumes that are there or are made.
fn up(daemon: &Daemon, folder: &std::path::Path) {
    let shop = folder.display();
    for run in [
        "--name db --network data -v rows:/var/lib/postgresql/data postgres".to_owned(),
        "--name cache --network data -v keys:/data redis redis-server --dir /data --appendonly yes --appendfsync always --protected-mode no".to_owned(),
        format!("--name app --network edge --network data -v {shop}/app.py:/app.py:ro python python3 /app.py"),
        format!("--name web --network edge -p 8080:80 -v site:/site -v {shop}/nginx.conf:/etc/nginx/nginx.conf:ro nginx"),
    ] {
        daemon.gantry(&format!("run -d {run}")).ok();
    }
}

#[test]
fn its_data_survive_removal_restarts_and_kill_9() {
    let mut daemon = Daemon::with_registry();
    let folder = files(&daemon);
    daemon.gantry("network create edge").ok();
    daemon.gantry("network create --internal data").ok();
    up(&daemon, &folder);
    assert_eq!(counts(&daemon), (1, 1));
    assert_eq!(counts(&daemon), (2, 2));
    daemon
        .gantry("exec web sh -c 'echo ours > /site/file'")
        .ok();

    // The daemon dies and another one comes: nobody notices.
    daemon.kill_9();
    daemon.run();
    assert_eq!(counts(&daemon), (3, 3));
    daemon.stop();
    daemon.run();
    assert_eq!(counts(&daemon), (4, 4));

    // The servers die without a word, in the middle of their work.
    daemon.gantry("kill -s KILL db cache").ok();
    daemon.gantry("start db cache").ok();
    assert_eq!(counts(&daemon), (5, 5));

    // New containers on the old volumes.
    daemon.gantry("rm -f db cache app web").ok();
    for volume in ["rows", "keys", "site"] {
        daemon.gantry(&format!("volume inspect {volume}")).ok();
    }
    up(&daemon, &folder);
    assert_eq!(counts(&daemon), (6, 6));
    assert_eq!(page(&daemon, "/file"), "ours\n");
    // Only the program reaches the data's network.
    daemon.gantry("exec web getent hosts db").exits(2);

    daemon.gantry("rm -f db cache app web").ok();
    daemon.gantry("volume rm rows keys site").ok();
    daemon.gantry("network rm edge data").ok();
}
