//! What `RUN --mount` shows a step, and what of it stays.

use std::fs;

use super::{build, context};
use crate::harness::{Client, through_both};

through_both!(
    mounts_leave_nothing_behind,
    a_writable_mount_is_thrown_away,
    caches_begin_with_files_and_are_shared_as_they_say,
    a_step_without_a_network_has_none,
);

fn mounts_leave_nothing_behind(client: &Client) {
    let file = "FROM busybox\n\
        RUN --mount=type=cache,target=/new/deep/cache --mount=type=tmpfs,target=/memory \
            --mount=type=bind,source=src/a.txt,target=/new/file \
            --mount=type=cache,target=/kept/cache --mount=type=bind,target=/etc/inside \
            cat /new/file && touch /kept/more && ls /etc/inside/src\n";
    let at = context(client, file);
    build(client, &format!("-t clean {}", at.display())).ok();
    // The directories of mounts go when they are empty; what the step wrote beside them stays.
    let there = client.ok(
        "run --rm clean sh -c 'for f in /new /memory /kept /kept/more /kept/cache /etc/inside /etc/passwd; \
         do [ -e $f ] && echo $f; done; true'",
    );
    assert_eq!(there, "/kept\n/kept/more\n/etc/passwd");
    // The same in the context: nothing was written to it.
    assert_eq!(
        fs::read_to_string(at.join("src/a.txt")).unwrap(),
        "content\n"
    );
}

fn a_writable_mount_is_thrown_away(client: &Client) {
    let file = "FROM busybox AS other\nRUN mkdir /data && echo theirs > /data/x && ln -s /data /link\n\
        FROM busybox\n\
        RUN --mount=type=bind,source=src,target=/m,rw echo mine >> /m/a.txt && touch /m/new && cat /m/a.txt > /one\n\
        RUN --mount=type=bind,source=src,target=/m ls /m > /two\n\
        RUN --mount=type=bind,from=other,source=/link,target=/m,rw echo mine >> /m/x && cat /m/x > /three\n\
        RUN --mount=type=bind,from=other,source=data,target=/m cat /m/x > /four\n\
        RUN --mount=type=bind,source=src,target=/m ! touch /m/y\n";
    let at = context(client, file);
    build(client, &format!("-t thrown {}", at.display())).ok();
    let read = client.ok("run --rm thrown cat /one /two /three /four");
    assert_eq!(read, "content\nmine\na.txt\ndeep\ntheirs\nmine\ntheirs");
}

fn caches_begin_with_files_and_are_shared_as_they_say(client: &Client) {
    let file = "FROM busybox AS seed\nRUN mkdir -p /s/sub && echo seed > /s/sub/f\n\
        FROM busybox\nARG N\n\
        RUN --mount=type=cache,id=c,from=seed,source=s,target=/c,sharing=locked echo $N >> /c/sub/f; cat /c/sub/f > /f\n\
        RUN --mount=type=cache,id=o,target=/o,uid=5,gid=6,mode=0750,sharing=private stat -c '%u %g %a' /o > /o.txt\n\
        RUN --mount=type=cache,id=c,target=/c ls /c > /empty\n\
        RUN --mount=type=cache,id=t,target=/a,sharing=locked --mount=type=cache,id=t,target=/b,sharing=locked \
            touch /a/x && [ -e /b/x ]\n";
    let at = context(client, file);
    let at = at.display();
    build(client, &format!("-t first --build-arg N=1 {at}")).ok();
    build(client, &format!("-t second --build-arg N=2 {at}")).ok();
    let read = |image: &str| client.ok(&format!("run --rm {image} cat /f /o.txt /empty"));
    assert_eq!(read("first"), "seed\n1\n5 6 750");
    assert_eq!(read("second"), "seed\n1\n2\n5 6 750");
}

fn a_step_without_a_network_has_none(client: &Client) {
    let file = "FROM busybox\n\
        RUN --network=none ls /sys/class/net > /none\n\
        RUN --network=host true\n";
    let at = context(client, file);
    build(client, &format!("-t net {}", at.display())).ok();
    assert_eq!(client.ok("run --rm net cat /none"), "lo");
}
