//! Running containers looked after: health, restarts, limits, statistics, lists, events.

mod events;
mod health;
mod lists;
mod prune;
mod restarts;
mod stats;
mod top;
mod update;
