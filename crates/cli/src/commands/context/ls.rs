//! `gantry context ls`

use std::rc::Rc;

use gantry_gotemplate::{Object, Value};

use crate::command::{Arity, Command};
use crate::contexts::{Context, Current, DEFAULT};
use crate::failure::Failure;
use crate::flags::flags;
use crate::format::{Format, Row};
use crate::session::Session;

flags! {
    /// `gantry context ls`
    pub(crate) struct List {
        /// Format output using a custom template:\
        /// 'table':            Print output in table format with column headers (default)\
        /// 'table TEMPLATE':   Print output in table format using the given Go template\
        /// 'json':             Print in JSON format\
        /// 'TEMPLATE':         Print output using the given Go template.\
        /// Refer to https://docs.docker.com/go/formatting/ for more information about formatting
        /// output with templates
        "format" => format: String,
        /// Only show context names
        "quiet" 'q' => quiet: bool,
    }
}

const HEADINGS: &[(&str, &str)] = &[
    ("Name", "NAME"),
    ("Description", "DESCRIPTION"),
    ("DockerEndpoint", "DOCKER ENDPOINT"),
    ("Error", "ERROR"),
];

/// A row of the list.
struct Listed {
    name: String,
    description: String,
    endpoint: String,
    current: bool,
    error: String,
    table: bool,
}

impl Command for List {
    const USAGE: &'static str = "[OPTIONS]";
    const ABOUT: &'static str = "List contexts";
    const WORDS: Arity = Arity::None;

    async fn run(self, session: &Session, _words: Vec<String>) -> Result<(), Failure> {
        let current = session.current()?;
        let table =
            matches!(self.format.as_str(), "" | "table") || self.format.starts_with("table ");
        let mut rows = vec![Listed {
            name: DEFAULT.to_owned(),
            description: "Current DOCKER_HOST based configuration".to_owned(),
            endpoint: session.default_endpoint()?.to_string(),
            current: current.name() == DEFAULT,
            error: String::new(),
            table,
        }];
        let all = session.contexts().all();
        let known = all.iter().any(|context| context.name == current.name());
        rows.extend(all.iter().map(|context| listed(context, &current, table)));
        if let Current::Context(name) = &current
            && !known
        {
            rows.push(Listed {
                name: name.clone(),
                description: String::new(),
                endpoint: String::new(),
                current: true,
                error: format!("context \"{name}\": context not found"),
                table,
            });
        }
        rows.sort_by(|a, b| a.name.cmp(&b.name));
        let given = match self.format.as_str() {
            "" if self.quiet => "{{.Name}}",
            given => given,
        };
        for row in &mut rows {
            row.table = table && !self.quiet;
        }
        let format = Format::new(
            given,
            "table {{.Name}}\\t{{.Description}}\\t{{.DockerEndpoint}}\\t{{.Error}}",
        );
        format.print(HEADINGS, rows.into_iter().map(row))?;
        if let Some(variable) = current.overriding_variable() {
            eprintln!(
                "Warning: {variable} environment variable overrides the active context. To use a context, either set the global --context flag, or unset {variable} environment variable."
            );
        }
        Ok(())
    }
}

fn listed(context: &Context, current: &Current, table: bool) -> Listed {
    Listed {
        name: context.name.clone(),
        description: context.description().to_owned(),
        endpoint: context.host().to_owned(),
        current: current.name() == context.name,
        error: String::new(),
        table,
    }
}

fn row(listed: Listed) -> Rc<dyn Object> {
    Rc::new(Row {
        type_name: "*formatter.clientContextContext",
        fields: &["Current", "Description", "DockerEndpoint", "Error", "Name"],
        field,
        label: |_, _| None,
        data: listed,
    })
}

fn field(listed: &Listed, name: &str) -> Option<Value> {
    Some(match name {
        "Current" => Value::from(serde_json::json!(listed.current)),
        "Name" if listed.table && listed.current => Value::from(format!("{} *", listed.name)),
        "Name" => Value::from(listed.name.clone()),
        "Description" => Value::from(listed.description.clone()),
        "DockerEndpoint" => Value::from(listed.endpoint.clone()),
        "Error" => Value::from(listed.error.clone()),
        _ => return None,
    })
}
