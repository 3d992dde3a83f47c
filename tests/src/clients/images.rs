//! Images: pulled, listed, inspected, loaded, removed.

use crate::harness::{Client, archives, through_both};

through_both!(pulled_listed_and_removed, loaded_from_an_archive,);

fn pulled_listed_and_removed(client: &Client) {
    let pull = client.ok("pull busybox");
    assert!(
        pull.contains("Status: Downloaded newer image for busybox:latest"),
        "{pull}"
    );
    assert!(
        client
            .ok("pull busybox")
            .contains("Image is up to date for busybox:latest")
    );
    assert_eq!(
        client.ok("images --format '{{.Repository}}:{{.Tag}}' busybox"),
        "busybox:latest"
    );
    let id = client.ok("images -q --no-trunc busybox");
    assert_eq!(client.inspect("busybox", ".Id"), id);
    assert_eq!(client.inspect("busybox", ".Os"), "linux");
    client.ok("tag busybox mine:v1");
    assert!(client.ok("rmi mine:v1").contains("Untagged: mine:v1"));
    client.ok("create --name holds busybox");
    client
        .run("rmi busybox")
        .exits(1)
        .says("is using its referenced image");
    client.ok("rm holds");
    let removed = client.ok("rmi busybox");
    assert!(removed.contains("Untagged: busybox:latest"), "{removed}");
    assert!(removed.contains(&format!("Deleted: {id}")), "{removed}");
    assert_eq!(client.ok("images -q busybox"), "");
    client
        .run("rmi busybox")
        .exits(1)
        .says("No such image: busybox");
}

fn loaded_from_an_archive(client: &Client) {
    let folder = client.daemon.world.folder();
    let archive = folder.join("image.tar");
    archives::docker_archive(&archive, "loaded:v1", "the file's text\n");
    let text = client.ok(&format!("load -i {}", archive.display()));
    assert_eq!(text, "Loaded image: loaded:v1");
    assert_eq!(client.inspect("loaded:v1", ".Architecture"), "amd64");
    let again = client.script(&format!("$C load < {}", archive.display()), "");
    assert!(again.ok().contains("Loaded image: loaded:v1"));
    client.ok("create --name has loaded:v1 cmd");
    assert_eq!(
        client.script("$C cp has:/file - | tar -xO", "").ok(),
        "the file's text"
    );
}
