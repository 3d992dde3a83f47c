//! Named contexts: what a name in FROM or `--from` means because the build says so.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use gantry_image::Image;
use gantry_reference::Reference;
use tokio::sync::OnceCell;

use crate::build::Work;
use crate::layout;
use crate::progress::Teller;
use crate::remote::{GitAddress, checkout, download, is_address};
use crate::{Context, Error, NamedContext};

/// The named contexts of a build, each brought here once.
#[derive(Default)]
pub(crate) struct Named(BTreeMap<String, (NamedContext, OnceCell<Found>)>);

/// What a name means.
#[derive(Clone)]
pub(crate) enum Found {
    /// An image.
    Image(Arc<Image>),
    /// Files.
    Folder(Arc<Context>),
}

impl Named {
    pub(crate) fn new(contexts: &BTreeMap<String, NamedContext>) -> Self {
        let entries = contexts.iter();
        Self(
            entries
                .map(|(name, context)| (name.clone(), (context.clone(), OnceCell::new())))
                .collect(),
        )
    }

    /// The names without their platforms.
    pub(crate) fn names(&self) -> BTreeSet<String> {
        let bare = |name: &String| name.split("::").next().map(str::to_owned);
        self.0.keys().filter_map(bare).collect()
    }

    /// The entry for a name as it is written in a Dockerfile.
    fn entry(
        &self,
        name: &str,
        platform: Option<&str>,
    ) -> Option<&(NamedContext, OnceCell<Found>)> {
        if matches!(name, "scratch" | "context") {
            return None;
        }
        let familiar = Reference::parse(name).ok().map(|r| r.familiar());
        let short = familiar
            .as_deref()
            .map(|name| name.strip_suffix(":latest").unwrap_or(name).to_owned());
        let names = [Some(name.to_owned()), familiar, short];
        let names: Vec<String> = names.into_iter().flatten().collect();
        let special = platform.and_then(|platform| {
            let mut keys = names.iter().map(|name| format!("{name}::{platform}"));
            keys.find_map(|key| self.0.get(&key))
        });
        special.or_else(|| names.iter().find_map(|name| self.0.get(name)))
    }
}

impl Work {
    /// What the build gives under this name, if anything.
    pub(crate) async fn named(
        &self,
        name: &str,
        platform: Option<&str>,
        teller: &Teller,
    ) -> Result<Option<Found>, Error> {
        let Some((context, cell)) = self.named.entry(name, platform) else {
            return Ok(None);
        };
        let found = cell
            .get_or_try_init(|| self.bring(context, platform, teller))
            .await?;
        Ok(Some(found.clone()))
    }

    async fn bring(
        &self,
        context: &NamedContext,
        platform: Option<&str>,
        teller: &Teller,
    ) -> Result<Found, Error> {
        Ok(match context {
            NamedContext::Image(name) => {
                let image = self
                    .builder
                    .base(name, platform, &self.request, teller)
                    .await?;
                Found::Image(Arc::new(image))
            }
            NamedContext::Folder(files) => {
                Found::Folder(files.bring(&[], &teller.reporter()).await?)
            }
            NamedContext::OciLayout { layout, digest } => {
                let asker = self.request.asker.as_ref().ok_or_else(|| {
                    Error::Invalid(format!(
                        "there is nobody to ask for the OCI layout {layout}"
                    ))
                })?;
                let image = layout::bring(&self.builder, asker, layout, digest, platform).await?;
                Found::Image(Arc::new(image))
            }
            NamedContext::Remote(address) => {
                Found::Folder(Arc::new(self.remote_folder(address).await?))
            }
        })
    }

    async fn remote_folder(&self, address: &str) -> Result<Context, Error> {
        if let Some(git) = GitAddress::parse(address) {
            let git = git?;
            let keep = git.keep_git.unwrap_or(self.keeps_git());
            let asker = self.request.asker.as_ref();
            let checkout = checkout(self.builder.folder(), &git, keep, asker).await?;
            return Context::of_folder(checkout.folder, git.folder.as_deref().unwrap_or_default());
        }
        if !is_address(address) {
            return Err(Error::Invalid(format!(
                "a named context's address must be of git, http or https: {address}"
            )));
        }
        let asker = self.request.asker.as_ref();
        let file = download(&self.builder, address, "context", asker).await?;
        let place = self.builder.folder().to_owned();
        crate::step::blocking(move || Context::of_download(file, &place)).await
    }

    /// `--build-arg BUILDKIT_CONTEXT_KEEP_GIT_DIR=1`
    pub(crate) fn keeps_git(&self) -> bool {
        let given = self.request.build_args.get("BUILDKIT_CONTEXT_KEEP_GIT_DIR");
        given.is_some_and(|value| matches!(value.as_str(), "1" | "true"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_as_images_are_called() {
        let image = |name: &str| NamedContext::Image(name.to_owned());
        let contexts = [
            ("alpine".to_owned(), image("one")),
            ("base".to_owned(), image("two")),
            ("base::linux/arm64".to_owned(), image("three")),
        ];
        let named = Named::new(&contexts.into());
        let of = |name: &str, platform: Option<&str>| match named.entry(name, platform) {
            Some((NamedContext::Image(name), _)) => name.clone(),
            _ => String::new(),
        };
        assert_eq!(of("alpine", None), "one");
        assert_eq!(of("docker.io/library/alpine:latest", None), "one");
        assert_eq!(of("alpine:3", None), "");
        assert_eq!(of("base", Some("linux/amd64")), "two");
        assert_eq!(of("base", Some("linux/arm64")), "three");
        assert_eq!(of("scratch", None), "");
        assert_eq!(named.names(), ["alpine", "base"].map(str::to_owned).into());
    }
}
