//! Questions about a Dockerfile instead of a build (`--check`, `--call outline`, `--call targets`).
//!
//! The answers have the names and JSON of BuildKit's subrequests: `result.json`, `result.txt`, `version` and, for the
//! checks, `result.statuscode`.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use gantry_dockerfile::{
    BuildOptions, CheckConfig, CheckInput, Dockerfile, OutlineSecret, Platform, Span, check,
    excerpt, outline, targets,
};
use serde_json::{Map, Value, json};

use crate::{Call, Definition, Error, Request};

/// The version of the answers' form, BuildKit's.
const VERSION: &str = "1.0.0";

/// An answer, by the names of its parts.
pub(crate) type Answer = BTreeMap<String, Vec<u8>>;

/// What is wanted, about which file.
struct Question<'a> {
    definition: &'a Definition,
    options: BuildOptions,
    checks: Option<CheckConfig>,
}

/// Answers a question; `None` if a build is wanted.
pub(crate) fn answer(request: &Request, definition: &Definition) -> Result<Option<Answer>, Error> {
    let platform = |text: &String| {
        Platform::parse(text).map_err(|problem| Error::Invalid(problem.to_string()))
    };
    let target_platform = request.platforms.first().map(platform).transpose()?;
    let question = Question {
        definition,
        options: BuildOptions {
            build_args: request.build_args.clone(),
            target_platform: target_platform.unwrap_or_default(),
            target: request.target.clone(),
            ..BuildOptions::default()
        },
        checks: request.checks()?,
    };
    match request.call {
        Call::Build => Ok(None),
        Call::Check => Ok(Some(question.check())),
        Call::Outline => question.outline().map(Some),
        Call::Targets => question.targets().map(Some),
    }
}

impl Question<'_> {
    /// A file that cannot be built is an answer, too.
    fn check(&self) -> Answer {
        let checked = Dockerfile::parse(&self.definition.dockerfile).and_then(|file| {
            let input = CheckInput {
                options: self.options.clone(),
                ignore: Some(&self.definition.ignore),
                config: self.checks.clone(),
                ..CheckInput::default()
            };
            check(&file, &input)
        });
        let (name, source) = (&self.definition.name, &self.definition.dockerfile);
        let mut value = Map::new();
        let (mut warnings, mut text, mut status) = (Vec::new(), String::new(), 0);
        match checked {
            Ok(report) => {
                if let Some(error) = report.error() {
                    value.insert("buildError".to_owned(), json!({"message": error}));
                }
                let unreadable = report.unreadable.as_ref();
                for finding in &report.findings {
                    let (check, message) = (finding.check, &finding.message);
                    warnings.push(json!({
                        "ruleName": check.name(),
                        "description": check.description(),
                        "url": check.url(),
                        "detail": message,
                        "location": location(finding.span),
                    }));
                    let (rule, url) = (check.name(), check.url());
                    let _ = writeln!(text, "\nWARNING: {rule} - {url}\n{message}");
                    text.push_str(&excerpt(name, source, finding.span));
                    status = 1;
                }
                if let Some(error) = unreadable {
                    value.insert("buildError".to_owned(), self.failed(error, &mut text));
                    status = 1;
                }
            }
            Err(error) => {
                value.insert("buildError".to_owned(), self.failed(&error, &mut text));
                status = 1;
            }
        }
        value.insert("warnings".to_owned(), Value::Array(warnings));
        value.insert("sources".to_owned(), json!([self.source()]));
        let mut answer = told(&Value::Object(value), text);
        answer.insert(
            "result.statuscode".to_owned(),
            status.to_string().into_bytes(),
        );
        answer
    }

    /// Why no build would come of the file.
    fn failed(&self, error: &gantry_dockerfile::Error, text: &mut String) -> Value {
        let mut told = json!({"message": error.to_string()});
        let _ = writeln!(text, "\nERROR: {error}");
        if let Some(span) = error.span {
            told["location"] = location(span);
            let (name, source) = (&self.definition.name, &self.definition.dockerfile);
            text.push_str(&excerpt(name, source, span));
        }
        told
    }

    fn outline(&self) -> Result<Answer, Error> {
        let file = Dockerfile::parse(&self.definition.dockerfile)?;
        let outline = outline(&file, &self.options)?;
        let mut value = Map::new();
        put(&mut value, "name", outline.name.as_deref());
        put(&mut value, "description", outline.description.as_deref());
        let args = outline.args.iter().map(|arg| {
            let mut one = Map::new();
            put(&mut one, "name", Some(&arg.name));
            put(&mut one, "description", arg.description.as_deref());
            if let Some(given) = &arg.value {
                one.insert("value".to_owned(), given.as_str().into());
            }
            one.insert("location".to_owned(), location(arg.span));
            Value::Object(one)
        });
        list(&mut value, "args", args.collect());
        list(&mut value, "secrets", wanted(&outline.secrets));
        list(&mut value, "ssh", wanted(&outline.ssh));
        value.insert("sources".to_owned(), json!([self.encoded()]));
        let name = outline.name.as_deref().unwrap_or("(default)");
        let mut text = format!("TARGET:\t{name}\n");
        if let Some(description) = &outline.description {
            let _ = writeln!(text, "DESCRIPTION:\t{description}");
        }
        let rows = outline.args.iter().map(|arg| {
            let or = |text: &Option<String>| text.clone().unwrap_or_default();
            [arg.name.clone(), or(&arg.value), or(&arg.description)]
        });
        table(
            &mut text,
            3,
            ["BUILD ARG", "VALUE", "DESCRIPTION"],
            rows.collect(),
        );
        for (heading, all) in [("SECRET", &outline.secrets), ("SSH", &outline.ssh)] {
            let rows = all.iter().map(|one| {
                let required = if one.required { "true" } else { "" };
                [one.id.clone(), required.to_owned()]
            });
            table(&mut text, 3, [heading, "REQUIRED"], rows.collect());
        }
        Ok(told(&Value::Object(value), text))
    }

    fn targets(&self) -> Result<Answer, Error> {
        let file = Dockerfile::parse(&self.definition.dockerfile)?;
        let (mut all, mut rows) = (Vec::new(), Vec::new());
        for target in targets(&file) {
            let mut one = Map::new();
            put(&mut one, "name", target.name.as_deref());
            if target.default {
                one.insert("default".to_owned(), true.into());
            }
            put(&mut one, "description", target.description.as_deref());
            put(&mut one, "base", Some(&target.base));
            put(&mut one, "platform", target.platform.as_deref());
            one.insert("location".to_owned(), location(target.span));
            all.push(Value::Object(one));
            let shown = match (target.name, target.default) {
                (None, true) => "(default)".to_owned(),
                // A stage without a name cannot be asked for.
                (None, false) => continue,
                (Some(name), true) => format!("{name} (default)"),
                (Some(name), false) => name,
            };
            rows.push([shown, target.description.unwrap_or_default()]);
        }
        let mut text = String::new();
        table(&mut text, 1, ["TARGET", "DESCRIPTION"], rows);
        let value = json!({"targets": all, "sources": [self.encoded()]});
        Ok(told(&value, text))
    }

    fn encoded(&self) -> String {
        STANDARD.encode(&self.definition.dockerfile)
    }

    fn source(&self) -> Value {
        json!({
            "filename": self.definition.name,
            "data": self.encoded(),
            "language": "Dockerfile",
        })
    }
}

fn told(value: &Value, text: String) -> Answer {
    let json = format!("{value:#}");
    [
        ("result.json", json),
        ("result.txt", text),
        ("version", VERSION.to_owned()),
    ]
    .map(|(name, text)| (name.to_owned(), text.into_bytes()))
    .into()
}

/// Lines, as BuildKit's parser tells them.
fn location(span: Span) -> Value {
    json!({"ranges": [{
        "start": {"line": span.start.line},
        "end": {"line": span.end.line},
    }]})
}

fn put(into: &mut Map<String, Value>, name: &str, text: Option<&str>) {
    if let Some(text) = text.filter(|text| !text.is_empty()) {
        into.insert(name.to_owned(), text.into());
    }
}

fn list(into: &mut Map<String, Value>, name: &str, all: Vec<Value>) {
    if !all.is_empty() {
        into.insert(name.to_owned(), Value::Array(all));
    }
}

fn wanted(secrets: &[OutlineSecret]) -> Vec<Value> {
    let one = |secret: &OutlineSecret| {
        let mut one = Map::new();
        put(&mut one, "name", Some(&secret.id));
        if secret.required {
            one.insert("required".to_owned(), true.into());
        }
        one.insert("location".to_owned(), location(secret.span));
        Value::Object(one)
    };
    secrets.iter().map(one).collect()
}

/// A table with a blank line in front, as Go's tabwriter aligns it; nothing if there are no rows.
fn table<const N: usize>(
    text: &mut String,
    padding: usize,
    heading: [&str; N],
    rows: Vec<[String; N]>,
) {
    if rows.is_empty() {
        return;
    }
    let all: Vec<[String; N]> = std::iter::once(heading.map(str::to_owned))
        .chain(rows)
        .collect();
    let width = |column: usize| all.iter().map(|row| row[column].chars().count()).max();
    if !text.is_empty() {
        text.push('\n');
    }
    for row in &all {
        for (column, cell) in row.iter().enumerate() {
            let width = width(column).unwrap_or_default() + padding;
            if column + 1 < N {
                let _ = write!(text, "{cell:width$}");
            } else {
                let _ = writeln!(text, "{cell}");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(call: Call, file: &str) -> (Value, String, String) {
        let place = tempfile::tempdir().unwrap();
        let empty = tar::Builder::new(Vec::new()).into_inner().unwrap();
        let dockerfile = Some(file.as_bytes().to_vec());
        let definition =
            Definition::from_archive(&empty[..], place.path(), "Dockerfile", dockerfile).unwrap();
        let request = Request {
            call,
            ..Request::default()
        };
        let mut answer = answer(&request, &definition).unwrap().unwrap();
        let mut text =
            |name: &str| String::from_utf8(answer.remove(name).unwrap_or_default()).unwrap();
        let json = serde_json::from_str(&text("result.json")).unwrap();
        (json, text("result.txt"), text("result.statuscode"))
    }

    #[test]
    fn findings_are_told_in_buildkits_form() {
        let (json, text, status) = ask(Call::Check, "FROM busybox as x\nMAINTAINER me\n");
        let names: Vec<_> = json["warnings"]
            .as_array()
            .unwrap()
            .iter()
            .map(|w| &w["ruleName"])
            .collect();
        assert_eq!(names, ["FromAsCasing", "MaintainerDeprecated"]);
        assert_eq!(
            json["warnings"][1]["location"]["ranges"][0]["start"]["line"],
            2
        );
        assert_eq!(status, "1");
        assert!(
            text.contains("WARNING: MaintainerDeprecated - https://docs.docker.com/"),
            "{text}"
        );
        let (json, _, status) = ask(Call::Check, "FROM busybox\nRUM x\n");
        assert!(
            json["buildError"]["message"]
                .as_str()
                .unwrap()
                .contains("RUM")
        );
        assert_eq!(status, "1");
        let (json, text, status) = ask(Call::Check, "FROM busybox\n");
        assert_eq!(
            (json["warnings"].clone(), text.as_str(), status.as_str()),
            (json!([]), "", "0")
        );
    }

    #[test]
    fn targets_and_arguments_are_told() {
        let file = "ARG V=1\n# base is below\nFROM busybox AS base\nFROM base AS app\nARG X=2\n\
                    RUN --mount=type=secret,id=k,required true\n";
        let (json, text, _) = ask(Call::Targets, file);
        assert_eq!(json["targets"][0]["description"], "is below");
        assert_eq!(json["targets"][1]["default"], true);
        assert!(text.starts_with("TARGET"), "{text}");
        let (json, text, _) = ask(Call::Outline, file);
        assert_eq!(json["name"], "app");
        assert_eq!(json["args"][0]["value"], "2");
        assert_eq!(
            json["secrets"][0],
            json!({"name": "k", "required": true,
            "location": {"ranges": [{"start": {"line": 6}, "end": {"line": 6}}]}})
        );
        assert!(
            text.contains("BUILD ARG   VALUE   DESCRIPTION\nX           2"),
            "{text}"
        );
    }
}
