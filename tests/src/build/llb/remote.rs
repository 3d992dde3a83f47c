//! Definitions that stock clients make of what lies behind addresses.

use std::fs;

use super::super::{remote::serve_repository, script};
use crate::harness::{Client, eventually, through_both};

through_both!(a_dockerfile_comes_from_an_address);

/// Serves the folder above the context.
fn serve(client: &Client, folder: &std::path::Path) {
    let serve = format!(
        "cd {} && (setsid python3 -m http.server --bind 127.0.0.1 8123 >/dev/null 2>&1 &)",
        folder.display()
    );
    client.daemon.world.sh(&serve).ok();
    eventually("files are served", || {
        let asked = client.daemon.world.sh("curl -fs http://127.0.0.1:8123/");
        asked.code == 0
    });
}

fn a_dockerfile_comes_from_an_address(client: &Client) {
    let at = super::super::context(client, "FROM scratch\n");
    let folder = at.parent().unwrap();
    fs::write(folder.join("far"), "FROM busybox\nCOPY src/a.txt /a\n").unwrap();
    serve(client, folder);
    let at = at.display();
    let far = "http://127.0.0.1:8123/far";
    script(client, &format!("$C buildx build -t far -f {far} {at}")).ok();
    assert_eq!(client.ok("run --rm far cat /a"), "content");
    let missing = script(client, &format!("$C buildx build -f {far}ther {at} 2>&1"));
    assert!(
        missing.code != 0 && missing.stdout.contains("404"),
        "{}",
        missing.stdout
    );
}

/// The plugin reads the file, and then builds with the same repository as context.
#[test]
fn bake_takes_files_and_contexts_from_addresses() {
    let client = Client::docker();
    serve_repository(&client);
    let folder = client.daemon.world.folder().join("git");
    let bake = "target \"default\" { tags = [\"baked\"] }\n";
    fs::write(folder.join("r.git/docker-bake.hcl"), bake).unwrap();
    let commit = format!(
        "cd {}/r.git && export GIT_CONFIG_GLOBAL=/dev/null GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@b \
         GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@b && git add . && git commit -qm bake",
        folder.display()
    );
    client.daemon.world.sh(&commit).ok();
    script(&client, "$C buildx bake git://127.0.0.1/r.git").ok();
    assert_eq!(client.ok("run --rm baked cat /file /in"), "two\ndeep");
    // A file alone is read and no more.
    serve(&client, &folder.join("r.git"));
    let file = "http://127.0.0.1:8123/docker-bake.hcl";
    let shown = script(&client, &format!("$C buildx bake --print {file}"));
    assert!(shown.ok().contains("\"baked\""), "{}", shown.stdout);
}
