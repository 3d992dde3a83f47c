//! What builds keep, in `system df`.

use crate::harness::{Client, through_both};

through_both!(the_cache_of_builds_is_counted);

fn the_cache_of_builds_is_counted(client: &Client) {
    let cache = || {
        client.ok(
            "system df --format '{{.Type}}|{{.TotalCount}}|{{.Active}}|{{.Size}}|{{.Reclaimable}}' | grep Build",
        )
    };
    assert_eq!(cache(), "Build Cache|0|0|0B|0B");
    let script = "export DOCKER_BUILDKIT=0; \
        printf 'FROM busybox AS first\\nRUN head -c 3000000 /dev/zero > /x\\nFROM busybox\\nCOPY --from=first /x /y\\n' | $C build -t made -";
    client.script(script, "").ok();
    // What the image has is not the cache's alone, and would not be won by pruning.
    assert_eq!(cache(), "Build Cache|2|0|3MB|3MB");
    let whole = client.ok("system df -v");
    let (_, table) = whole.split_once("Build cache usage: 3MB").unwrap();
    assert!(table.contains("CACHE ID"), "{whole}");
    let rows: Vec<&str> = table.lines().rev().take(2).collect();
    for row in &rows {
        let words: Vec<&str> = row.split_whitespace().collect();
        assert_eq!(words[1], "regular", "{whole}");
    }
    assert_eq!(
        rows.iter().filter(|row| row.ends_with("true")).count(),
        1,
        "{whole}"
    );
    let api = |kind: &str| {
        client
            .script(
                &format!("curl -s --unix-socket ${{DOCKER_HOST#unix://}} http://d/v1.51/system/df?type={kind}"),
                "",
            )
            .ok()
            .to_owned()
    };
    assert!(api("build-cache").contains("\"Type\":\"regular\""));
    assert!(api("image").contains("\"BuildCache\":null"));
    client.ok("builder prune -af");
    assert_eq!(cache(), "Build Cache|0|0|0B|0B");
    assert!(api("build-cache").contains("\"BuildCache\":[]"));
}
