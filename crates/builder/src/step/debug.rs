//! A shell in the step that failed.

use gantry_dockerfile::Run;

use super::{Here, working_dir_of};
use crate::build::Work;
use crate::configure::shell;
use crate::mounts::{BindSource, StepMounts};
use crate::request::DebugShell;
use crate::run::{Command, Ended};
use crate::stage::Stage;
use crate::{Error, Event, Warning};

impl Work {
    /// Lets whoever asked for the build look around where a command failed; that this cannot be is only told.
    #[expect(
        clippy::too_many_arguments,
        reason = "all that the command had, once more"
    )]
    pub(super) async fn debug(
        &self,
        debug: &DebugShell,
        stage: &Stage,
        run: &Run,
        here: &Here<'_>,
        sources: Vec<Option<BindSource>>,
        ended: &Ended,
        failure: &Error,
    ) {
        let shown = self.shown(debug, stage, run, here, sources, ended, failure);
        if let Err(error) = shown.await {
            (self.report)(Event::Warning(Warning {
                check: None,
                message: format!("no shell in the step that failed: {error}"),
                span: None,
            }));
        }
    }

    #[expect(
        clippy::too_many_arguments,
        reason = "all that the command had, once more"
    )]
    async fn shown(
        &self,
        debug: &DebugShell,
        stage: &Stage,
        run: &Run,
        here: &Here<'_>,
        sources: Vec<Option<BindSource>>,
        ended: &Ended,
        failure: &Error,
    ) -> Result<(), Error> {
        let asker = self
            .request
            .asker
            .as_ref()
            .ok_or_else(|| Error::Invalid("there is nobody to give a shell to".to_owned()))?;
        let containers = &self.builder.engine.containers;
        let mut mounts = StepMounts::default();
        // For the script that it may have mounted.
        self.arguments(run, &shell(&stage.config.config), &mut mounts)?;
        let mut mounts = self.mount_all(stage, here, sources, mounts).await?;
        let ground = containers.bake(&ended.step.id, stage.nameless()).await?;
        let command = Command {
            ground: ground.clone(),
            arguments: debug.command.clone(),
            env: self.with_proxies(stage.scope.env.pairs()),
            working_dir: working_dir_of(stage),
            user: stage.config.config.user.clone(),
            hostname: self.request.hostname.clone(),
            host: self.host(run, std::mem::take(&mut mounts.mounts)),
            lent: std::mem::take(&mut mounts.lent),
            typed: Some(debug.terminal),
        };
        let shell = command.made(containers).await;
        let seen = match &shell {
            Ok(shell) => asker.debug(&shell.id, &failure.in_buildkits_words()).await,
            Err(_) => Ok(()),
        };
        if let Ok(shell) = shell {
            shell.gone().await;
            drop(mounts);
            // Nothing is to be built on what a failed command left.
            let images = &self.builder.engine.images;
            if let Err(error) = images.remove(containers, ground.as_str(), true, true) {
                tracing::warn!("cannot remove what a failed step left: {error}");
            }
            return seen;
        }
        shell.map(drop)
    }
}
