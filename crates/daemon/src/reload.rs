//! Reading the configuration again when told to (SIGHUP).

use gantry_engine::Engine;
use tokio::signal::unix::Signal;

use crate::args::RunArgs;
use crate::logging::Level;
use crate::{Error, Resolved};

/// Waits for signals and takes over what may change while the daemon runs.
pub(crate) async fn on_signal(
    mut signals: Signal,
    args: RunArgs,
    mut current: Resolved,
    engine: Engine,
    level: Level,
) {
    while signals.recv().await.is_some() {
        match reload(&args, &current, &engine) {
            Ok(new) => {
                level.set(&new.log_level);
                tracing::info!("configuration reloaded");
                current = new;
            }
            Err(e) => tracing::error!("the configuration stays as it was: {e}"),
        }
    }
}

/// All or nothing: a file with a mistake changes nothing.
fn reload(args: &RunArgs, current: &Resolved, engine: &Engine) -> Result<Resolved, Error> {
    let new = Resolved::new(args)?;
    engine.reload(new.live().clone())?;
    for key in current.changed_for_good(&new) {
        tracing::warn!(
            "{key} has changed, which only a restart of the daemon takes over; containers go on"
        );
    }
    Ok(new)
}
