//! Images and platforms that cannot be read: no check finds them, and no build comes of them.

use gantry_reference::Reference;

use super::context::Context;
use crate::error::{Error, Problem};
use crate::graph::{Graph, Source};
use crate::platform::Platform;

/// The first FROM that has one.
pub(super) fn unreadable(context: &Context<'_>) -> Option<Error> {
    let graph = Graph::new(context.file, &context.globals).ok()?;
    let mut stages = context.begins.iter().enumerate();
    stages.find_map(|(stage, begin)| {
        let at = |problem| Some(Error::at(problem, begin.from.span));
        if let Some(platform) = &begin.platform
            && Platform::parse(&platform.text).is_err()
        {
            return at(Problem::BasePlatform(platform.text.clone()));
        }
        match graph.stage_base(stage) {
            Some(Source::Image(name)) => {
                let problem = Reference::parse(name).err()?.to_string();
                at(Problem::BaseName(name.clone(), problem))
            }
            _ => None,
        }
    })
}
