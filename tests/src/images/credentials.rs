//! `login` and `logout`, and who may push.

use super::registries::{ADDRESS, Writable};
use crate::harness::{Client, through_both};

through_both!(
    a_login_is_tried_kept_and_forgotten,
    a_helper_keeps_the_login,
);

fn config(client: &Client) -> String {
    let path = client.daemon.world.folder().join("docker/config.json");
    std::fs::read_to_string(path).unwrap_or_default()
}

fn a_login_is_tried_kept_and_forgotten(client: &Client) {
    let _registry = Writable::with_password(client, "me", "secret");
    client.ok("pull busybox");
    client.ok(&format!("tag busybox {ADDRESS}/app"));
    client
        .run(&format!("push {ADDRESS}/app"))
        .exits(1)
        .says("no basic auth credentials");
    let wrong = client.with_input(
        &format!("login -u me --password-stdin {ADDRESS}"),
        "wrong\n",
    );
    assert_ne!(wrong.code, 0);
    assert!(wrong.stderr.contains("unauthorized"), "{}", wrong.stderr);
    assert!(!config(client).contains(ADDRESS));
    let login = client.with_input(
        &format!("login -u me --password-stdin {ADDRESS}"),
        "secret\n",
    );
    assert!(login.ok().contains("Login Succeeded"), "{}", login.ok());
    // base64 of me:secret
    assert!(
        config(client).contains("bWU6c2VjcmV0"),
        "{}",
        config(client)
    );
    client.ok(&format!("push {ADDRESS}/app"));
    client.ok(&format!("pull {ADDRESS}/app"));
    assert!(
        client
            .ok(&format!("logout {ADDRESS}"))
            .contains("Removing login credentials")
    );
    assert!(!config(client).contains("bWU6c2VjcmV0"));
    client
        .run(&format!("pull {ADDRESS}/app"))
        .exits(1)
        .says("no basic auth credentials");
}

/// Keeps what it is given in a file beside it.
const HELPER: &str = r#"#!/bin/sh
kept=$(dirname "$0")/kept
case $1 in
store) cat > "$kept";;
get) test -e "$kept" && cat "$kept" || { echo "credentials not found in native keychain"; exit 1; };;
erase) rm -f "$kept";;
esac
"#;

fn a_helper_keeps_the_login(client: &Client) {
    let _registry = Writable::with_password(client, "me", "secret");
    let folder = client.daemon.world.folder();
    let bin = folder.join("bin");
    std::fs::create_dir_all(&bin).unwrap();
    std::fs::write(bin.join("docker-credential-test"), HELPER).unwrap();
    std::fs::create_dir_all(folder.join("docker")).unwrap();
    std::fs::write(
        folder.join("docker/config.json"),
        format!(r#"{{"credHelpers": {{"{ADDRESS}": "test"}}, "HttpHeaders": {{"A": "b"}}}}"#),
    )
    .unwrap();
    let with_helper = |script: &str, input: &str| {
        let script = format!("chmod +x {0}/*; PATH={0}:$PATH; {script}", bin.display());
        client.script(&script, input)
    };
    with_helper(
        &format!("$C login -u me --password-stdin {ADDRESS}"),
        "secret",
    )
    .ok();
    assert!(
        std::fs::read_to_string(bin.join("kept"))
            .unwrap()
            .contains("secret")
    );
    assert!(!config(client).contains("bWU6c2VjcmV0") && config(client).contains("HttpHeaders"));
    client.ok("pull busybox");
    client.ok(&format!("tag busybox {ADDRESS}/app"));
    with_helper(&format!("$C push {ADDRESS}/app"), "").ok();
    with_helper(&format!("$C logout {ADDRESS}"), "").ok();
    assert!(!bin.join("kept").exists());
}
