//! OCI layouts in folders of the client: caches of type `local`, and images as named contexts.

use std::fs;

use super::{context, script};
use crate::harness::{Client, Run, through_both};
use crate::images::registries::{ADDRESS, Writable};

through_both!(
    a_cache_in_a_folder_spares_the_work,
    a_layout_is_what_a_name_means,
    a_cache_at_a_registry_spares_the_work,
);

fn build(client: &Client, arguments: &str) -> Run {
    script(client, &format!("$C buildx build {arguments} 2>&1"))
}

fn a_cache_in_a_folder_spares_the_work(client: &Client) {
    let file = "FROM busybox AS one\nRUN echo made > /1; cat /proc/sys/kernel/random/uuid > /seen\n\
                FROM busybox\nCOPY --from=one /1 /1\nRUN cat /proc/sys/kernel/random/uuid > /2\n";
    let at = context(client, file);
    let at = at.display();
    let cached = |run: &Run| run.ok().matches("CACHED").count();
    let forgotten = || {
        client.ok("rmi -f mine");
        client.ok("builder prune -af");
    };
    // A cache that is not there yet is told, and the build goes on.
    let both = format!("-t mine --cache-from type=local,src={at}/../max {at}");
    let first = build(
        client,
        &format!("--cache-to type=local,dest={at}/../max,mode=max {both}"),
    );
    assert_eq!(cached(&first), 0, "{}", first.stdout);
    assert!(first.stdout.contains("not found"), "{}", first.stdout);
    let seen = client.ok("run --rm mine cat /2");
    forgotten();
    let again = build(client, &both);
    // The image that both stages begin with is here, too.
    assert_eq!(cached(&again), 5, "{}", again.stdout);
    assert_eq!(client.ok("run --rm mine cat /2"), seen);
    // Another name in the same folder, with less in it: the stage below is made again.
    let less = format!("type=local,dest={at}/../max,mode=min,tag=less");
    build(client, &format!("-t mine --cache-to {less} {at}")).ok();
    forgotten();
    let from = format!("type=local,src={at}/../max,tag=less");
    let min = build(client, &format!("-t mine --cache-from {from} {at}"));
    assert_eq!(cached(&min), 4, "{}", min.stdout);
    assert_eq!(client.ok("run --rm mine cat /2"), seen);
    // The images that the layers came with are not left behind.
    let names = client.ok("images -a --format '{{.Repository}}'");
    assert!(!names.contains("<none>"), "{names}");
    let missing = build(client, &format!("--cache-to type=local {at}"));
    assert!(
        missing.code != 0 && missing.stdout.contains("dest"),
        "{}",
        missing.stdout
    );
}

fn a_layout_is_what_a_name_means(client: &Client) {
    let at = context(client, "FROM busybox\nCOPY src/a.txt /first\n");
    let at = at.display();
    let layout = format!("{at}/../layout");
    build(
        client,
        &format!("-t me/base:v1 -o type=oci,tar=false,dest={layout} {at}"),
    )
    .ok();
    client.ok("builder prune -af");
    fs::write(
        format!("{at}/Dockerfile"),
        "FROM base\nCOPY --from=base /first /second\n",
    )
    .unwrap();
    let index = fs::read_to_string(format!("{layout}/index.json")).unwrap();
    let index: serde_json::Value = serde_json::from_str(&index).unwrap();
    let digest = index["manifests"][0]["digest"].as_str().unwrap();
    for named in [":v1".to_owned(), format!("@{digest}"), String::new()] {
        let given = format!("--build-context base=oci-layout://{layout}{named}");
        build(client, &format!("-t on {given} {at}")).ok();
        assert_eq!(
            client.ok("run --rm on cat /first /second"),
            "content\ncontent"
        );
    }
    // buildx takes the only one there is, whatever it is called.
    if client.program() != "docker" {
        let none = format!("--build-context base=oci-layout://{layout}:none");
        let missing = build(client, &format!("{none} {at}"));
        assert!(missing.stdout.contains("called none"), "{}", missing.stdout);
        assert_ne!(missing.code, 0);
    }
}

fn a_cache_at_a_registry_spares_the_work(client: &Client) {
    let _registry = Writable::serve(client);
    let at = context(
        client,
        "FROM busybox\nRUN cat /proc/sys/kernel/random/uuid > /1\n",
    );
    let at = at.display();
    let cache = format!("type=registry,ref={ADDRESS}/me/cache:1");
    build(client, &format!("-t mine --cache-to {cache},mode=max {at}")).ok();
    let seen = client.ok("run --rm mine cat /1");
    client.ok("rmi -f mine");
    client.ok("builder prune -af");
    build(client, &format!("-t mine --cache-from {cache} {at}")).ok();
    assert_eq!(client.ok("run --rm mine cat /1"), seen);
    let names = client.ok("images -a --format '{{.Repository}}'");
    assert!(
        !names.contains("me/cache") && !names.contains("<none>"),
        "{names}"
    );
}
