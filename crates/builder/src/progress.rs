//! What a build tells while it goes on.

use std::sync::Arc;

use gantry_dockerfile::Span;
use gantry_reference::ImageId;

use crate::Error;

/// Takes events; must not block.
pub type Report = Arc<dyn Fn(Event) + Send + Sync>;

/// Which step of a build, from 0.
pub type StepId = usize;

/// A step: what has a line of its own in a client's display.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// Its number within the build.
    pub id: StepId,
    /// How BuildKit's clients show it: `[stage 1/3] RUN make`.
    pub name: String,
    /// The steps that it needs.
    pub inputs: Vec<StepId>,
}

/// Something that happened.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// These steps will be made, if nothing fails before.
    Planned(Vec<Step>),
    /// An instruction begins, also one that makes nothing; in the words of Docker's classic builder.
    Instruction {
        /// Its number over all stages that are built, from 1.
        number: usize,
        /// How many there are.
        of: usize,
        /// The instruction as it is written.
        text: String,
    },
    /// Something of a step.
    Step(StepId, Told),
    /// So many instructions that a base image left for those built on it are carried out.
    Triggers(usize),
    /// The user should know.
    Warning(Warning),
    /// The image is there.
    Done(ImageId),
    /// It has this name.
    Tagged(String),
}

/// What a step tells.
#[derive(Debug, Clone, PartialEq)]
pub enum Told {
    /// It begins.
    Begun,
    /// Its layer was there already.
    Cached,
    /// An image that it takes files from was here already.
    Here,
    /// It goes on in this container.
    Running(String),
    /// It made this layer.
    Layer(String),
    /// A command's output.
    Output {
        /// 1 is standard output, 2 standard error.
        stream: u8,
        /// Its bytes.
        bytes: Vec<u8>,
    },
    /// A line of a pull.
    Pull(Box<gantry_api_types::JsonMessage>),
    /// How far a part of it is.
    Part {
        /// The part, as a person reads it.
        name: String,
        /// Bytes so far.
        current: u64,
        /// Bytes in all; 0 is unknown.
        total: u64,
        /// It is finished.
        finished: bool,
    },
    /// It has ended; with an error, if that is why.
    Ended(Option<String>),
}

/// Something that the user should know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    /// The check that found it, if one did.
    pub check: Option<gantry_dockerfile::Check>,
    /// What it is.
    pub message: String,
    /// Where in the Dockerfile.
    pub span: Option<Span>,
}

/// Tells about one step; its drop is the step's end.
pub(crate) struct Teller {
    report: Report,
    id: StepId,
    begun: bool,
    ended: bool,
}

impl Teller {
    /// Begins a step.
    pub(crate) fn begin(report: &Report, id: StepId) -> Self {
        report(Event::Step(id, Told::Begun));
        Self {
            report: Arc::clone(report),
            id,
            begun: true,
            ended: false,
        }
    }

    /// For instructions that nobody sees as a step.
    pub(crate) fn silent(report: &Report) -> Self {
        Self {
            report: Arc::clone(report),
            id: StepId::MAX,
            begun: false,
            ended: true,
        }
    }

    /// Tells.
    pub(crate) fn tell(&self, told: Told) {
        if self.begun {
            (self.report)(Event::Step(self.id, told));
        }
    }

    /// For work that tells in its own way.
    pub(crate) fn reporter(&self) -> impl Fn(Told) + Send + Sync + Clone + 'static {
        let (report, id, begun) = (Arc::clone(&self.report), self.id, self.begun);
        move |told| {
            if begun {
                report(Event::Step(id, told));
            }
        }
    }

    /// The step's end; what it came to is passed on.
    pub(crate) fn end<T>(mut self, result: Result<T, Error>) -> Result<T, Error> {
        let error = result.as_ref().err().map(Error::in_buildkits_words);
        self.tell(Told::Ended(error));
        self.ended = true;
        result
    }
}

impl Drop for Teller {
    fn drop(&mut self) {
        if !self.ended {
            self.tell(Told::Ended(Some("context canceled".to_owned())));
        }
    }
}
