//! `import`: a root file system as an image of one layer.

use std::pin::Pin;

use gantry_api_types::JsonMessage;
use gantry_archive::decode;
use gantry_image::{NewImage, Platform};
use gantry_oci::{ContainerDefaults, History, ImageConfig};
use gantry_reference::ImageId;
use tokio::io::AsyncRead;
use tokio_util::io::{StreamReader, SyncIoBridge};

use super::{Images, Report, instruction, named, read_platform};
use crate::{Error, clock};

/// What to import.
pub struct ImportRequest {
    /// `-` for the body, else a URL.
    pub source: String,
    /// The archive, compressed or not, if it is not fetched.
    pub archive: Pin<Box<dyn AsyncRead + Send>>,
    /// Repository of the new image; empty for none.
    pub repository: String,
    /// Its tag.
    pub tag: String,
    /// Its comment.
    pub message: String,
    /// Instructions that change its configuration.
    pub changes: Vec<String>,
    /// What it is for, if not this machine.
    pub platform: Option<String>,
}

impl Images {
    /// Makes an image of an archive.
    pub async fn import(&self, request: ImportRequest, report: Report) -> Result<(), Error> {
        let name = match request.repository.as_str() {
            "" => None,
            repository => Some(named(repository, &request.tag)?),
        };
        let platform = request.platform.as_deref().filter(|text| !text.is_empty());
        let platform = platform.map(read_platform).transpose()?;
        let config = configuration(&request, platform.unwrap_or_else(Platform::host))?;
        let archive = if request.source == "-" {
            request.archive
        } else {
            fetch(&self.client()?, &request.source, &report).await?
        };
        let store = self.store.clone();
        let new = NewImage {
            config,
            name: name.clone(),
            ..NewImage::default()
        };
        let made = crate::containers::blocking(move || {
            let unreadable = |error| Error::Invalid(format!("the archive cannot be read: {error}"));
            let mut plain = decode(SyncIoBridge::new(archive)).map_err(unreadable)?;
            Ok(store.make(new, &mut plain)?)
        })
        .await?;
        self.imported(&made, name.as_ref());
        report(JsonMessage::status(made.to_string()));
        Ok(())
    }

    fn imported(&self, id: &ImageId, name: Option<&gantry_reference::Reference>) {
        let shown = name.map_or_else(|| id.to_string(), gantry_reference::Reference::familiar);
        if name.is_some() {
            self.tell(id.as_str(), "tag", &shown);
        }
        self.tell(id.as_str(), "import", id.as_str());
    }

    fn client(&self) -> Result<gantry_registry_client::Download, Error> {
        Ok(self
            .store
            .registry()
            .downloads()
            .map_err(gantry_image::Error::from)?)
    }
}

fn configuration(request: &ImportRequest, platform: Platform) -> Result<ImageConfig, Error> {
    let mut defaults = ContainerDefaults::default();
    instruction::apply(&request.changes, &mut defaults)?;
    let now = clock::rfc3339(clock::now_nanos());
    let said = match (request.message.as_str(), request.source.as_str()) {
        ("", source) => format!("Imported from {source}"),
        (message, _) => message.to_owned(),
    };
    Ok(ImageConfig {
        created: Some(now.clone()),
        architecture: platform.architecture,
        variant: platform.variant,
        os: platform.os,
        config: defaults,
        history: vec![History {
            created: Some(now),
            comment: Some(said),
            ..History::default()
        }],
        ..ImageConfig::default()
    })
}

/// The bytes behind a URL; one without a scheme is meant as `http://`.
async fn fetch(
    client: &gantry_registry_client::Download,
    source: &str,
    report: &Report,
) -> Result<Pin<Box<dyn AsyncRead + Send>>, Error> {
    let url = if source.contains("://") {
        source.to_owned()
    } else {
        format!("http://{source}")
    };
    report(JsonMessage::status(format!("Downloading from {url}")));
    let bytes = client.open(&url).await.map_err(gantry_image::Error::from)?;
    Ok(Box::pin(StreamReader::new(bytes)))
}
