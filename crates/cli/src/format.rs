//! `--format`: tables, JSON and templates for lists.

use std::collections::BTreeMap;
use std::rc::Rc;

use gantry_gotemplate::{Error, Object, Template, Value};

use crate::failure::Failure;
use crate::table;

/// How a list is printed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Format {
    template: String,
    table: bool,
}

impl Format {
    /// Reads `--format`; `standard` is the table without it.
    pub(crate) fn new(given: &str, standard: &str) -> Self {
        let given = match given {
            "" | "table" => standard,
            "json" => "{{json .}}",
            other => other,
        };
        let (table, template) = match given.strip_prefix("table") {
            Some(rest) => (true, rest.trim()),
            None => (false, given),
        };
        Self {
            template: template.replace("\\t", "\t").replace("\\n", "\n"),
            table,
        }
    }

    /// Whether the template names a field that is dear to compute.
    pub(crate) fn mentions(&self, field: &str) -> bool {
        self.template.contains(field)
    }

    /// Prints rows; `headings` names the columns of a table.
    pub(crate) fn print(
        &self,
        headings: &[(&str, &str)],
        rows: impl Iterator<Item = Rc<dyn Object>>,
    ) -> Result<(), Failure> {
        crate::output::print(self.render(headings, rows)?);
        Ok(())
    }

    pub(crate) fn render(
        &self,
        headings: &[(&str, &str)],
        rows: impl Iterator<Item = Rc<dyn Object>>,
    ) -> Result<String, Failure> {
        let template = parse(&self.template)?;
        let mut text = String::new();
        if self.table {
            let headings: BTreeMap<&str, &str> = headings.iter().copied().collect();
            let headings = Value::from(serde_json::json!(headings));
            let line = template
                .clone()
                .for_headings()
                .render(&headings)
                .map_err(failed)?;
            text.push_str(&line);
            text.push('\n');
        }
        for row in rows {
            text.push_str(&template.render(&Value::Object(row)).map_err(failed)?);
            text.push('\n');
        }
        Ok(if self.table {
            table::align(&text)
        } else {
            text
        })
    }
}

/// Parses a template; the wording of a mistake is Docker's.
pub(crate) fn parse(template: &str) -> Result<Template, Failure> {
    Template::parse(template).map_err(failed)
}

pub(crate) fn failed(error: Error) -> Failure {
    match error {
        Error::Parse { .. } => Failure::new(format!("failed to parse template: {error}")),
        Error::Execute { .. } => Failure::new(format!("failed to execute template: {error}")),
    }
}

/// A row: computes the fields that a template names.
pub(crate) struct Row<T> {
    /// What Docker calls such a row in messages.
    pub(crate) type_name: &'static str,
    pub(crate) fields: &'static [&'static str],
    pub(crate) field: fn(&T, &str) -> Option<Value>,
    /// `.Label "key"` and the like.
    pub(crate) label: fn(&T, &str) -> Option<String>,
    pub(crate) data: T,
}

impl<T> Object for Row<T> {
    fn type_name(&self) -> &str {
        self.type_name
    }

    fn fields(&self) -> &[&str] {
        self.fields
    }

    fn field(&self, name: &str) -> Option<Value> {
        (self.field)(&self.data, name)
    }

    fn call(&self, name: &str, arguments: &[Value]) -> Option<Result<Value, String>> {
        match (name, arguments) {
            ("Label", [Value::Text(key)]) => Some(Ok(Value::from(
                (self.label)(&self.data, key).unwrap_or_default(),
            ))),
            _ => None,
        }
    }
}

/// Labels as lists show them: `a=b,c=d`.
pub(crate) fn labels(labels: Option<&BTreeMap<String, String>>) -> String {
    let pairs: Vec<String> = labels
        .into_iter()
        .flatten()
        .map(|(key, value)| format!("{key}={value}"))
        .collect();
    pairs.join(",")
}

/// `--filter` options as the API takes them: `{"name":{"value":true}}`.
pub(crate) fn filters(given: &[String]) -> Option<String> {
    if given.is_empty() {
        return None;
    }
    let mut filters: BTreeMap<String, BTreeMap<&str, bool>> = BTreeMap::new();
    for filter in given {
        let (name, value) = filter.split_once('=').unwrap_or((filter, ""));
        filters
            .entry(name.trim().to_lowercase())
            .or_default()
            .insert(value.trim(), true);
    }
    serde_json::to_string(&filters).ok()
}

/// The first `length` characters, the last of them `…` if there were more.
pub(crate) fn ellipsis(text: &str, length: usize) -> String {
    if text.chars().count() <= length {
        return text.to_owned();
    }
    let kept: String = text.chars().take(length.saturating_sub(1)).collect();
    kept + "…"
}

/// The first 12 digits of an id, without the name of its algorithm.
pub(crate) fn short_id(id: &str) -> String {
    let hex = id.split_once(':').map_or(id, |(_, hex)| hex);
    hex.chars().take(12).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows() -> impl Iterator<Item = Rc<dyn Object>> {
        ["one", "two"].into_iter().map(|name| {
            Rc::new(Row {
                type_name: "*row",
                fields: &["Name"],
                field: |data: &&str, name| (name == "Name").then(|| Value::from(*data)),
                label: |_, key| Some(key.to_uppercase()),
                data: name,
            }) as Rc<dyn Object>
        })
    }

    fn render(format: &str) -> String {
        let format = Format::new(format, "table {{.Name}}\\t{{.Label \"x\"}}");
        format.render(&[("Name", "NAMES")], rows()).unwrap()
    }

    #[test]
    fn lists_are_tables_json_or_templates() {
        assert_eq!(render("{{.Name}}!"), "one!\ntwo!\n");
        assert_eq!(render("json"), "{\"Name\":\"one\"}\n{\"Name\":\"two\"}\n");
        assert_eq!(render("table {{.Name}}"), "NAMES\none\ntwo\n");
        assert_eq!(
            render("table {{.Name}}\\t{{.Name}}"),
            "NAMES     NAMES\none       one\ntwo       two\n"
        );
    }

    #[test]
    fn filters_are_sets_by_name() {
        let given = [
            "Label=a=b".to_owned(),
            "label=c".to_owned(),
            "status=exited".to_owned(),
        ];
        assert_eq!(
            filters(&given).unwrap(),
            r#"{"label":{"a=b":true,"c":true},"status":{"exited":true}}"#
        );
        assert_eq!(filters(&[]), None);
    }

    #[test]
    fn long_texts_end_in_an_ellipsis() {
        assert_eq!(
            ellipsis("\"/docker-entrypoint.sh nginx\"", 20),
            "\"/docker-entrypoint…"
        );
        assert_eq!(ellipsis("short", 20), "short");
    }
}
