//! Records of builds: what they tell of one that has ended, and what they refer to.

use std::fs;

use serde_json::Value;

use super::{context, script};
use crate::harness::{Client, Run, through_both};

through_both!(
    a_record_tells_how_its_build_went,
    a_record_of_a_failure_shows_its_place_and_its_log,
    records_leave_as_archives,
);

const FILE: &str = "FROM busybox\nARG N=0\nRUN echo told $N\nRUN echo again\n";

fn history(client: &Client, arguments: &str) -> Run {
    script(client, &format!("$C buildx history {arguments}"))
}

fn json(run: &Run) -> Value {
    serde_json::from_str(run.ok()).unwrap()
}

fn a_record_tells_how_its_build_went(client: &Client) {
    let at = context(client, FILE);
    let at = at.display();
    let build = format!("$C buildx build -t one --build-arg N=7 --label kind=x {at}");
    script(client, &build).ok();
    let shown = history(client, "inspect");
    for part in [
        "Dockerfile:",
        "Build Steps:",
        "BUILD ARG",
        "LABEL",
        "Materials:",
        "pkg:docker/busybox@latest",
        "Attachments:",
        "https://slsa.dev/provenance/v0.2",
        "history logs",
    ] {
        assert!(shown.ok().contains(part), "{part}: {}", shown.stdout);
    }
    let record = json(&history(client, "inspect --format json"));
    assert_eq!(record["Status"], "completed");
    assert_eq!(record["NumCompletedSteps"], record["NumTotalSteps"]);
    assert_eq!(record["BuildArgs"][0]["Name"], "N");
    assert_eq!(record["BuildArgs"][0]["Value"], "7");
    assert_eq!(record["Labels"][0]["Name"], "kind");
    let uri = record["Materials"][0]["URI"].as_str().unwrap();
    assert!(
        uri.starts_with("pkg:docker/busybox@latest?platform=linux"),
        "{uri}"
    );
    let digest = record["Attachments"][0]["Digest"].as_str().unwrap();
    let by_type = history(client, "inspect attachment --type provenance");
    let predicate = json(&by_type);
    assert_eq!(
        predicate["buildType"],
        "https://mobyproject.org/buildkit@v1"
    );
    assert_eq!(
        predicate["invocation"]["parameters"]["args"]["build-arg:N"],
        "7"
    );
    let reference = record["Ref"].as_str().unwrap();
    let by_digest = history(client, &format!("inspect attachment {reference} {digest}"));
    assert_eq!(by_digest.ok(), by_type.stdout);
    let template = history(client, "inspect --format '{{.Status}} {{.NumCachedSteps}}'");
    assert_eq!(template.ok(), "completed 0");
    // The same once more: what is cached is counted, and the one before is ^1.
    script(client, &build).ok();
    let cached = history(client, "inspect --format '{{.NumCachedSteps}}'");
    assert_ne!(cached.ok(), "0");
    let before = history(client, "inspect ^1 --format '{{.Ref}}'");
    assert_eq!(before.ok(), reference);
    history(client, &format!("rm {reference}")).ok();
    let gone = history(client, &format!("inspect {reference} 2>&1"));
    assert!(
        gone.code != 0 && gone.stdout.contains("no record found"),
        "{}",
        gone.stdout
    );
}

fn a_record_of_a_failure_shows_its_place_and_its_log(client: &Client) {
    let at = context(client, "FROM busybox\nRUN echo seen; exit 3\n");
    let failed = script(client, &format!("$C buildx build {}", at.display()));
    assert_eq!(failed.code, 1);
    let shown = history(client, "inspect");
    for part in [
        "did not complete successfully: exit code: 3",
        "Dockerfile:2",
        ">>> RUN echo seen; exit 3",
        "Logs:",
        "> seen",
    ] {
        assert!(shown.ok().contains(part), "{part}: {}", shown.stdout);
    }
    let record = json(&history(client, "inspect --format json"));
    assert_eq!(record["Status"], "failed");
    assert_eq!(record["Error"]["Logs"][0], "seen");
    assert_eq!(record["Attachments"], Value::Null);
}

fn records_leave_as_archives(client: &Client) {
    let at = context(client, FILE);
    let at = at.display();
    for n in 1..=2 {
        script(client, &format!("$C buildx build --build-arg N={n} {at}")).ok();
    }
    let out = format!("{at}/../out");
    let read = |path: &str| {
        let text = fs::read(format!("{out}/{path}")).unwrap();
        serde_json::from_slice::<Value>(&text).unwrap()
    };
    let blob = |of: &Value| {
        read(&format!(
            "blobs/sha256/{}",
            &of["digest"].as_str().unwrap()[7..]
        ))
    };
    let export = |options: &str| {
        history(client, &format!("export {options} -o {out}.dockerbuild")).ok();
        let unpack = format!("rm -rf {out}; mkdir {out}; tar -xzf {out}.dockerbuild -C {out}");
        client.daemon.world.sh(&unpack).ok();
        blob(&read("index.json")["manifests"][0])
    };
    let manifest = export("");
    let kinds = manifest["layers"].as_array().unwrap().iter();
    let kinds: Vec<&str> = kinds.map(|l| l["mediaType"].as_str().unwrap()).collect();
    assert_eq!(
        kinds,
        [
            "application/vnd.buildkit.otlp.json.v0",
            "application/vnd.buildkit.status.v0",
            "application/vnd.in-toto+json"
        ]
    );
    let config = &manifest["config"];
    assert_eq!(
        config["mediaType"],
        "application/vnd.buildkit.historyrecord.v0"
    );
    let record = blob(config);
    assert_eq!(record["FrontendAttrs"]["build-arg:N"], "2", "{record}");
    let all = export("--all");
    assert_eq!(all["manifests"].as_array().unwrap().len(), 2);
}

/// The plugin has the command since 0.25, Debian's is older.
#[test]
fn a_record_knows_where_the_time_went() {
    let client = &Client::gantry();
    let at = context(client, FILE);
    script(client, &format!("$C buildx build {}", at.display())).ok();
    // On no terminal it is printed.
    let trace = json(&history(client, "trace"));
    let spans = trace["data"][0]["spans"].as_array().unwrap();
    let step = spans
        .iter()
        .find(|span| span["operationName"] == "[2/3] RUN echo told $N");
    let step = step.unwrap_or_else(|| panic!("{trace}"));
    assert!(step["duration"].as_u64().unwrap() > 1000, "{step}");
    let build = spans
        .iter()
        .find(|span| span["operationName"] == "build")
        .unwrap();
    assert!(
        build["duration"].as_u64() >= step["duration"].as_u64(),
        "{trace}"
    );
    assert_eq!(step["references"][0]["spanID"], build["spanID"]);
}
