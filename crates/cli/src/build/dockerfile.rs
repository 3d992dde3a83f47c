//! A Dockerfile from an address, fetched by us.

use futures_util::TryStreamExt as _;
use gantry_registry_client::{Client, Config};

/// A Dockerfile larger than this is none.
const LARGEST: usize = 16 << 20;

/// What `--file` names, if that is an address.
pub(super) async fn fetched(file: &str) -> Result<Option<Vec<u8>>, String> {
    if !file.starts_with("http://") && !file.starts_with("https://") {
        return Ok(None);
    }
    let failed = |error: &dyn std::fmt::Display| format!("failed to fetch the Dockerfile: {error}");
    let client = Client::new(&Config::default()).map_err(|error| failed(&error))?;
    let downloads = client.downloads().map_err(|error| failed(&error))?;
    let mut body = downloads.open(file).await.map_err(|error| failed(&error))?;
    let mut text = Vec::new();
    while let Some(chunk) = body.try_next().await.map_err(|error| failed(&error))? {
        text.extend_from_slice(&chunk);
        if text.len() > LARGEST {
            return Err(failed(&format!("{file} is larger than 16 MiB")));
        }
    }
    Ok(Some(text))
}
