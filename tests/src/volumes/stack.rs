//! Servers of real images with their data in volumes.

use crate::harness::{Daemon, eventually};

/// nginx, redis and a program in Python keep their data through `rm`, a restart of the daemon and
/// its death.
#[test]
fn data_of_real_servers_stay() {
    let mut daemon = Daemon::with_registry();
    let up = |daemon: &Daemon| {
        daemon
            .gantry(
                "run -d --name web -v site:/var/www/html -v logs:/var/log/nginx -p 8080:80 nginx",
            )
            .ok();
        daemon.gantry("run -d --name cache -v redis:/data redis redis-server --dir /data --appendonly yes").ok();
        let app = "import sqlite3; db = sqlite3.connect(\"/db/app.db\"); \
                   db.execute(\"create table if not exists t (n integer)\"); \
                   db.execute(\"insert into t values (1)\"); db.commit(); \
                   print(db.execute(\"select count(*) from t\").fetchone()[0])";
        daemon
            .gantry(&format!("run --rm -v app:/db python python3 -c '{app}'"))
            .ok()
            .to_owned()
    };
    let redis = |daemon: &Daemon, words: &str| {
        daemon
            .gantry(&format!("exec cache redis-cli {words}"))
            .stdout
            .trim()
            .to_owned()
    };
    let page = |daemon: &Daemon| daemon.world.sh("curl -fs http://127.0.0.1:8080/").stdout;

    assert_eq!(up(&daemon), "1");
    eventually("redis answers", || redis(&daemon, "set key value") == "OK");
    // Copy-up gave nginx its page; ours takes its place.
    eventually("nginx answers", || page(&daemon).contains("nginx"));
    daemon
        .gantry("exec web sh -c 'echo our page > /var/www/html/index.html'")
        .ok();

    daemon.kill_9();
    assert_eq!(page(&daemon), "our page\n");
    daemon.run();
    assert_eq!(redis(&daemon, "get key"), "value");
    daemon
        .gantry("volume rm site")
        .exits(1)
        .says("volume is in use");
    daemon.gantry("rm -f web cache").ok();

    daemon.stop();
    daemon.run();
    assert_eq!(up(&daemon), "2");
    eventually("redis has read its data", || {
        redis(&daemon, "get key") == "value"
    });
    eventually("nginx answers", || page(&daemon) == "our page\n");
    daemon.gantry("rm -f web cache").ok();
    daemon.gantry("volume rm site logs redis app").ok();
}
