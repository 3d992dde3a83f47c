//! `commit` and `diff`.

use crate::harness::{Client, through_both};

through_both!(
    changes_are_told_as_docker_tells_them,
    a_container_becomes_an_image,
    a_running_container_is_paused_meanwhile,
);

fn changes_are_told_as_docker_tells_them(client: &Client) {
    client.ok("create --name still busybox true");
    assert_eq!(client.ok("diff still"), "");
    client.ok(
        "run --name box -v data:/volume busybox sh -c 'mkdir -p /etc/x; echo 1 > /etc/x/f; \
         rm /bin/vi; chmod 600 /etc/passwd; rm -rf /var; mkdir /var; echo n > /var/new; \
         mkdir /newd; ln -s a /newd/l; rm -rf /home; echo file > /home; touch /root/x; rm /root/x; \
         echo v > /volume/v'",
    );
    let mut told: Vec<String> = client.ok("diff box").lines().map(str::to_owned).collect();
    told.retain(|line| line != "A /volume");
    told.sort();
    // What Docker 28.5 says to the same.
    let mut wanted = vec![
        "C /etc",
        "C /etc/passwd",
        "A /etc/x",
        "A /etc/x/f",
        "A /newd",
        "A /newd/l",
        "C /var",
        "A /var/new",
        "D /var/www",
        "D /var/spool",
        "C /bin",
        "D /bin/vi",
        "C /home",
    ];
    wanted.sort_unstable();
    assert_eq!(told, wanted);
}

fn a_container_becomes_an_image(client: &Client) {
    client.ok(
        "run --name box -e A=1 -e B=2 --label kept=yes busybox sh -c 'rm -rf /var; mkdir /var; echo n > /var/new; rm /bin/vi'",
    );
    let id = client.ok(
        "commit -a me -m said -c 'ENV B=3' -c 'CMD [\"cat\", \"/var/new\"]' -c 'EXPOSE 80' -c 'LABEL a=b' box made:v1",
    );
    assert_eq!(client.inspect("made:v1", ".Id"), id);
    assert_eq!(client.inspect("made:v1", ".Author"), "me");
    assert_eq!(client.inspect("made:v1", ".Comment"), "said");
    assert_eq!(
        client.inspect("made:v1", ".Parent"),
        client.inspect("busybox", ".Id")
    );
    assert_eq!(
        client.inspect("made:v1", ".Config.Labels"),
        "map[a:b kept:yes]"
    );
    assert!(
        client
            .inspect("made:v1", ".Config.ExposedPorts")
            .contains("80/tcp")
    );
    assert_eq!(client.ok("run --rm made:v1"), "n");
    assert_eq!(
        client.ok("run --rm made:v1 sh -c 'echo $A$B; ls /var /bin/vi 2>/dev/null; true'"),
        "13\n/var:\nnew"
    );
    let history = client.ok("history --format '{{.Comment}}' made:v1");
    assert_eq!(history.lines().next(), Some("said"));
    client
        .run("commit -c 'RUN x' box")
        .exits(1)
        .says("RUN is not a valid change command");
    client
        .run("commit nobody x:y")
        .exits(1)
        .says("No such container: nobody");
    // Without a name, it is a dangling image.
    let nameless = client.ok("commit box");
    let dangling = client.ok("images -q --no-trunc -f dangling=true");
    assert_eq!(dangling, nameless);
}

fn a_running_container_is_paused_meanwhile(client: &Client) {
    client.ok("run -d --name box busybox sleep 1000");
    client.ok("exec box sh -c 'echo live > /live'");
    client.ok("commit box made:live");
    assert_eq!(client.inspect("box", ".State.Status"), "running");
    assert_eq!(client.ok("run --rm made:live cat /live"), "live");
    let events = client.ok(
        "events --since 1 --until $(($(date +%s) + 1)) -f container=box --format '{{.Action}}'",
    );
    let events: Vec<&str> = events.lines().collect();
    for wanted in ["pause", "unpause", "commit"] {
        assert!(events.contains(&wanted), "{wanted}: {events:?}");
    }
}
