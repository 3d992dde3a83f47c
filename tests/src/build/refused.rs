//! What a build that cannot be gets.

use std::fs;

use super::{context, script};
use crate::harness::{Client, through_both};

through_both!(
    mistakes_are_told_with_their_place,
    what_outputs_and_caches_cannot_do_is_told_by_name,
);

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

fn what_outputs_and_caches_cannot_do_is_told_by_name(client: &Client) {
    let at = context(client, "FROM busybox\n");
    let at = at.display();
    for (options, told) in [
        ("--cache-to type=s3,region=r,bucket=b", "--cache-to type=s3"),
        (
            "--cache-from type=azblob,name=n",
            "--cache-from type=azblob",
        ),
        (
            "--cache-to type=gha,url=http://127.0.0.1/,token=t",
            "--cache-to type=gha",
        ),
        ("--cache-to type=registry,ref=me/x,mode=some", "mode=some"),
        (
            "--cache-to type=registry,ref=me/x,compression=zstd",
            "the option compression=zstd of --cache-to type=registry",
        ),
        ("--build-arg BUILDKIT_SYNTAX=me/frontend:1", "me/frontend:1"),
        (
            "--build-arg BUILDKIT_DOCKERFILE_CHECK=colour=red",
            "BUILDKIT_DOCKERFILE_CHECK",
        ),
        ("-o type=image,name=me/x,store=false", "store=false"),
        (
            "-o type=image,name=me/x,compression-level=3",
            "compression-level",
        ),
    ] {
        // The plugin itself leaves out what an engine does not say that it can.
        let left_out = ["--cache-to type=s3", "--cache-to type=gha"];
        if client.program() == "docker" && left_out.iter().any(|one| options.starts_with(one)) {
            continue;
        }
        let run = script(client, &format!("$C buildx build {options} {at} 2>&1"));
        assert_ne!(run.code, 0, "{options}: {}", run.stdout);
        assert!(run.stdout.contains(told), "{options}: {}", run.stdout);
    }
}
