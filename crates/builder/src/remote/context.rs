//! A build's context behind an address.

use std::sync::Arc;

use super::{GitAddress, checkout, download, is_address};
use crate::context::real_path;
use crate::step::blocking;
use crate::{Asker, Builder, Definition, Error};

impl Builder {
    /// Brings a context from a git repository, an archive, or a Dockerfile alone; `name` is the Dockerfile in it.
    pub async fn remote_context(
        &self,
        address: &str,
        name: &str,
        keep_git: bool,
        asker: Option<&Arc<dyn Asker>>,
    ) -> Result<Definition, Error> {
        let name = name.to_owned();
        if let Some(git) = GitAddress::parse(address) {
            let git = git?;
            let keep = git.keep_git.unwrap_or(keep_git);
            let checkout = checkout(self.folder(), &git, keep, asker).await?;
            let below = git.folder.unwrap_or_default();
            return blocking(move || {
                let path = real_path(&checkout.folder, &below)?;
                Definition::from_folder(path, checkout.folder, &name, None)
            })
            .await;
        }
        if !is_address(address) {
            return Err(Error::Invalid(format!(
                "a context's address must be of git, http or https: {address}"
            )));
        }
        let file = download(self, address, "context", asker).await?;
        let place = self.folder().to_owned();
        blocking(move || Definition::of_download(file, &place, &name)).await
    }
}
