//! What builds keep, in `system df`.

use serde_json::Value;

use crate::harness::{Client, Daemon, through_both};

through_both!(the_cache_of_builds_is_counted);

/// `system df -v` in all its forms: what the stock command line makes of our answer is what ours
/// makes of it.
#[test]
fn both_command_lines_show_the_same_details() {
    let daemon = Daemon::with_registry();
    let script = "set -e; export DOCKER_BUILDKIT=0; $GANTRY pull -q busybox; $GANTRY tag busybox other:v1; \
        printf 'FROM busybox\\nRUN echo > /x\\nRUN echo > /y\\n' | $GANTRY build -q -t made -; \
        printf 'FROM busybox\\nRUN echo > /x\\n' | $GANTRY build -q -t made -; \
        $GANTRY run -d --name box -v data:/data busybox sh -c 'echo text > /data/file; sleep 1000'";
    daemon.script(script, "").ok();
    for format in [
        "",
        "--format table",
        "--format json",
        "--format '{{range .Images}}{{.Repository}}:{{.Tag}} {{.UniqueSize}} {{.Containers}} {{.ID}}\\n{{end}}'",
        "--format '{{range .Containers}}{{.Names}} {{.LocalVolumes}} {{.Size}} {{.Command}};{{end}}'",
        "--format '{{range .Volumes}}{{.Name}} {{.Links}} {{.Size}}{{end}}'",
        "--format '{{range .BuildCache}}{{.ID}} {{.CacheType}} {{.Size}} {{.UsageCount}} {{.LastUsedAt}} {{.CreatedAt}} {{.InUse}}{{end}}'",
    ] {
        let theirs = daemon.docker(&format!("system df -v {format}"));
        let ours = daemon.gantry(&format!("system df -v {format}"));
        assert_eq!(
            without_ages(theirs.ok()),
            without_ages(ours.ok()),
            "{format}"
        );
        let ours = ours.stdout;
        assert!(!ours.trim().is_empty(), "{format}");
    }
    let wrong = daemon.gantry("system df -v --format '{{.Nothing}}'");
    wrong.fails().says("Nothing");
    let gone = daemon.gantry("builder prune -af --verbose");
    assert!(gone.ok().contains("Usage count:"), "{}", gone.stdout);
}

/// Ages go on from one call to the other: without numbers and the words around them.
fn without_ages(text: &str) -> String {
    let words = text.split_whitespace().map(|word| {
        let number = word.ends_with(|c: char| c.is_ascii_digit())
            && !word.contains(['-', ':', '.'])
            || word.contains("\":\"");
        let word = word.trim_end_matches("About").trim_end_matches("Less");
        match word {
            "second" | "seconds" | "minute" | "minutes" | "than" | "a" => "",
            word if number => word.trim_end_matches(|c: char| c.is_ascii_digit()),
            word => word,
        }
    });
    words
        .filter(|word| !word.is_empty())
        .collect::<Vec<_>>()
        .join(" ")
}

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
    let records = || {
        let usage: Value = serde_json::from_str(&api("build-cache")).unwrap();
        usage["BuildCache"].as_array().unwrap().clone()
    };
    let times = |name: &str| -> Vec<jiff::Timestamp> {
        let all = records();
        let times = all.iter().map(|record| record[name].as_str().unwrap());
        times.map(|time| time.parse().unwrap()).collect()
    };
    let counts = || -> Vec<i64> {
        let all = records();
        all.iter()
            .map(|r| r["UsageCount"].as_i64().unwrap())
            .collect()
    };
    assert_eq!(records()[0]["Type"], "regular");
    assert_eq!(counts(), [1, 1]);
    let (mut made, first_used) = (times("CreatedAt"), times("LastUsedAt"));
    // Another build uses them, which makes them younger in use, not in age.
    client.script(script, "").ok();
    assert_eq!(counts(), [2, 2]);
    let (mut still, used) = (times("CreatedAt"), times("LastUsedAt"));
    made.sort_unstable();
    still.sort_unstable();
    assert_eq!(made, still);
    assert!(used.iter().min() > first_used.iter().max(), "{used:?}");
    assert!(api("image").contains("\"BuildCache\":null"));
    client.ok("builder prune -af");
    assert_eq!(cache(), "Build Cache|0|0|0B|0B");
    assert!(api("build-cache").contains("\"BuildCache\":[]"));
}
