//! What a build that cannot be gets.

use std::fs;

use crate::harness::{Client, through_both};

through_both!(mistakes_are_told_with_their_place);

fn mistakes_are_told_with_their_place(client: &Client) {
    let folder = client.daemon.world.folder().join("context");
    fs::create_dir_all(&folder).unwrap();
    for (file, told) in [
        ("FROM busybox\nRUM x\n", "unknown instruction: RUM"),
        ("FROM busybox\nCOPY nothing /\n", "\"/nothing\": not found"),
        ("FROM busybox\nRUN exit 7\n", "returned a non-zero code: 7"),
        (
            "FROM busybox AS first\nCOPY --from=later x /\nFROM busybox AS later\nFROM first\n",
            "later",
        ),
        (
            "FROM me/own-frontend-is-no-image:1\n",
            "own-frontend-is-no-image",
        ),
        ("# syntax=me/frontend\nFROM busybox\n", "me/frontend"),
        (
            "FROM busybox\nRUN --security=insecure true\n",
            "--security=insecure",
        ),
        (
            "FROM busybox\nRUN --mount=type=secret,id=k,required=true true\n",
            "secret k: not found",
        ),
        ("", "cannot be empty"),
    ] {
        fs::write(folder.join("Dockerfile"), file).unwrap();
        let script = format!(
            "export DOCKER_BUILDKIT=0; $C build {} 2>&1",
            folder.display()
        );
        let run = client.script(&script, "");
        assert_ne!(run.code, 0, "{file}");
        assert!(run.stdout.contains(told), "{file}: {}", run.stdout);
    }
    // Nothing half-made is left.
    assert_eq!(client.ok("ps -aq"), "");
}
