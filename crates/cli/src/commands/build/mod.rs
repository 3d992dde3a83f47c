//! Commands about building.

pub(crate) mod cache_mount;
pub(crate) mod du;
pub(crate) mod history;
pub(crate) mod inspect;
pub(crate) mod ls;
pub(crate) mod prune;
pub(crate) mod run;

use gantry_build_client::{Builder, Error};

use crate::failure::Failure;
use crate::session::Session;

/// The engine's builder.
async fn builder(session: &Session) -> Result<Builder, Failure> {
    let client = session.client().await?;
    Builder::connect(&client).await.map_err(|e| failure(&e))
}

fn failure(error: &Error) -> Failure {
    Failure::new(format!("ERROR: {error}"))
}

/// Only the builder of the current context exists.
fn known(session: &Session, name: &str) -> Result<String, Failure> {
    let current = crate::build::run::builder_name(session)?;
    if name.is_empty() || name == current || name == "default" {
        return Ok(current);
    }
    Err(Failure::new(format!("ERROR: no builder {name:?} found")))
}
