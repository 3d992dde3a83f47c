//! What a build tells while it goes on.

use std::sync::Arc;

use gantry_reference::ImageId;

/// Takes events; must not block.
pub type Report = Arc<dyn Fn(Event) + Send + Sync>;

/// Something that happened.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// An instruction begins.
    Step {
        /// Its number over all stages that are built, from 1.
        number: usize,
        /// How many there are.
        of: usize,
        /// The instruction as it is written.
        text: String,
    },
    /// Its layer was there already.
    Cached,
    /// It goes on in this container.
    Running(String),
    /// It made this layer.
    Layer(String),
    /// A command's output, both streams.
    Output(Vec<u8>),
    /// Something that the user should know.
    Warning(String),
    /// So many instructions that a base image left for those built on it are carried out.
    Triggers(usize),
    /// A line of a pull.
    Pull(Box<gantry_api_types::JsonMessage>),
    /// The image is there.
    Done(ImageId),
    /// It has this name.
    Tagged(String),
}
