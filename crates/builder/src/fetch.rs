//! Files from elsewhere: ADD of a URL.

use std::io::{self, Write};

use futures_util::TryStreamExt;
use gantry_archive::Digester;
use gantry_reference::Algorithm;

use crate::copy::Fetched;
use crate::{Builder, Error};

/// Brings what is behind a URL into a folder of its own.
pub(crate) async fn fetch(
    builder: &Builder,
    url: &str,
    checksum: Option<&str>,
) -> Result<Fetched, Error> {
    let path = url.split(['#', '?']).next().unwrap_or_default();
    let git = ["git@", "git://", "ssh://"];
    let is_git = git.iter().any(|scheme| url.starts_with(scheme))
        || std::path::Path::new(path).extension() == Some("git".as_ref());
    if is_git {
        return Err(Error::NotSupported("ADD of a git repository".to_owned()));
    }
    let after_host = path.splitn(4, '/').nth(3).unwrap_or_default();
    let name = after_host.rsplit('/').next().unwrap_or_default();
    if name.is_empty() {
        return Err(Error::Invalid(format!(
            "cannot determine filename for source {url}"
        )));
    }
    // No pattern: it names just this file.
    let stored = name.replace(['*', '?', '[', '\\'], "_");
    let place = builder.folder();
    let folder = tempfile::tempdir_in(place).map_err(Error::file("create a folder in", place))?;
    let client = builder.engine.images.store().registry().downloads();
    let client = client.map_err(gantry_image::Error::from)?;
    let mut bytes = client.open(url).await.map_err(gantry_image::Error::from)?;
    let target = folder.path().join(&stored);
    let failed = |e: io::Error| Error::file("fetch", url)(e);
    let mut file = std::fs::File::create_new(&target).map_err(failed)?;
    let mut digester = Digester::new(Algorithm::Sha256);
    while let Some(chunk) = bytes.try_next().await.map_err(failed)? {
        digester.update(&chunk);
        file.write_all(&chunk).map_err(failed)?;
    }
    let found = digester.finish();
    if checksum.is_some_and(|wanted| wanted != found.as_str()) {
        return Err(Error::Invalid(format!(
            "digest mismatch {found}: {}",
            checksum.unwrap_or_default()
        )));
    }
    // As Docker: a download has no time of its own.
    let epoch = std::fs::FileTimes::new().set_modified(std::time::SystemTime::UNIX_EPOCH);
    file.set_times(epoch).map_err(failed)?;
    let root = std::fs::File::open(folder.path()).map_err(failed)?;
    Ok(Fetched {
        root: root.into(),
        name: stored,
        _folder: folder,
    })
}
