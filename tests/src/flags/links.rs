//! `--link`.

use crate::harness::{Client, through_both};

through_both!(
    a_linked_container_is_known_by_its_alias,
    on_other_networks_an_alias_is_one_container_s_own,
);

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

/// On networks with names, a link is a name that only the container with the link knows.
fn on_other_networks_an_alias_is_one_container_s_own(client: &Client) {
    client.ok("network create one");
    client.ok("network create two");
    client.ok("run -d --name db --network one busybox sleep 1000");
    client.ok("network connect two db");
    client.ok("run -d --name web --network one --link db:store busybox sleep 1000");
    client.ok("run -d --name other --network one busybox sleep 1000");
    let on = |network: &str| {
        let template = format!("(index .NetworkSettings.Networks \"{network}\").IPAddress");
        client.inspect("db", &template)
    };
    let found = |who: &str, name: &str| {
        let run = client.run(&format!("exec {who} ping -c1 -W5 {name}"));
        let end = run.stdout.find("):").unwrap_or_default();
        let start = run.stdout.find('(').map_or(0, |at| at + 1);
        run.stdout.get(start..end).unwrap_or_default().to_owned()
    };
    assert_eq!(found("web", "store"), on("one"));
    assert_eq!(found("web", "db"), on("one"));
    assert_eq!(found("other", "store"), "");
    // No variables there, as in Docker.
    assert!(!client.ok("exec web env").contains("STORE"));
    // The link belongs to the network, and another network may have another.
    client.ok("network connect --link db:twin two other");
    let twin = found("other", "twin");
    assert!([on("one"), on("two")].contains(&twin), "{twin}");
    assert_eq!(found("web", "twin"), "");
    let links = |who: &str, network: &str| {
        client.inspect(
            who,
            &format!("json (index .NetworkSettings.Networks \"{network}\").Links"),
        )
    };
    assert_eq!(links("other", "two"), "[\"db:twin\"]");
    // The alias goes where the container goes.
    client.ok("restart -t 0 db");
    assert_eq!(found("web", "store"), on("one"));
    client.ok("network disconnect two other");
    assert_eq!(found("other", "twin"), "");
    // The default bridge links only to what is on it.
    let refused = client.run("run --rm --link db:x busybox true");
    refused.fails().says("default");
}
