//! `build` through BuildKit's protocol: the stock client with its plugins, and ours.

use std::fs;
use std::path::Path;

use super::{context, script};
use crate::harness::{Client, Run, through_both};

through_both!(
    a_build_shows_its_steps_and_makes_an_image,
    only_what_changed_travels,
    a_failure_shows_its_log_and_its_line,
    contexts_come_as_archives_and_dockerfiles_as_input,
    builds_of_one_folder_at_the_same_time_do_not_meet,
    a_client_that_leaves_ends_its_build,
    the_history_tells_and_forgets,
);

fn build(client: &Client, arguments: &str) -> Run {
    script(client, &format!("$C build {arguments}"))
}

fn a_build_shows_its_steps_and_makes_an_image(client: &Client) {
    let file = r#"
ARG BASE=busybox
FROM $BASE AS made
ARG WHO=nobody
WORKDIR /src
COPY src/ .
RUN echo "hello $WHO" > out && echo se''en && echo failed >&2
FROM busybox
LABEL kind=test
COPY --from=made --chown=5:6 /src/out /data/
COPY --chmod=755 <<"END" /bin/tool
#!/bin/sh
echo "tool $(cat /data/out)"
END
ENTRYPOINT ["/bin/tool"]
"#;
    let context = context(client, file);
    let at = context.display();
    let options = format!(
        "-t me/made -t me/other:1 --build-arg WHO=you --label more=1 --iidfile {at}.id --metadata-file {at}.json {at}"
    );
    let built = build(client, &options);
    built.ok();
    for part in [
        "[internal] load build definition from Dockerfile",
        "[internal] load build context",
        "[made 1/4] FROM docker.io/library/busybox:latest",
        "[made 4/4] RUN echo \"hello $WHO\" > out",
        "seen",
        "failed",
        "[stage-1 2/3] COPY --from=made --chown=5:6 /src/out /data/",
        "exporting to image",
        "naming to docker.io/me/made:latest done",
        "naming to docker.io/me/other:1 done",
    ] {
        assert!(built.stderr.contains(part), "{part}: {}", built.stderr);
    }
    assert_eq!(client.ok("run --rm me/other:1").trim(), "tool hello you");
    let labels = client.inspect("me/made", "json .Config.Labels");
    assert_eq!(labels.trim(), r#"{"kind":"test","more":"1"}"#);
    let id = client.inspect("me/made", ".Id");
    let file = |end: &str| fs::read_to_string(format!("{at}.{end}")).unwrap();
    assert_eq!(file("id"), id.trim());
    assert!(file("json").contains(&format!(
        "\"containerimage.config.digest\": \"{}\"",
        id.trim()
    )));
    // Once more: nothing is made again, and only the ID is told.
    let again = build(client, &options);
    again.ok();
    assert!(again.stderr.contains("CACHED"), "{}", again.stderr);
    assert!(!again.stderr.contains("seen"), "{}", again.stderr);
    assert_eq!(
        build(client, &format!("-q {options}")).ok().trim(),
        id.trim()
    );
    assert_eq!(client.ok("ps -aq"), "");
}

/// The bytes of a build's context that travelled, as the display tells them.
fn travelled(shown: &str) -> f64 {
    let line = shown
        .lines()
        .rev()
        .find(|line| line.contains("transferring context: "));
    let line = line.unwrap_or_else(|| panic!("no context travelled: {shown}"));
    let size = line.split("transferring context: ").nth(1).unwrap();
    let size = size.split_whitespace().next().unwrap();
    let unit = size.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.');
    let factor = match unit.to_lowercase().as_str() {
        "b" => 1.0,
        "kb" => 1e3,
        "mb" => 1e6,
        _ => panic!("{line}"),
    };
    size.trim_end_matches(unit).parse::<f64>().unwrap() * factor
}

fn only_what_changed_travels(client: &Client) {
    let context = context(client, "FROM busybox\nCOPY src /src\n");
    let at = context.display();
    fs::write(context.join("src/big"), vec![b'x'; 3_000_000]).unwrap();
    fs::write(context.join("unwanted"), vec![b'x'; 5_000_000]).unwrap();
    let first = travelled(&built(client, &format!("-t one {at}")));
    assert!((3e6..4e6).contains(&first), "{first} B");
    fs::write(context.join("src/a.txt"), "changed\n").unwrap();
    let second = travelled(&built(client, &format!("-t two {at}")));
    assert!(second < 5e3, "{second} B");
    assert_eq!(client.ok("run --rm two cat /src/a.txt"), "changed");
    // What is gone is gone, and what is ignored does not come.
    fs::remove_file(context.join("src/big")).unwrap();
    fs::write(context.join(".dockerignore"), "**/*.log\n").unwrap();
    built(client, &format!("-t three {at}"));
    assert_eq!(client.ok("run --rm three find /src -type f"), "/src/a.txt");
    // The folder is a record of the cache and goes with it.
    let used = script(client, "$C buildx du --verbose");
    assert!(used.ok().contains("source.local"), "{}", used.stdout);
    script(client, "$C buildx prune -af").ok();
    let used = script(client, "$C buildx du --verbose");
    assert!(!used.ok().contains("source.local"), "{}", used.stdout);
    built(client, &format!("-t four {at}"));
    assert_eq!(client.ok("run --rm four cat /src/a.txt"), "changed");
}

#[track_caller]
fn built(client: &Client, arguments: &str) -> String {
    let built = build(client, arguments);
    built.ok();
    built.stderr
}

fn a_failure_shows_its_log_and_its_line(client: &Client) {
    for (file, said) in [
        (
            "FROM busybox\nRUN echo before; exit 3\nRUN true\n",
            &[
                "before",
                "Dockerfile:2",
                ">>> RUN echo before; exit 3",
                "process \"/bin/sh -c echo before; exit 3\" did not complete successfully: exit code: 3",
            ][..],
        ),
        (
            "FROM busybox\nRUM x\n",
            &[
                "Dockerfile:2",
                "dockerfile parse error on line 2: unknown instruction: RUM",
            ],
        ),
        (
            "FROM busybox\nCOPY nothing /\n",
            &[
                "Dockerfile:2",
                ">>> COPY nothing /",
                "\"/nothing\": not found",
            ],
        ),
        ("FROM nowhere/nothing\n", &[">>> FROM nowhere/nothing"]),
    ] {
        let at = context(client, file);
        let failed = build(client, &at.display().to_string());
        assert_eq!(failed.code, 1, "{file}: {}", failed.stderr);
        for part in said {
            assert!(failed.stderr.contains(part), "{part}: {}", failed.stderr);
        }
    }
    assert_eq!(client.ok("ps -aq"), "");
}

fn contexts_come_as_archives_and_dockerfiles_as_input(client: &Client) {
    let at = context(client, "FROM busybox\nCOPY src/a.txt /\n");
    let at = at.display();
    script(client, &format!("tar -C {at} -c . | $C build -t packed -")).ok();
    assert_eq!(client.ok("run --rm packed cat /a.txt"), "content");
    let file = "FROM busybox\\nRUN echo x > /made\\n";
    script(client, &format!("printf '{file}' | $C build -t bare -")).ok();
    assert_eq!(client.ok("run --rm bare cat /made"), "x");
    let file = "FROM busybox\\nCOPY src/deep/b.log /\\n";
    script(
        client,
        &format!("printf '{file}' | $C build -t apart -f - {at}"),
    )
    .ok();
    assert_eq!(client.ok("run --rm apart cat /b.log"), "log");
}

fn builds_of_one_folder_at_the_same_time_do_not_meet(client: &Client) {
    let at = context(
        client,
        "FROM busybox\nCOPY src /src\nARG N\nRUN sleep 1; echo $N > /n\n",
    );
    let at = at.display();
    let many = format!(
        "p=; for n in 1 2 3 4; do $C build -q -t many:$n --build-arg N=$n {at} & p=\"$p $!\"; done; for q in $p; do wait $q || exit 1; done"
    );
    script(client, &many).ok();
    for n in 1..=4 {
        let shown = client.ok(&format!("run --rm many:{n} cat /n /src/a.txt"));
        assert_eq!(shown, format!("{n}\ncontent"));
    }
}

fn a_client_that_leaves_ends_its_build(client: &Client) {
    let at = context(client, "FROM busybox\nRUN echo begun; sleep 1000\n");
    let at = at.display();
    let left = format!(
        "$C build {at} > {at}.log 2>&1 & \
         until grep -q begun {at}.log; do sleep 0.05; done; kill -KILL $!; \
         for i in $(seq 600); do [ -z \"$($C ps -aq)\" ] && exit 0; sleep 0.1; done; cat {at}.log; exit 1"
    );
    script(client, &left).ok();
}

fn the_history_tells_and_forgets(client: &Client) {
    let at = context(client, "FROM busybox\nRUN echo told\n");
    let at = at.display();
    build(client, &format!("-t one {at}")).ok();
    let listed = script(client, "$C buildx history ls").ok().to_owned();
    assert!(listed.contains("Completed"), "{listed}");
    for (filter, there) in [("status=completed", true), ("status=error", false)] {
        let list = format!("$C buildx history ls --filter {filter}");
        let chosen = script(client, &list).ok().contains("Completed");
        assert_eq!(chosen, there, "{filter}");
    }
    let log = script(client, "$C buildx history logs 2>&1");
    assert!(log.ok().contains("told"), "{}", log.stdout);
    let used = script(client, "$C buildx du");
    assert!(used.ok().contains("Reclaimable:"), "{}", used.stdout);
    script(client, "$C buildx history rm --all").ok();
    let listed = script(client, "$C buildx history ls").ok().to_owned();
    assert!(!listed.contains("Completed"), "{listed}");
    // A daemon that is started again still knows builds.
    let workers = script(client, "$C buildx ls");
    assert!(workers.ok().contains("running"), "{}", workers.stdout);
}

/// Compose builds its services' images by `bake`, whichever client runs the plugin.
#[test]
fn compose_and_bake_build() {
    let client = Client::docker();
    let at = context(
        &client,
        "FROM busybox\nCOPY src/a.txt /\nARG N=0\nRUN echo $N > /n\n",
    );
    write(
        &at,
        "compose.yaml",
        "services:\n  a:\n    build: .\n  b:\n    build:\n      context: .\n      args: {N: 2}\n",
    );
    let shown = at.display();
    script(&client, &format!("cd {shown} && $C compose build")).ok();
    assert_eq!(client.ok("run --rm context-b cat /n"), "2");
    let bake = "group \"default\" { targets = [\"x\", \"y\"] }\n\
                target \"x\" {\n  tags = [\"bx\"]\n}\n\
                target \"y\" {\n  tags = [\"by\"]\n  args = { N = \"7\" }\n}\n";
    write(&at, "docker-bake.hcl", bake);
    script(
        &client,
        &format!("cd {shown} && $C buildx bake -f docker-bake.hcl"),
    )
    .ok();
    assert_eq!(client.ok("run --rm by cat /n /a.txt"), "7\ncontent");
    // One target begins with another one's result.
    let file = "FROM base\nRUN echo above >> /n\n";
    write(&at, "above.Dockerfile", file);
    let bake = "target \"base\" {\n  args = { N = \"5\" }\n}\n\
                target \"above\" {\n  dockerfile = \"above.Dockerfile\"\n  tags = [\"above\"]\n  contexts = { base = \"target:base\" }\n}\n";
    write(&at, "docker-bake.hcl", bake);
    script(
        &client,
        &format!("cd {shown} && $C buildx bake -f docker-bake.hcl above"),
    )
    .ok();
    assert_eq!(client.ok("run --rm above cat /n"), "5\nabove");
    let up = format!("cd {shown} && $C compose up --build --exit-code-from a a");
    script(&client, &up).ok();
}

fn write(folder: &Path, name: &str, text: &str) {
    fs::write(folder.join(name), text).unwrap();
}
