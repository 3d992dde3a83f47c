//! `gantry network ls`

use std::rc::Rc;

use gantry_api_types::NetworkResource;
use gantry_gotemplate::{Object, Value};

use crate::command::{Arity, Command};
use crate::failure::Failure;
use crate::flags::{FilterList, flags};
use crate::format::{Format, Row, filters, labels, short_id};
use crate::session::Session;

flags! {
    /// `gantry network ls`
    pub(crate) struct List {
        /// Provide filter values (e.g. "driver=bridge")
        "filter" 'f' => filter: FilterList,
        /// Format output using a custom template:\
        /// 'table':            Print output in table format with column headers (default)\
        /// 'table TEMPLATE':   Print output in table format using the given Go template\
        /// 'json':             Print in JSON format\
        /// 'TEMPLATE':         Print output using the given Go template.\
        /// Refer to https://docs.docker.com/go/formatting/ for more information about formatting
        /// output with templates
        "format" => format: String,
        /// Do not truncate the output
        "no-trunc" => no_trunc: bool,
        /// Only display network IDs
        "quiet" 'q' => quiet: bool,
    }
}

const HEADINGS: &[(&str, &str)] = &[
    ("ID", "NETWORK ID"),
    ("Name", "NAME"),
    ("Driver", "DRIVER"),
    ("Scope", "SCOPE"),
    ("IPv4", "IPV4"),
    ("IPv6", "IPV6"),
    ("Internal", "INTERNAL"),
    ("Labels", "LABELS"),
    ("CreatedAt", "CREATED AT"),
];

impl Command for List {
    const USAGE: &'static str = "[OPTIONS]";
    const ABOUT: &'static str = "List networks";
    const WORDS: Arity = Arity::None;

    async fn run(self, session: &Session, _words: Vec<String>) -> Result<(), Failure> {
        let client = session.client().await?;
        let request = client
            .get("/networks")
            .query_opt("filters", filters(&self.filter));
        let mut networks: Vec<NetworkResource> = request.send().await?.json().await?;
        networks.sort_by(|a, b| a.name.cmp(&b.name));
        let given = match self.format.as_str() {
            "" if self.quiet => "{{.ID}}",
            "" => session.config().networks_format.as_str(),
            given => given,
        };
        let format = Format::new(
            given,
            "table {{.ID}}\\t{{.Name}}\\t{{.Driver}}\\t{{.Scope}}",
        );
        let whole = self.no_trunc;
        format.print(
            HEADINGS,
            networks.into_iter().map(|network| row(network, whole)),
        )
    }
}

fn row(network: NetworkResource, whole: bool) -> Rc<dyn Object> {
    Rc::new(Row {
        type_name: "*network.networkContext",
        fields: &[
            "CreatedAt",
            "Driver",
            "ID",
            "IPv4",
            "IPv6",
            "Internal",
            "Labels",
            "Name",
            "Scope",
        ],
        field,
        label: |(network, _), key| network.labels.as_ref()?.get(key).cloned(),
        data: (network, whole),
    })
}

fn field((network, whole): &(NetworkResource, bool), name: &str) -> Option<Value> {
    Some(Value::from(match name {
        "ID" if *whole => network.id.clone(),
        "ID" => short_id(&network.id),
        "Name" => network.name.clone(),
        "Driver" => network.driver.clone(),
        "Scope" => network.scope.clone(),
        "IPv4" => network.enable_ipv4.to_string(),
        "IPv6" => network.enable_ipv6.to_string(),
        "Internal" => network.internal.to_string(),
        "Labels" => labels(network.labels.as_ref()),
        "CreatedAt" => crate::times::go_time_of(&network.created),
        _ => return None,
    }))
}
