//! `gantry volume ls`

use std::rc::Rc;

use gantry_api_types::{Volume, VolumeListing};
use gantry_gotemplate::{Object, Value};
use gantry_units::human_size;

use crate::command::{Arity, Command};
use crate::failure::Failure;
use crate::flags::{FilterList, flags};
use crate::format::{Format, Row, filters, labels};
use crate::session::Session;

flags! {
    /// `gantry volume ls`
    pub(crate) struct List {
        /// Display only cluster volumes, and use cluster volume list formatting
        "cluster" => cluster: bool,
        /// Provide filter values (e.g. "dangling=true")
        "filter" 'f' => filter: FilterList,
        /// Format output using a custom template:\
        /// 'table':            Print output in table format with column headers (default)\
        /// 'table TEMPLATE':   Print output in table format using the given Go template\
        /// 'json':             Print in JSON format\
        /// 'TEMPLATE':         Print output using the given Go template.\
        /// Refer to https://docs.docker.com/go/formatting/ for more information about formatting
        /// output with templates
        "format" => format: String,
        /// Only display volume names
        "quiet" 'q' => quiet: bool,
    }
}

/// What stands above each column.
pub(crate) const HEADINGS: &[(&str, &str)] = &[
    ("Name", "VOLUME NAME"),
    ("Driver", "DRIVER"),
    ("Scope", "SCOPE"),
    ("Mountpoint", "MOUNTPOINT"),
    ("Labels", "LABELS"),
    ("Links", "LINKS"),
    ("Size", "SIZE"),
    ("Availability", "AVAILABILITY"),
    ("Group", "GROUP"),
    ("Status", "STATUS"),
];

const CLUSTER: &str =
    "table {{.Name}}\\t{{.Group}}\\t{{.Driver}}\\t{{.Availability}}\\t{{.Status}}";

impl Command for List {
    const USAGE: &'static str = "[OPTIONS]";
    const ABOUT: &'static str = "List volumes";
    const WORDS: Arity = Arity::None;

    async fn run(self, session: &Session, _words: Vec<String>) -> Result<(), Failure> {
        let client = session.client().await?;
        let request = client
            .get("/volumes")
            .query_opt("filters", filters(&self.filter));
        let mut listing: VolumeListing = request.send().await?.json().await?;
        listing.volumes.sort_by(|a, b| a.name.cmp(&b.name));
        if self.cluster {
            listing
                .volumes
                .retain(|volume| volume.cluster_volume.is_some());
        }
        let given = match self.format.as_str() {
            "" if self.quiet => "{{.Name}}",
            "" if self.cluster => CLUSTER,
            "" => session.config().volumes_format.as_str(),
            given => given,
        };
        let format = Format::new(given, "table {{.Driver}}\\t{{.Name}}");
        format.print(HEADINGS, listing.volumes.into_iter().map(row))
    }
}

/// A volume as templates see it.
pub(crate) fn row(volume: Volume) -> Rc<dyn Object> {
    Rc::new(Row {
        type_name: "*formatter.volumeContext",
        fields: &[
            "Availability",
            "Driver",
            "Group",
            "Labels",
            "Links",
            "Mountpoint",
            "Name",
            "Scope",
            "Size",
            "Status",
        ],
        field,
        label: |volume, key| volume.labels.as_ref()?.get(key).cloned(),
        data: volume,
    })
}

fn field(volume: &Volume, name: &str) -> Option<Value> {
    let unknown = || "N/A".to_owned();
    let in_cluster = |path: &str| volume.cluster_volume.as_ref()?.pointer(path)?.as_str();
    Some(Value::from(match name {
        "Name" => volume.name.clone(),
        "Driver" => volume.driver.clone(),
        "Scope" => volume.scope.clone(),
        "Mountpoint" => volume.mountpoint.clone(),
        "Labels" => labels(volume.labels.as_ref()),
        "Links" => volume
            .usage_data
            .as_ref()
            .map_or_else(unknown, |u| u.ref_count.to_string()),
        "Size" => volume
            .usage_data
            .as_ref()
            .map_or_else(unknown, |u| human_size(u.size as f64)),
        "Availability" => in_cluster("/Spec/Availability").map_or_else(unknown, str::to_owned),
        "Group" => in_cluster("/Spec/Group").map_or_else(unknown, str::to_owned),
        "Status" => match (&volume.cluster_volume, in_cluster("/Info/VolumeID")) {
            (None, _) => unknown(),
            (Some(_), None | Some("")) => "pending creation".to_owned(),
            (Some(cluster), Some(_)) => match cluster["PublishStatus"].as_array().map(Vec::len) {
                None | Some(0) => "created".to_owned(),
                Some(nodes) => {
                    format!("in use ({nodes} node{})", if nodes == 1 { "" } else { "s" })
                }
            },
        },
        _ => return None,
    }))
}
