//! Real Docker's answers, as they are committed: readable in a diff, and small.
//!
//! A request's line is followed by a line for the newest version's answer and one for each group
//! of versions whose answer is another, as a change to the first.

use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::answer::Answer;
use crate::play::Play;
use crate::{Recording, VERSIONS, patch};

/// What real Docker answered to a play.
#[derive(Debug)]
pub struct Golden {
    /// The answers.
    pub recording: Recording,
}

fn path(play: &Play) -> PathBuf {
    crate::folder().join(format!("golden/{}.golden", play.name))
}

impl Golden {
    /// Reads what was recorded for this play.
    pub fn read(play: &Play) -> Result<Self> {
        let path = path(play);
        let text = fs::read_to_string(&path).with_context(|| {
            format!(
                "{}: record it with cargo xtask compat --record {}",
                path.display(),
                play.name
            )
        })?;
        let mut lines = text.lines().peekable();
        let mut recording: Recording = vec![Vec::new(); VERSIONS.len()];
        for step in &play.steps {
            let compared = !step.quiet && step.wait.is_none();
            let mut answers: Vec<Option<Answer>> = vec![None; VERSIONS.len()];
            if compared {
                if lines.next() != Some(&step.shown) {
                    bail!(
                        "{} does not go on with {:?}: record it again",
                        path.display(),
                        step.shown
                    );
                }
                let mut first = None;
                while let Some(line) = lines.next_if(|line| line.starts_with("  ")) {
                    read_answers(line, &mut first, &mut answers)
                        .with_context(|| format!("{}: {line}", path.display()))?;
                }
            }
            for (list, answer) in recording.iter_mut().zip(answers) {
                list.push(answer);
            }
        }
        Ok(Self { recording })
    }

    /// Writes it for the play.
    pub fn write(&self, play: &Play) -> Result<()> {
        let mut text = String::new();
        for (at, step) in play.steps.iter().enumerate() {
            let answers: Vec<Option<Value>> = self
                .recording
                .iter()
                .map(|list| list[at].as_ref().map(Answer::to_value))
                .collect();
            if step.quiet || step.wait.is_some() {
                continue;
            }
            text.push_str(&step.shown);
            text.push('\n');
            let Some(first) = answers.iter().flatten().next() else {
                continue;
            };
            let mut told: Vec<&Value> = Vec::new();
            for answer in answers.iter().flatten() {
                if told.contains(&answer) {
                    continue;
                }
                told.push(answer);
                let versions: Vec<&str> = VERSIONS
                    .iter()
                    .zip(&answers)
                    .filter(|(_, other)| other.as_ref() == Some(answer))
                    .map(|(version, _)| *version)
                    .collect();
                let line = if answer == first {
                    answer.clone()
                } else {
                    patch::between(first, answer)
                };
                let versions = if versions.len() == VERSIONS.len() {
                    "all".to_owned()
                } else {
                    versions.join(",")
                };
                let _ = writeln!(text, "  {versions} {line}");
            }
        }
        let path = path(play);
        fs::write(&path, text).with_context(|| path.display().to_string())
    }
}

fn read_answers(
    line: &str,
    first: &mut Option<Value>,
    answers: &mut [Option<Answer>],
) -> Result<()> {
    let (versions, json) = line.trim().split_once(' ').context("a version and JSON")?;
    let mut value: Value = serde_json::from_str(json)?;
    if let Some(first) = first {
        let change = value;
        value = first.clone();
        patch::apply(&mut value, change);
    } else {
        *first = Some(value.clone());
    }
    let answer = Answer::from_value(value)?;
    for (at, version) in VERSIONS.iter().enumerate() {
        if versions == "all" || versions.split(',').any(|v| v == *version) {
            answers[at] = Some(answer.clone());
        }
    }
    Ok(())
}
