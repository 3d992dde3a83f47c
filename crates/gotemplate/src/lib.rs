//! Go templates, as `--format` needs them.
//!
//! Docker's command line prints through Go's `text/template`, and scripts depend on what exactly
//! comes out: `map[a:b]` for a map, `<no value>` for a key that is not there, `[x y]` for a list.
//! This crate is a small engine for that language with Docker's extra functions (`json`, `join`,
//! `split`, `lower`, `upper`, `title`, `pad`, `truncate`).
//!
//! - [`Template`] is a parsed template; [`Template::render`] executes it on a [`Value`].
//! - [`Value`] is what a template sees. A JSON document converts to it; a row of a table
//!   implements [`Object`], so that its fields are computed only when a template names them.
//! - [`Error`] says what Go would say, position included, since scripts show it to people.
//!
//! It knows nothing of Docker's types, of tables or of terminals. The language is specified by
//! <https://pkg.go.dev/text/template>, the printing by <https://pkg.go.dev/fmt>.
//!
//! ```no_run
//! use gantry_gotemplate::{Template, Value};
//! let data = Value::from(serde_json::json!({"Names": ["a", "b"], "Labels": {"x": "1"}}));
//! let template = Template::parse("{{join .Names \",\"}} {{.Labels}}").unwrap();
//! assert_eq!(template.render(&data).unwrap(), "a,b map[x:1]");
//! ```
#![forbid(unsafe_code)]

mod ast;
mod compare;
mod error;
mod exec;
mod functions;
mod json;
mod lex;
mod parse;
mod printf;
mod quote;
mod value;

pub use error::Error;
pub use json::to_json;
pub use quote::quote;
pub use value::{Object, Shape, Value};

/// A parsed template.
#[derive(Debug, Clone)]
pub struct Template {
    tree: ast::Tree,
    headings: bool,
}

impl Template {
    /// Parses template source.
    pub fn parse(source: &str) -> Result<Self, Error> {
        Ok(Self {
            tree: parse::parse(source)?,
            headings: false,
        })
    }

    /// The same template for a table's heading line: functions that change text (`json`, `lower`,
    /// `join`, `truncate`, ...) give back their argument, as Docker prints `ID` and not `"ID"`
    /// above a column made by `{{json .ID}}`.
    #[must_use]
    pub fn for_headings(mut self) -> Self {
        self.headings = true;
        self
    }

    /// Executes the template with `data` as the first dot.
    pub fn render(&self, data: &Value) -> Result<String, Error> {
        exec::render(&self.tree, data, self.headings)
    }
}
