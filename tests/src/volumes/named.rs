//! Named and anonymous volumes.

use crate::harness::{Client, Daemon, eventually, through_both};

through_both!(
    a_volume_is_made_shown_and_removed,
    what_is_used_stays_and_says_by_whom,
    prune_takes_what_has_no_name_unless_told,
    an_empty_volume_becomes_what_the_image_has,
    containers_share_through_volumes_from,
    events_tell_the_story,
);

fn a_volume_is_made_shown_and_removed(client: &Client) {
    assert_eq!(
        client.ok("volume create --label tier=db --label x data"),
        "data"
    );
    assert_eq!(client.ok("volume create data"), "data");
    let shown = client
        .ok("volume inspect -f '{{.Name}} {{.Driver}} {{.Scope}} {{json .Options}} {{.Labels.tier}}' data");
    assert_eq!(shown, "data local local null db");
    let mountpoint = client.ok("volume inspect -f '{{.Mountpoint}}' data");
    assert!(mountpoint.ends_with("/volumes/data/_data"), "{mountpoint}");
    let anonymous = client.ok("volume create");
    assert_eq!(anonymous.len(), 64);
    assert_eq!(
        client.ok("volume ls --filter label=tier=db --format '{{.Driver}} {{.Name}}'"),
        "local data"
    );
    assert_eq!(client.ok("volume ls -q --filter name=dat"), "data");
    assert_eq!(client.ok("volume ls -q --filter driver=other"), "");
    client.ok("create --name user -v data:/d busybox true");
    assert_eq!(client.ok("volume ls -q --filter dangling=false"), "data");
    assert_eq!(client.ok("volume ls -q --filter dangling=true"), anonymous);
    client
        .run("volume ls --filter colour=red")
        .exits(1)
        .says("invalid filter");
    client.ok("rm user");
    assert_eq!(client.ok("volume rm data"), "data");
    client
        .run("volume inspect data")
        .exits(1)
        .says("get data: no such volume");
    client
        .run("volume rm data")
        .exits(1)
        .says("get data: no such volume");
    client.ok("volume rm -f data");
    for (bad, why) in [
        ("x", "names should be at least two alphanumeric characters"),
        ("a/b", "includes invalid characters for a local volume name"),
        ("-d rexray data", "plugin \"rexray\" not found"),
        ("-o colour=red data", "invalid option: \"colour\""),
        ("-o o=ro data", "missing required option"),
    ] {
        client
            .run(&format!("volume create {bad}"))
            .exits(1)
            .says(why);
    }
    assert_eq!(client.ok("volume ls -q"), anonymous);
}

fn what_is_used_stays_and_says_by_whom(client: &Client) {
    let id = client.ok("create -v data:/d busybox true");
    let refused = client.run("volume rm data");
    refused
        .exits(1)
        .says(&format!("remove data: volume is in use - [{id}]"));
    client
        .run("volume rm -f data")
        .exits(1)
        .says("volume is in use");
    client.ok(&format!("rm {id}"));
    client.ok("volume rm data");
    // `rm -v` takes what has no name and leaves what has one.
    let id = client.ok("create -v data:/d -v /nameless busybox true");
    assert_eq!(client.ok("volume ls -q").lines().count(), 2);
    client.ok(&format!("rm -v {id}"));
    assert_eq!(client.ok("volume ls -q"), "data");
}

fn prune_takes_what_has_no_name_unless_told(client: &Client) {
    client.ok("run --name user -v /in-use busybox true");
    let nameless = client.ok("volume create");
    client.ok("volume create --label keep=1 kept");
    client.ok("volume create plain");
    client.ok("volume create -o type=tmpfs -o device=tmpfs elsewhere");
    let said = client.ok("volume prune -f");
    assert!(said.contains(&nameless), "{said}");
    assert!(said.contains("Total reclaimed space: 0B"), "{said}");
    assert_eq!(client.ok("volume ls -q").lines().count(), 4);
    let said = client.ok("volume prune -f -a --filter label!=keep");
    assert!(said.contains("plain") && !said.contains("kept"), "{said}");
    assert_eq!(
        client
            .ok("volume ls -q --filter name=e --filter name=p")
            .lines()
            .last(),
        Some("kept")
    );
    // Before API 1.42 the named ones went too.
    let request =
        "curl -fs --unix-socket ${DOCKER_HOST#unix://} -X POST http://d/v1.41/volumes/prune";
    let said = client.script(request, "").ok().to_owned();
    assert!(said.contains("\"kept\""), "{said}");
    assert_eq!(
        client.ok("volume ls -q --filter name=elsewhere"),
        "elsewhere"
    );
    client
        .run("volume prune -f --filter colour=red")
        .exits(1)
        .says("invalid filter");
}

fn an_empty_volume_becomes_what_the_image_has(client: &Client) {
    // An image with all that a copy could lose.
    let script = "mkdir -p /d/sub; echo one > /d/one; ln /d/one /d/sub/two; chown 12:34 /d/one; \
                  chmod 4750 /d/one; ln -s /etc/passwd /d/link; mkfifo /d/pipe; chmod 1770 /d; \
                  chown 56:78 /d; touch -d @1000000000 /d/sub/old";
    super::image(&client.daemon, "full", script);
    let look = "cd /d; stat -c \"%n %a %u:%g %h %F\" . one sub/two link pipe; readlink link; \
                stat -c %Y sub/old";
    let wanted = client.ok(&format!("run --rm full sh -c '{look}'"));
    assert!(wanted.contains("one 4750 12:34 2 regular file"), "{wanted}");
    assert_eq!(
        client.ok(&format!("run --rm -v filled:/d full sh -c '{look}'")),
        wanted
    );
    // Once: what is gone from it stays gone.
    client.ok("run --rm -v filled:/d full rm /d/link");
    assert_eq!(
        client
            .ok("run --rm -v filled:/d full ls /d")
            .lines()
            .count(),
        3
    );
    assert_eq!(client.ok("run --rm -v empty:/d:nocopy full ls -A /d"), "");
    let mount = "--mount type=volume,source=empty2,target=/d,volume-nocopy";
    assert_eq!(client.ok(&format!("run --rm {mount} full ls -A /d")), "");
}

fn containers_share_through_volumes_from(client: &Client) {
    client.ok("create --name store -v shared:/data -v /own busybox true");
    client.ok("run --rm --volumes-from store busybox sh -c 'echo x > /data/f; echo y > /own/f'");
    assert_eq!(
        client.ok("run --rm --volumes-from store:ro busybox cat /data/f /own/f"),
        "x\ny"
    );
    client
        .run("run --rm --volumes-from store:ro busybox touch /data/g")
        .exits(1)
        .says("Read-only file system");
    // Its own mounts win.
    assert_eq!(
        client.ok("run --rm --volumes-from store -v other:/data busybox ls /data"),
        ""
    );
    client
        .run("run --rm --volumes-from store:mad busybox true")
        .fails()
        .says("invalid mode: mad");
    client
        .run("run --rm --volumes-from nobody busybox true")
        .fails()
        .says("No such container: nobody");
    // The one that inherits does not take them with it.
    client.ok("create --name heir --volumes-from store busybox true");
    client.ok("rm -v heir");
    assert_eq!(
        client
            .ok("volume ls -q --filter dangling=false")
            .lines()
            .count(),
        2
    );
}

fn events_tell_the_story(client: &Client) {
    let since = client.script("date +%s", "").ok().to_owned();
    client.ok("run --name box -v data:/d:ro busybox true");
    client.ok("rm box");
    client.ok("volume rm data");
    let events = || {
        client.ok(&format!(
            "events --since {since} --until $(date +%s) --filter type=volume --format '{{{{.Action}}}} {{{{.Actor.ID}}}} {{{{.Actor.Attributes.driver}}}} {{{{index .Actor.Attributes \"read/write\"}}}}'"
        ))
    };
    let wanted =
        "create data local \nmount data local false\nunmount data local \ndestroy data local";
    eventually("the events are there", || {
        let shown = events();
        let lines: Vec<&str> = shown.lines().map(str::trim_end).collect();
        lines == wanted.lines().map(str::trim_end).collect::<Vec<_>>()
    });
}

#[test]
fn a_volume_of_a_swarm_cannot_be_changed() {
    let daemon = Daemon::start();
    let socket = daemon.socket().display().to_string();
    let put = format!(
        "curl -s -w ' %{{http_code}}' --unix-socket {socket} -X PUT 'http://d/v1.47/volumes/x?version=1' -d '{{}}'"
    );
    let said = daemon.script(&put, "").stdout;
    assert!(
        said.contains("volume update only valid for cluster volumes, but swarm is unavailable")
            && said.ends_with("503"),
        "{said}"
    );
}
