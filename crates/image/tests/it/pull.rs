//! Pulling, from registries that work and ones that do not.

use std::sync::Arc;

use gantry_image::{Error, Images, Kind, Progress, PullRequest, Pulled};
use gantry_reference::Reference;
use gantry_registry_client::Credentials;

use crate::fixture::{Sample, Store, Told, gzip, open, tar};
use crate::registry::{Fake, Fault, Registry};

const MIB: usize = 1024 * 1024;

pub(crate) async fn pull(
    images: &Images,
    name: &str,
    progress: Arc<dyn Progress>,
) -> Result<Pulled, Error> {
    pull_as(images, name, Credentials::Anonymous, progress).await
}

async fn pull_as(
    images: &Images,
    name: &str,
    credentials: Credentials,
    progress: Arc<dyn Progress>,
) -> Result<Pulled, Error> {
    let reference = Reference::parse(name).unwrap();
    images
        .pull(
            &PullRequest {
                reference,
                platform: None,
                credentials,
                silent_end: false,
            },
            progress,
        )
        .await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_image_comes_from_a_real_registry_and_is_up_to_date_the_second_time() {
    let (store, registry) = (Store::new(), Registry::start());
    let sample = Sample::new("real", &[3 * MIB, 10, 0]);
    registry.push(&sample, "team/app:1", None);
    let name = format!("{}/team/app:1", registry.host);

    let told = Told::new();
    let pulled = pull(&store.images, &name, told.clone()).await.unwrap();
    assert_eq!(pulled.image.to_string(), sample.id());
    assert!(pulled.newer);
    let lines = told.lines();
    assert_eq!(lines[0], "1: Pulling from team/app");
    assert_eq!(lines[lines.len() - 2], format!("Digest: {}", pulled.digest));
    assert_eq!(
        lines[lines.len() - 1],
        format!("Status: Downloaded newer image for {name}")
    );
    for packed in &sample.packed {
        let id = gantry_archive::Digester::sha256(packed);
        assert!(
            told.has(&format!("{}: Pull complete", id.short())),
            "{lines:?}"
        );
    }

    let image = store.images.resolve(&name).unwrap();
    assert_eq!(image.layers.len(), 3);
    assert_eq!(image.size, 3 * MIB as u64 + 10);
    assert_eq!(image.repo_digests[0].digest(), Some(&pulled.digest));
    assert_eq!(image.created.to_string(), "2024-01-02T03:04:05Z");
    // Configuration and manifest remain, the compressed layers do not.
    assert_eq!(store.content_files().len(), 2);

    let told = Told::new();
    let again = pull(&store.images, &name, told.clone()).await.unwrap();
    assert!(!again.newer);
    assert!(told.has(&format!("Status: Image is up to date for {name}")));
    let by_digest = format!("{}/team/app@{}", registry.host, pulled.digest);
    assert_eq!(store.images.resolve(&by_digest).unwrap().id, pulled.image);
    let told = Told::new();
    pull(&store.images, &by_digest, told.clone()).await.unwrap();
    assert!(told.has(&format!("{}: Pulling from team/app", pulled.digest)));

    let store = store.reopened();
    assert_eq!(store.images.resolve(&name).unwrap().id, pulled.image);
}

#[tokio::test(flavor = "multi_thread")]
async fn layers_that_are_here_are_not_fetched_again() {
    let (store, registry) = (Store::new(), Registry::start());
    let base = Sample::new("base", &[MIB]);
    let mut layers = base.layers.clone();
    layers.push(tar(&[("more", b"x")]));
    registry.push(&base, "base:1", None);
    registry.push(&Sample::of("more", layers), "more:1", None);
    pull(
        &store.images,
        &format!("{}/base:1", registry.host),
        Told::new(),
    )
    .await
    .unwrap();
    let told = Told::new();
    pull(
        &store.images,
        &format!("{}/more:1", registry.host),
        told.clone(),
    )
    .await
    .unwrap();
    assert!(told.has("Already exists"));
    assert_eq!(store.layers(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_is_wanted_and_given() {
    let registry = Registry::with_password("me", "secret");
    let store = Store::new();
    registry.push(&Sample::new("secret", &[1000]), "app:1", Some("me:secret"));
    let name = format!("{}/app:1", registry.host);
    let error = pull(&store.images, &name, Told::new()).await.unwrap_err();
    assert_eq!(error.to_string(), "no basic auth credentials");
    assert_eq!(error.kind(), Kind::Unauthorized);
    let me = Credentials::Basic {
        username: "me".into(),
        password: "secret".into(),
    };
    pull_as(&store.images, &name, me, Told::new())
        .await
        .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mirror_stands_in_for_docker_hub() {
    let registry = Registry::start();
    registry.push(&Sample::new("hub", &[1000]), "library/app:latest", None);
    let dir = tempfile::tempdir().unwrap();
    let images = open(dir.path(), &[format!("http://{}", registry.host)]);
    let told = Told::new();
    pull(&images, "app", told.clone()).await.unwrap();
    assert_eq!(told.lines()[0], "latest: Pulling from library/app");
    assert!(told.has("Status: Downloaded newer image for app:latest"));
    assert_eq!(
        images.resolve("app").unwrap().repo_tags[0].familiar(),
        "app:latest"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_connection_is_gone_on_with_in_the_same_pull() {
    let sample = Sample::new("cut", &[2 * MIB]);
    let fake = Fake::start(&sample, Fault::CutFirst(700_000, 2));
    let store = Store::new();
    let told = Told::new();
    pull(&store.images, &fake.name(), told.clone())
        .await
        .unwrap();
    assert!(told.has("Retrying in 1 second"), "{:?}", told.lines());
    let ranges = fake.ranges(&sample.packed[0]);
    assert_eq!(ranges.len(), 3);
    // What had arrived was not asked for again.
    assert!(
        ranges[1].starts_with("bytes=") && ranges[1] != "bytes=0-",
        "{ranges:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registry_that_dies_leaves_what_came_for_the_next_pull() {
    let sample = Sample::new("dies", &[2 * MIB, 1000]);
    let fake = Fake::start(&sample, Fault::None);
    // The first answer for the large layer breaks, and then nothing works for good.
    fake.set(Fault::Cut(900_000));
    let store = Store::new();
    let digest = gantry_archive::Digester::sha256(&sample.packed[0]);
    let part = store
        .dir
        .path()
        .join(format!("content/ingest/sha256-{}", digest.hex()));
    let killer = async {
        while !std::fs::metadata(&part).is_ok_and(|meta| meta.len() >= 900_000) {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
        fake.set(Fault::Down);
    };
    let name = fake.name();
    let (result, ()) = tokio::join!(pull(&store.images, &name, Told::new()), killer);
    let error = result.unwrap_err();
    assert_eq!(error.kind(), Kind::Unavailable, "{error}");
    assert!(matches!(
        store.images.resolve(&fake.name()),
        Err(Error::NotFound(_))
    ));
    // The part that came. Threads of the other layer may need a moment to let go of theirs.
    let end = std::time::Instant::now() + std::time::Duration::from_secs(10);
    while store.content_files().len() != 1 {
        assert!(
            std::time::Instant::now() < end,
            "{:?}",
            store.content_files()
        );
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }

    fake.set(Fault::None);
    let store = store.reopened();
    pull(&store.images, &fake.name(), Told::new())
        .await
        .unwrap();
    let last = fake.ranges(&sample.packed[0]).pop().unwrap();
    // A slow machine may have asked a second time before the registry was down.
    assert!(
        ["bytes=900000-", "bytes=1800000-"].contains(&&last[..]),
        "{last}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn damaged_bytes_are_told_and_nothing_is_kept() {
    let sample = Sample::new("damage", &[500_000]);
    let fake = Fake::start(&sample, Fault::Damage);
    let store = Store::new();
    let error = pull(&store.images, &fake.name(), Told::new())
        .await
        .unwrap_err();
    assert!(
        error
            .to_string()
            .contains("digest mismatch: expected sha256:"),
        "{error}"
    );
    assert_eq!((store.layers(), store.content_files().len()), (0, 0));
    // And a pull after the registry's repair works.
    fake.set(Fault::None);
    pull(&store.images, &fake.name(), Told::new())
        .await
        .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn kept_bytes_that_a_crash_damaged_are_fetched_again() {
    let sample = Sample::new("kept", &[500_000]);
    let fake = Fake::start(&sample, Fault::None);
    let store = Store::new();
    let digest = gantry_archive::Digester::sha256(&sample.packed[0]);
    let part = store
        .dir
        .path()
        .join(format!("content/ingest/sha256-{}", digest.hex()));
    std::fs::write(part, vec![7; 1000]).unwrap();
    pull(&store.images, &fake.name(), Told::new())
        .await
        .unwrap();
    assert_eq!(fake.ranges(&sample.packed[0]), ["bytes=1000-", ""]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_layer_that_is_not_what_the_configuration_says_is_refused() {
    let mut sample = Sample::new("liar", &[1000]);
    let other = gzip(&tar(&[("other", b"content")]));
    let manifest = String::from_utf8(sample.manifest.clone()).unwrap();
    let old = gantry_archive::Digester::sha256(&sample.packed[0]).to_string();
    let new = gantry_archive::Digester::sha256(&other).to_string();
    let sizes = [sample.packed[0].len(), other.len()].map(|n| format!("\"size\":{n}}}]"));
    sample.manifest = manifest
        .replace(&old, &new)
        .replace(&sizes[0], &sizes[1])
        .into_bytes();
    sample.packed[0] = other;
    let fake = Fake::start(&sample, Fault::None);
    let store = Store::new();
    let error = pull(&store.images, &fake.name(), Told::new())
        .await
        .unwrap_err();
    assert!(error.to_string().contains("is damaged"), "{error}");
    assert_eq!(store.layers(), 0);
    assert!(store.images.resolve(&fake.name()).is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_layer_that_is_cut_short_inside_its_compression_is_refused() {
    let mut sample = Sample::new("short", &[100_000]);
    // The registry and the manifest agree on the bytes; only the gzip stream is not whole.
    let half = sample.packed[0][..50_000].to_vec();
    let manifest = String::from_utf8(sample.manifest.clone()).unwrap();
    let old = gantry_archive::Digester::sha256(&sample.packed[0]).to_string();
    let new = gantry_archive::Digester::sha256(&half).to_string();
    let sizes = [sample.packed[0].len(), half.len()].map(|n| format!("\"size\":{n}}}]"));
    sample.manifest = manifest
        .replace(&old, &new)
        .replace(&sizes[0], &sizes[1])
        .into_bytes();
    sample.packed[0] = half;
    let fake = Fake::start(&sample, Fault::None);
    let store = Store::new();
    pull(&store.images, &fake.name(), Told::new())
        .await
        .unwrap_err();
    assert_eq!(store.layers(), 0);
}
