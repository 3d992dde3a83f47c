//! What is shown of a record.

use gantry_build_client::proto::moby::buildkit::v1::Descriptor;
use gantry_build_client::proto::pb::Platform;
use gantry_build_client::{Builder, Failure as Told, HistoryRecord};
use serde_json::{Map, Value, json};

use super::super::failure;
use super::{name, nanos};
use crate::build::display::ending::places;
use crate::failure::Failure;

/// How many lines of a failed step's log are shown.
const LINES: usize = 16;
/// Attributes that have a place of their own.
const PLACED: [(&str, &str); 17] = [
    ("force-network-mode", "Network"),
    ("hostname", "Hostname"),
    ("cgroup-parent", "CgroupParent"),
    ("image-resolve-mode", "ImageResolveMode"),
    ("shm-size", "ShmSize"),
    ("ulimit", "Ulimit"),
    ("memory", "Memory"),
    ("memswap", "MemorySwap"),
    ("cpushares", "CPUShares"),
    ("cpuperiod", "CPUPeriod"),
    ("cpuquota", "CPUQuota"),
    ("cpusetcpus", "CPUSetCPUs"),
    ("cpusetmems", "CPUSetMems"),
    ("build-arg:BUILDKIT_CACHE_MOUNT_NS", "CacheMountNS"),
    (
        "build-arg:BUILDKIT_DOCKERFILE_CHECK",
        "DockerfileCheckConfig",
    ),
    ("build-arg:SOURCE_DATE_EPOCH", "SourceDateEpoch"),
    ("build-arg:BUILDKIT_SANDBOX_HOSTNAME", "SandboxHostname"),
];

/// What a record refers to: a platform, if it is of one alone, and the descriptor.
pub(super) type Attachment<'a> = (Option<&'a str>, &'a Descriptor);

/// What a record refers to and people may want to see, in order.
pub(super) fn attachments(record: &HistoryRecord) -> Vec<Attachment<'_>> {
    let single = record.result.iter().flat_map(|result| &result.attestations);
    let mut all: Vec<Attachment<'_>> = single.map(|of| (None, of)).collect();
    let mut platforms: Vec<_> = record.results.iter().collect();
    platforms.sort_by_key(|(platform, _)| platform.as_str());
    for (platform, result) in platforms {
        let own = result.attestations.iter();
        all.extend(own.map(|of| (Some(platform.as_str()), of)));
    }
    all
}

/// What kind of thing it is.
pub(super) fn kind(of: &Descriptor) -> &str {
    let statement = of.annotations.get("in-toto.io/predicate-type");
    statement.map_or(of.media_type.as_str(), String::as_str)
}

/// A record by the names that its JSON and templates have; what is empty is there, too.
pub(super) async fn shown(
    builder: &Builder,
    record: &HistoryRecord,
    platform: &str,
) -> Result<Value, Failure> {
    let mut attributes = record.frontend_attrs.clone();
    let mut config = Map::new();
    for (key, field) in PLACED {
        let value = attributes.remove(key).unwrap_or_default();
        config.insert(field.to_owned(), value.into());
    }
    let mut take = |key: &str| attributes.remove(key);
    let no_cache = take("no-cache");
    let listed = |text: Option<String>| -> Vec<String> {
        let text = text.unwrap_or_default();
        let parts = text.split(',').filter(|part| !part.is_empty());
        parts.map(str::to_owned).collect()
    };
    config.insert(
        "NoCache".to_owned(),
        (no_cache.as_deref() == Some("")).into(),
    );
    config.insert("NoCacheFilter".to_owned(), json!(listed(no_cache)));
    config.insert("ExtraHosts".to_owned(), json!(listed(take("add-hosts"))));
    let many = take("build-arg:BUILDKIT_MULTI_PLATFORM").or(take("multi-platform"));
    let many = many.is_some_and(|value| matches!(value.as_str(), "1" | "true"));
    config.insert("MultiPlatform".to_owned(), many.into());
    let platforms = match take("platform") {
        Some(list) if list.is_empty() => vec![platform.to_owned()],
        given => listed(given),
    };
    let (context, file) = (take("context"), take("filename"));
    let target = take("target");
    for silent in ["frontend.caps", "cmdline", "source", "requestid"] {
        take(silent);
    }
    let (began, ended) = (record.created_at.as_ref(), record.completed_at.as_ref());
    let end = ended.map_or_else(|| jiff::Timestamp::now().as_nanosecond() as i64, nanos);
    let (materials, told) = (
        materials(builder, record).await?,
        told(builder, record).await?,
    );
    let attached = attachments(record);
    let text = |key: &str| record.frontend_attrs.get(key).cloned().unwrap_or_default();
    let rest = rest(&attributes);
    config.insert("RestRaw".to_owned(), rest);
    Ok(json!({
        "Name": name(record),
        "Ref": record.r#ref,
        "Context": context.unwrap_or_default(),
        "Dockerfile": file.unwrap_or_default(),
        "VCSRepository": text("vcs:source"),
        "VCSRevision": text("vcs:revision"),
        "Target": target.unwrap_or_default(),
        "Platform": platforms,
        "NamedContexts": pairs(&attributes, "context:"),
        "StartedAt": began.map(when),
        "CompletedAt": ended.map(when),
        "Duration": end - began.map_or(end, nanos),
        "Status": status(record),
        "Error": told,
        "NumCompletedSteps": record.num_completed_steps,
        "NumTotalSteps": record.num_total_steps,
        "NumCachedSteps": record.num_cached_steps,
        "BuildArgs": pairs(&attributes, "build-arg:"),
        "Labels": pairs(&attributes, "label:"),
        "Config": config,
        "Materials": materials,
        "Attachments": attached.iter().map(|(platform, of)| json!({
            "Digest": of.digest,
            "Platform": platform.unwrap_or_default(),
            "Type": kind(of),
        })).collect::<Vec<_>>(),
    }))
}

/// Without what is empty, as Go leaves it out.
pub(super) fn without_empty(value: Value) -> Value {
    match value {
        Value::Object(map) => {
            let counts = |value: &Value| match value {
                Value::Null => false,
                Value::Bool(yes) => *yes,
                Value::String(text) => !text.is_empty(),
                Value::Array(all) => !all.is_empty(),
                Value::Number(_) | Value::Object(_) => true,
            };
            let kept = map.into_iter().filter(|(_, value)| counts(value));
            kept.map(|(key, value)| (key, without_empty(value)))
                .collect()
        }
        Value::Array(all) => all.into_iter().map(without_empty).collect(),
        other => other,
    }
}

fn when(time: &gantry_build_client::proto::google::protobuf::Timestamp) -> String {
    let time = jiff::Timestamp::new(time.seconds, time.nanos).unwrap_or_default();
    let local = time.to_zoned(jiff::tz::TimeZone::system());
    local.strftime("%Y-%m-%dT%H:%M:%S%.f%:z").to_string()
}

fn status(record: &HistoryRecord) -> &'static str {
    match (&record.completed_at, &record.error) {
        (_, Some(error)) if error.code == 1 => "canceled",
        (_, Some(_)) => "failed",
        (Some(_), None) => "completed",
        (None, None) => "running",
    }
}

fn pairs(attributes: &std::collections::HashMap<String, String>, prefix: &str) -> Value {
    let found = attributes
        .iter()
        .filter_map(|(key, value)| Some((key.strip_prefix(prefix)?, value)));
    let mut found: Vec<_> = found.collect();
    found.sort();
    let found = found
        .iter()
        .map(|(name, value)| json!({"Name": name, "Value": value}));
    found.collect()
}

/// Attributes without a place of their own.
fn rest(attributes: &std::collections::HashMap<String, String>) -> Value {
    let prefixes = ["vcs:", "build-arg:", "label:", "context:", "attest:"];
    let other = attributes
        .iter()
        .filter(|(key, _)| !prefixes.iter().any(|p| key.starts_with(p)));
    let mut other: Vec<_> = other.collect();
    other.sort();
    let other = other
        .iter()
        .map(|(name, value)| json!({"Name": name, "Value": value}));
    other.collect()
}

/// What the build took from elsewhere, as its provenance says.
async fn materials(builder: &Builder, record: &HistoryRecord) -> Result<Value, Failure> {
    let attached = attachments(record);
    let statement = attached
        .iter()
        .find(|(_, of)| kind(of).starts_with("https://slsa.dev/provenance/"));
    let Some((_, of)) = statement else {
        return Ok(json!([]));
    };
    let text = builder
        .blob(&of.digest)
        .await
        .map_err(|error| failure(&error))?;
    let predicate: Value = serde_json::from_slice(&text).unwrap_or_default();
    let materials = predicate["materials"].as_array().into_iter().flatten();
    let materials = materials.map(|one| {
        let digests = one["digest"].as_object().into_iter().flatten();
        let digests =
            digests.map(|(kind, hex)| format!("{kind}:{}", hex.as_str().unwrap_or_default()));
        json!({"URI": one["uri"], "Digests": digests.collect::<Vec<_>>()})
    });
    Ok(materials.collect())
}

/// Why it failed: the message, the lines of the Dockerfile, and the log's last lines.
async fn told(builder: &Builder, record: &HistoryRecord) -> Result<Value, Failure> {
    let Some(error) = &record.error else {
        return Ok(Value::Null);
    };
    let (mut sources, mut name, mut lines) = (String::new(), String::new(), Vec::new());
    if let Some(of) = &record.external_error {
        let whole = builder
            .blob(&of.digest)
            .await
            .map_err(|error| failure(&error))?;
        let (told, step) = Told::of_blob(&whole);
        sources = places(&told);
        if let Some(step) = step {
            (name, lines) = log_of(builder, &record.r#ref, &step).await?;
        }
    }
    let from = lines.len().saturating_sub(LINES);
    Ok(json!({
        "Code": error.code,
        "Message": error.message,
        "Name": name,
        "Logs": lines[from..],
        "Sources": sources,
    }))
}

/// A step's name and its log.
async fn log_of(
    builder: &Builder,
    build: &str,
    step: &str,
) -> Result<(String, Vec<String>), Failure> {
    let (mut name, mut log) = (String::new(), Vec::new());
    let mut update = |told: gantry_build_client::proto::moby::buildkit::v1::StatusResponse| {
        if let Some(vertex) = told.vertexes.into_iter().find(|v| v.digest == step) {
            name = vertex.name;
        }
        let own = told.logs.into_iter().filter(|log| log.vertex == step);
        log.extend(own.flat_map(|log| log.msg));
    };
    let replayed = builder.replay(build, &mut update).await;
    replayed.map_err(|error| failure(&error))?;
    let text = String::from_utf8_lossy(&log).into_owned();
    Ok((name, text.lines().map(str::to_owned).collect()))
}

/// `linux/amd64`
pub(super) fn platform_name(platform: &Platform) -> String {
    let mut name = format!("{}/{}", platform.os, platform.architecture);
    if !platform.variant.is_empty() {
        name = format!("{name}/{}", platform.variant);
    }
    name
}
