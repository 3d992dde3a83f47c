//! `gantry history`

use std::rc::Rc;

use gantry_api_types::HistoryItem;
use gantry_client::Client;
use gantry_gotemplate::{Object, Value};
use gantry_units::human_size_with_precision;

use crate::command::{Arity, Command};
use crate::failure::Failure;
use crate::flags::flags;
use crate::format::{Format, Row, ellipsis, short_id};
use crate::session::Session;
use crate::times;

flags! {
    /// `gantry history`
    pub(crate) struct History {
        /// Format output using a custom template:\
        /// 'table':            Print output in table format with column headers (default)\
        /// 'table TEMPLATE':   Print output in table format using the given Go template\
        /// 'json':             Print in JSON format\
        /// 'TEMPLATE':         Print output using the given Go template.\
        /// Refer to https://docs.docker.com/go/formatting/ for more information about formatting
        /// output with templates
        "format" => format: String,
        /// Print sizes and dates in human readable format
        "human" 'H' => human: bool = true; "true",
        /// Don't truncate output
        "no-trunc" => no_trunc: bool,
        /// Show history for the given platform. Formatted as "os[/arch[/variant]]" (e.g.,
        /// "linux/amd64")
        "platform" => platform: Option<String>,
        /// Only show image IDs
        "quiet" 'q' => quiet: bool,
    }
}

const HEADINGS: &[(&str, &str)] = &[
    ("ID", "IMAGE"),
    ("CreatedSince", "CREATED"),
    ("CreatedAt", "CREATED AT"),
    ("CreatedBy", "CREATED BY"),
    ("Size", "SIZE"),
    ("Comment", "COMMENT"),
];

impl Command for History {
    const USAGE: &'static str = "[OPTIONS] IMAGE";
    const ABOUT: &'static str = "Show the history of an image";
    const WORDS: Arity = Arity::Exactly(1);

    async fn run(self, session: &Session, words: Vec<String>) -> Result<(), Failure> {
        let client = session.client().await?;
        let request = client
            .get(Client::path("/images/", &words[0], "/history"))
            .query_opt("platform", self.platform.as_deref().map(platform_json));
        let items: Vec<HistoryItem> = request.send().await?.json().await?;
        let format = match (self.quiet, self.human) {
            (true, _) => Format::new("{{.ID}}", ""),
            (_, true) => Format::new(
                &self.format,
                "table {{.ID}}\\t{{.CreatedSince}}\\t{{.CreatedBy}}\\t{{.Size}}\\t{{.Comment}}",
            ),
            (_, false) => Format::new(
                &self.format,
                "table {{.ID}}\\t{{.CreatedAt}}\\t{{.CreatedBy}}\\t{{.Size}}\\t{{.Comment}}",
            ),
        };
        let rows = items.into_iter().map(|item| {
            Rc::new(Row {
                type_name: "*image.historyContext",
                fields: &[
                    "Comment",
                    "CreatedAt",
                    "CreatedBy",
                    "CreatedSince",
                    "ID",
                    "Size",
                ],
                field,
                label: |_, _| None,
                data: Data {
                    item,
                    whole: self.no_trunc,
                    human: self.human,
                },
            }) as Rc<dyn Object>
        });
        format.print(HEADINGS, rows)
    }
}

/// `linux/arm64/v8` as the API takes it.
pub(crate) fn platform_json(text: &str) -> String {
    let mut parts = text.split('/');
    let mut next = || parts.next().unwrap_or_default();
    let (os, architecture, variant) = (next(), next(), next());
    let mut json = serde_json::json!({"os": os, "architecture": architecture});
    if !variant.is_empty() {
        json["variant"] = variant.into();
    }
    json.to_string()
}

struct Data {
    item: HistoryItem,
    whole: bool,
    human: bool,
}

fn field(data: &Data, name: &str) -> Option<Value> {
    let item = &data.item;
    Some(Value::from(match name {
        "ID" if data.whole || item.id == "<missing>" => item.id.clone(),
        "ID" => short_id(&item.id),
        "CreatedSince" if data.human => times::ago(item.created),
        "CreatedAt" | "CreatedSince" => times::rfc3339(item.created),
        "CreatedBy" => {
            let text = item.created_by.replace('\t', " ");
            if data.whole {
                text
            } else {
                ellipsis(&text, 45)
            }
        }
        "Size" if data.human => human_size_with_precision(item.size as f64, 3),
        "Size" => item.size.to_string(),
        "Comment" => item.comment.clone(),
        _ => return None,
    }))
}
