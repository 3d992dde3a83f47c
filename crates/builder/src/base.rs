//! The images that stages begin with or take files from.

use std::sync::Arc;

use gantry_engine::PullRequest;
use gantry_image::{Image, Platform};
use gantry_reference::Reference;

use crate::progress::Teller;
use crate::{Builder, Error, Report, Request, Told};

impl Builder {
    /// The digest of an image and its configuration; one that is missing here is brought.
    pub async fn image_config(
        &self,
        name: &str,
        platform: Option<&str>,
        request: &Request,
    ) -> Result<(String, Vec<u8>), Error> {
        let nobody: Report = Arc::new(|_| ());
        let teller = Teller::silent(&nobody);
        let image = self.base(name, platform, request, &teller).await?;
        let named = image.repo_digests.first().and_then(|r| r.digest().cloned());
        let digest = named.or_else(|| image.manifest.clone());
        let digest = digest.as_ref().unwrap_or(image.id.digest());
        Ok((digest.to_string(), image.raw_config.to_vec()))
    }

    /// The image of this name: the one that is here, or, where it is missing or `--pull` wishes so, the registry's.
    pub(crate) async fn base(
        &self,
        name: &str,
        platform: Option<&str>,
        request: &Request,
        teller: &Teller,
    ) -> Result<Image, Error> {
        let wanted = platform.map(str::parse::<Platform>).transpose()?;
        let fits = |image: &Image| wanted.as_ref().is_none_or(|w| w.accepts(&image.platform()));
        let store = self.engine.images.store();
        if !request.pull
            && let Ok(image) = store.resolve(name)
            && fits(&image)
        {
            teller.tell(Told::Here);
            return Ok(image);
        }
        let mut reference = Reference::parse(name).map_err(gantry_image::Error::from)?;
        if reference.tag().is_none() && reference.digest().is_none() {
            let latest = reference.with_tag(gantry_reference::DEFAULT_TAG);
            reference = latest.map_err(gantry_image::Error::from)?;
        }
        let pull = PullRequest {
            image: reference.to_string(),
            tag: String::new(),
            platform: platform.map(str::to_owned),
            auth: request.login(reference.domain()).await?,
        };
        let lines = teller.reporter();
        let report = Arc::new(move |line| lines(Told::Pull(Box::new(line))));
        self.engine.images.pull(pull, report).await?;
        Ok(store.resolve(name)?)
    }
}
