//! What a file offers: its targets, and the arguments and secrets of one of them (`--call targets`, `--call outline`).

use std::collections::BTreeMap;

use crate::document::Dockerfile;
use crate::error::{Error, Problem};
use crate::graph::Graph;
use crate::instruction::{ArgItem, Instruction, Kind, MountType};
use crate::scope::{BuildOptions, Globals};
use crate::span::Span;

/// A stage as a target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// Its name, if it has one.
    pub name: Option<String>,
    /// What the comment above says of it.
    pub description: Option<String>,
    /// Its base as it is written.
    pub base: String,
    /// Its platform as it is written.
    pub platform: Option<String>,
    /// Whether it is built when none is named.
    pub default: bool,
    /// Where it begins.
    pub span: Span,
}

/// What can be given to the build of a target.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outline {
    /// The target's name.
    pub name: Option<String>,
    /// What the comment above says of it.
    pub description: Option<String>,
    /// Arguments, in the order of the file.
    pub args: Vec<OutlineArg>,
    /// Secrets, by id.
    pub secrets: Vec<OutlineSecret>,
    /// Agents and keys, by id.
    pub ssh: Vec<OutlineSecret>,
}

/// An argument of a target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutlineArg {
    /// Its name.
    pub name: String,
    /// What the comment above says of it.
    pub description: Option<String>,
    /// The value that is given, or the default.
    pub value: Option<String>,
    /// Where it is declared.
    pub span: Span,
}

/// A secret, or an agent, of a target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutlineSecret {
    /// Its id.
    pub id: String,
    /// Whether the build fails without it.
    pub required: bool,
    /// Where it is first used.
    pub span: Span,
}

/// All stages as targets.
pub fn targets(file: &Dockerfile) -> Vec<Target> {
    let last = file.stages.len().saturating_sub(1);
    let stages = file.stages.iter().enumerate();
    stages
        .map(|(index, stage)| Target {
            name: stage.from.name.clone(),
            description: stage.from.description().map(str::to_owned),
            base: stage.from.base.clone(),
            platform: stage.from.platform.clone(),
            default: index == last,
            span: stage.from.span,
        })
        .collect()
}

/// What can be given to the build of the options' target.
pub fn outline(file: &Dockerfile, options: &BuildOptions) -> Result<Outline, Error> {
    let globals = Globals::new(file, options)?;
    let graph = Graph::new(file, &globals)?;
    let target = graph.target(options.target.as_deref())?;
    let from = &file.stages[target].from;
    let mut outline = Outline {
        name: from.name.clone(),
        description: from.description().map(str::to_owned),
        ..Outline::default()
    };
    for instruction in &file.global_args {
        outline.declare(instruction, &globals, options);
    }
    let (mut secrets, mut ssh) = (BTreeMap::new(), BTreeMap::new());
    for stage in graph.needed(target)? {
        for instruction in graph.instructions(stage) {
            outline.declare(instruction, &globals, options);
            mounts(instruction, &mut secrets, &mut ssh);
        }
    }
    outline.secrets = secrets.into_values().collect();
    outline.ssh = ssh.into_values().collect();
    Ok(outline)
}

impl Outline {
    fn declare(&mut self, instruction: &Instruction, globals: &Globals, options: &BuildOptions) {
        let Kind::Arg(items) = &instruction.kind else {
            return;
        };
        for item in items {
            if !self.args.iter().any(|a| a.name == item.name) {
                self.args.push(OutlineArg {
                    name: item.name.clone(),
                    description: item.description.clone(),
                    value: value(item, globals, options),
                    span: instruction.span,
                });
            }
        }
    }
}

fn value(item: &ArgItem, globals: &Globals, options: &BuildOptions) -> Option<String> {
    let given = options.build_args.get(&item.name).cloned();
    let global = || globals.env.get(&item.name).map(str::to_owned);
    let default = || {
        let default = item.default.as_deref()?;
        Some(
            globals
                .expand(default)
                .map_or(default.to_owned(), |e| e.text),
        )
    };
    given.or_else(default).or_else(global)
}

type Secrets = BTreeMap<String, OutlineSecret>;

/// Mounts whose fields hold variables are told by the fields' text.
fn mounts(instruction: &Instruction, secrets: &mut Secrets, ssh: &mut Secrets) {
    let Kind::Run(run) = &instruction.kind else {
        return;
    };
    let as_written = |word: &str| Ok::<_, Problem>(word.to_owned());
    for mount in run.mounts.iter().filter_map(|m| m.resolve(as_written).ok()) {
        let file_name = || {
            let path = mount.target.as_deref()?;
            path.rsplit('/').next().map(str::to_owned)
        };
        let (into, fallback) = match mount.kind {
            MountType::Secret => (&mut *secrets, file_name()),
            MountType::Ssh => (&mut *ssh, Some("default".to_owned())),
            _ => continue,
        };
        let id = mount.id.clone().or_else(|| mount.source.clone());
        let id = id.or(fallback).unwrap_or_default();
        let entry = into.entry(id.clone()).or_insert(OutlineSecret {
            id,
            required: false,
            span: instruction.span,
        });
        entry.required |= mount.required;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_tells_what_it_takes() {
        let file = Dockerfile::parse(
            b"# VERSION of Go\nARG VERSION=1\nFROM golang:$VERSION AS base\nRUN --mount=type=secret,id=k true\n\
              # app is the program\nFROM base AS app\nARG EXTRA\nRUN --mount=type=secret,id=k,required --mount=type=ssh true\nFROM x\nARG OTHER\n",
        )
        .expect("fine");
        let options = BuildOptions {
            target: Some("app".to_owned()),
            ..BuildOptions::default()
        };
        let told = outline(&file, &options).expect("fine");
        let names: Vec<&str> = told.args.iter().map(|a| a.name.as_str()).collect();
        assert_eq!(names, ["VERSION", "EXTRA"]);
        assert_eq!(told.args[0].description.as_deref(), Some("of Go"));
        assert_eq!(told.description.as_deref(), Some("is the program"));
        assert!(told.secrets[0].required && told.ssh[0].id == "default");
        let all = targets(&file);
        assert_eq!(
            (all.len(), all[2].default, all[1].default),
            (3, true, false)
        );
    }
}
