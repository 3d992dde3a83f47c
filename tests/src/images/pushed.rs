//! `push`, and pulling back what was pushed.

use super::registries::{ADDRESS, Writable};
use crate::harness::{Client, through_both};

through_both!(
    pushed_and_pulled_back_by_digest,
    only_what_changed_travels,
    all_tags_of_a_repository,
    what_cannot_be_pushed_is_said,
);

/// The digest in `v1: digest: sha256:... size: 123`.
fn digest(text: &str) -> String {
    let line = text.lines().find(|line| line.contains("digest: sha256:"));
    let line = line.unwrap_or_else(|| panic!("no digest in {text}"));
    let from = line.find("sha256:").unwrap();
    line[from..from + 71].to_owned()
}

fn pushed_and_pulled_back_by_digest(client: &Client) {
    let _registry = Writable::serve(client);
    let name = format!("{ADDRESS}/team/app");
    client.ok("pull busybox");
    client.ok(&format!("tag busybox {name}:v1"));
    let text = client.ok(&format!("push {name}:v1"));
    assert!(
        text.contains(&format!("The push refers to repository [{name}]")),
        "{text}"
    );
    assert!(
        text.contains(": Pushed") || text.contains(": Mounted"),
        "{text}"
    );
    let digest = digest(&text);
    let id = client.inspect("busybox", ".Id");
    assert!(
        client
            .inspect(&format!("{name}:v1"), "json .RepoDigests")
            .contains(&digest)
    );
    client.ok(&format!("rmi -f {name}:v1 busybox"));
    client.ok(&format!("pull {name}@{digest}"));
    assert_eq!(client.inspect(&format!("{name}@{digest}"), ".Id"), id);
    assert_eq!(
        client.ok(&format!("run --rm {name}@{digest} echo back")),
        "back"
    );
    // Others understand it, too.
    if client.script("command -v skopeo", "").code == 0 {
        let folder = client.daemon.world.folder().join("copied");
        client
            .script(
                &format!(
                    "skopeo copy -q --src-tls-verify=false docker://{name}@{digest} dir:{}",
                    folder.display()
                ),
                "",
            )
            .ok();
    }
}

fn only_what_changed_travels(client: &Client) {
    let _registry = Writable::serve(client);
    let name = format!("{ADDRESS}/app");
    client.ok("pull busybox");
    client.ok(&format!("tag busybox {name}:one"));
    let first = client.ok(&format!("push {name}:one"));
    let again = client.ok(&format!("push {name}:one"));
    assert!(
        again.contains("Layer already exists") && !again.contains(": Pushed"),
        "{again}"
    );
    assert_eq!(digest(&first), digest(&again));
    client.ok("run --name changed busybox sh -c 'echo new > /file'");
    client.ok(&format!("commit changed {name}:two"));
    let second = client.ok(&format!("push {name}:two"));
    assert_eq!(second.matches(": Pushed").count(), 1, "{second}");
    assert_eq!(
        second.matches("Layer already exists").count(),
        1,
        "{second}"
    );
    // Another repository of the same registry takes the layers over.
    client.ok(&format!("tag {name}:two {ADDRESS}/other:two"));
    let other = client.ok(&format!("push {ADDRESS}/other:two"));
    assert_eq!(other.matches(": Mounted from app").count(), 2, "{other}");
    assert_eq!(digest(&second), digest(&other));
}

fn all_tags_of_a_repository(client: &Client) {
    let _registry = Writable::serve(client);
    let name = format!("{ADDRESS}/app");
    client.ok("pull busybox");
    client.ok(&format!("tag busybox {name}:one"));
    client.ok(&format!("tag busybox {name}:two"));
    let text = client.ok(&format!("push -a {name}"));
    assert!(
        text.contains("one: digest:") && text.contains("two: digest:"),
        "{text}"
    );
    let tags = client.script(&format!("curl -s http://{ADDRESS}/v2/app/tags/list"), "");
    assert!(
        tags.ok().contains("\"one\"") && tags.ok().contains("\"two\""),
        "{}",
        tags.ok()
    );
}

fn what_cannot_be_pushed_is_said(client: &Client) {
    client
        .run(&format!("push {ADDRESS}/nothing:here"))
        .exits(1)
        .says("An image does not exist locally with the tag");
    client.ok("pull busybox");
    client.ok(&format!("tag busybox {ADDRESS}/app"));
    let gone = client.run(&format!("push {ADDRESS}/app"));
    assert_ne!(gone.code, 0);
    assert!(gone.stderr.contains("refused"), "{}", gone.stderr);
}
