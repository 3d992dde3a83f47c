//! JSON from clients, registries and archives.

use gantry_api_types as api;
use gantry_oci::{ImageConfig, Spec};
use serde::de::DeserializeOwned;
use serde_json::{from_slice, to_value};

/// What it reads, it writes; what it writes, it reads as the same.
fn steady<T: DeserializeOwned + serde::Serialize>(bytes: &[u8]) {
    let Ok(first) = from_slice::<T>(bytes) else {
        return;
    };
    let Ok(written) = to_value(&first) else {
        return;
    };
    let second: T = serde_json::from_value(written.clone()).expect("reads what it wrote");
    assert_eq!(to_value(&second).expect("writes again"), written);
}

/// Bodies of requests; the first byte chooses which.
pub fn api(bytes: &[u8]) {
    let Some((choice, body)) = bytes.split_first() else {
        return;
    };
    match choice % 4 {
        0 => steady::<api::ContainerCreateRequest>(body),
        1 => steady::<api::ExecCreateRequest>(body),
        2 => steady::<api::NetworkCreateRequest>(body),
        _ => steady::<api::VolumeCreateRequest>(body),
    }
}

/// Image configurations and bundles.
pub fn oci(bytes: &[u8]) {
    steady::<ImageConfig>(bytes);
    steady::<Spec>(bytes);
}

/// Manifests, indexes and configurations of a registry.
pub fn manifest(bytes: &[u8]) {
    const TYPES: [&str; 5] = [
        "",
        "application/vnd.oci.image.manifest.v1+json",
        "application/vnd.oci.image.index.v1+json",
        "application/vnd.docker.distribution.manifest.v2+json",
        "application/vnd.docker.distribution.manifest.list.v2+json",
    ];
    let Some((choice, body)) = bytes.split_first() else {
        return;
    };
    gantry_image::fuzzing::documents(TYPES[usize::from(*choice) % TYPES.len()], body);
}

/// A user's seccomp profile, down to the filter.
pub fn seccomp(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else {
        return;
    };
    let Ok(profile) = gantry_seccomp::Profile::parse(text) else {
        return;
    };
    let kernel = gantry_seccomp::KernelVersion { major: 6, minor: 1 };
    if let Ok(filter) = profile.resolve(&["CAP_SYS_ADMIN"], kernel) {
        let _ = gantry_seccomp::compile(&filter);
    }
}
