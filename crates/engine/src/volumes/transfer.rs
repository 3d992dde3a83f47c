//! A volume's data as a tar stream, out and in.

use std::io;
use std::os::fd::AsFd;

use bytes::Bytes;
use futures_util::Stream;
use gantry_api_types::Volume as VolumeBody;
use gantry_volume::{NewVolume, VolumeName};

use super::VolumeService;
use crate::containers::blocking;
use crate::{ArchiveChunks, Error, archive};

impl VolumeService {
    /// All data of a volume as an archive; names in it begin at the volume's root.
    pub fn export(&self, name: &str) -> Result<ArchiveChunks, Error> {
        let volume = self.volumes.get(name)?;
        self.volumes.refuse_elsewhere("export", &volume)?;
        let data = self.volumes.open_data(&volume.name)?;
        Ok(archive::stream_of(data))
    }

    /// A new volume with the data of an archive; a broken archive leaves none.
    pub async fn import(
        &self,
        name: &str,
        archive: impl Stream<Item = io::Result<Bytes>> + Send + 'static,
    ) -> Result<VolumeBody, Error> {
        let new = NewVolume::named(VolumeName::new(name)?);
        if self.volumes.get(name).is_ok() {
            return Err(gantry_volume::Error::NameTaken {
                action: "import",
                name: name.to_owned(),
            }
            .into());
        }
        let (volumes, fresh) = (self.volumes.clone(), self.volumes.fresh()?);
        let archive = archive::Arriving::begin(archive);
        let volume = blocking(move || {
            let data = fresh.open_data()?;
            archive::unpack_into(data.as_fd(), archive, "the volume")?;
            Ok(volumes.publish(fresh, new)?)
        })
        .await?;
        self.announce(&volume, "create");
        Ok(self.body(&volume))
    }
}
