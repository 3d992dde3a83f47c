//! Doing the same to several containers at once.

use std::future::Future;

use futures_util::StreamExt as _;
use gantry_client::Error;

use crate::failure::Failure;
use crate::output;

/// How many are under way at the same time, as Docker has it.
const AT_ONCE: usize = 50;

/// Does something to each container, several at a time, and prints the name of each that it was
/// done to, in the order given.
pub(crate) async fn each<'a, F, R>(names: &'a [String], action: F) -> Result<(), Failure>
where
    F: Fn(&'a str) -> R,
    R: Future<Output = Result<(), Error>>,
{
    let mut results = futures_util::stream::iter(names)
        .map(|name| action(name))
        .buffered(AT_ONCE);
    let mut failures = Vec::new();
    for name in names {
        match results.next().await {
            Some(Err(error)) => failures.push(Failure::from(error)),
            _ => output::line(name),
        }
    }
    Failure::join(failures)
}
