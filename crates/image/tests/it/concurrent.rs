//! Several who want the same.

use crate::fixture::{Sample, Store, Told};
use crate::pull::pull;
use crate::registry::{Fake, Fault};

#[tokio::test(flavor = "multi_thread")]
async fn one_download_serves_all_who_ask() {
    let sample = Sample::new("shared", &[300_000, 300_000]);
    let fake = Fake::start(&sample, Fault::Slow(300));
    let store = Store::new();
    let name = fake.name();
    let results = futures_util::future::join_all((0..8).map(|_| {
        let told = Told::new();
        let (images, name) = (store.images.clone(), name.clone());
        async move { (pull(&images, &name, told.clone()).await, told) }
    }))
    .await;
    for (result, told) in results {
        result.unwrap();
        assert!(told.has("Pull complete"));
    }
    for packed in &sample.packed {
        assert_eq!(fake.ranges(packed).len(), 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pull_that_is_given_up_ends_and_another_goes_on() {
    let sample = Sample::new("given-up", &[300_000]);
    let fake = Fake::start(&sample, Fault::Slow(400));
    let store = Store::new();
    let name = fake.name();
    {
        let given_up = pull(&store.images, &name, Told::new());
        let short = std::time::Duration::from_millis(150);
        assert!(tokio::time::timeout(short, given_up).await.is_err());
    }
    fake.set(Fault::None);
    pull(&store.images, &name, Told::new()).await.unwrap();
}
