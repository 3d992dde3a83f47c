//! The options of volumes of a swarm, which only a swarm's manager understands.

use serde_json::{Value, json};

use crate::create::pairs;
use crate::flags::{Bytes, List, Map, flags};

flags! {
    /// What makes a volume one of a swarm.
    pub(crate) struct ClusterFlags {
        /// Cluster Volume availability ("active", "pause", "drain")
        "availability" => availability: Option<String>; "\"active\"",
        /// Cluster Volume group (cluster volumes)
        "group" => group: Option<String>,
        /// Minimum size of the Cluster Volume in bytes
        "limit-bytes" => limit_bytes: Option<Bytes>,
        /// Maximum size of the Cluster Volume in bytes
        "required-bytes" => required_bytes: Option<Bytes>,
        /// Cluster Volume access scope ("single", "multi")
        "scope" => scope: Option<String>; "\"single\"",
        /// Cluster Volume secrets
        "secret" => secret: Map; "map[]",
        /// Cluster Volume access sharing ("none", "readonly", "onewriter", "all")
        "sharing" => sharing: Option<String>; "\"none\"",
        /// A topology that the Cluster Volume would be preferred in
        "topology-preferred" => topology_preferred: List,
        /// A topology that the Cluster Volume must be accessible from
        "topology-required" => topology_required: List,
        /// Cluster Volume access type ("mount", "block")
        "type" => kind: Option<String>; "\"block\"",
    }
}

impl ClusterFlags {
    /// What is asked for; nothing without one of the options.
    pub(super) fn spec(&self) -> Option<Value> {
        let texts = [
            &self.availability,
            &self.group,
            &self.scope,
            &self.sharing,
            &self.kind,
        ];
        let lists = [
            &self.secret.0,
            &self.topology_preferred.0,
            &self.topology_required.0,
        ];
        let any = texts.iter().any(|text| text.is_some())
            || lists.iter().any(|list| !list.is_empty())
            || self.limit_bytes.is_some()
            || self.required_bytes.is_some();
        any.then(|| self.whole())
    }

    fn whole(&self) -> Value {
        let or = |given: &Option<String>, usual: &str| given.clone().unwrap_or(usual.to_owned());
        let bytes = |given: Option<Bytes>| given.unwrap_or_default().0;
        let mut access = json!({
            "Scope": or(&self.scope, "single"),
            "Sharing": or(&self.sharing, "none"),
        });
        match or(&self.kind, "block").as_str() {
            "mount" => access["MountVolume"] = json!({}),
            _ => access["BlockVolume"] = json!({}),
        }
        let mut secrets: Vec<Value> = pairs(&self.secret)
            .into_iter()
            .map(|(key, secret)| json!({"Key": key, "Secret": secret}))
            .collect();
        secrets.sort_by_key(ToString::to_string);
        json!({
            "Group": or(&self.group, ""),
            "AccessMode": access,
            "Availability": or(&self.availability, "active"),
            "CapacityRange": {
                "LimitBytes": bytes(self.limit_bytes),
                "RequiredBytes": bytes(self.required_bytes),
            },
            "Secrets": secrets,
            "AccessibilityRequirements": {
                "Requisite": topologies(&self.topology_required),
                "Preferred": topologies(&self.topology_preferred),
            },
        })
    }
}

/// `region=R1,zone=Z1`, each a topology.
fn topologies(given: &[String]) -> Vec<Value> {
    given
        .iter()
        .map(|topology| {
            let segments: Vec<String> = topology.split(',').map(str::to_owned).collect();
            json!({"Segments": pairs(&segments)})
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_volume_is_a_cluster_s_only_when_an_option_says_so() {
        assert_eq!(ClusterFlags::default().spec(), None);
        let flags = ClusterFlags {
            group: Some("g".to_owned()),
            topology_required: List(vec!["region=R1,zone=Z1".to_owned()]),
            limit_bytes: Some(Bytes(5)),
            ..ClusterFlags::default()
        };
        let spec = flags.spec().unwrap();
        assert_eq!(spec["Group"], "g");
        assert_eq!(spec["AccessMode"]["Scope"], "single");
        assert!(spec["AccessMode"]["BlockVolume"].is_object());
        assert_eq!(spec["CapacityRange"]["LimitBytes"], 5);
        let segments = &spec["AccessibilityRequirements"]["Requisite"][0]["Segments"];
        assert_eq!(*segments, json!({"region": "R1", "zone": "Z1"}));
    }
}
