//! The image that comes with the program.

use gantry_oci::{ContainerDefaults, History, ImageConfig};
use gantry_reference::Reference;

use super::Images;
use crate::Error;

const NAME: &str = "gantry/hello:latest";
/// Fixed, so that the image's id depends on the program alone.
const CREATED: &str = "2026-11-01T00:00:00Z";

impl Images {
    /// Keeps the one program that `gantry/hello` is made of, and brings the image in.
    pub(crate) fn ensure_hello(&self, program: &'static [u8]) -> Result<(), Error> {
        // Set once, at the start; a second time it would be the same program.
        let _ = self.hello.set(program);
        self.bring_hello().map(drop)
    }

    /// Whether a pull of this name needs no registry.
    pub(super) fn is_inside(&self, name: &Reference) -> bool {
        self.hello.get().is_some() && Reference::parse(NAME).is_ok_and(|hello| hello == *name)
    }

    /// Brings the image in unless it is here; says whether it was not.
    pub(super) fn bring_hello(&self) -> Result<bool, Error> {
        let Some(program) = self
            .hello
            .get()
            .filter(|_| self.store.resolve(NAME).is_err())
        else {
            return Ok(false);
        };
        let name = Reference::parse(NAME).map_err(gantry_image::Error::from)?;
        let layer = layer(program)
            .map_err(|error| Error::Internal(format!("the layer of {NAME}: {error}")))?;
        self.store.ensure_embedded(&name, &[&layer], &config())?;
        Ok(true)
    }
}

fn layer(program: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut archive = tar::Builder::new(Vec::with_capacity(program.len() + 4096));
    let mut header = tar::Header::new_ustar();
    header.set_size(program.len() as u64);
    header.set_mode(0o755);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    archive.append_data(&mut header, "hello", program)?;
    archive.into_inner()
}

fn config() -> ImageConfig {
    ImageConfig {
        created: Some(CREATED.into()),
        architecture: gantry_image::Platform::host().architecture,
        os: "linux".into(),
        config: ContainerDefaults {
            env: vec!["PATH=/".into()],
            cmd: Some(vec!["/hello".into()]),
            ..ContainerDefaults::default()
        },
        history: vec![History {
            created: Some(CREATED.into()),
            created_by: Some("comes with gantry".into()),
            ..History::default()
        }],
        ..ImageConfig::default()
    }
}
