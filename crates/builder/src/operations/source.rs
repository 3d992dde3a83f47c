//! Files from elsewhere: images, folders of clients, repositories, single files.

use std::os::unix::fs::PermissionsExt as _;
use std::sync::Arc;

use super::Here;
use crate::remote::{GitAddress, checkout, download};
use crate::step::blocking;
use crate::{Context, Error, Files, Filesystem};

/// Where files come from.
pub enum OperationSource {
    /// An image.
    Image {
        /// Its name or its ID.
        name: String,
        /// Whether registries are asked for a newer one.
        pull: bool,
    },
    /// A file behind an address.
    Http(HttpSource),
    /// A commit of a repository.
    Git {
        /// What git is given.
        repository: String,
        /// A branch, a tag or a commit; the repository's default branch if there is none.
        reference: Option<String>,
        /// The directory of it that is wanted.
        folder: Option<String>,
        /// The commit that the reference must lead to, or how it begins.
        commit: Option<String>,
        /// Whether `.git` is wanted.
        keep_git: bool,
        /// Whether submodules are wanted.
        submodules: bool,
    },
    /// A folder of a client.
    Local(Arc<dyn Files>),
    /// An image in an OCI layout of the side that asked.
    OciLayout {
        /// What the other side calls the layout.
        layout: String,
        /// The digest of its manifest or index.
        digest: String,
    },
}

/// A file behind an address.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HttpSource {
    /// `http://` or `https://`.
    pub address: String,
    /// What the file is called; by its address, if that is not said.
    pub name: Option<String>,
    /// The digest that its content must have.
    pub checksum: Option<String>,
    /// Its permissions, if not 0600.
    pub mode: Option<u32>,
}

impl Here<'_> {
    pub(super) async fn source(&self, source: &OperationSource) -> Result<Filesystem, Error> {
        let (builder, request) = (self.builder(), &self.inner.request);
        let platform = self.operation.platform.as_deref();
        match source {
            OperationSource::Image { name, pull } => {
                let request = crate::Request {
                    pull: *pull || request.pull,
                    ..request.clone()
                };
                let image = builder.base(name, platform, &request, &self.teller).await?;
                Ok(Filesystem::of_layers(builder, image.layers.clone()))
            }
            OperationSource::Http(file) => self.file_behind(file).await,
            OperationSource::Git {
                repository,
                reference,
                folder,
                commit,
                keep_git,
                submodules,
            } => {
                let address = GitAddress {
                    repository: repository.clone(),
                    reference: reference.clone(),
                    folder: folder.clone(),
                    commit: commit.clone(),
                    keep_git: Some(*keep_git),
                    submodules: *submodules,
                };
                let option = |text: &str| text.starts_with('-');
                if option(repository) || reference.as_deref().is_some_and(option) {
                    return Err(Error::Invalid(format!(
                        "invalid git address {repository:?}"
                    )));
                }
                let asker = request.asker.as_ref();
                let checkout = checkout(builder.folder(), &address, *keep_git, asker).await?;
                let below = address.folder.unwrap_or_default();
                let context = blocking(move || Context::of_folder(checkout.folder, &below));
                Ok(Filesystem::of_context(builder, context.await?))
            }
            OperationSource::Local(files) => {
                let context = files.bring(&[], &self.teller.reporter()).await?;
                Ok(Filesystem::of_shared(builder, context))
            }
            OperationSource::OciLayout { layout, digest } => {
                let asker = request.asker.as_ref().ok_or_else(|| {
                    Error::Invalid(format!(
                        "there is nobody to ask for the OCI layout {layout}"
                    ))
                })?;
                let image = crate::layout::bring(builder, asker, layout, digest, platform).await?;
                Ok(Filesystem::of_layers(builder, image.layers.clone()))
            }
        }
    }

    async fn file_behind(&self, wanted: &HttpSource) -> Result<Filesystem, Error> {
        let builder = self.builder();
        let name = match &wanted.name {
            Some(name) => name.clone(),
            None => name_in(&wanted.address),
        };
        if name.contains('/') || matches!(name.as_str(), "" | "." | "..") {
            return Err(Error::Invalid(format!(
                "{name:?} is no name for the file behind {}",
                wanted.address
            )));
        }
        let asker = self.inner.request.asker.as_ref();
        let file = download(builder, &wanted.address, &name, asker).await?;
        if let Some(checksum) = &wanted.checksum
            && checksum != file.digest.as_str()
        {
            return Err(Error::Invalid(format!(
                "digest mismatch {}: {checksum}",
                file.digest
            )));
        }
        let mode = std::fs::Permissions::from_mode(wanted.mode.unwrap_or(0o600) & 0o7777);
        std::fs::set_permissions(file.path(), mode).map_err(Error::file("change", file.path()))?;
        let context = blocking(move || Context::of_folder(file.folder, "")).await?;
        Ok(Filesystem::of_context(builder, context))
    }
}

/// The last part of an address's path.
fn name_in(address: &str) -> String {
    let path = address.split(['#', '?']).next().unwrap_or_default();
    let path = path.splitn(4, '/').nth(3).unwrap_or_default();
    match path.trim_end_matches('/').rsplit('/').next() {
        None | Some("") => "download".to_owned(),
        Some(name) => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::name_in;

    #[test]
    fn files_are_called_as_their_addresses_end() {
        for (address, name) in [
            ("https://h/a/b.tar?x=/y", "b.tar"),
            ("http://h/a/", "a"),
            ("http://h", "download"),
            ("http://h/#x/y", "download"),
        ] {
            assert_eq!(name_in(address), name, "{address}");
        }
    }
}
