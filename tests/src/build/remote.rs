//! Files that a build takes from elsewhere: repositories, archives, single files, other builders' layers.

use std::fs;

use super::{build, context};
use crate::harness::{Client, eventually, through_both};
use crate::images::registries::{ADDRESS, Writable};

through_both!(
    repositories_are_checked_out,
    a_context_may_be_behind_an_address,
    layers_travel_with_an_image,
);

/// A repository that `git://127.0.0.1/r.git` leads to; gives its first commit.
pub(super) fn serve_repository(client: &Client) -> String {
    let folder = client.daemon.world.folder().join("git");
    fs::create_dir_all(&folder).unwrap();
    let script = format!(
        "cd {} && export GIT_CONFIG_GLOBAL=/dev/null GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@b \
         GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@b
         git init -q -b main r.git && cd r.git && mkdir -p sub && echo one > file && echo deep > sub/in
         printf 'FROM busybox\\nCOPY file sub/in /\\n' > Dockerfile
         chmod 755 sub/in && ln -s file link && git add . && git commit -qm one && git tag v1 && git rev-parse HEAD
         echo two > file && git commit -qam two && git checkout -q -b side && echo side > file && git commit -qam side
         git checkout -q main
         git daemon --base-path=.. --export-all --reuseaddr --listen=127.0.0.1 --detach --pid-file=../pid",
        folder.display()
    );
    let commit = client.daemon.world.sh(&script).ok().trim().to_owned();
    eventually("the repository is served", || {
        client
            .daemon
            .world
            .sh("git ls-remote git://127.0.0.1/r.git")
            .code
            == 0
    });
    commit
}

fn repositories_are_checked_out(client: &Client) {
    let commit = serve_repository(client);
    let file = format!(
        "FROM busybox\n\
         ADD git://127.0.0.1/r.git /main\n\
         ADD git://127.0.0.1/r.git#v1 /tag\n\
         ADD git://127.0.0.1/r.git#side:sub /side/\n\
         ADD --checksum={commit} git://127.0.0.1/r.git?ref={commit} /commit\n\
         ADD --keep-git-dir=true --chown=5:6 git://127.0.0.1/r.git?branch=side /kept\n"
    );
    let at = context(client, &file);
    let at = at.display();
    build(client, &format!("-t git {at}")).ok();
    let shown = client.ok(
        "run --rm git sh -c 'cat /main/file /tag/file /side/in /commit/file /kept/file; ls -A /main /side; \
         readlink /main/link; stat -c \"%a %u\" /main/sub/in /kept/file; [ -d /kept/.git ] && echo kept'",
    );
    assert_eq!(
        shown,
        "two\none\ndeep\none\nside\n/main:\nDockerfile\nfile\nlink\nsub\n\n/side:\nin\nfile\n755 0\n644 5\nkept"
    );
    let again = build(client, &format!("-t git {at}"));
    assert_eq!(again.ok().matches("Using cache").count(), 5);
    for (line, told) in [
        ("ADD git://127.0.0.1/r.git#nothing /x", "nothing"),
        ("ADD git://127.0.0.1/r.git#v1:missing /x", "/missing"),
        (
            "ADD --checksum=0123456789 git://127.0.0.1/r.git /x",
            "expected checksum to match 0123456789",
        ),
        ("ADD git://127.0.0.1/other.git /x", "git fetch failed"),
    ] {
        context(client, &format!("FROM busybox\n{line}\n"));
        let run = build(client, &format!("{at} 2>&1"));
        assert!(
            run.code != 0 && run.stdout.contains(told),
            "{line}: {}",
            run.stdout
        );
    }
    // Nothing of a checkout is left.
    let left = client.daemon.world.sh(&format!(
        "ls {}/data/build/work",
        client.daemon.world.folder().display()
    ));
    assert_eq!(left.stdout, "file\nfolder\n");
}

fn a_context_may_be_behind_an_address(client: &Client) {
    serve_repository(client);
    let at = context(client, "FROM busybox\nCOPY src/a.txt /a\n");
    let serve = format!(
        "cd {} && tar -czf context.tar.gz -C context . && printf 'FROM busybox\\nRUN echo alone > /a\\n' > plain && \
         (setsid python3 -m http.server --bind 127.0.0.1 8123 >/dev/null 2>&1 &) ",
        at.parent().unwrap().display()
    );
    client.daemon.world.sh(&serve).ok();
    eventually("files are served", || {
        client
            .daemon
            .world
            .sh("curl -fs http://127.0.0.1:8123/plain")
            .code
            == 0
    });
    for (number, (address, content)) in [
        ("git://127.0.0.1/r.git%23v1", "one"),
        ("http://127.0.0.1:8123/context.tar.gz", "content"),
        ("http://127.0.0.1:8123/plain", "alone"),
    ]
    .into_iter()
    .enumerate()
    {
        let script = format!(
            "curl -s --max-time 80 --unix-socket {} -X POST 'http://d/build?remote={address}&t=far{number}'",
            client.daemon.socket().display()
        );
        let answer = client.script(&script, "");
        assert!(
            answer.stdout.contains("Successfully tagged"),
            "{address}: {}",
            answer.stdout
        );
        let file = if number == 0 { "/file" } else { "/a" };
        assert_eq!(
            client.ok(&format!("run --rm far{number} cat {file}")),
            content
        );
    }
}

fn layers_travel_with_an_image(client: &Client) {
    let _registry = Writable::serve(client);
    let name = format!("{ADDRESS}/me/cached:1");
    let file = "FROM busybox\nRUN echo $RANDOM > /1\nRUN echo 2 > /2\nENV X=1\n";
    let at = context(client, file);
    let at = at.display();
    build(
        client,
        &format!("-t {name} --build-arg BUILDKIT_INLINE_CACHE=1 {at}"),
    )
    .ok();
    let first = client.ok(&format!("run --rm {name} cat /1"));
    client.ok(&format!("push -q {name}"));
    client.ok(&format!("rmi {name}"));
    client.ok("builder prune -af");
    let again = build(client, &format!("-t again --cache-from {name} {at}"));
    assert_eq!(
        again.ok().matches("Using cache").count(),
        2,
        "{}",
        again.stdout
    );
    assert_eq!(client.ok("run --rm again cat /1"), first);
    // The image that they came with is not left behind.
    let names = client.ok("images -a --format '{{.Repository}}'");
    assert!(
        !names.contains("me/cached") && !names.contains("<none>"),
        "{names}"
    );
    // A cache that is not there is told, and the build goes on.
    let missing = build(client, &format!("--cache-from {ADDRESS}/me/nothing {at}"));
    assert!(
        missing.ok().contains("importing the cache"),
        "{}",
        missing.stdout
    );
}
