//! The files that describe devices: CDI's JSON or YAML (CNCF container-device-interface, SPEC.md).

use std::path::Path;

use serde::Deserialize;

/// A file: devices of one kind.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Document {
    /// `vendor.com/class`.
    pub(super) kind: String,
    /// The devices.
    #[serde(default)]
    pub(super) devices: Vec<Device>,
    /// What each container gets that has any of the devices.
    #[serde(default)]
    pub(super) container_edits: Edits,
}

/// One device.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Device {
    /// Its name; YAML writers leave numbers unquoted.
    #[serde(deserialize_with = "name")]
    pub(super) name: String,
    /// What a container with it gets.
    #[serde(default)]
    pub(super) container_edits: Edits,
}

/// What changes in a container.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Edits {
    pub(super) env: Vec<String>,
    pub(super) device_nodes: Vec<DeviceNode>,
    pub(super) mounts: Vec<Mount>,
    pub(super) hooks: Vec<Hook>,
    pub(super) additional_gids: Vec<u32>,
    pub(super) intel_rdt: Option<serde_json::Value>,
    pub(super) net_devices: Option<serde_json::Value>,
}

/// A device node.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct DeviceNode {
    /// In the container.
    pub(super) path: String,
    /// On the host, where that is another.
    pub(super) host_path: Option<String>,
    #[serde(rename = "type")]
    pub(super) kind: Option<String>,
    pub(super) major: Option<i64>,
    pub(super) minor: Option<i64>,
    pub(super) file_mode: Option<u32>,
    /// Of `rwm`.
    pub(super) permissions: Option<String>,
    pub(super) uid: Option<u32>,
    pub(super) gid: Option<u32>,
}

/// A mount.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Mount {
    pub(super) host_path: String,
    pub(super) container_path: String,
    #[serde(rename = "type")]
    pub(super) kind: Option<String>,
    pub(super) options: Vec<String>,
}

/// A hook.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Hook {
    /// `createContainer` and so on.
    pub(super) hook_name: String,
    pub(super) path: String,
    pub(super) args: Vec<String>,
    pub(super) env: Vec<String>,
    pub(super) timeout: Option<i64>,
}

fn name<'de, D: serde::Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Name {
        Text(String),
        Number(i64),
    }
    Ok(match Name::deserialize(from)? {
        Name::Text(text) => text,
        Name::Number(number) => number.to_string(),
    })
}

impl Document {
    /// Reads a file by its ending; nothing if that is none of CDI's.
    pub(super) fn read(path: &Path) -> Option<Result<Self, String>> {
        let parse: fn(&str) -> Result<Self, String> = match path.extension()?.to_str()? {
            "json" => |text| serde_json::from_str(text).map_err(|e| e.to_string()),
            "yaml" | "yml" => |text| serde_yaml_ng::from_str(text).map_err(|e| e.to_string()),
            _ => return None,
        };
        let read = std::fs::read_to_string(path).map_err(|e| e.to_string());
        Some(read.and_then(|text| parse(&text)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn yaml_and_json_are_one() {
        let yaml = "cdiVersion: 0.6.0\nkind: v.com/net\ndevices:\n- name: 0\n  containerEdits:\n    \
                    deviceNodes:\n    - path: /dev/null\ncontainerEdits:\n  env: [A=1]\n";
        let json = r#"{"cdiVersion":"0.6.0","kind":"v.com/net","devices":[{"name":"0",
            "containerEdits":{"deviceNodes":[{"path":"/dev/null"}]}}],
            "containerEdits":{"env":["A=1"]}}"#;
        let yaml: Document = serde_yaml_ng::from_str(yaml).unwrap();
        assert_eq!(yaml, serde_json::from_str(json).unwrap());
        assert_eq!(yaml.devices[0].name, "0");
    }
}
