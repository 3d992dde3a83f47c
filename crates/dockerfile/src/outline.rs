//! What a file offers: its targets, and the arguments and secrets of one of them (`--call targets`, `--call outline`).

use std::collections::BTreeSet;

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
    /// Secrets, in the order of the file.
    pub secrets: Vec<OutlineSecret>,
    /// Agents and keys, in the order of the file.
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
    let needed = graph.needed(target)?;
    let used = used_globals(file, &needed, &globals);
    for instruction in &file.global_args {
        outline.declare(instruction, &globals, options, |name| used.contains(name));
    }
    for stage in needed {
        for instruction in graph.instructions(stage) {
            outline.declare(instruction, &globals, options, |_| true);
            mounts(instruction, &mut outline.secrets, &mut outline.ssh);
        }
    }
    Ok(outline)
}

/// The arguments before the first FROM that the stages take: in their FROM, by an ARG of theirs, or through the default of
/// one that they take.
fn used_globals(file: &Dockerfile, stages: &[usize], globals: &Globals) -> BTreeSet<String> {
    let in_word = |word: &str| {
        let asked = globals.expand(word).map(|e| (e.matched, e.unmatched));
        let (set, unset) = asked.unwrap_or_default();
        set.into_iter().chain(unset)
    };
    let mut used = BTreeSet::new();
    for stage in stages.iter().map(|&stage| &file.stages[stage]) {
        used.extend(in_word(&stage.from.base));
        used.extend(stage.from.platform.iter().flat_map(|word| in_word(word)));
        used.extend(arguments(&stage.instructions).map(|item| item.name.clone()));
    }
    let mut known = 0;
    while known != used.len() {
        known = used.len();
        for item in arguments(&file.global_args).filter(|item| item.default.is_some()) {
            if used.contains(&item.name) {
                used.extend(item.default.iter().flat_map(|word| in_word(word)));
            }
        }
    }
    used
}

/// All that ARG instructions declare.
fn arguments(instructions: &[Instruction]) -> impl Iterator<Item = &ArgItem> {
    let items = instructions.iter().filter_map(|i| match &i.kind {
        Kind::Arg(items) => Some(items),
        _ => None,
    });
    items.flatten()
}

impl Outline {
    fn declare(
        &mut self,
        instruction: &Instruction,
        globals: &Globals,
        options: &BuildOptions,
        counts: impl Fn(&str) -> bool,
    ) {
        let Kind::Arg(items) = &instruction.kind else {
            return;
        };
        for item in items.iter().filter(|item| counts(&item.name)) {
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

type Secrets = Vec<OutlineSecret>;

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
        if let Some(known) = into.iter_mut().find(|known| known.id == id) {
            known.required |= mount.required;
            continue;
        }
        into.push(OutlineSecret {
            id,
            required: mount.required,
            span: instruction.span,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_tells_what_it_takes() {
        let file = Dockerfile::parse(
            b"# VERSION of Go\nARG VERSION=1\nARG UNUSED=2\nFROM golang:$VERSION AS base\nRUN --mount=type=secret,id=k true\n\
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
