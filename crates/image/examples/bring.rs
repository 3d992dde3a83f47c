//! Measures `load` and `pull`: `cargo run --release --example bring -- load FILE`, or `pull NAME`.
#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::cast_precision_loss,
    reason = "a measuring program"
)]

use std::fs::File;
use std::sync::Arc;
use std::time::Instant;

use gantry_image::{Images, PullRequest, Setup};
use gantry_reference::Reference;
use gantry_registry_client::{Client, Config, Credentials};

#[tokio::main]
async fn main() {
    let mut arguments = std::env::args().skip(1);
    let (verb, what) = (arguments.next().unwrap(), arguments.next().unwrap());
    let driver = arguments.next();
    let dir = tempfile::tempdir().unwrap();
    let run_root = dir.path().join("run");
    std::fs::create_dir(&run_root).unwrap();
    let images = Images::open(Setup {
        data_root: dir.path().to_owned(),
        snapshotter: gantry_snapshot::open(dir.path(), &run_root, driver.as_deref()).unwrap(),
        registry: Client::new(&Config::default()).unwrap(),
        max_concurrent_downloads: 3,
    })
    .unwrap();
    let start = Instant::now();
    match verb.as_str() {
        "load" => {
            let images = images.clone();
            let load = move || images.load(File::open(what).unwrap(), None, &()).unwrap();
            tokio::task::spawn_blocking(load).await.unwrap();
        }
        "pull" => {
            let reference = Reference::parse(&what).unwrap();
            let request = PullRequest {
                reference,
                platform: None,
                credentials: Credentials::Anonymous,
                silent_end: false,
            };
            images.pull(&request, Arc::new(())).await.unwrap();
        }
        other => panic!("{other}?"),
    }
    let seconds = start.elapsed().as_secs_f64();
    let size = images.list(&gantry_image::Filter::default()).unwrap()[0].size as f64 / 1e6;
    println!(
        "{verb} with {}: {size:.0} MB in {seconds:.2} s",
        images.snapshotter().name()
    );
}
