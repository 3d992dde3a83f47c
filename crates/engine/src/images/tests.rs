use std::sync::Mutex;

use gantry_api_types::{Filters, JsonMessage};

use super::*;

fn images(dir: &std::path::Path) -> Images {
    let config = ImagesConfig {
        data_root: dir.to_owned(),
        registry: Config::default(),
        max_concurrent_downloads: 3,
        max_download_attempts: 1,
        max_concurrent_uploads: 5,
    };
    let snapshots = gantry_snapshot::open(dir, &dir.join("run"), Some("overlay")).unwrap();
    Images::open(config, snapshots, Events::new()).unwrap()
}

#[test]
fn repositories_and_tags_come_in_two_parameters() {
    let name = |repository, tag| named(repository, tag).unwrap().familiar();
    assert_eq!(name("nginx", ""), "nginx:latest");
    assert_eq!(name("docker.io/library/nginx", "1"), "nginx:1");
    assert_eq!(name("localhost:5000/a", "b"), "localhost:5000/a:b");
    let digest = format!("sha256:{}", "0".repeat(64));
    assert_eq!(name("nginx", &digest), format!("nginx@{digest}"));
    assert!(named("nginx", "a b").is_err());
}

#[test]
fn platforms_come_as_words_or_as_json() {
    let json = r#"{"os":"linux","architecture":"arm64","variant":"v8"}"#;
    assert_eq!(read_platform(json).unwrap().to_string(), "linux/arm64/v8");
    assert_eq!(
        read_platform("linux/amd64").unwrap().to_string(),
        "linux/amd64"
    );
    assert!(read_platform("{").is_err());
}

/// `gantry/hello` needs no registry, not even after somebody removed it.
#[tokio::test]
async fn the_image_inside_the_program_can_be_pulled_again() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join("run")).unwrap();
    let images = images(dir.path());
    images.ensure_hello(b"a program").unwrap();
    let body = images.inspect("gantry/hello", None).unwrap();
    assert_eq!(body.repo_tags, ["gantry/hello:latest"]);
    assert_eq!(body.size, 9);
    assert_eq!(
        images
            .list(&Filters::default(), false, false)
            .unwrap()
            .len(),
        1
    );
    let wrong = images
        .for_container("gantry/hello", Some("linux/s390x"))
        .unwrap_err();
    assert_eq!(wrong.kind(), crate::Kind::NotFound);

    let plain = gantry_image::RemoveOptions::default();
    images
        .store
        .remove("gantry/hello", plain, &|_| Vec::new())
        .unwrap();
    assert_eq!(images.count(), 0);
    let lines = Arc::new(Mutex::new(Vec::new()));
    let sink = Arc::clone(&lines);
    let report: Report = Arc::new(move |line: JsonMessage| sink.lock().unwrap().push(line.status));
    let request = PullRequest {
        image: "gantry/hello".into(),
        ..PullRequest::default()
    };
    images.pull(request, report).await.unwrap();
    assert_eq!(images.count(), 1);
    assert!(lines.lock().unwrap()[0].contains("without a registry"));
}
