//! An application of twenty services, by the stock compose on both engines.
//!
//! Podman has no compose of its own.

use std::fmt::Write as _;
use std::fs;

use anyhow::{Result, ensure};

use super::contender::{Arena, Contender, shared};
use super::turns::{Measured, Unit, milliseconds};
use crate::peers;

const SERVICES: usize = 20;

/// Which way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Up,
    Down,
}

/// It comes up, or goes down.
pub(super) struct Application {
    runs: usize,
    way: Way,
}

/// Both ways.
pub(super) fn all(runs: usize) -> Vec<Box<dyn Measured>> {
    [Way::Up, Way::Down]
        .map(|way| Box::new(Application { runs, way }) as Box<dyn Measured>)
        .into()
}

impl Measured for Application {
    fn name(&self) -> &'static str {
        match self.way {
            Way::Up => "compose up, 20 services",
            Way::Down => "compose down, 20 services",
        }
    }

    fn shown(&self) -> &'static str {
        match self.way {
            Way::Up => "compose up -d",
            Way::Down => "compose down",
        }
    }

    fn unit(&self) -> Unit {
        Unit::Milliseconds
    }

    fn runs(&self) -> usize {
        self.runs
    }

    fn prepare(&self, arena: &Arena, _engine: Contender) -> Result<()> {
        fs::write(shared().join("compose.yaml"), application())?;
        let plugins = arena.config().join("cli-plugins");
        let plugin = plugins.join("docker-compose");
        if !plugin.exists() {
            fs::create_dir_all(&plugins)?;
            let stock = "usr/libexec/docker/cli-plugins/docker-compose";
            std::os::unix::fs::symlink(peers::root().join(stock), plugin)?;
        }
        Ok(())
    }

    fn once(&self, arena: &Arena, contender: Contender) -> Result<f64> {
        let file = shared().join("compose.yaml").display().to_string();
        let compose = |words: &[&str]| {
            let all = [&["compose", "-f", &file], words].concat();
            arena.run(contender, &all)
        };
        if self.way == Way::Up {
            compose(&["down"])?;
        }
        let up = compose(&["up", "-d"])?;
        let running = arena.output(contender, &["ps", "-q"])?.lines().count();
        ensure!(running == SERVICES, "{running} of {SERVICES} run");
        let down = compose(&["down"])?;
        Ok(milliseconds(match self.way {
            Way::Up => up,
            Way::Down => down,
        }))
    }
}

/// Containers that end at once when they are told to: what is measured is not their patience.
fn application() -> String {
    let mut text = String::from("name: bench\nservices:\n");
    for n in 0..SERVICES {
        let _ = writeln!(
            text,
            "  s{n}: {{image: busybox, command: [sleep, '1000'], stop_signal: SIGKILL}}"
        );
    }
    text
}
