//! `gantry system df`

use gantry_api_types::{BuildCache, ContainerSummary, DiskUsage, ImageSummary, Volume};
use gantry_gotemplate::{Object, Value};
use gantry_units::human_size;
use std::rc::Rc;

use super::df_verbose;
use crate::command::{Arity, Command};
use crate::failure::Failure;
use crate::flags::flags;
use crate::format::{Format, Row};
use crate::session::Session;

flags! {
    /// `gantry system df`
    pub(crate) struct DiskFree {
        /// Format output using a custom template:\
        /// 'table':            Print output in table format with column headers (default)\
        /// 'table TEMPLATE':   Print output in table format using the given Go template\
        /// 'json':             Print in JSON format\
        /// 'TEMPLATE':         Print output using the given Go template.\
        /// Refer to https://docs.docker.com/go/formatting/ for more information about formatting
        /// output with templates
        "format" => format: String,
        /// Show detailed information on space usage
        "verbose" 'v' => verbose: bool,
    }
}

const HEADINGS: &[(&str, &str)] = &[
    ("Type", "TYPE"),
    ("TotalCount", "TOTAL"),
    ("Active", "ACTIVE"),
    ("Size", "SIZE"),
    ("Reclaimable", "RECLAIMABLE"),
];
const TABLE: &str =
    "table {{.Type}}\\t{{.TotalCount}}\\t{{.Active}}\\t{{.Size}}\\t{{.Reclaimable}}";

impl Command for DiskFree {
    const USAGE: &'static str = "[OPTIONS]";
    const ABOUT: &'static str = "Show docker disk usage";
    const WORDS: Arity = Arity::None;

    async fn run(self, session: &Session, _words: Vec<String>) -> Result<(), Failure> {
        let client = session.client().await?;
        let usage: DiskUsage = client.get("/system/df").send().await?.json().await?;
        if self.verbose {
            return df_verbose::print(usage, &self.format);
        }
        let rows = lines(&usage).into_iter().map(|line| {
            Rc::new(Row {
                type_name: "*formatter.diskUsageContext",
                fields: &["Active", "Reclaimable", "Size", "TotalCount", "Type"],
                field,
                label: |_, _| None,
                data: line,
            }) as Rc<dyn Object>
        });
        Format::new(&self.format, TABLE).print(HEADINGS, rows)
    }
}

/// What one kind of objects takes.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Line {
    kind: &'static str,
    total: usize,
    active: usize,
    size: i64,
    reclaimable: i64,
    /// Docker says no share where nothing can be in use.
    with_share: bool,
}

fn lines(usage: &DiskUsage) -> Vec<Line> {
    let images: &[ImageSummary] = usage.images.as_deref().unwrap_or_default();
    let containers: &[ContainerSummary] = usage.containers.as_deref().unwrap_or_default();
    let volumes: &[Volume] = usage.volumes.as_deref().unwrap_or_default();
    let cache = usage.build_cache.as_deref().unwrap_or_default();
    vec![
        of_images(images, usage.layers_size),
        of_containers(containers),
        of_volumes(volumes),
        of_cache(cache),
    ]
}

fn of_images(images: &[ImageSummary], layers: i64) -> Line {
    let used: i64 = images
        .iter()
        .filter(|image| image.containers > 0 && image.size != -1 && image.shared_size != -1)
        .map(|image| image.size - image.shared_size)
        .sum();
    Line {
        kind: "Images",
        total: images.len(),
        active: images.iter().filter(|image| image.containers > 0).count(),
        size: layers,
        reclaimable: layers - used,
        with_share: true,
    }
}

fn of_containers(containers: &[ContainerSummary]) -> Line {
    let active = |container: &&ContainerSummary| {
        matches!(
            container.state.as_str(),
            "running" | "paused" | "restarting"
        )
    };
    let size = |container: &ContainerSummary| container.size_rw.max(0);
    let idle = containers.iter().filter(|container| !active(container));
    Line {
        kind: "Containers",
        total: containers.len(),
        active: containers.iter().filter(active).count(),
        size: containers.iter().map(size).sum(),
        reclaimable: idle.map(size).sum(),
        with_share: true,
    }
}

fn of_volumes(volumes: &[Volume]) -> Line {
    let known = |volume: &Volume| volume.usage_data.clone().unwrap_or_default();
    let size = |volume: &Volume| known(volume).size.max(0);
    let used = |volume: &&Volume| known(volume).ref_count > 0;
    Line {
        kind: "Local Volumes",
        total: volumes.len(),
        active: volumes.iter().filter(used).count(),
        size: volumes.iter().map(size).sum(),
        reclaimable: volumes
            .iter()
            .filter(|volume| !used(volume))
            .map(size)
            .sum(),
        with_share: true,
    }
}

fn of_cache(cache: &[BuildCache]) -> Line {
    let size = |entry: &BuildCache| entry.size;
    let used = |entry: &&BuildCache| entry.in_use;
    // What images have, too, they already count.
    let own = |entry: &&BuildCache| !entry.shared;
    let free = |entry: &&BuildCache| !entry.in_use && !entry.shared;
    Line {
        kind: "Build Cache",
        total: cache.len(),
        active: cache.iter().filter(used).count(),
        size: cache.iter().filter(own).map(size).sum(),
        reclaimable: cache.iter().filter(free).map(size).sum(),
        with_share: false,
    }
}

fn field(line: &Line, name: &str) -> Option<Value> {
    let bytes = |count: i64| human_size(count as f64);
    Some(Value::from(match name {
        "Type" => line.kind.to_owned(),
        "TotalCount" => line.total.to_string(),
        "Active" => line.active.to_string(),
        "Size" => bytes(line.size),
        "Reclaimable" => reclaimable(line),
        _ => return None,
    }))
}

fn reclaimable(line: &Line) -> String {
    let bytes = human_size(line.reclaimable as f64);
    if line.with_share && line.size > 0 {
        return format!("{bytes} ({}%)", line.reclaimable * 100 / line.size);
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_in_use_cannot_be_reclaimed() {
        let image = |containers, size, shared_size| ImageSummary {
            containers,
            size,
            shared_size,
            ..ImageSummary::default()
        };
        let line = of_images(&[image(1, 100, 40), image(0, 60, 40)], 120);
        assert_eq!((line.total, line.active), (2, 1));
        assert_eq!((line.size, line.reclaimable), (120, 60));
        assert_eq!(reclaimable(&line), "60B (50%)");
        let none = of_cache(&[]);
        assert_eq!(reclaimable(&none), "0B");
    }
}
