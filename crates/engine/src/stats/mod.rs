//! What containers use of the machine: `stats`.
//!
//! One sampler serves all readers: once a second it reads each container that somebody looks at,
//! once, however many look, and twice within half a second for those who want one answer. A
//! container that nobody looks at costs nothing. `source` reads the kernel's figures, `shape` puts
//! them into Docker's form.

mod sampler;
mod shape;
mod source;

use std::sync::Arc;

use futures_util::stream::{self, BoxStream, StreamExt as _};
use gantry_api_types::{ContainerStats, CpuStats, ZERO_TIME};

use sampler::Pace;
pub(crate) use sampler::Sampler;

use crate::Error;
use crate::containers::Containers;

/// What a reader of statistics wants.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct StatsOptions {
    /// A sample a second until the container is removed; else one.
    pub stream: bool,
    /// The one sample at once, without an earlier one to compare the processor's time with.
    pub one_shot: bool,
}

impl Containers {
    /// Samples of a container.
    pub fn stats(
        &self,
        id: &str,
        options: StatsOptions,
    ) -> Result<BoxStream<'static, ContainerStats>, Error> {
        let container = self.registry.find(id)?;
        let named = ContainerStats {
            name: format!("/{}", container.name()),
            id: container.id.clone(),
            read: ZERO_TIME.to_owned(),
            preread: ZERO_TIME.to_owned(),
            ..ContainerStats::default()
        };
        if !options.stream && !container.phase().is_live() {
            return Ok(stream::iter([named]).boxed());
        }
        let pace = if options.stream {
            Pace::Steady
        } else {
            Pace::Brief
        };
        let samples = self.sampler.subscribe(self, &container, pace);
        let compared = samples.scan(Before::default(), move |before, sample| {
            let shown = before.put_into(sample.as_ref().clone());
            std::future::ready(Some(shown))
        });
        Ok(if options.stream {
            compared.boxed()
        } else if options.one_shot {
            compared.take(1).boxed()
        } else {
            // The first only serves the second, so that the processor's use can be told.
            let second = compared.skip(1).take(1);
            // A container that is removed meanwhile has no second sample.
            second.chain(stream::iter([named])).take(1).boxed()
        })
    }
}

/// The sample before, of one reader.
#[derive(Default)]
struct Before {
    cpu: CpuStats,
    read: Option<String>,
}

impl Before {
    fn put_into(&mut self, mut sample: ContainerStats) -> ContainerStats {
        sample.precpu_stats = std::mem::replace(&mut self.cpu, sample.cpu_stats.clone());
        let read = self.read.replace(sample.read.clone());
        sample.preread = read.unwrap_or_else(|| ZERO_TIME.to_owned());
        sample
    }
}

/// A sample that several readers share.
type Sample = Arc<ContainerStats>;
