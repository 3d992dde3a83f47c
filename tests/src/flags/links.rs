//! `--link`.

use crate::harness::{Client, through_both};

through_both!(a_linked_container_is_known_by_its_alias);

fn a_linked_container_is_known_by_its_alias(client: &Client) {
    client.ok("run -d --name db --expose 5432 -e SECRET=x busybox sleep 1000");
    let address = client.inspect("db", ".NetworkSettings.IPAddress");
    let said = client.ok("run --rm --name web --link db:my-sql busybox sh -c \
         'env | grep ^MY_SQL | sort; grep my-sql /etc/hosts | head -1'");
    let lines: Vec<&str> = said.lines().collect();
    let url = format!("tcp://{address}:5432");
    assert_eq!(
        lines[..7],
        [
            "MY_SQL_ENV_SECRET=x",
            "MY_SQL_NAME=/web/my-sql",
            &format!("MY_SQL_PORT={url}"),
            &format!("MY_SQL_PORT_5432_TCP={url}"),
            &format!("MY_SQL_PORT_5432_TCP_ADDR={address}"),
            "MY_SQL_PORT_5432_TCP_PORT=5432",
            "MY_SQL_PORT_5432_TCP_PROTO=tcp",
        ],
        "{said}"
    );
    assert!(
        lines[7].starts_with(&format!("{address}\tmy-sql")),
        "{said}"
    );
    let missing = client.run("run --rm --link nobody:x busybox true");
    assert!(
        missing
            .stderr
            .contains("could not get container for nobody: No such container: nobody"),
        "{}",
        missing.stderr
    );
    client.ok("create --name late --link db busybox true");
    client.ok("stop -t 0 db");
    let stopped = client.run("start late");
    assert!(
        stopped
            .stderr
            .contains("Cannot link to a non running container: /db AS /late/db"),
        "{}",
        stopped.stderr
    );
}
