//! `gantry system df -v`: a table for each kind of objects, or one template over all of them.

use std::rc::Rc;

use gantry_api_types::{BuildCache, DiskUsage};
use gantry_gotemplate::{Object, Value};
use gantry_units::{human_size, human_size_with_precision};
use jiff::Timestamp;

use crate::commands::{container, image, volume};
use crate::failure::Failure;
use crate::format::{self, Format, Row, short_id};
use crate::{output, times};

const IMAGES: &str = "table {{.Repository}}\\t{{.Tag}}\\t{{.ID}}\\t{{.CreatedSince}}\\t{{.Size}}\\t{{.SharedSize}}\\t{{.UniqueSize}}\\t{{.Containers}}";
const CONTAINERS: &str = "table {{.ID}}\\t{{.Image}}\\t{{.Command}}\\t{{.LocalVolumes}}\\t{{.Size}}\\t{{.RunningFor}}\\t{{.Status}}\\t{{.Names}}";
const VOLUMES: &str = "table {{.Name}}\\t{{.Links}}\\t{{.Size}}";
const CACHE: &str = "table {{.ID}}\\t{{.CacheType}}\\t{{.Size}}\\t{{.CreatedSince}}\\t{{.LastUsedSince}}\\t{{.UsageCount}}\\t{{.Shared}}";

const CACHE_HEADINGS: &[(&str, &str)] = &[
    ("ID", "CACHE ID"),
    ("CacheType", "CACHE TYPE"),
    ("Size", "SIZE"),
    ("CreatedSince", "CREATED"),
    ("LastUsedSince", "LAST USED"),
    ("UsageCount", "USAGE"),
    ("Shared", "SHARED"),
];

/// Rows as templates see them.
type Rows = Vec<Rc<dyn Object>>;

/// Prints all that is known of what takes room.
pub(super) fn print(usage: DiskUsage, format: &str) -> Result<(), Failure> {
    let size: i64 = usage
        .build_cache
        .iter()
        .flatten()
        .filter(|entry| !entry.shared)
        .map(|entry| entry.size)
        .sum();
    let is_table = format.is_empty() || format.starts_with("table");
    let all = Objects::of(usage, !is_table);
    output::print(match format {
        "" | "table" => all.tables(size)?,
        "json" => all.render("{{json .}}")?,
        template => all.render(template)?,
    });
    Ok(())
}

/// All that takes room, in rows.
struct Objects {
    images: Rows,
    containers: Rows,
    volumes: Rows,
    cache: Rows,
}

impl Objects {
    /// `whole` is to cut nothing.
    fn of(usage: DiskUsage, whole: bool) -> Self {
        let images = usage.images.unwrap_or_default().into_iter();
        let containers = usage.containers.unwrap_or_default().into_iter();
        let volumes = usage.volumes.unwrap_or_default().into_iter();
        let mut cache = usage.build_cache.unwrap_or_default();
        cache.sort_by(|a, b| (&a.last_used_at, &a.id).cmp(&(&b.last_used_at, &b.id)));
        Self {
            images: images.map(|i| image::ls::first_row(i, whole)).collect(),
            containers: containers
                .map(|mut container| {
                    // Images are counted by themselves.
                    container.size_root_fs = 0;
                    container::ls::row(container, whole)
                })
                .collect(),
            volumes: volumes.map(volume::ls::row).collect(),
            cache: cache.into_iter().map(|e| cache_row(e, whole)).collect(),
        }
    }

    fn tables(self, cache_size: i64) -> Result<String, Failure> {
        let table = |form: &str, headings, rows: Rows| {
            Format::new(form, form).render(headings, rows.into_iter())
        };
        Ok(format!(
            "Images space usage:\n\n{}\nContainers space usage:\n\n{}\nLocal Volumes space usage:\n\n{}\nBuild cache usage: {}\n\n{}",
            table(IMAGES, image::ls::HEADINGS, self.images)?,
            table(CONTAINERS, container::ls::HEADINGS, self.containers)?,
            table(VOLUMES, volume::ls::HEADINGS, self.volumes)?,
            human_size(cache_size as f64),
            table(CACHE, CACHE_HEADINGS, self.cache)?,
        ))
    }

    /// A template sees a struct of four lists.
    fn render(self, template: &str) -> Result<String, Failure> {
        let template = template.trim().replace("\\t", "\t").replace("\\n", "\n");
        let lists = [
            ("Images", self.images),
            ("Containers", self.containers),
            ("Volumes", self.volumes),
            ("BuildCache", self.cache),
        ];
        let fields = lists.map(|(name, rows)| {
            let rows = rows.into_iter().map(Value::Object).collect();
            (name.to_owned(), Value::List(rows))
        });
        let data = Value::Struct(Rc::new(fields.into()));
        format::parse(&template)?
            .render(&data)
            .map_err(format::failed)
    }
}

fn cache_row(entry: BuildCache, whole: bool) -> Rc<dyn Object> {
    Rc::new(Row {
        type_name: "*formatter.buildCacheContext",
        fields: &[
            "CacheType",
            "CreatedAt",
            "CreatedSince",
            "Description",
            "ID",
            "InUse",
            "LastUsedAt",
            "LastUsedSince",
            "Parent",
            "Shared",
            "Size",
            "UsageCount",
        ],
        field: cache_field,
        label: |_, _| None,
        data: (entry, whole),
    })
}

fn cache_field((entry, whole): &(BuildCache, bool), name: &str) -> Option<Value> {
    let used = entry.last_used_at.as_deref();
    Some(Value::from(match name {
        "ID" => {
            let id = if *whole {
                entry.id.clone()
            } else {
                short_id(&entry.id)
            };
            if entry.in_use { id + "*" } else { id }
        }
        // Records here stand alone.
        "Parent" => String::new(),
        "CacheType" => entry.kind.clone(),
        "Description" => entry.description.clone(),
        "Size" => human_size_with_precision(entry.size as f64, 3),
        "CreatedAt" => times::go_time_of(&entry.created_at),
        "CreatedSince" => since(&entry.created_at),
        "LastUsedAt" => used.map(times::go_time_of).unwrap_or_default(),
        "LastUsedSince" => used.map(since).unwrap_or_default(),
        "UsageCount" => entry.usage_count.to_string(),
        "InUse" => entry.in_use.to_string(),
        "Shared" => entry.shared.to_string(),
        _ => return None,
    }))
}

fn since(at: &str) -> String {
    at.parse()
        .map_or(String::new(), |at: Timestamp| times::ago(at.as_second()))
}
