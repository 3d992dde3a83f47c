//! One case, in turn by all contenders, and what becomes of the figures.

use std::fmt::Write as _;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::Row;
use super::contender::{ALL, Arena, Contender, ENGINES};

/// What a figure counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unit {
    /// The fewer the better.
    Milliseconds,
    /// The more the better.
    GigabitsPerSecond,
    /// The more the better.
    PerSecond,
}

/// A piece of work that all contenders do.
pub(crate) trait Measured {
    /// What the table calls it.
    fn name(&self) -> &str;
    /// How a person would type it.
    fn shown(&self) -> &str;
    /// What its figures count.
    fn unit(&self) -> Unit;
    /// How often each does it.
    fn runs(&self) -> usize;
    /// What must be there before the first turn.
    fn prepare(&self, _arena: &Arena, _engine: Contender) -> Result<()> {
        Ok(())
    }
    /// Does it once.
    fn once(&self, arena: &Arena, contender: Contender) -> Result<f64>;
    /// The same work without any container, where that can be said.
    fn bare(&self, _arena: &Arena) -> Option<Result<f64>> {
        None
    }
    /// Removes what was prepared.
    fn tidy(&self, _arena: &Arena, _engine: Contender) {}
}

/// Runs a case and makes its row. A case that Podman has no words for has no figure of it.
pub(crate) fn measure(case: &dyn Measured, arena: &Arena) -> Result<Row> {
    let mut figures: [Vec<f64>; ALL.len()] = Default::default();
    let mut bare = Vec::new();
    let mut able = vec![true; ALL.len()];
    for engine in ENGINES {
        let done = case.prepare(arena, engine);
        able[engine as usize] = forgive(engine, done.context("preparing"))?.is_some();
    }
    for turn in 0..=case.runs() {
        for contender in ALL {
            if !able[contender as usize] {
                continue;
            }
            let figure = forgive(contender, case.once(arena, contender))?;
            able[contender as usize] = figure.is_some();
            // The first turn warms caches and is not counted.
            if turn > 0 {
                figures[contender as usize].extend(figure);
            }
        }
        bare.extend(case.bare(arena).transpose()?);
    }
    for engine in ENGINES {
        case.tidy(arena, engine);
    }
    Ok(row(case, &figures, &bare))
}

fn forgive<T>(contender: Contender, done: Result<T>) -> Result<Option<T>> {
    match done {
        Ok(value) => Ok(Some(value)),
        Err(error) if contender == Contender::Podman => {
            eprintln!("  not by Podman: {error:#}");
            Ok(None)
        }
        Err(error) => bail!("{contender:?}: {error:#}"),
    }
}

fn row(case: &dyn Measured, figures: &[Vec<f64>; ALL.len()], bare: &[f64]) -> Row {
    let unit = case.unit();
    let medians: Vec<Option<f64>> = figures.iter().map(|some| median(some)).collect();
    let mut command = format!("`{}`", case.shown());
    if let Some(bare) = median(bare) {
        let _ = write!(command, "; the host itself: {}", shown(unit, Some(bare)));
    }
    let times = |a: Contender, b: Contender| {
        let (ours, theirs) = (medians[a as usize]?, medians[b as usize]?);
        Some(if unit == Unit::Milliseconds {
            theirs / ours
        } else {
            ours / theirs
        })
    };
    let ratios = [
        times(Contender::Own, Contender::Docker),
        times(Contender::Stock, Contender::Docker),
        times(Contender::Own, Contender::Podman),
    ];
    Row {
        case: case.name().to_owned(),
        command,
        figures: medians.iter().map(|m| shown(unit, *m)).collect(),
        ratios: ratios.into_iter().map(ratio).collect(),
    }
}

/// A ratio as the table shows it.
pub(crate) fn ratio(times: Option<f64>) -> String {
    times.map_or_else(|| "-".to_owned(), |times| format!("{times:.1}x"))
}

fn shown(unit: Unit, figure: Option<f64>) -> String {
    match (unit, figure) {
        (_, None) => "-".to_owned(),
        (Unit::Milliseconds, Some(figure)) => format!("{figure:.1} ms"),
        (Unit::GigabitsPerSecond, Some(figure)) => format!("{figure:.2} Gbit/s"),
        (Unit::PerSecond, Some(figure)) => format!("{figure:.0} /s"),
    }
}

fn median(figures: &[f64]) -> Option<f64> {
    let mut sorted = figures.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied()
}

/// As figures count them.
pub(crate) fn milliseconds(took: Duration) -> f64 {
    took.as_secs_f64() * 1e3
}
