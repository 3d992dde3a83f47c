//! The application, described to the stock compose.

use super::{counts, files, page};
use crate::harness::{Daemon, Run};

const FILE: &str = r#"
services:
  db:
    image: postgres
    volumes: ["rows:/var/lib/postgresql/data"]
    networks: [data]
  cache:
    image: redis
    command: [redis-server, --dir, /data, --appendonly, "yes", --appendfsync, always, --protected-mode, "no"]
    volumes: ["keys:/data"]
    networks: [data]
  app:
    image: python
    command: [python3, /app.py]
    depends_on: [db, cache]
    volumes: ["./app.py:/app.py:ro"]
    networks: [edge, data]
  web:
    image: nginx
    depends_on: [app]
    ports: ["8080:80"]
    volumes: ["site:/site", "./nginx.conf:/etc/nginx/nginx.conf:ro"]
    networks: [edge]
networks: {edge: {}, data: {internal: true}}
volumes: {rows: {}, keys: {}, site: {}}
"#;

fn compose(daemon: &Daemon, args: &str) -> Run {
    let plugin = gantry_compat::clients::installed().join("compose/docker-compose");
    assert!(
        plugin.exists(),
        "compose is missing: run tests/clients/install"
    );
    daemon.script(
        &format!(
            "mkdir -p $DOCKER_CONFIG/cli-plugins; cp -n {} $DOCKER_CONFIG/cli-plugins/; cd {}/shop; exec docker compose {args}",
            plugin.display(),
            daemon.world.folder().display()
        ),
        "",
    )
}

#[test]
fn its_data_survive_down_restarts_and_kill_9() {
    let mut daemon = Daemon::with_registry();
    let folder = files(&daemon);
    std::fs::write(folder.join("compose.yaml"), FILE).unwrap();
    compose(&daemon, "up -d --quiet-pull").ok();
    assert_eq!(counts(&daemon), (1, 1));
    compose(&daemon, "exec -T web sh -c 'echo ours > /site/file'").ok();

    daemon.kill_9();
    daemon.run();
    assert_eq!(counts(&daemon), (2, 2));
    compose(&daemon, "kill -s KILL db cache").ok();
    compose(&daemon, "up -d").ok();
    assert_eq!(counts(&daemon), (3, 3));

    // Without -v, `down` takes containers and networks and leaves the data.
    compose(&daemon, "down -t 2").ok();
    assert_eq!(daemon.docker("ps -aq").ok(), "");
    daemon.stop();
    daemon.run();
    compose(&daemon, "up -d").ok();
    assert_eq!(counts(&daemon), (4, 4));
    assert_eq!(page(&daemon, "/file"), "ours\n");

    compose(&daemon, "down -v -t 2").ok();
    assert_eq!(daemon.docker("volume ls -q").ok(), "");
    assert_eq!(daemon.docker("network ls -q -f type=custom").ok(), "");
}
