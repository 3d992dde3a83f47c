//! What the checks look at: the file, and every instruction with its values put in.

use std::collections::BTreeMap;

use super::CheckConfig;
use crate::document::Dockerfile;
use crate::error::{Error, Problem};
use crate::expand::Expanded;
use crate::graph::{Graph, Source};
use crate::ignore::Ignore;
use crate::instruction::{From, Instruction, Kind};
use crate::scope::{Applied, BuildOptions, Globals, Scope};

/// What the checks need to know beside the file.
#[derive(Debug, Default)]
pub struct CheckInput<'a> {
    /// What is given to the build.
    pub options: BuildOptions,
    /// The context's `.dockerignore`.
    pub ignore: Option<&'a Ignore>,
    /// Base images by the name that FROM expands to; of others nothing but PATH is known.
    pub bases: BTreeMap<String, BaseImage>,
    /// Look at all stages, not only at those that the target needs.
    pub all_stages: bool,
    /// Which checks run, if not what the file says.
    pub config: Option<CheckConfig>,
}

/// What a base image brings along.
#[derive(Debug, Clone, Default)]
pub struct BaseImage {
    /// `NAME=value` strings.
    pub env: Vec<String>,
    /// Its shell, if it sets one.
    pub shell: Vec<String>,
}

/// A FROM with its values put in.
pub(super) struct Begin<'a> {
    pub(super) from: &'a From,
    pub(super) base: Expanded,
    pub(super) platform: Option<Expanded>,
}

/// An instruction with its values put in.
pub(super) struct Step {
    pub(super) stage: usize,
    pub(super) instruction: Instruction,
    pub(super) applied: Applied,
    /// A SHELL stands above, here or below in the stage's bases.
    pub(super) own_shell: bool,
    /// A WORKDIR stands above.
    pub(super) workdir_set: bool,
}

pub(super) struct Context<'a> {
    pub(super) file: &'a Dockerfile,
    pub(super) input: &'a CheckInput<'a>,
    pub(super) globals: Globals,
    pub(super) begins: Vec<Begin<'a>>,
    pub(super) steps: Vec<Step>,
}

/// A stage's variables and facts at its end.
#[derive(Clone)]
struct State {
    scope: Scope,
    own_shell: bool,
    workdir_set: bool,
}

impl<'a> Context<'a> {
    pub(super) fn new(file: &'a Dockerfile, input: &'a CheckInput<'a>) -> Result<Self, Error> {
        let globals = Globals::new(file, &input.options)?;
        let mut context = Self {
            file,
            input,
            begins: begins(file, &globals)?,
            globals,
            steps: Vec::new(),
        };
        context.walk()?;
        Ok(context)
    }

    fn walk(&mut self) -> Result<(), Error> {
        let graph = Graph::new(self.file, &self.globals)?;
        let target = graph.target(self.input.options.target.as_deref())?;
        let mut stages = graph.needed(target)?;
        if self.input.all_stages {
            stages = (0..self.file.stages.len()).collect();
        }
        let mut ends: BTreeMap<usize, State> = BTreeMap::new();
        for stage in stages {
            let mut state = match graph.stage_base(stage) {
                Some(Source::Stage(base)) if ends.contains_key(base) => ends[base].clone(),
                _ => self.on_image(stage),
            };
            state.scope = state.scope.on_stage();
            for instruction in graph.instructions(stage) {
                let applied = state
                    .scope
                    .apply(instruction, &self.globals, &self.input.options)?;
                self.steps.push(Step {
                    stage,
                    instruction: instruction.clone(),
                    applied,
                    own_shell: state.own_shell,
                    workdir_set: state.workdir_set,
                });
                state.own_shell |= matches!(instruction.kind, Kind::Shell(_));
                state.workdir_set |= matches!(instruction.kind, Kind::Workdir(_));
            }
            ends.insert(stage, state);
        }
        Ok(())
    }

    fn on_image(&self, stage: usize) -> State {
        let image = self.input.bases.get(&self.begins[stage].base.text);
        let env = image.map_or(&[][..], |image| &image.env);
        State {
            scope: Scope::on_image(self.file, env),
            own_shell: image.is_some_and(|image| !image.shell.is_empty()),
            workdir_set: false,
        }
    }
}

fn begins<'a>(file: &'a Dockerfile, globals: &Globals) -> Result<Vec<Begin<'a>>, Error> {
    let begin = |from: &'a From| {
        let at = |problem| Error::at(problem, from.span);
        let platform = from.platform.as_deref();
        let platform = platform.map(|p| globals.expand(p)).transpose();
        let platform = platform.map_err(at)?;
        if platform.as_ref().is_some_and(|p| p.text.is_empty()) {
            let written = from.platform.clone().unwrap_or_default();
            return Err(at(Problem::EmptyPlatform(written)));
        }
        Ok(Begin {
            from,
            base: globals.expand(&from.base).map_err(at)?,
            platform,
        })
    };
    file.stages.iter().map(|s| begin(&s.from)).collect()
}
