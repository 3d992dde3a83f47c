//! Files from elsewhere: ADD of an address.

use std::os::fd::OwnedFd;
use std::path::Path;

use crate::Error;
use crate::build::Work;
use crate::copy::Fetched;
use crate::remote::{GitAddress, checkout, download, is_address};

/// What a file is called whose address ends with a slash, as with Docker.
const UNNAMED: &str = "__unnamed__";

/// What ADD says of what it fetches.
pub(crate) struct Wanted<'a> {
    /// `--checksum`
    pub checksum: Option<&'a str>,
    /// `--keep-git-dir`
    pub keep_git: Option<bool>,
}

impl Work {
    /// Brings what is behind an address into a folder of its own.
    pub(crate) async fn fetch(&self, url: &str, wanted: &Wanted<'_>) -> Result<Fetched, Error> {
        match GitAddress::parse(url) {
            Some(address) => self.fetch_repository(url, address?, wanted).await,
            None if is_address(url) => self.fetch_file(url, wanted).await,
            None => Err(Error::Invalid(format!("invalid git address {url:?}"))),
        }
    }

    async fn fetch_repository(
        &self,
        url: &str,
        mut address: GitAddress,
        wanted: &Wanted<'_>,
    ) -> Result<Fetched, Error> {
        if let Some(checksum) = wanted.checksum {
            address.commit = Some(checksum.to_owned());
        }
        let keep = wanted.keep_git.or(address.keep_git).unwrap_or(false);
        let asker = self.request.asker.as_ref();
        let checkout = checkout(self.builder.folder(), &address, keep, asker).await?;
        self.takes(url.to_owned(), "sha1", checkout.commit.clone());
        let below = address.folder.unwrap_or_default();
        let root = open(&crate::context::real_path(&checkout.folder, &below)?)?;
        Ok(Fetched {
            root,
            name: String::new(),
            identity: Some(format!(
                "{} {} {below} {keep} {}",
                address.repository, checkout.commit, address.submodules
            )),
            _folder: checkout.folder,
        })
    }

    async fn fetch_file(&self, url: &str, wanted: &Wanted<'_>) -> Result<Fetched, Error> {
        let path = url.split(['#', '?']).next().unwrap_or_default();
        let after_host = path.splitn(4, '/').nth(3).unwrap_or_default();
        let name = match after_host.rsplit('/').next() {
            None | Some("") => UNNAMED,
            Some(name) => name,
        };
        // No pattern: it names just this file.
        let stored = name.replace(['*', '?', '[', '\\'], "_");
        let asker = self.request.asker.as_ref();
        let file = download(&self.builder, url, &stored, asker).await?;
        if let Some(checksum) = wanted.checksum
            && checksum != file.digest.as_str()
        {
            return Err(Error::Invalid(format!(
                "digest mismatch {}: {checksum}",
                file.digest
            )));
        }
        self.takes(url.to_owned(), "sha256", file.digest.hex().to_owned());
        Ok(Fetched {
            root: open(file.folder.path())?,
            name: stored,
            identity: None,
            _folder: file.folder,
        })
    }
}

fn open(folder: &Path) -> Result<OwnedFd, Error> {
    let opened = std::fs::File::open(folder).map_err(Error::file("open", folder))?;
    Ok(opened.into())
}
