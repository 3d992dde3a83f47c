//! Downloading a file.

use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;

use futures_util::TryStreamExt;
use gantry_archive::Digester;
use gantry_reference::{Algorithm, Digest};

use crate::{Asker, Builder, Error};

/// A file that was downloaded, in a folder of its own.
#[derive(Debug)]
pub(crate) struct Downloaded {
    /// Holds it; goes with this.
    pub folder: tempfile::TempDir,
    /// Its name in the folder.
    pub name: String,
    /// The digest of its content.
    pub digest: Digest,
}

/// Whether a text is an address that can be downloaded from.
pub(crate) fn is_address(text: &str) -> bool {
    text.starts_with("http://") || text.starts_with("https://")
}

/// Brings what is behind an address into a folder of its own, under this name.
pub(crate) async fn download(
    builder: &Builder,
    url: &str,
    name: &str,
    asker: Option<&Arc<dyn Asker>>,
) -> Result<Downloaded, Error> {
    let place = builder.folder();
    let folder = tempfile::Builder::new()
        .prefix("download-")
        .tempdir_in(place)
        .map_err(Error::file("create a folder in", place))?;
    let client = builder.engine.images.store().registry().downloads();
    let client = client.map_err(gantry_image::Error::from)?;
    let authorization = authorization(url, asker).await?;
    let opened = client.open_dated(url, authorization.as_deref()).await;
    let (mut bytes, modified) = opened.map_err(gantry_image::Error::from)?;
    let failed = |e: io::Error| Error::file("fetch", url)(e);
    let mut file = std::fs::File::create_new(folder.path().join(name)).map_err(failed)?;
    let mut digester = Digester::new(Algorithm::Sha256);
    while let Some(chunk) = bytes.try_next().await.map_err(failed)? {
        digester.update(&chunk);
        file.write_all(&chunk).map_err(failed)?;
    }
    let modified = modified.unwrap_or(std::time::SystemTime::UNIX_EPOCH);
    let times = std::fs::FileTimes::new().set_modified(modified);
    file.set_times(times).map_err(failed)?;
    Ok(Downloaded {
        folder,
        name: name.to_owned(),
        digest: digester.finish(),
    })
}

/// What the secrets of the side that asked say for an address's host: a token, or a whole header.
async fn authorization(url: &str, asker: Option<&Arc<dyn Asker>>) -> Result<Option<String>, Error> {
    let (Some(asker), Some(host)) = (asker, host_of(url)) else {
        return Ok(None);
    };
    for (name, before) in [("HTTP_AUTH_TOKEN_", "Bearer "), ("HTTP_AUTH_HEADER_", "")] {
        let secret = asker.secret(&format!("{name}{host}")).await?;
        if let Some(secret) = secret {
            let text = String::from_utf8_lossy(&secret);
            return Ok(Some(format!("{before}{}", text.trim())));
        }
    }
    Ok(None)
}

/// The host of an address, without its port.
fn host_of(url: &str) -> Option<&str> {
    let (_, rest) = url.split_once("://")?;
    let authority = rest.split(['/', '?', '#']).next()?;
    let host = authority.rsplit('@').next()?;
    match host.strip_prefix('[') {
        Some(address) => address.split(']').next(),
        None => host.split(':').next(),
    }
}

impl Downloaded {
    /// Where it is.
    pub(crate) fn path(&self) -> std::path::PathBuf {
        Path::new(self.folder.path()).join(&self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::host_of;

    #[test]
    fn secrets_are_called_after_hosts() {
        for (url, host) in [
            ("https://me@h.com:8080/a?b", "h.com"),
            ("http://h.com", "h.com"),
            ("http://[::1]:80/", "::1"),
        ] {
            assert_eq!(host_of(url), Some(host), "{url}");
        }
    }
}
