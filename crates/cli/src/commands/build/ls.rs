//! `gantry buildx ls`

use std::fmt::Write as _;

use super::{failure, known};
use crate::command::{Arity, Command};
use crate::failure::Failure;
use crate::flags::flags;
use crate::output;
use crate::session::Session;
use crate::table;
use gantry_build_client::proto::pb::Platform;

flags! {
    /// `gantry buildx ls`
    pub(crate) struct List {}
}

impl Command for List {
    const USAGE: &'static str = "";
    const ABOUT: &'static str = "List builder instances";
    const WORDS: Arity = Arity::None;

    async fn run(self, session: &Session, _words: Vec<String>) -> Result<(), Failure> {
        let name = known(session, "")?;
        let builder = super::builder(session).await?;
        let workers = builder.workers().await.map_err(|e| failure(&e))?;
        let version = builder.version().await.map_err(|e| failure(&e))?;
        let platforms: Vec<Platform> = workers.into_iter().flat_map(|w| w.platforms).collect();
        let mut text = "NAME/NODE\tDRIVER/ENDPOINT\tSTATUS\tBUILDKIT\tPLATFORMS\n".to_owned();
        let _ = writeln!(text, "{name}*\tdocker\t\t\t");
        let platforms = listed(&platforms);
        let _ = writeln!(
            text,
            " \\_ {name}\t \\_ {name}\trunning\t{version}\t{platforms}"
        );
        output::print(table::align(&text));
        Ok(())
    }
}

/// All platforms, with commas.
pub(super) fn listed(platforms: &[Platform]) -> String {
    let names: Vec<String> = platforms
        .iter()
        .map(|platform| {
            let mut name = format!("{}/{}", platform.os, platform.architecture);
            if !platform.variant.is_empty() {
                name = format!("{name}/{}", platform.variant);
            }
            name
        })
        .collect();
    names.join(", ")
}
