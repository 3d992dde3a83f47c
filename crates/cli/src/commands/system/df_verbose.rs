//! `gantry system df -v`: a table for each kind of objects.

use gantry_api_types::{BuildCache, ContainerSummary, DiskUsage, ImageSummary, Volume};
use gantry_units::human_size;
use jiff::Timestamp;

use crate::failure::Failure;
use crate::format::short_id;
use crate::table::align;
use crate::{output, times};

/// Prints all that is known of what takes room.
pub(super) fn print(usage: &DiskUsage, format: &str) -> Result<(), Failure> {
    match format {
        "" | "table" => output::print(text(usage)),
        "json" | "{{json .}}" => {
            let body = serde_json::json!({
                "Images": usage.images,
                "Containers": usage.containers,
                "Volumes": usage.volumes,
                "BuildCache": usage.build_cache,
            });
            output::line(body.to_string());
        }
        _ => {
            return Err(Failure::new(
                "templates for `system df -v` are not supported; use --format json",
            ));
        }
    }
    Ok(())
}

fn text(usage: &DiskUsage) -> String {
    let images = usage.images.iter().flatten().flat_map(image_lines);
    let containers = usage.containers.iter().flatten().map(container_line);
    let volumes = usage.volumes.iter().flatten().map(volume_line);
    let cache = usage.build_cache.as_deref().unwrap_or_default();
    let own = cache.iter().filter(|entry| !entry.shared);
    let size: i64 = own.map(|entry| entry.size).sum();
    format!(
        "Images space usage:\n\n{}\nContainers space usage:\n\n{}\nLocal Volumes space usage:\n\n{}\nBuild cache usage: {}\n\n{}",
        table(
            "REPOSITORY\tTAG\tIMAGE ID\tCREATED\tSIZE\tSHARED SIZE\tUNIQUE SIZE\tCONTAINERS",
            images,
        ),
        table(
            "CONTAINER ID\tIMAGE\tCOMMAND\tLOCAL VOLUMES\tSIZE\tCREATED\tSTATUS\tNAMES",
            containers,
        ),
        table("VOLUME NAME\tLINKS\tSIZE", volumes),
        bytes(size),
        table(
            "CACHE ID\tCACHE TYPE\tSIZE\tCREATED\tLAST USED\tUSAGE\tSHARED",
            cache.iter().map(cache_line),
        ),
    )
}

fn table(heading: &str, rows: impl Iterator<Item = String>) -> String {
    let mut lines = vec![heading.to_owned()];
    lines.extend(rows);
    align(&lines.join("\n"))
}

fn bytes(count: i64) -> String {
    if count < 0 {
        "N/A".to_owned()
    } else {
        human_size(count as f64)
    }
}

fn image_lines(image: &ImageSummary) -> Vec<String> {
    let tags = image.repo_tags.as_deref().unwrap_or_default();
    let mut names: Vec<(&str, &str)> = tags.iter().filter_map(|tag| tag.rsplit_once(':')).collect();
    if names.is_empty() {
        let digests = image.repo_digests.as_deref().unwrap_or_default();
        let repository = digests.first().and_then(|name| name.split_once('@'));
        names.push((repository.map_or("<none>", |(name, _)| name), "<none>"));
    }
    let line = |(repository, tag): (&str, &str)| {
        [
            repository.to_owned(),
            tag.to_owned(),
            short_id(&image.id),
            times::ago(image.created),
            bytes(image.size),
            bytes(image.shared_size),
            bytes(image.size - image.shared_size.max(0)),
            image.containers.to_string(),
        ]
        .join("\t")
    };
    names.into_iter().map(line).collect()
}

fn container_line(container: &ContainerSummary) -> String {
    let command: String = container.command.chars().take(20).collect();
    let volumes = container
        .mounts
        .iter()
        .filter(|mount| mount.kind == "volume");
    let names: Vec<&str> = container
        .names
        .iter()
        .flatten()
        .map(|name| name.trim_start_matches('/'))
        .collect();
    [
        short_id(&container.id),
        container.image.clone(),
        format!("\"{command}\""),
        volumes.count().to_string(),
        bytes(container.size_rw.max(0)),
        times::ago(container.created),
        container.status.clone(),
        names.join(","),
    ]
    .join("\t")
}

fn volume_line(volume: &Volume) -> String {
    let usage = volume.usage_data.clone().unwrap_or_default();
    [
        volume.name.clone(),
        usage.ref_count.to_string(),
        bytes(usage.size),
    ]
    .join("\t")
}

fn cache_line(entry: &BuildCache) -> String {
    let since = |at: &str| {
        at.parse()
            .map_or(String::new(), |at: Timestamp| times::ago(at.as_second()))
    };
    [
        format!(
            "{}{}",
            short_id(&entry.id),
            if entry.in_use { "*" } else { "" }
        ),
        entry.kind.clone(),
        bytes(entry.size),
        since(&entry.created_at),
        since(entry.last_used_at.as_deref().unwrap_or_default()),
        entry.usage_count.to_string(),
        entry.shared.to_string(),
    ]
    .join("\t")
}
