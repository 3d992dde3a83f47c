//! What is installed in an image: an in-toto statement with an SPDX 2.3 document.
//!
//! It says what the databases of the image's package managers say, and no more: Debian's and Alpine's are read, and what
//! Python's and Node's tools leave beside their packages. Files that came another way are not looked at.
//!
//! Reference: <https://spdx.github.io/spdx-spec/v2.3/>, <https://github.com/package-url/purl-spec>.

mod languages;
mod packages;

use gantry_reference::Reference;
use serde_json::{Value, json};

use super::document::Descriptor;
use super::{Outcome, Results};
use crate::Error;
use packages::{Installed, Package};

/// The type of the statement.
const DOCUMENT: &str = "https://spdx.dev/Document";
const IMAGE: &str = "SPDXRef-Image";

/// The statement about a manifest.
pub(super) fn statement(
    results: &Results<'_>,
    outcome: &Outcome,
    about: &Descriptor,
    names: &[Reference],
) -> Result<Value, Error> {
    let store = outcome.work.builder.engine.images.store();
    let root = store.snapshotter().view(&outcome.stage.layers)?.root;
    let installed = packages::of(std::os::fd::AsFd::as_fd(&root))?;
    let created = match results.epoch {
        Some(epoch) => jiff::Timestamp::from_second(epoch).unwrap_or_default(),
        None => jiff::Timestamp::now(),
    };
    let name = names
        .first()
        .map_or_else(|| about.digest.to_string(), ToString::to_string);
    let platform = outcome.work.platform_name();
    let subjects = super::provenance::subjects(names, &platform, &about.digest);
    Ok(json!({
        "_type": "https://in-toto.io/Statement/v0.1",
        "predicateType": DOCUMENT,
        "subject": subjects,
        "predicate": document(&name, about, &created.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(), &installed),
    }))
}

fn document(name: &str, about: &Descriptor, created: &str, installed: &Installed) -> Value {
    let mut packages = vec![json!({
        "name": name,
        "SPDXID": IMAGE,
        "versionInfo": about.digest.as_str(),
        "downloadLocation": "NOASSERTION",
        "filesAnalyzed": false,
        "primaryPackagePurpose": "CONTAINER",
    })];
    let mut relationships = vec![relation("SPDXRef-DOCUMENT", "DESCRIBES", IMAGE)];
    for (number, package) in installed.packages.iter().enumerate() {
        let id = format!("SPDXRef-Package-{number}");
        relationships.push(relation(IMAGE, "CONTAINS", &id));
        packages.push(described(&id, package, installed));
    }
    json!({
        "spdxVersion": "SPDX-2.3",
        "dataLicense": "CC0-1.0",
        "SPDXID": "SPDXRef-DOCUMENT",
        "name": name,
        "documentNamespace": format!("https://spdx.org/spdxdocs/gantry-{}", about.digest.hex()),
        "creationInfo": {
            "created": created,
            "creators": [format!("Tool: gantry-{}", env!("CARGO_PKG_VERSION"))],
            "comment": installed.comment(),
        },
        "packages": packages,
        "relationships": relationships,
    })
}

fn relation(from: &str, kind: &str, to: &str) -> Value {
    json!({"spdxElementId": from, "relationshipType": kind, "relatedSpdxElement": to})
}

fn described(id: &str, package: &Package, installed: &Installed) -> Value {
    let mut value = json!({
        "name": package.name,
        "SPDXID": id,
        "versionInfo": package.version,
        "downloadLocation": "NOASSERTION",
        "filesAnalyzed": false,
        "sourceInfo": format!("from the database {}", package.database),
        "externalRefs": [{
            "referenceCategory": "PACKAGE-MANAGER",
            "referenceType": "purl",
            "referenceLocator": package.url(&installed.distribution),
        }],
    });
    if !package.maintainer.is_empty() {
        value["supplier"] = format!("Person: {}", package.maintainer).into();
    }
    // Not every text there is an expression of SPDX: it is passed on as a remark.
    if !package.license.is_empty() {
        value["licenseComments"] = package.license.as_str().into();
    }
    value
}
