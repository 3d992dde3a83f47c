//! Statistics of many containers at once.

use anyhow::Result;

use super::contender::{Arena, Contender};
use super::turns::{Measured, Unit, milliseconds};

const CONTAINERS: usize = 100;

/// One table of all that run.
pub(super) struct Stats {
    pub(super) runs: usize,
}

fn names() -> Vec<String> {
    (0..CONTAINERS).map(|n| format!("crowd-{n}")).collect()
}

impl Measured for Stats {
    fn name(&self) -> &'static str {
        "stats of 100 containers"
    }

    fn shown(&self) -> &'static str {
        "stats --no-stream"
    }

    fn unit(&self) -> Unit {
        Unit::Milliseconds
    }

    fn runs(&self) -> usize {
        self.runs
    }

    fn prepare(&self, arena: &Arena, engine: Contender) -> Result<()> {
        super::cases::start(arena, engine, &names(), 4)
    }

    fn once(&self, arena: &Arena, contender: Contender) -> Result<f64> {
        arena
            .run(contender, &["stats", "--no-stream"])
            .map(milliseconds)
    }

    fn tidy(&self, arena: &Arena, engine: Contender) {
        let names = names();
        let mut remove = vec!["rm", "-f"];
        remove.extend(names.iter().map(String::as_str));
        let _ = arena.run(engine, &remove);
    }
}
