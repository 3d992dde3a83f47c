//! A whole Dockerfile.

use crate::directive::Directive;
use crate::error::{Error, Problem};
use crate::instruction::{From, Instruction, Kind, Statement, read};
use crate::node::Nodes;
use crate::span::Span;

/// A Dockerfile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dockerfile {
    /// The parser directives.
    pub directives: Vec<Directive>,
    /// The escape character: a backslash, or a backtick.
    pub escape: char,
    /// The ARG instructions above the first FROM.
    pub global_args: Vec<Instruction>,
    /// The stages, at least one.
    pub stages: Vec<Stage>,
    /// Blank lines within instructions.
    pub(crate) empty_continuations: Vec<Span>,
}

/// A stage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stage {
    /// How it begins.
    pub from: From,
    /// What it does.
    pub instructions: Vec<Instruction>,
}

impl Stage {
    /// Its name, or `stage-N`.
    pub fn display_name(&self, index: usize) -> String {
        match &self.from.name {
            Some(name) => name.clone(),
            None => format!("stage-{index}"),
        }
    }
}

impl Dockerfile {
    /// Reads a file. Bytes that are no UTF-8 become U+FFFD.
    pub fn parse(source: &[u8]) -> Result<Self, Error> {
        if source.is_empty() {
            return Err(Problem::Empty.into());
        }
        let text = String::from_utf8_lossy(source);
        let nodes = Nodes::read(&text)?;
        let mut file = Self {
            directives: nodes.directives,
            escape: nodes.escape,
            global_args: Vec::new(),
            stages: Vec::new(),
            empty_continuations: nodes.empty_continuations,
        };
        for node in &nodes.nodes {
            match read(node, file.escape)? {
                Statement::From(from) => file.stages.push(Stage {
                    from,
                    instructions: Vec::new(),
                }),
                Statement::Instruction(instruction) => file.add(instruction)?,
            }
        }
        if file.stages.is_empty() {
            return Err(Problem::NoStages.into());
        }
        Ok(file)
    }

    fn add(&mut self, instruction: Instruction) -> Result<(), Error> {
        match self.stages.last_mut() {
            Some(stage) => stage.instructions.push(instruction),
            None if matches!(instruction.kind, Kind::Arg(_)) => self.global_args.push(instruction),
            None => return Err(Error::at(Problem::NoStage, instruction.span)),
        }
        Ok(())
    }

    /// The value of a directive.
    pub fn directive(&self, name: &str) -> Option<&str> {
        let directive = self.directives.iter().find(|d| d.name == name);
        directive.map(|d| d.value.as_str())
    }
}
