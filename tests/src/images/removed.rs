//! `rmi`, `image prune` and the filters of `images`.

use crate::harness::{Client, through_both};

through_both!(
    children_and_containers_hold_their_image,
    layers_go_with_the_last_container_of_a_removed_image,
    filters_of_images,
    unused_images_are_pruned,
);

fn children_and_containers_hold_their_image(client: &Client) {
    client.ok("run --name box busybox sh -c 'echo x > /x'");
    let parent = client.inspect("busybox", ".Id");
    client.ok("commit box child:v1");
    client.ok("rm box");
    client
        .run(&format!("rmi {parent}"))
        .exits(1)
        .says("(cannot be forced) - image has dependent child images");
    // By name, only the name goes; by the last child, the nameless parent too.
    let text = client.ok("rmi busybox");
    assert!(
        text.contains("Untagged: busybox:latest") && !text.contains("Deleted"),
        "{text}"
    );
    let child = client.inspect("child:v1", ".Id");
    assert_eq!(
        client.ok("images -q --no-trunc"),
        format!("{child}\n{}", client.inspect("gantry/hello", ".Id"))
    );
    let text = client.ok("rmi child:v1");
    assert!(text.contains(&format!("Deleted: {child}")), "{text}");
    assert!(text.contains(&format!("Deleted: {parent}")), "{text}");
}

fn layers_go_with_the_last_container_of_a_removed_image(client: &Client) {
    client.ok("create --name box busybox true");
    let id = client.inspect("busybox", ".Id");
    client.ok(&format!("rmi -f {id}"));
    let layers = client
        .daemon
        .world
        .folder()
        .join("data/snapshots/erofs/layers");
    let count = || std::fs::read_dir(&layers).map_or(0, Iterator::count);
    let before = count();
    client.ok("start -a box");
    client.ok("rm box");
    assert_eq!(count() + 1, before, "the layer of {id} stays");
}

fn filters_of_images(client: &Client) {
    client.ok("run --name box --label a=b busybox true");
    client.ok("commit box child:v1");
    client.ok("tag child:v1 child:v2");
    let names = |filter: &str| {
        let list = client.ok(&format!(
            "images --format '{{{{.Repository}}}}:{{{{.Tag}}}}' {filter}"
        ));
        let mut names: Vec<String> = list.lines().map(str::to_owned).collect();
        names.sort();
        names.join(" ")
    };
    assert_eq!(names("-f reference='child:*1'"), "child:v1");
    assert_eq!(names("-f label=a=b"), "child:v1 child:v2");
    assert_eq!(
        names("-f since=busybox -f reference=child"),
        "child:v1 child:v2"
    );
    assert_eq!(
        names("-f before=child:v1 -f reference=busybox"),
        "busybox:latest"
    );
    assert_eq!(names("child:v2"), "child:v2");
    assert_eq!(names("-f dangling=true"), "");
    client
        .run("images -f nonsense=1")
        .exits(1)
        .says("invalid filter");
}

fn unused_images_are_pruned(client: &Client) {
    client.ok("create --name box busybox true");
    let nameless = client.ok("commit box");
    let text = client.ok("image prune -f");
    assert!(text.contains(&format!("deleted: {nameless}")), "{text}");
    let text = client.ok("image prune -af --filter label!=x");
    assert!(
        text.contains("untagged: gantry/hello:latest") && !text.contains("busybox"),
        "{text}"
    );
    client.ok("rm box");
    assert!(
        client
            .ok("image prune -af")
            .contains("untagged: busybox:latest")
    );
    assert_eq!(client.ok("images -q"), "");
}
