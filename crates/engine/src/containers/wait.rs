//! `wait`: for the end of a run, or of the container.

use std::future::Future;

use gantry_api_types::{WaitError, WaitResponse};

use super::Containers;
use super::container::Progress;
use crate::Error;

/// What to wait for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum WaitCondition {
    /// It does not run; true at once for a stopped one.
    #[default]
    NotRunning,
    /// A run ends after this call.
    NextExit,
    /// It is removed.
    Removed,
}

impl WaitCondition {
    /// As the API spells it.
    pub fn parse(text: &str) -> Result<Self, Error> {
        match text {
            "" | "not-running" => Ok(Self::NotRunning),
            "next-exit" => Ok(Self::NextExit),
            "removed" => Ok(Self::Removed),
            other => Err(Error::Invalid(format!("invalid condition: \"{other}\""))),
        }
    }
}

impl Containers {
    /// Begins to wait; what happens after this call returns is not missed, however late the
    /// returned future is polled.
    pub fn wait(
        &self,
        id: &str,
        condition: WaitCondition,
    ) -> Result<impl Future<Output = WaitResponse> + Send + 'static, Error> {
        let container = self.registry.find(id)?;
        let mut progress = container.progress();
        let before = progress.borrow().exits;
        Ok(async move {
            let met = |p: &Progress| match condition {
                WaitCondition::NotRunning => {
                    (!p.live && !p.restarting) || p.exits > before || p.removed
                }
                WaitCondition::NextExit => p.exits > before || p.removed,
                WaitCondition::Removed => p.removed,
            };
            match progress.wait_for(met).await {
                Ok(seen) => response(&seen),
                Err(_) => WaitResponse {
                    status_code: -1,
                    error: Some(WaitError {
                        message: "the daemon forgot the container".to_owned(),
                    }),
                },
            }
        })
    }
}

fn response(progress: &Progress) -> WaitResponse {
    WaitResponse {
        status_code: i64::from(progress.exit_code),
        error: None,
    }
}
