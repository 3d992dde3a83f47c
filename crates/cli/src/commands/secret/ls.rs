//! `gantry secret ls`

use std::rc::Rc;

use gantry_api_types::Secret;
use gantry_gotemplate::{Object, Value};

use crate::command::{Arity, Command};
use crate::failure::Failure;
use crate::flags::{FilterList, flags};
use crate::format::{Format, Row, filters, labels};
use crate::session::Session;
use crate::times;

flags! {
    /// `gantry secret ls`
    pub(crate) struct List {
        /// Filter output based on conditions provided
        "filter" 'f' => filter: FilterList,
        /// Format output using a custom template:\
        /// 'table':            Print output in table format with column headers (default)\
        /// 'table TEMPLATE':   Print output in table format using the given Go template\
        /// 'json':             Print in JSON format\
        /// 'TEMPLATE':         Print output using the given Go template.\
        /// Refer to https://docs.docker.com/go/formatting/ for more information about formatting
        /// output with templates
        "format" => format: String,
        /// Only display IDs
        "quiet" 'q' => quiet: bool,
    }
}

const HEADINGS: &[(&str, &str)] = &[
    ("ID", "ID"),
    ("Name", "NAME"),
    ("Driver", "DRIVER"),
    ("CreatedAt", "CREATED"),
    ("UpdatedAt", "UPDATED"),
    ("Labels", "LABELS"),
];

impl Command for List {
    const USAGE: &'static str = "[OPTIONS]";
    const ABOUT: &'static str = "List secrets";
    const WORDS: Arity = Arity::None;

    async fn run(self, session: &Session, _words: Vec<String>) -> Result<(), Failure> {
        let client = session.client().await?;
        let request = client
            .get("/secrets")
            .query_opt("filters", filters(&self.filter));
        let mut secrets: Vec<Secret> = request.send().await?.json().await?;
        secrets.sort_by(|a, b| a.spec.name.cmp(&b.spec.name));
        let configured = session.config().secret_format.clone();
        let given = match self.format.as_str() {
            "" if self.quiet => "{{.ID}}",
            "" => &configured,
            given => given,
        };
        let format = Format::new(
            given,
            "table {{.ID}}\\t{{.Name}}\\t{{.Driver}}\\t{{.CreatedAt}}\\t{{.UpdatedAt}}",
        );
        format.print(HEADINGS, secrets.into_iter().map(row))
    }
}

fn row(secret: Secret) -> Rc<dyn Object> {
    Rc::new(Row {
        type_name: "*secret.secretContext",
        fields: &["CreatedAt", "Driver", "ID", "Labels", "Name", "UpdatedAt"],
        field,
        label: |secret, key| secret.spec.labels.get(key).cloned(),
        data: secret,
    })
}

fn field(secret: &Secret, name: &str) -> Option<Value> {
    let ago = |time: &str| {
        let then: Option<jiff::Timestamp> = time.parse().ok();
        then.map_or_else(String::new, |then| times::ago(then.as_second()))
    };
    Some(Value::from(match name {
        "ID" => secret.id.clone(),
        "Name" => secret.spec.name.clone(),
        "Driver" => secret
            .spec
            .driver
            .as_ref()
            .map(|driver| driver.name.clone())
            .unwrap_or_default(),
        "CreatedAt" => ago(&secret.created_at),
        "UpdatedAt" => ago(&secret.updated_at),
        "Labels" => labels(Some(&secret.spec.labels)),
        _ => return None,
    }))
}
