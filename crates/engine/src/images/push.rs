//! `push`.

use std::sync::Arc;

use gantry_api_types::{AuthConfig, JsonMessage};
use gantry_reference::Reference;
use serde_json::json;

use super::progress::Lines;
use super::{Images, Report, login, named};
use crate::Error;

/// What to push.
#[derive(Debug, Clone, Default)]
pub struct PushRequest {
    /// The repository.
    pub repository: String,
    /// Its tag; empty for all tags.
    pub tag: String,
    /// The platform of a multi-platform image, as the API has it.
    pub platform: Option<String>,
    /// The client's login.
    pub auth: Option<AuthConfig>,
}

impl Images {
    /// Takes an image to its registry, or all that have a tag there. Dropping the future gives it
    /// up.
    pub async fn push(&self, request: PushRequest, report: Report) -> Result<(), Error> {
        let reference = named(&request.repository, &request.tag)?;
        if reference.digest().is_some() {
            return Err(Error::Invalid("cannot push a digest reference".to_owned()));
        }
        if let Some(platform) = request.platform.as_deref().filter(|text| !text.is_empty()) {
            // There is one platform of each image here; it must be the one that is meant.
            self.for_container(&reference.to_string(), Some(platform))?;
        }
        let auth = request.auth.map(login::credentials).transpose()?;
        report(JsonMessage::status(format!(
            "The push refers to repository [{}]",
            reference.repository()
        )));
        let all = request.tag.is_empty() && !reference.was_tagged();
        let names = self.store.to_push(&reference, all)?;
        for name in names {
            self.push_one(&name, auth.clone().unwrap_or_default(), &report)
                .await?;
        }
        Ok(())
    }

    async fn push_one(
        &self,
        reference: &Reference,
        credentials: gantry_registry_client::Credentials,
        report: &Report,
    ) -> Result<(), Error> {
        let request = gantry_image::PushRequest {
            reference: reference.clone(),
            credentials,
        };
        let lines = Arc::new(Lines {
            report: Arc::clone(report),
            quiet: false,
        });
        let pushed = self.store.push(&request, lines).await?;
        report(JsonMessage {
            progress_detail: Some(gantry_api_types::ProgressDetail::default()),
            aux: Some(json!({
                "Tag": pushed.tag,
                "Digest": pushed.digest.as_str(),
                "Size": pushed.size,
            })),
            ..JsonMessage::default()
        });
        self.tell(
            &reference.familiar(),
            "push",
            &reference.familiar_repository(),
        );
        Ok(())
    }
}
