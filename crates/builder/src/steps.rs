//! Which steps a build has, and what they are called.

use std::collections::BTreeMap;

use gantry_dockerfile::{Dockerfile, Graph, Instruction, Kind, Source};

use crate::progress::{Step, StepId};

/// The steps of the stages that are needed.
#[derive(Debug, Default)]
pub(crate) struct Steps {
    /// All of them.
    pub(crate) planned: Vec<Step>,
    /// The step of a stage's FROM and of its instructions, by their place.
    from: BTreeMap<usize, StepId>,
    of: BTreeMap<(usize, usize), StepId>,
    /// The number of each stage's FROM among all instructions, in the classic builder's way, and how many there are.
    numbers: BTreeMap<usize, usize>,
    pub(crate) instructions: usize,
    /// The step in which the context is loaded.
    context: Option<StepId>,
    /// The steps in which the result is put down, one for each place.
    outputs: Vec<StepId>,
}

impl Steps {
    /// Plans the steps of stages, in the order in which they stand in the file.
    pub(crate) fn plan(
        file: &Dockerfile,
        graph: &Graph,
        needed: &[usize],
        outputs: &[&str],
    ) -> Self {
        let mut steps = Self::default();
        for &stage in needed {
            steps.numbers.insert(stage, steps.instructions + 1);
            steps.instructions += 1 + file.stages[stage].instructions.len();
        }
        let reads = |stage: &usize| graph.instructions(*stage).iter().any(reads_context);
        if needed.iter().any(reads) {
            let name = "[internal] load build context".to_owned();
            steps.context = Some(steps.add(name, Vec::new()));
        }
        for &stage in needed {
            steps.stage(file, graph, stage);
        }
        let last = needed.last().and_then(|stage| steps.last(graph, *stage));
        for name in outputs {
            let id = steps.add((*name).to_owned(), last.into_iter().collect());
            steps.outputs.push(id);
        }
        steps
    }

    fn add(&mut self, name: String, inputs: Vec<StepId>) -> StepId {
        let id = self.planned.len();
        self.planned.push(Step { id, name, inputs });
        id
    }

    fn stage(&mut self, file: &Dockerfile, graph: &Graph, stage: usize) {
        let base = graph.stage_base(stage);
        let makers = graph.instructions(stage).iter().enumerate();
        let makers: Vec<_> = makers.filter(|(_, i)| makes_layer(i)).collect();
        let from_image = matches!(base, Some(Source::Image(_)));
        let total = makers.len() + usize::from(from_image);
        let name = if file.stages.len() > 1 {
            format!("{} ", file.stages[stage].display_name(stage))
        } else {
            String::new()
        };
        let width = total.to_string().len();
        let mut number = 0;
        let mut label = |text: &str| {
            number += 1;
            format!("[{name}{number:>width$}/{total}] {text}")
        };
        let mut last = None;
        match base {
            Some(Source::Image(image)) => {
                let id = self.add(label(&format!("FROM {}", full_name(image))), Vec::new());
                self.from.insert(stage, id);
                last = Some(id);
            }
            Some(Source::Stage(below)) => last = self.last(graph, *below),
            _ => {}
        }
        for (place, instruction) in makers {
            let mut inputs: Vec<StepId> = last.into_iter().collect();
            if reads_context(instruction) {
                inputs.extend(self.context);
            }
            for dependency in graph.stage_dependencies(stage) {
                if let Source::Stage(other) = dependency.source
                    && dependency.instruction == place
                {
                    inputs.extend(self.last(graph, other));
                }
            }
            let id = self.add(label(&shown(instruction)), inputs);
            self.of.insert((stage, place), id);
            last = Some(id);
        }
    }

    /// A stage's last step.
    fn last(&self, graph: &Graph, stage: usize) -> Option<StepId> {
        let own = self.of.range((stage, 0)..=(stage, usize::MAX)).next_back();
        if let Some((_, id)) = own {
            return Some(*id);
        }
        match graph.stage_base(stage) {
            Some(Source::Stage(below)) => self.last(graph, *below),
            _ => self.from.get(&stage).copied(),
        }
    }

    /// The step of a stage's FROM, where that is an image.
    pub(crate) fn of_base(&self, stage: usize) -> Option<StepId> {
        self.from.get(&stage).copied()
    }

    /// The step of an instruction, if it is one.
    pub(crate) fn of(&self, stage: usize, place: usize) -> Option<StepId> {
        self.of.get(&(stage, place)).copied()
    }

    /// The step in which the context is loaded.
    pub(crate) fn context(&self) -> Option<StepId> {
        self.context
    }

    /// The step in which the result is put down at one of its places.
    pub(crate) fn output(&self, number: usize) -> Option<StepId> {
        self.outputs.get(number).copied()
    }

    /// The classic builder's number of a stage's FROM.
    pub(crate) fn number(&self, stage: usize) -> usize {
        self.numbers.get(&stage).copied().unwrap_or_default()
    }
}

/// Instructions that are a step: the others only change the configuration.
pub(crate) fn makes_layer(instruction: &Instruction) -> bool {
    matches!(
        instruction.kind,
        Kind::Run(_) | Kind::Copy(_) | Kind::Add(_) | Kind::Workdir(_)
    )
}

/// Whether an instruction takes files from the context.
pub(crate) fn reads_context(instruction: &Instruction) -> bool {
    match &instruction.kind {
        Kind::Copy(copy) => copy.from.is_none() && !copy.sources.paths.is_empty(),
        Kind::Add(add) => !add.sources.paths.is_empty(),
        Kind::Run(run) => run.mounts.iter().any(|m| m.context_path().is_some()),
        _ => false,
    }
}

/// The paths of the context that stages take files from; none means all of them.
pub(crate) fn wanted_paths(graph: &Graph, needed: &[usize]) -> Vec<String> {
    let mut wanted = Vec::new();
    for &stage in needed {
        for instruction in graph.instructions(stage) {
            match &instruction.kind {
                Kind::Copy(copy) if copy.from.is_none() => {
                    wanted.extend(copy.sources.paths.iter().cloned());
                }
                Kind::Add(add) => {
                    let local = |path: &&String| !path.contains("://") && !path.starts_with("git@");
                    wanted.extend(add.sources.paths.iter().filter(local).cloned());
                }
                Kind::Run(run) => {
                    let paths = run.mounts.iter().filter_map(|mount| mount.context_path());
                    wanted.extend(paths.map(str::to_owned));
                }
                _ => {}
            }
        }
    }
    // What a variable stands for is known later; `/./` only says which parents are kept.
    let open = |path: &String| path.contains(['$', '\\']);
    let everything = |path: &String| path.trim_matches(['/', '.']).is_empty();
    if wanted.iter().any(|path| open(path) || everything(path)) {
        return Vec::new();
    }
    wanted.sort();
    wanted.dedup();
    wanted
}

/// An instruction as it is shown: on one line, its word in capitals.
fn shown(instruction: &Instruction) -> String {
    let lines = instruction.source.lines();
    let joined: Vec<&str> = lines
        .map(|line| line.trim_end().trim_end_matches('\\'))
        .collect();
    let mut text = joined.concat();
    if let Kind::Run(run) = &instruction.kind
        && let Some(script) = script(&run.command, &text)
    {
        let mut lines = script.trim().lines();
        let first = lines.next().unwrap_or_default();
        let more = if lines.next().is_some() { "..." } else { "" };
        text = format!("{text} ({first}{more})");
    }
    match text.split_once(char::is_whitespace) {
        Some((word, rest)) => format!("{} {rest}", word.to_uppercase()),
        None => text,
    }
}

/// What the shell is given where RUN has files in the Dockerfile: the file, or the line with the files behind it.
fn script(command: &gantry_dockerfile::CommandLine, line: &str) -> Option<String> {
    let first = command.heredocs().first()?;
    if command.script().is_some() {
        return Some(first.content.clone());
    }
    let (_, rest) = line.split_once(char::is_whitespace)?;
    Some(format!("{}\n{}", rest.trim(), first.content))
}

/// The name in full, as BuildKit shows images.
fn full_name(image: &str) -> String {
    match gantry_reference::Reference::parse(image) {
        Ok(name) if name.tag().is_none() && name.digest().is_none() => {
            let latest = name.with_tag(gantry_reference::DEFAULT_TAG);
            latest.map_or_else(|_| image.to_owned(), |name| name.to_string())
        }
        Ok(name) => name.to_string(),
        Err(_) => image.to_owned(),
    }
}
