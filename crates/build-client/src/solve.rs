//! What a build is asked for with, and what it gives.

use std::collections::{BTreeMap, HashMap};

use bollard_buildkit_proto::moby::buildkit::v1::{
    CacheOptions, CacheOptionsEntry, Exporter, SolveRequest,
};

/// An order for a build.
#[derive(Debug, Clone, Default)]
pub struct Order {
    /// Its identifier, by which its progress is asked for.
    pub id: String,
    /// What the frontend reads: `filename`, `target`, `build-arg:X`, `context:NAME` and so on.
    pub attributes: BTreeMap<String, String>,
    /// What becomes of the result: a type and its attributes.
    pub exports: Vec<(String, BTreeMap<String, String>)>,
    /// Caches to read.
    pub cache_from: Vec<(String, BTreeMap<String, String>)>,
    /// Caches to write.
    pub cache_to: Vec<(String, BTreeMap<String, String>)>,
    /// What it may do beyond the ordinary: `network.host`, `security.insecure`.
    pub entitlements: Vec<String>,
}

/// What a build gave.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Answer {
    /// The exporters' words: `containerimage.digest`, `image.name` and so on.
    pub metadata: BTreeMap<String, String>,
}

impl Order {
    /// The message; the frontend is named for a plain build and left out where it is asked in a
    /// second step.
    pub(crate) fn request(&self, session: &str, frontend: &str) -> SolveRequest {
        let exporters: Vec<Exporter> = self
            .exports
            .iter()
            .map(|(kind, attrs)| Exporter {
                r#type: kind.clone(),
                attrs: map(attrs),
            })
            .collect();
        // Engines from before several exporters read the first one here.
        let (kind, attrs) = exporters
            .first()
            .map(|first| (first.r#type.clone(), first.attrs.clone()))
            .unwrap_or_default();
        SolveRequest {
            r#ref: self.id.clone(),
            session: session.to_owned(),
            frontend: frontend.to_owned(),
            frontend_attrs: map(&self.attributes),
            exporter_deprecated: kind,
            exporter_attrs_deprecated: attrs,
            exporters,
            cache: Some(CacheOptions {
                exports: entries(&self.cache_to),
                imports: entries(&self.cache_from),
                ..CacheOptions::default()
            }),
            entitlements: self.entitlements.clone(),
            ..SolveRequest::default()
        }
    }
}

fn map(pairs: &BTreeMap<String, String>) -> HashMap<String, String> {
    pairs.clone().into_iter().collect()
}

fn entries(list: &[(String, BTreeMap<String, String>)]) -> Vec<CacheOptionsEntry> {
    list.iter()
        .map(|(kind, attrs)| CacheOptionsEntry {
            r#type: kind.clone(),
            attrs: map(attrs),
        })
        .collect()
}
