//! Manifest lists of one's own, and all tags of a repository at once.

use super::registries::{ADDRESS, Writable};
use crate::harness::{Client, through_both};

through_both!(
    a_list_is_made_described_and_pushed,
    mistakes_about_lists_are_told,
    every_tag_of_a_repository_is_pulled,
    images_are_shown_as_a_tree,
);

/// Two images of one repository, and one of another, on a registry that can be written to.
fn registry(client: &Client) -> Writable {
    let registry = Writable::serve(client);
    client.ok("pull busybox");
    for name in ["app:amd64", "app:arm64", "other:1"] {
        client.ok(&format!("tag busybox {ADDRESS}/{name}"));
    }
    client.ok("run --name changed busybox touch /file");
    client.ok(&format!("commit changed {ADDRESS}/app:arm64"));
    for name in ["app:amd64", "app:arm64", "other:1"] {
        client.ok(&format!("push {ADDRESS}/{name}"));
    }
    registry
}

fn a_list_is_made_described_and_pushed(client: &Client) {
    let _registry = registry(client);
    let list = format!("{ADDRESS}/app:v1");
    let (amd, arm, other) = (
        format!("{ADDRESS}/app:amd64"),
        format!("{ADDRESS}/app:arm64"),
        format!("{ADDRESS}/other:1"),
    );
    assert_eq!(
        client.ok(&format!("manifest create --insecure {list} {amd} {arm}")),
        format!("Created manifest list {list}")
    );
    client.ok(&format!(
        "manifest create --insecure --amend {list} {other}"
    ));
    client.ok(&format!(
        "manifest annotate {list} {arm} --arch arm64 --variant v8"
    ));
    client.ok(&format!(
        "manifest annotate {list} {other} --os windows --os-version 10.0.1"
    ));
    let shown = client.ok(&format!("manifest inspect {list}"));
    assert!(
        shown.contains("\"variant\": \"v8\"") && shown.contains("\"os.version\": \"10.0.1\""),
        "{shown}"
    );
    // The other command line goes on with it: the files are the same.
    let both = format!("for c in $GANTRY docker; do $c manifest inspect {list} | sha256sum; done");
    let sums = client.script(&both, "");
    let sums: Vec<&str> = sums.ok().lines().collect();
    assert_eq!(sums[0], sums[1]);
    let verbose =
        format!("for c in $GANTRY docker; do $c manifest inspect -v {list} | sha256sum; done");
    let sums = client.script(&verbose, "");
    let sums: Vec<&str> = sums.ok().lines().collect();
    assert_eq!(sums[0], sums[1]);

    let pushed = client.ok(&format!("manifest push --insecure --purge {list}"));
    assert!(
        pushed.contains(&format!("Pushed ref {ADDRESS}/app@sha256:")),
        "{pushed}"
    );
    let digest = pushed.lines().last().unwrap();
    assert!(digest.starts_with("sha256:"), "{pushed}");
    // What lies there now is what was shown, under the digest that was told.
    let there = client.ok(&format!(
        "manifest inspect --insecure {ADDRESS}/app@{digest}"
    ));
    assert!(there.contains("\"variant\": \"v8\""), "{there}");
    client.ok(&format!("rmi -f {amd} {arm} {other}"));
    client.ok(&format!("pull {list}"));
    assert_eq!(client.ok(&format!("run --rm {list} echo amd64")), "amd64");
}

fn mistakes_about_lists_are_told(client: &Client) {
    let _registry = registry(client);
    let list = format!("{ADDRESS}/app:v1");
    let amd = format!("{ADDRESS}/app:amd64");
    let fails = |args: String| {
        let run = client.run(&args);
        assert_eq!(run.code, 1, "{args}: {}", run.stdout);
        run.stderr
    };
    let missing = format!("No such manifest: {list}");
    assert!(fails(format!("manifest push --insecure {list}")).contains(&missing));
    assert!(fails(format!("manifest rm {list}")).contains(&missing));
    client.ok(&format!("manifest create --insecure {list} {amd}"));
    assert!(
        fails(format!("manifest create --insecure {list} {amd}"))
            .contains("refusing to amend an existing manifest list with no --amend flag")
    );
    assert!(
        fails(format!("manifest annotate --arch vax {list} {amd}"))
            .contains("manifest entry for image has unsupported os/arch combination: /vax")
    );
    assert!(
        fails(format!(
            "manifest annotate {list} {ADDRESS}/other:1 --arch arm"
        ))
        .contains(&format!(
            "manifest for image {ADDRESS}/other:1 does not exist in {list}"
        ))
    );
    client.ok(&format!(
        "manifest create --insecure --amend {list} 127.0.0.1:5000/library/busybox"
    ));
    assert!(
        fails(format!("manifest push --insecure {list}"))
            .contains("cannot use source images from a different registry than the target image")
    );
    client.ok(&format!("manifest rm {list}"));
    assert!(fails(format!("manifest inspect --insecure {list}")).contains("no such manifest"));
}

fn every_tag_of_a_repository_is_pulled(client: &Client) {
    let _registry = registry(client);
    client.ok(&format!("rmi -f {ADDRESS}/app:amd64 {ADDRESS}/app:arm64"));
    let text = client.ok(&format!("pull -a {ADDRESS}/app"));
    for line in [
        "amd64: Pulling from app",
        "arm64: Pulling from app",
        &format!("Status: Downloaded newer image for {ADDRESS}/app"),
        &format!("{ADDRESS}/app"),
    ] {
        assert!(text.lines().any(|l| l == line), "{line}: {text}");
    }
    let tags = client.ok(&format!("images {ADDRESS}/app --format '{{{{.Tag}}}}'"));
    let mut tags: Vec<&str> = tags.lines().collect();
    tags.sort_unstable();
    assert_eq!(tags, ["amd64", "arm64"]);
    let again = client.ok(&format!("pull --all-tags {ADDRESS}/app"));
    assert!(
        again.contains(&format!("Status: Image is up to date for {ADDRESS}/app")),
        "{again}"
    );
    let run = client.run(&format!("pull -a {ADDRESS}/app:amd64"));
    assert_eq!(
        (run.code, run.stderr.trim()),
        (1, "tag can't be used with --all-tags/-a")
    );
    let run = client.run(&format!("pull -a {ADDRESS}/none"));
    assert_eq!(run.code, 1, "{}", run.stdout);
}

fn images_are_shown_as_a_tree(client: &Client) {
    client.ok("pull busybox");
    client.ok("tag busybox registry.test/tools/busybox:1");
    let text = client.ok("images --tree");
    let mut bare = text;
    for colour in ["\u{1b}[39m", "\u{1b}[1m", "\u{1b}[0m"] {
        bare = bare.replace(colour, "");
    }
    let lines: Vec<&str> = bare.lines().map(str::trim_end).collect();
    assert_eq!(lines[1].trim(), "Info ->  U In Use");
    assert_eq!(
        lines[3],
        "IMAGE                           ID             DISK USAGE   CONTENT SIZE   EXTRA"
    );
    let long = lines
        .iter()
        .position(|l| *l == "registry.test/tools/busybox:1");
    let below = lines[long.unwrap() + 1];
    let id = client.ok("images -q busybox:latest");
    assert!(
        below.starts_with("busybox:latest") && below.contains(&id),
        "{bare}"
    );
    let run = client.run("image ls --tree -q");
    assert_eq!(
        (run.code, run.stderr.trim()),
        (1, "--quiet is not yet supported with --tree")
    );
}
