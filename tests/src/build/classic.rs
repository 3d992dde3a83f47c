//! `build` through `POST /build`: the stock client without BuildKit, and ours.

use std::fs;

use super::{build, context};
use crate::harness::{Client, through_both};

through_both!(
    stages_files_and_commands_make_an_image,
    what_was_made_is_made_once,
    caches_of_commands_stay_between_builds,
    files_go_where_links_lead_and_no_further,
    a_build_that_is_given_up_ends,
);

fn stages_files_and_commands_make_an_image(client: &Client) {
    let file = r#"
ARG BASE=busybox
FROM $BASE AS made
ARG WHO=nobody
ENV A=1 B="two words"
WORKDIR /src
COPY src/ .
RUN echo "hello $WHO, $A $B" > out
RUN <<END
set -e
echo heredoc > lines
END
FROM busybox AS unused
RUN false
FROM busybox
LABEL kind=test
COPY --from=made --chown=5:6 /src/out /src/lines /data/
COPY --chmod=755 <<"END" /bin/tool
#!/bin/sh
echo "tool $1 $(cat /data/out)"
END
USER 5:6
EXPOSE 80 90/udp
VOLUME /data/more
HEALTHCHECK --interval=5s CMD true
STOPSIGNAL SIGINT
ENTRYPOINT ["/bin/tool"]
CMD ["argument"]
"#;
    let context = context(client, file);
    let at = context.display();
    let built = build(
        client,
        &format!("-t me/made --build-arg WHO=you --label more=1 {at}"),
    );
    built.ok();
    assert!(
        built.stdout.contains("Successfully tagged me/made:latest"),
        "{}",
        built.stdout
    );
    assert_eq!(
        client.ok("run --rm me/made").trim(),
        "tool argument hello you, 1 two words"
    );
    let listed = client.ok("run --rm --entrypoint ls me/made -ln /data/lines /bin/tool");
    assert!(listed.contains("-rw-r--r--    1 5        6"), "{listed}");
    assert!(listed.contains("-rwxr-xr-x    1 0        0"), "{listed}");
    let config = |field: &str| client.inspect("me/made", &format!("json .Config.{field}"));
    assert_eq!(config("User").trim(), "\"5:6\"");
    assert_eq!(
        config("ExposedPorts").trim(),
        r#"{"80/tcp":{},"90/udp":{}}"#
    );
    assert_eq!(config("Labels").trim(), r#"{"kind":"test","more":"1"}"#);
    assert_eq!(config("StopSignal").trim(), "\"SIGINT\"");
    assert_eq!(config("Entrypoint").trim(), r#"["/bin/tool"]"#);
    assert_eq!(config("Volumes").trim(), r#"{"/data/more":{}}"#);
    let history = client.ok("history --no-trunc --format '{{.CreatedBy}}' me/made");
    let first: Vec<&str> = history.lines().take(3).collect();
    assert_eq!(
        first,
        [
            "CMD [\"argument\"]",
            "ENTRYPOINT [\"/bin/tool\"]",
            "STOPSIGNAL SIGINT"
        ]
    );
    assert!(
        history.contains("COPY --chown=5:6 /src/out /src/lines /data/ # buildkit"),
        "{history}"
    );
    // Nothing of the build is left running, or stopped.
    assert_eq!(client.ok("ps -aq"), "");
}

fn what_was_made_is_made_once(client: &Client) {
    let file = "FROM busybox\nCOPY src /src\nRUN date +%N > /when\nENV X=1\n";
    let context = context(client, file);
    let at = context.display();
    let id = |arguments: &str| {
        build(client, &format!("-q {arguments} {at}"))
            .ok()
            .trim()
            .to_owned()
    };
    let first = id("");
    assert_eq!(id(""), first, "the same build is the same image");
    // Times are no content.
    let script = format!("touch -d '2001-02-03' {at}/src/a.txt {at}/src");
    client.daemon.world.sh(&script).ok();
    assert_eq!(id(""), first, "other times make no other image");
    fs::write(context.join("src/a.txt"), "other\n").unwrap();
    let second = id("");
    assert_ne!(second, first, "other content does");
    assert_ne!(id("--no-cache"), second);
    // What the .dockerignore hides is no part of it.
    fs::write(
        context.join(".dockerignore"),
        "**/*.log\n.dockerignore\nDockerfile\n",
    )
    .unwrap();
    let hidden = id("-t hidden");
    assert_eq!(
        client.script("$C run --rm hidden ls /src/deep", "").ok(),
        "",
        "{hidden}"
    );
    fs::write(context.join("src/deep/b.log"), "more\n").unwrap();
    assert_eq!(id(""), hidden);
}

fn caches_of_commands_stay_between_builds(client: &Client) {
    let file = "FROM busybox\nARG N\nRUN --mount=type=cache,target=/kept \
                --mount=type=tmpfs,target=/gone --mount=type=bind,source=src,target=/read \
                echo $N >> /kept/lines; touch /gone/x; cat /read/a.txt > /read.txt; \
                cp /kept/lines /lines\n";
    let at = context(client, file);
    let at = at.display();
    build(client, &format!("-t one --build-arg N=1 {at}")).ok();
    build(client, &format!("-t two --build-arg N=2 {at}")).ok();
    assert_eq!(
        client.ok("run --rm two cat /lines /read.txt"),
        "1\n2\ncontent"
    );
    // What was mounted is no part of the image.
    assert_eq!(
        client
            .ok("run --rm two sh -c 'find /kept /gone /read -mindepth 1 2>/dev/null | wc -l'")
            .trim(),
        "0"
    );
    client.ok("builder prune -f");
    build(client, &format!("-t three --build-arg N=3 {at}")).ok();
    assert_eq!(client.ok("run --rm three cat /lines"), "3");
}

fn files_go_where_links_lead_and_no_further(client: &Client) {
    let file = "FROM busybox\nRUN mkdir -p /real && ln -s real /link && ln -s /etc /out\n\
                COPY src/a.txt /link/\nCOPY src/ /out/\nADD archive.tar.gz /unpacked\n";
    let context = context(client, file);
    let at = context.display();
    let pack = format!("cd {at} && tar -czf archive.tar.gz -C src .");
    client.daemon.world.sh(&pack).ok();
    build(client, &format!("-t linked {at}")).ok();
    let shown = client.ok(
        "run --rm linked sh -c 'cat /real/a.txt /etc/a.txt /unpacked/deep/b.log; readlink /link; readlink /out; ls /etc/passwd'",
    );
    assert_eq!(shown, "content\ncontent\nlog\nreal\n/etc\n/etc/passwd");
    // A link of the context that leads out of it leads nowhere.
    let script = format!("ln -s /etc/hostname {at}/src/trap; ln -s /etc {at}/trap");
    client.daemon.world.sh(&script).ok();
    for line in [
        "COPY src/trap /x",
        "RUN --mount=type=bind,source=trap,target=/t cat /t/hostname",
    ] {
        fs::write(
            context.join("Dockerfile"),
            format!("FROM busybox\n{line}\n"),
        )
        .unwrap();
        assert_ne!(build(client, &at.to_string()).code, 0, "{line}");
    }
}

fn a_build_that_is_given_up_ends(client: &Client) {
    let at = context(client, "FROM busybox\nRUN echo begun; sleep 1000\n");
    let at = at.display();
    let script = format!(
        "export DOCKER_BUILDKIT=0; $C build {at} > {at}/log 2>&1 & \
         until grep -q begun {at}/log; do sleep 0.05; done; kill -INT $!; kill -TERM $!; wait $!; \
         for i in $(seq 400); do [ -z \"$($C ps -aq)\" ] && exit 0; sleep 0.1; done; exit 1"
    );
    client.script(&script, "").ok();
}
