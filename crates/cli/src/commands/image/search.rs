//! `gantry search`

use std::rc::Rc;

use gantry_api_types::SearchResult;
use gantry_gotemplate::{Object, Value};
use gantry_reference::Reference;

use crate::command::{Arity, Command};
use crate::failure::Failure;
use crate::flags::{FilterList, flags};
use crate::format::{Format, Row, ellipsis, filters};
use crate::registry_auth;
use crate::session::Session;

flags! {
    /// `gantry search`
    pub(crate) struct Search {
        /// Filter output based on conditions provided
        "filter" 'f' => filter: FilterList,
        /// Pretty-print search using a Go template
        "format" => format: String,
        /// Max number of search results
        "limit" => limit: Option<i64>,
        /// Don't truncate output
        "no-trunc" => no_trunc: bool,
    }
}

const HEADINGS: &[(&str, &str)] = &[
    ("Name", "NAME"),
    ("Description", "DESCRIPTION"),
    ("StarCount", "STARS"),
    ("IsOfficial", "OFFICIAL"),
    ("IsAutomated", "AUTOMATED"),
];
const TABLE: &str = "table {{.Name}}\\t{{.Description}}\\t{{.StarCount}}\\t{{.IsOfficial}}";

impl Command for Search {
    const USAGE: &'static str = "[OPTIONS] TERM";
    const ABOUT: &'static str = "Search Docker Hub for images";
    const WORDS: Arity = Arity::Exactly(1);

    async fn run(self, session: &Session, words: Vec<String>) -> Result<(), Failure> {
        let term = &words[0];
        let mut request = session
            .client()
            .await?
            .get("/images/search")
            .query("term", term)
            .query_opt("limit", self.limit.map(|limit| limit.to_string()))
            .query_opt("filters", filters(&self.filter));
        if let Ok(reference) = Reference::parse(term) {
            let auth = registry_auth::header(session.config(), &reference);
            request = request.header("x-registry-auth", &auth.map_err(Failure::new)?);
        }
        let found: Vec<SearchResult> = request.send().await?.json().await?;
        let whole = self.no_trunc;
        let rows = found.into_iter().map(|hit| {
            Rc::new(Row {
                type_name: "*formatter.searchContext",
                fields: &[
                    "Description",
                    "IsAutomated",
                    "IsOfficial",
                    "Name",
                    "StarCount",
                ],
                field,
                label: |_, _| None,
                data: (hit, whole),
            }) as Rc<dyn Object>
        });
        Format::new(&self.format, TABLE).print(HEADINGS, rows)
    }
}

fn field((hit, whole): &(SearchResult, bool), name: &str) -> Option<Value> {
    let yes = |yes: bool| if yes { "[OK]" } else { "" }.to_owned();
    Some(Value::from(match name {
        "Name" => hit.name.clone(),
        "Description" => {
            let text = hit.description.replace(['\n', '\r'], " ");
            if *whole { text } else { ellipsis(&text, 45) }
        }
        "StarCount" => hit.star_count.to_string(),
        "IsOfficial" => yes(hit.is_official),
        "IsAutomated" => yes(hit.is_automated),
        _ => return None,
    }))
}
