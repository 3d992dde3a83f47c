//! What stages need from one another.

use std::collections::BTreeSet;

use crate::document::Dockerfile;
use crate::error::{Error, Problem};
use crate::expand::{Env, Lexer};
use crate::instruction::{Instruction, Kind, parse_trigger};
use crate::scope::Globals;
use crate::span::Span;
use crate::suggest::nearest;

/// Where a stage, a copy or a mount takes files from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// Nothing: `FROM scratch`.
    Scratch,
    /// Another stage, by its index.
    Stage(usize),
    /// An image or a named context.
    Image(String),
}

/// A COPY, or a mount of a RUN, that takes files from elsewhere than the context.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dependency {
    /// The instruction's index within [`Node::instructions`](Graph::instructions).
    pub instruction: usize,
    /// Which mount, for RUN.
    pub mount: Option<usize>,
    /// Where from.
    pub source: Source,
    span: Span,
}

/// The stages of a file and what they need.
#[derive(Debug, Clone)]
pub struct Graph {
    stages: Vec<Node>,
}

#[derive(Debug, Clone)]
struct Node {
    name: Option<String>,
    base: Source,
    instructions: Vec<Instruction>,
    dependencies: Vec<Dependency>,
}

/// A stage that is used, and by which instruction, if not by FROM.
type Use = (usize, Option<Span>);

impl Graph {
    /// Works out the graph; cycles and stages that are used before they are there are refused by [`Graph::needed`].
    pub fn new(file: &Dockerfile, globals: &Globals) -> Result<Self, Error> {
        Self::with_contexts(file, globals, &BTreeSet::new())
    }

    /// The same where a build gives files under names: a stage of such a name is replaced by them.
    pub fn with_contexts(
        file: &Dockerfile,
        globals: &Globals,
        contexts: &BTreeSet<String>,
    ) -> Result<Self, Error> {
        let mut graph = Self { stages: Vec::new() };
        for stage in &file.stages {
            let from = &stage.from;
            let at = |problem| Error::at(problem, from.span);
            let base = globals.expand(&from.base).map_err(at)?.text;
            if base.is_empty() {
                return Err(at(Problem::BlankBase(from.base.clone())));
            }
            if let Some(name) = from.name.as_ref().filter(|name| contexts.contains(*name)) {
                graph.stages.push(Node {
                    name: Some(name.clone()),
                    base: Source::Image(name.clone()),
                    instructions: Vec::new(),
                    dependencies: Vec::new(),
                });
                continue;
            }
            graph.stages.push(Node {
                base: graph.base(&base),
                name: from.name.clone(),
                instructions: graph.triggered(&base, from.span)?,
                dependencies: Vec::new(),
            });
            if let Some(node) = graph.stages.last_mut() {
                node.instructions.extend(stage.instructions.iter().cloned());
            }
        }
        for index in 0..graph.stages.len() {
            let found = graph.dependencies(index, file.escape)?;
            graph.stages[index].dependencies = found;
        }
        Ok(graph)
    }

    fn base(&self, base: &str) -> Source {
        match self.exact(base) {
            Some(index) => Source::Stage(index),
            None if base == "scratch" => Source::Scratch,
            None => Source::Image(base.to_owned()),
        }
    }

    /// Stage names are in lower case; FROM takes its base by the letter, `--from` does not.
    fn exact(&self, name: &str) -> Option<usize> {
        self.stages
            .iter()
            .rposition(|s| s.name.as_deref() == Some(name))
    }

    /// What the stage below left behind with ONBUILD.
    fn triggered(&self, base: &str, span: Span) -> Result<Vec<Instruction>, Error> {
        let Some(below) = self.exact(base) else {
            return Ok(Vec::new());
        };
        let below = self.stages[below].instructions.iter();
        below
            .filter_map(|i| match &i.kind {
                Kind::Onbuild(expression) => Some(parse_trigger(expression, span)),
                _ => None,
            })
            .collect()
    }

    fn dependencies(&self, stage: usize, escape: char) -> Result<Vec<Dependency>, Error> {
        let mut found = Vec::new();
        let instructions = &self.stages[stage].instructions;
        for (index, instruction) in instructions.iter().enumerate() {
            let span = instruction.span;
            let mut add = |mount, source| {
                found.push(Dependency {
                    instruction: index,
                    mount,
                    source,
                    span,
                });
            };
            match &instruction.kind {
                Kind::Copy(copy) => {
                    if let Some(from) = &copy.from {
                        let source = self.copied(from, escape);
                        add(None, source.map_err(|p| Error::at(p, span))?);
                    }
                }
                Kind::Run(run) => {
                    for (number, mount) in run.mounts.iter().enumerate() {
                        if let Some(from) = &mount.from {
                            add(Some(number), self.named(from));
                        }
                    }
                }
                _ => {}
            }
        }
        Ok(found)
    }

    fn copied(&self, from: &str, escape: char) -> Result<Source, Problem> {
        if Lexer::new(escape).expand(from, &Env::new())?.text != from {
            return Err(Problem::CopyFromVariable);
        }
        match from.parse::<i64>() {
            Ok(index) => match usize::try_from(index) {
                Ok(known) if known < self.stages.len() => Ok(Source::Stage(known)),
                _ => Err(Problem::StageIndex(index)),
            },
            Err(_) => Ok(self.named(from)),
        }
    }

    fn named(&self, name: &str) -> Source {
        self.base(&name.to_lowercase()).or_image(name)
    }

    /// The base of a stage.
    pub fn stage_base(&self, stage: usize) -> Option<&Source> {
        self.stages.get(stage).map(|s| &s.base)
    }

    /// A stage's instructions, those in front that ONBUILD of a stage below left.
    pub fn instructions(&self, stage: usize) -> &[Instruction] {
        self.stages.get(stage).map_or(&[], |s| &s.instructions)
    }

    /// What a stage's instructions take from elsewhere.
    pub fn stage_dependencies(&self, stage: usize) -> &[Dependency] {
        self.stages.get(stage).map_or(&[], |s| &s.dependencies)
    }

    /// Adds what the base image's ONBUILD says in front of a stage.
    pub fn add_triggers(
        &mut self,
        stage: usize,
        mut triggers: Vec<Instruction>,
        escape: char,
    ) -> Result<(), Error> {
        if let Some(node) = self.stages.get_mut(stage) {
            triggers.append(&mut node.instructions);
            node.instructions = triggers;
            let found = self.dependencies(stage, escape)?;
            self.stages[stage].dependencies = found;
        }
        Ok(())
    }

    /// The stage that is to be built: the named one, or the last.
    pub fn target(&self, name: Option<&str>) -> Result<usize, Error> {
        let Some(name) = name.filter(|n| !n.is_empty()) else {
            return Ok(self.stages.len().saturating_sub(1));
        };
        self.exact(&name.to_lowercase()).ok_or_else(|| {
            let names = self.stages.iter().filter_map(|s| s.name.as_deref());
            Error::from(Problem::Target {
                name: name.to_owned(),
                suggestion: nearest(name, names, true),
            })
        })
    }

    /// The stages that a target needs, itself the last, each after those that it needs.
    pub fn needed(&self, target: usize) -> Result<Vec<usize>, Error> {
        self.no_cycles()?;
        let mut needed = BTreeSet::new();
        let mut open = vec![target];
        while let Some(stage) = open.pop() {
            if needed.insert(stage) {
                open.extend(self.uses(stage).map(|(used, _)| used));
            }
        }
        for stage in &needed {
            self.in_order(*stage)?;
        }
        Ok(needed.into_iter().collect())
    }

    /// A stage can only take from those above it.
    fn in_order(&self, stage: usize) -> Result<(), Error> {
        for dependency in &self.stages[stage].dependencies {
            if let Source::Stage(used) = dependency.source
                && used > stage
            {
                let (from, stage) = (self.display(used), self.display(stage));
                let problem = match dependency.mount {
                    None => Problem::CopyLater { from, stage },
                    Some(_) => Problem::MountLater { from, stage },
                };
                return Err(Error::at(problem, dependency.span));
            }
        }
        Ok(())
    }

    fn uses(&self, stage: usize) -> impl Iterator<Item = Use> {
        let node = &self.stages[stage];
        let base = match node.base {
            Source::Stage(index) => Some((index, None)),
            _ => None,
        };
        let others = node.dependencies.iter().filter_map(|d| match d.source {
            Source::Stage(index) => Some((index, Some(d.span))),
            _ => None,
        });
        base.into_iter().chain(others)
    }

    fn display(&self, stage: usize) -> String {
        let name = self.stages.get(stage).and_then(|s| s.name.clone());
        name.unwrap_or_else(|| format!("stage-{stage}"))
    }

    /// Depth first, without recursion: thousands of stages are no way to crash.
    fn no_cycles(&self) -> Result<(), Error> {
        let mut done = vec![false; self.stages.len()];
        for root in 0..self.stages.len() {
            let mut path: Vec<(usize, Vec<Use>)> = Vec::new();
            let mut on_path = BTreeSet::new();
            if !done[root] {
                path.push((root, self.uses(root).collect()));
                on_path.insert(root);
            }
            while let Some((stage, rest)) = path.last_mut() {
                let stage = *stage;
                let Some((used, span)) = rest.pop() else {
                    done[stage] = true;
                    on_path.remove(&stage);
                    path.pop();
                    continue;
                };
                if on_path.contains(&used) {
                    let mut error = Error::from(Problem::Circular(self.display(root)));
                    error.span = span;
                    return Err(error);
                }
                if !done[used] {
                    on_path.insert(used);
                    path.push((used, self.uses(used).collect()));
                }
            }
        }
        Ok(())
    }
}

impl Source {
    /// Images keep the letter case in which they were written.
    fn or_image(self, written: &str) -> Self {
        match self {
            Self::Image(_) => Self::Image(written.to_owned()),
            other => other,
        }
    }
}

#[cfg(test)]
mod tests;
