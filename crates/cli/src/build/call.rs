//! `--call`: questions to the frontend instead of a build.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use gantry_build_client::Place;
use serde::Deserialize;

use super::display::ending::excerpt;
use super::run::failed;
use crate::failure::Failure;
use crate::output;
use crate::table;

/// A question and how its answer is printed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Call {
    method: Method,
    json: bool,
    ignore_status: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Method {
    Build,
    Check,
    Outline,
    Targets,
}

impl Call {
    /// Reads `--call` and `--check`.
    pub(crate) fn parse(text: &str, check: bool) -> Result<Self, String> {
        let mut call = Self {
            method: Method::Build,
            json: false,
            ignore_status: false,
        };
        let mut fields = text.split(',');
        let name = fields.next().unwrap_or_default();
        call.method = match name {
            "" | "build" if check => Method::Check,
            "" | "build" => Method::Build,
            "check" | "lint" => Method::Check,
            "outline" => Method::Outline,
            "targets" => Method::Targets,
            _ => {
                return Err(format!(
                    "unsupported call {name:?}: use check, outline or targets"
                ));
            }
        };
        for field in fields {
            match field.split_once('=').unwrap_or((field, "true")) {
                ("format", "json") => call.json = true,
                ("format", "text") => call.json = false,
                ("ignorestatus", value) => call.ignore_status = value == "true" || value == "1",
                _ => return Err(format!("invalid call option {field:?}")),
            }
        }
        Ok(call)
    }

    /// What the frontend calls it; `None` for a build.
    pub(crate) fn question(&self) -> Option<&'static str> {
        match self.method {
            Method::Build => None,
            Method::Check => Some("frontend.lint"),
            Method::Outline => Some("frontend.outline"),
            Method::Targets => Some("frontend.targets"),
        }
    }

    /// Prints the answer; findings make the command fail.
    pub(crate) fn show(&self, answer: &BTreeMap<String, Vec<u8>>) -> Result<(), Failure> {
        let text = answer
            .get("result.json")
            .ok_or_else(|| failed("the engine gives no answer to --call"))?;
        let (mut status, mut told) = (0, String::new());
        if self.method == Method::Check {
            let findings: Findings = read(text)?;
            status = u8::from(!findings.warnings.is_empty() || findings.error.is_some());
            if !self.json {
                output::print(findings.text());
                told = findings.error_text();
            }
        } else if !self.json {
            output::print(match self.method {
                Method::Outline => read::<Outline>(text)?.text(),
                _ => read::<Targets>(text)?.text(),
            });
        }
        if self.json {
            let value: serde_json::Value = read(text)?;
            output::line(serde_json::to_string_pretty(&value).map_err(failed)?);
        }
        if status != 0 && !self.ignore_status {
            return Err(Failure::with_code(status, told));
        }
        Ok(())
    }
}

fn read<T: serde::de::DeserializeOwned>(text: &[u8]) -> Result<T, Failure> {
    serde_json::from_slice(text).map_err(|error| {
        failed(format!(
            "the engine's answer to --call cannot be read: {error}"
        ))
    })
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Findings {
    warnings: Vec<Finding>,
    sources: Vec<Text>,
    #[serde(rename = "buildError")]
    error: Option<BuildError>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Finding {
    rule_name: String,
    url: String,
    detail: String,
    location: Option<Location>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct BuildError {
    message: String,
    location: Option<Location>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Location {
    source_index: usize,
    ranges: Vec<Range>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Range {
    start: Line,
    end: Line,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Line {
    line: usize,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Text {
    filename: String,
    data: String,
}

impl Findings {
    fn text(&self) -> String {
        let mut out = match self.warnings.len() {
            0 if self.error.is_some() => String::new(),
            0 => "Check complete, no warnings found.\n".to_owned(),
            1 => "Check complete, 1 warning has been found!\n".to_owned(),
            count => format!("Check complete, {count} warnings have been found!\n"),
        };
        let mut sorted: Vec<&Finding> = self.warnings.iter().collect();
        sorted.sort_by_key(|finding| finding.first_line());
        for finding in sorted {
            let _ = write!(out, "\nWARNING: {}", finding.rule_name);
            if !finding.url.is_empty() {
                let _ = write!(out, " - {}", finding.url);
            }
            let _ = writeln!(out, "\n{}", finding.detail);
            out.push_str(&self.excerpt(finding.location.as_ref()));
        }
        out
    }

    /// Why the file cannot be built.
    fn error_text(&self) -> String {
        self.error.as_ref().map_or_else(String::new, |error| {
            let place = self.excerpt(error.location.as_ref());
            format!("ERROR: {}\n{place}", error.message)
                .trim_end()
                .to_owned()
        })
    }

    fn excerpt(&self, location: Option<&Location>) -> String {
        let Some(location) = location else {
            return String::new();
        };
        let Some(source) = self.sources.get(location.source_index) else {
            return String::new();
        };
        excerpt(&Place {
            file: source.filename.clone(),
            text: STANDARD.decode(&source.data).unwrap_or_default(),
            lines: location
                .ranges
                .iter()
                .map(|range| (range.start.line, range.end.line.max(range.start.line)))
                .filter(|(start, _)| *start > 0)
                .collect(),
        })
    }
}

impl Finding {
    fn first_line(&self) -> usize {
        let ranges = self.location.iter().flat_map(|location| &location.ranges);
        ranges.map(|range| range.start.line).min().unwrap_or(0)
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Outline {
    name: String,
    description: String,
    args: Vec<Argument>,
    secrets: Vec<Wanted>,
    ssh: Vec<Wanted>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Argument {
    name: String,
    description: String,
    value: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Wanted {
    name: String,
    required: bool,
}

impl Outline {
    fn text(&self) -> String {
        let mut out = String::new();
        if !self.name.is_empty() || !self.description.is_empty() {
            let name = if self.name.is_empty() {
                "(default)"
            } else {
                &self.name
            };
            if self.description.is_empty() {
                let _ = writeln!(out, "TARGET: {name}");
            } else {
                let _ = writeln!(out, "TARGET:      {name}");
                let _ = writeln!(out, "DESCRIPTION: {}", self.description);
            }
            out.push('\n');
        }
        let arguments = self.args.iter().map(|argument| {
            format!(
                "{}\t{}\t{}\n",
                argument.name, argument.value, argument.description
            )
        });
        section(&mut out, "BUILD ARG\tVALUE\tDESCRIPTION\n", arguments);
        for (heading, list) in [("SECRET", &self.secrets), ("SSH", &self.ssh)] {
            let rows = list.iter().map(|wanted| {
                format!(
                    "{}\t{}\n",
                    wanted.name,
                    if wanted.required { "true" } else { "" }
                )
            });
            section(&mut out, &format!("{heading}\tREQUIRED\n"), rows);
        }
        out
    }
}

fn section(out: &mut String, heading: &str, rows: impl Iterator<Item = String>) {
    let rows: String = rows.collect();
    if !rows.is_empty() {
        out.push_str(&table::align_narrow(&format!("{heading}{rows}")));
        out.push('\n');
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Targets {
    targets: Vec<Stage>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Stage {
    name: String,
    description: String,
    default: bool,
}

impl Targets {
    fn text(&self) -> String {
        let mut rows = vec![("TARGET".to_owned(), "DESCRIPTION")];
        for stage in &self.targets {
            let name = match (stage.name.as_str(), stage.default) {
                ("", true) => "(default)".to_owned(),
                // A stage without a name cannot be asked for.
                ("", false) => continue,
                (name, true) => format!("{name} (default)"),
                (name, false) => name.to_owned(),
            };
            rows.push((name, &stage.description));
        }
        // One space between the columns, where other answers have three.
        let width = rows.iter().map(|(name, _)| name.chars().count()).max();
        let width = width.unwrap_or_default() + 1;
        rows.iter().fold(String::new(), |mut out, (name, text)| {
            let _ = writeln!(out, "{name:width$}{text}");
            out
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_read() {
        assert_eq!(Call::parse("build", false).unwrap().question(), None);
        assert_eq!(
            Call::parse("build", true).unwrap().question(),
            Some("frontend.lint")
        );
        assert!(Call::parse("outline,format=json", false).unwrap().json);
        assert!(Call::parse("nothing", false).is_err());
    }

    #[test]
    fn findings_read_as_buildx_prints_them() {
        let source = "FROM base AS last\nRUN ls -la /w\nCMD echo hi\n";
        let json = serde_json::json!({
            "warnings": [{
                "ruleName": "JSONArgsRecommended",
                "url": "https://docs.docker.com/go/dockerfile/rule/json-args-recommended/",
                "detail": "JSON arguments recommended for CMD",
                "location": {"ranges": [{"start": {"line": 3}, "end": {"line": 3}}]},
            }],
            "sources": [{"filename": "Dockerfile", "data": STANDARD.encode(source)}],
        });
        let findings: Findings = serde_json::from_value(json).unwrap();
        assert_eq!(
            findings.text(),
            "Check complete, 1 warning has been found!\n\n\
             WARNING: JSONArgsRecommended - https://docs.docker.com/go/dockerfile/rule/json-args-recommended/\n\
             JSON arguments recommended for CMD\n\
             Dockerfile:3\n--------------------\n   1 |     FROM base AS last\n   2 |     RUN ls -la /w\n   \
             3 | >>> CMD echo hi\n   4 |     \n--------------------\n"
        );
        assert_eq!(
            Findings::default().text(),
            "Check complete, no warnings found.\n"
        );
    }

    #[test]
    fn outlines_and_targets_are_tables() {
        let json = serde_json::json!({"name": "last", "args": [{"name": "X", "value": "1"}]});
        let outline: Outline = serde_json::from_value(json).unwrap();
        assert_eq!(
            outline.text(),
            "TARGET: last\n\nBUILD ARG   VALUE   DESCRIPTION\nX           1       \n\n"
        );
        let json =
            serde_json::json!({"targets": [{"name": "base"}, {"name": "last", "default": true}]});
        let targets: Targets = serde_json::from_value(json).unwrap();
        assert_eq!(
            targets.text(),
            "TARGET         DESCRIPTION\nbase           \nlast (default) \n"
        );
    }
}
