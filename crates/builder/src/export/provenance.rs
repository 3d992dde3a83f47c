//! Where an image comes from: an in-toto statement with SLSA's provenance (v0.2), as BuildKit writes it.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use gantry_reference::{Digest, Reference};
use serde_json::{Map, Value, json};

use super::document::Descriptor;
use super::{Outcome, Results};
use crate::stage::now;

const BUILD_TYPE: &str = "https://mobyproject.org/buildkit@v1";
/// What kind of statement it is.
pub const PREDICATE: &str = "https://slsa.dev/provenance/v0.2";

/// The statement about a manifest; `mode=min` leaves out arguments and the Dockerfile.
pub(super) fn statement(
    results: &Results<'_>,
    outcome: &Outcome,
    options: &BTreeMap<String, String>,
    about: &Descriptor,
    names: &[Reference],
) -> Value {
    let subjects = subjects(names, &outcome.work.platform_name(), &about.digest);
    json!({
        "_type": "https://in-toto.io/Statement/v0.1",
        "predicateType": PREDICATE,
        "subject": subjects,
        "predicate": predicate(results, outcome, options),
    })
}

/// What a statement says: how the result was made.
pub(super) fn predicate(
    results: &Results<'_>,
    outcome: &Outcome,
    options: &BTreeMap<String, String>,
) -> Value {
    let work = &outcome.work;
    let platform = work.platform_name();
    let max = options.get("mode").is_none_or(|mode| mode != "min");
    let materials: Vec<Value> = work
        .materials()
        .into_iter()
        .map(|(uri, (kind, digest))| json!({"uri": uri, "digest": {kind: digest}}))
        .collect();
    let mut parameters = json!({"frontend": "dockerfile.v0"});
    if max {
        parameters["args"] = arguments(results, outcome);
        parameters["locals"] = json!([{"name": "context"}, {"name": "dockerfile"}]);
    }
    let mut metadata = json!({
        "buildStartedOn": results.started,
        "buildFinishedOn": now(),
        "completeness": {"parameters": max, "environment": true, "materials": false},
        "reproducible": false,
    });
    if max {
        metadata["https://mobyproject.org/buildkit@v1#metadata"] = json!({
            "source": {"infos": [{
                "filename": work.file_name,
                "language": "Dockerfile",
                "data": STANDARD.encode(&work.source),
            }]},
        });
    }
    let builder = options.get("builder-id").cloned().unwrap_or_default();
    json!({
        "builder": {"id": builder},
        "buildType": BUILD_TYPE,
        "materials": materials,
        "invocation": {
            "configSource": {"entryPoint": work.file_name},
            "parameters": parameters,
            "environment": {"platform": platform},
        },
        "metadata": metadata,
    })
}

/// What a statement is about: a manifest, by the names that lead to it.
pub(super) fn subjects(names: &[Reference], platform: &str, digest: &Digest) -> Vec<Value> {
    let digest = json!({"sha256": digest.hex()});
    let of = |name: String| json!({"name": name, "digest": digest});
    if names.is_empty() {
        return vec![of("_".to_owned())];
    }
    names
        .iter()
        .map(|name| of(package(name, platform)))
        .collect()
}

/// What the build was told, by the names of the frontend's attributes.
fn arguments(results: &Results<'_>, outcome: &Outcome) -> Value {
    let request = results.request;
    let mut all = Map::new();
    for (name, value) in &request.build_args {
        all.insert(format!("build-arg:{name}"), value.as_str().into());
    }
    for (name, value) in &request.labels {
        all.insert(format!("label:{name}"), value.as_str().into());
    }
    if let Some(target) = &request.target {
        all.insert("target".to_owned(), target.as_str().into());
    }
    if request.no_cache {
        all.insert("no-cache".to_owned(), "".into());
    }
    all.insert(
        "filename".to_owned(),
        outcome.work.file_name.as_str().into(),
    );
    Value::Object(all)
}

/// A package URL (<https://github.com/package-url/purl-spec>) of an image.
pub(crate) fn package(name: &Reference, platform: &str) -> String {
    let version = match (name.tag(), name.digest()) {
        (Some(tag), _) => format!("@{tag}"),
        _ => String::new(),
    };
    let platform = platform.replace('/', "%2F");
    format!(
        "pkg:docker/{}{version}?platform={platform}",
        name.familiar_repository()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_are_packages() {
        let name = Reference::parse("me/app:1").unwrap();
        assert_eq!(
            package(&name, "linux/amd64"),
            "pkg:docker/me/app@1?platform=linux%2Famd64"
        );
    }
}
