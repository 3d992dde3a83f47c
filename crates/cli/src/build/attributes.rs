//! Options in the words of the frontend.

use std::collections::BTreeMap;
use std::path::Path;

use gantry_reference::Reference;

use super::flags::BuildFlags;
use super::outputs::pairs;

/// Attributes of a build.
pub(crate) type Attributes = BTreeMap<String, String>;

/// What the frontend reads of the options. `proxies` are variables of the configuration file;
/// `gateway` is the host's address as containers see it.
pub(crate) fn attributes(
    flags: &BuildFlags,
    proxies: &[(String, String)],
    gateway: Option<&str>,
) -> Result<Attributes, String> {
    let mut all = Attributes::new();
    arguments(flags, proxies, &mut all);
    labels(flags, &mut all)?;
    if flags.no_cache {
        all.insert("no-cache".to_owned(), String::new());
    } else if !flags.no_cache_filter.is_empty() {
        all.insert("no-cache".to_owned(), flags.no_cache_filter.join(","));
    }
    let mode = if flags.pull { "pull" } else { "local" };
    all.insert("image-resolve-mode".to_owned(), mode.to_owned());
    let mut text = |key: &str, value: String| {
        if !value.is_empty() {
            all.insert(key.to_owned(), value);
        }
    };
    text("target", flags.target.clone());
    text("cgroup-parent", flags.cgroup_parent.clone());
    text("platform", platforms(&flags.platform));
    text("add-hosts", hosts(&flags.add_host, gateway)?);
    if flags.shm_size.0 > 0 {
        text("shm-size", flags.shm_size.0.to_string());
    }
    let ulimits: Vec<String> = flags.ulimit.iter().map(ToString::to_string).collect();
    text("ulimit", ulimits.join(","));
    match flags.network.as_str() {
        "" | "default" => {}
        mode @ ("host" | "none") => text("force-network-mode", mode.to_owned()),
        mode => {
            return Err(format!(
                "network mode {mode:?} not supported by buildkit - you can define a custom network for your builder using the network driver-opt in buildx create"
            ));
        }
    }
    attestations(flags, &mut all)?;
    Ok(all)
}

/// What the build may do beyond the ordinary.
pub(crate) fn entitlements(flags: &BuildFlags) -> Vec<String> {
    let mut all: Vec<String> = flags.allow.to_vec();
    if flags.network == "host" && !all.iter().any(|e| e == "network.host") {
        all.push("network.host".to_owned());
    }
    all
}

/// The caches that are read, as the frontend has to know them, too; `None` if there are none.
pub(crate) fn imports(caches: &[(String, Attributes)]) -> Option<String> {
    let entries: Vec<serde_json::Value> = caches
        .iter()
        .map(|(kind, attributes)| serde_json::json!({"Type": kind, "Attrs": attributes}))
        .collect();
    (!entries.is_empty()).then(|| serde_json::Value::Array(entries).to_string())
}

fn arguments(flags: &BuildFlags, proxies: &[(String, String)], all: &mut Attributes) {
    for (name, value) in proxies {
        all.insert(format!("build-arg:{name}"), value.clone());
    }
    if let Ok(epoch) = std::env::var("SOURCE_DATE_EPOCH")
        && !epoch.is_empty()
    {
        all.insert("build-arg:SOURCE_DATE_EPOCH".to_owned(), epoch);
    }
    for argument in flags.build_arg.iter() {
        match argument.split_once('=') {
            Some((name, value)) => {
                all.insert(format!("build-arg:{name}"), value.to_owned());
            }
            // A bare name takes the environment's value, if there is one.
            None => {
                if let Ok(value) = std::env::var(argument) {
                    all.insert(format!("build-arg:{argument}"), value);
                }
            }
        }
    }
}

fn labels(flags: &BuildFlags, all: &mut Attributes) -> Result<(), String> {
    for label in flags.label.iter() {
        let (key, value) = label.split_once('=').unwrap_or((label, ""));
        if key.is_empty() {
            return Err(format!("invalid label {label:?}: empty name"));
        }
        all.insert(format!("label:{key}"), value.to_owned());
    }
    Ok(())
}

fn platforms(given: &[String]) -> String {
    let all: Vec<&str> = given
        .iter()
        .flat_map(|text| text.split(','))
        .map(str::trim)
        .filter(|platform| !platform.is_empty() && *platform != "local")
        .collect();
    all.join(",")
}

/// `host:ip` or `host=ip`, as `host=ip`.
fn hosts(given: &[String], gateway: Option<&str>) -> Result<String, String> {
    let mut all = Vec::new();
    for text in given {
        let (host, address) = text
            .split_once('=')
            .or_else(|| text.split_once(':'))
            .filter(|(host, address)| !host.is_empty() && !address.is_empty())
            .ok_or_else(|| format!("invalid host {text}"))?;
        let address = match address {
            "host-gateway" => gateway.ok_or("unable to derive the IP value for host-gateway")?,
            address => address.trim_start_matches('[').trim_end_matches(']'),
        };
        address
            .parse::<std::net::IpAddr>()
            .map_err(|_| format!("invalid host {text}"))?;
        all.push(format!("{host}={address}"));
    }
    Ok(all.join(","))
}

fn attestations(flags: &BuildFlags, all: &mut Attributes) -> Result<(), String> {
    for text in flags.attest.iter() {
        let mut kind = String::new();
        let mut rest = Vec::new();
        let mut disabled = false;
        for (key, value) in pairs(text)? {
            match key.as_str() {
                "type" => kind = value,
                "disabled" => disabled = value == "true" || value == "1",
                _ => rest.push(format!("{key}={value}")),
            }
        }
        if kind.is_empty() {
            return Err("attestation type not specified".to_owned());
        }
        if !disabled {
            all.insert(format!("attest:{kind}"), rest.join(","));
        }
    }
    for (kind, given) in [("provenance", &flags.provenance), ("sbom", &flags.sbom)] {
        let key = format!("attest:{kind}");
        match given.as_str() {
            "" => {}
            "true" | "1" => drop(all.insert(key, String::new())),
            "false" | "0" => drop(all.remove(&key)),
            // A bare word is provenance's mode, or the scanner's image.
            more if !more.contains('=') => {
                let name = if kind == "sbom" { "generator" } else { "mode" };
                all.insert(key, format!("{name}={more}"));
            }
            more => drop(all.insert(key, more.to_owned())),
        }
    }
    Ok(())
}

/// Names of the image, whole.
pub(crate) fn names(tags: &[String]) -> Result<Vec<String>, String> {
    tags.iter()
        .map(|tag| {
            let reference =
                Reference::parse(tag).map_err(|error| format!("invalid tag {tag:?}: {error}"))?;
            let mut name = reference.repository();
            if reference.was_tagged()
                && let Some(tag) = reference.tag()
            {
                name = format!("{name}:{tag}");
            }
            Ok(name)
        })
        .collect()
}

/// `--annotation [manifest[os/arch],index:]key=value` as attributes of an exporter.
pub(crate) fn annotations(given: &[String]) -> Result<Attributes, String> {
    let mut all = Attributes::new();
    for text in given {
        let (key, value) = text
            .split_once('=')
            .ok_or_else(|| format!("invalid annotation {text:?}, expected key=value"))?;
        let (kinds, key) = match key.split_once(':') {
            Some((kinds, key)) if kinds.starts_with("manifest") || kinds.starts_with("index") => {
                (kinds, key)
            }
            _ => ("manifest", key),
        };
        for kind in kinds.split(',') {
            let attribute = match kind {
                "manifest" => format!("annotation.{key}"),
                kind => match kind.strip_prefix("manifest[") {
                    Some(platform) => format!("annotation[{platform}.{key}"),
                    None => format!("annotation-{kind}.{key}"),
                },
            };
            all.insert(attribute, value.to_owned());
        }
    }
    Ok(all)
}

/// By what the engine finds again what it got from a folder.
pub(crate) fn shared_key(folder: &Path) -> String {
    use sha2::Digest as _;
    let machine = std::fs::read_to_string("/etc/machine-id").unwrap_or_default();
    let text = format!("{}:{}", machine.trim(), folder.display());
    let hash = sha2::Sha256::digest(text.as_bytes());
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flags::parse;

    fn of(line: &str) -> Result<Attributes, String> {
        let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        let flags = parse::<BuildFlags>(&words, true).unwrap().flags;
        attributes(&flags, &[], Some("172.17.0.1"))
    }

    #[test]
    fn options_become_the_frontend_s_attributes() {
        let all = of("--build-arg A=1=2 --build-arg NOT_SET_AT_ALL --label a.b=c --target t --no-cache-filter x,y \
                      --add-host h:1.2.3.4 --add-host six=[::1],gw:host-gateway --shm-size 1m --ulimit nofile=10:20 \
                      --network none --platform linux/amd64,local --pull --provenance=max --sbom true --cgroup-parent /p")
            .unwrap();
        let expected = [
            ("add-hosts", "h=1.2.3.4,six=::1,gw=172.17.0.1"),
            ("attest:provenance", "mode=max"),
            ("attest:sbom", ""),
            ("build-arg:A", "1=2"),
            ("cgroup-parent", "/p"),
            ("force-network-mode", "none"),
            ("image-resolve-mode", "pull"),
            ("label:a.b", "c"),
            ("no-cache", "x,y"),
            ("platform", "linux/amd64"),
            ("shm-size", "1048576"),
            ("target", "t"),
            ("ulimit", "nofile=10:20"),
        ];
        let expected: Attributes = expected
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .into_iter()
            .collect();
        assert_eq!(all, expected);
        assert_eq!(of("--no-cache").unwrap()["no-cache"], "");
    }

    #[test]
    fn what_makes_no_sense_is_told() {
        assert_eq!(of("--add-host x").unwrap_err(), "invalid host x");
        assert_eq!(of("--add-host x:y").unwrap_err(), "invalid host x:y");
        assert!(
            of("--network mine")
                .unwrap_err()
                .contains("\"mine\" not supported")
        );
        assert_eq!(
            of("--attest mode=max").unwrap_err(),
            "attestation type not specified"
        );
    }

    #[test]
    fn names_are_whole_and_keep_their_tag() {
        let tags = ["t1".to_owned(), "r.example:5000/a/b:v1".to_owned()];
        assert_eq!(
            names(&tags).unwrap(),
            ["docker.io/library/t1", "r.example:5000/a/b:v1"]
        );
        assert!(
            names(&["A".to_owned()])
                .unwrap_err()
                .contains("invalid tag \"A\"")
        );
    }

    #[test]
    fn annotations_say_where_they_go() {
        let given = [
            "a=b",
            "index:c=d",
            "manifest,index:e=f",
            "manifest[linux/amd64]:g=h",
        ];
        let given: Vec<String> = given.map(str::to_owned).to_vec();
        let all: Vec<String> = annotations(&given)
            .unwrap()
            .into_iter()
            .map(|(key, value)| format!("{key} {value}"))
            .collect();
        assert_eq!(
            all,
            [
                "annotation-index.c d",
                "annotation-index.e f",
                "annotation.a b",
                "annotation.e f",
                "annotation[linux/amd64].g h"
            ]
        );
    }
}
