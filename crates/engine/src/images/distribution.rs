//! `distribution inspect`: what a registry has under a name.

use gantry_api_types::{AuthConfig, Descriptor, DistributionInspect, Platform};
use gantry_image::RemoteImage;

use super::{Images, login, named};
use crate::Error;

impl Images {
    /// Asks the registry of a name what it stands for there; nothing is brought in.
    pub async fn distribution(
        &self,
        name: &str,
        auth: Option<AuthConfig>,
    ) -> Result<DistributionInspect, Error> {
        let reference = named(name, "")?;
        let credentials = auth.map(login::credentials).transpose()?;
        let found = self
            .store
            .look_up(&reference, credentials.unwrap_or_default())
            .await?;
        Ok(body(found))
    }
}

fn body(found: RemoteImage) -> DistributionInspect {
    let platform = |platform: gantry_image::Platform| Platform {
        architecture: platform.architecture,
        os: platform.os,
        variant: platform.variant.unwrap_or_default(),
        ..Platform::default()
    };
    DistributionInspect {
        descriptor: Descriptor {
            media_type: found.media_type,
            digest: found.digest.to_string(),
            size: found.size as i64,
            ..Descriptor::default()
        },
        platforms: Some(found.platforms.into_iter().map(platform).collect()),
    }
}
