//! The build cache: what is seen of it, and its bounds.

use super::{build, context};
use crate::harness::{Client, through_both};

through_both!(
    layers_of_the_cache_are_no_images,
    the_cache_is_pruned_down_to_a_size,
    triggers_are_counted,
);

fn layers_of_the_cache_are_no_images(client: &Client) {
    let file = "FROM busybox\nRUN echo 1 > /1\nRUN echo 2 > /2\n";
    let at = context(client, file);
    let at = at.display();
    build(client, &format!("-t mine {at}")).ok();
    let names = client.ok("images -a --format '{{.Repository}}'");
    let mut names: Vec<&str> = names.lines().collect();
    names.sort_unstable();
    assert_eq!(names, ["busybox", "gantry/hello", "mine"]);
    client.ok("image prune -f");
    // Neither removing the image nor its base takes the cache away.
    client.ok("rmi mine");
    client.ok("rmi busybox");
    let again = build(client, &format!("-t mine {at}"));
    assert_eq!(again.ok().matches("Using cache").count(), 2);
    client.ok("rmi mine");
    client.ok("builder prune -af");
    let again = build(client, &format!("-t mine {at}"));
    assert_eq!(again.ok().matches("Using cache").count(), 0);
}

fn the_cache_is_pruned_down_to_a_size(client: &Client) {
    let layer = |n: u32| format!("FROM busybox\nRUN head -c 4000000 /dev/urandom > /{n}\n");
    for n in 1..=3 {
        let at = context(client, &layer(n));
        build(client, &at.display().to_string()).ok();
    }
    // Nothing but the cache has these layers once their images are gone.
    client
        .script("$C rmi -f $($C images -q --filter dangling=true)", "")
        .ok();
    client.ok("builder prune -f --keep-storage 9MB");
    let cached = |n: u32| {
        let at = context(client, &layer(n));
        build(client, &at.display().to_string())
            .ok()
            .contains("Using cache")
    };
    assert_eq!([cached(3), cached(2), cached(1)], [true, true, false]);
}

fn triggers_are_counted(client: &Client) {
    let at = context(
        client,
        "FROM busybox\nONBUILD RUN echo 1 > /1\nONBUILD ENV A=1\n",
    );
    build(client, &format!("-t base {}", at.display())).ok();
    let at = context(client, "FROM base\n");
    let built = build(client, &format!("-t on {}", at.display()));
    assert!(
        built.ok().contains("# Executing 2 build triggers"),
        "{}",
        built.stdout
    );
    assert_eq!(client.ok("run --rm on sh -c 'cat /1; echo $A'"), "1\n1");
}
