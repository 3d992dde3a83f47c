//! Volumes.

use std::future::Future;

use gantry_api_types::{Filters, Volume, VolumeCreateRequest, VolumeListing, VolumesPruneReport};

use super::{Answer, not_built};
use crate::stream::ByteStream;

/// The volumes group.
#[expect(
    unused_variables,
    reason = "provided methods name what they do not use yet"
)]
pub trait Volumes: Clone + Send + Sync + 'static {
    /// `GET /volumes`
    fn volumes(&self, filters: Filters) -> impl Future<Output = Answer<VolumeListing>> + Send;

    /// `GET /volumes/{name}`
    fn volume(&self, name: &str) -> impl Future<Output = Answer<Volume>> + Send;

    /// `POST /volumes/create`
    fn create_volume(
        &self,
        body: VolumeCreateRequest,
    ) -> impl Future<Output = Answer<Volume>> + Send;

    /// `DELETE /volumes/{name}`
    fn remove_volume(&self, name: &str, force: bool) -> impl Future<Output = Answer<()>> + Send;

    /// `POST /volumes/prune`
    fn prune_volumes(
        &self,
        filters: Filters,
    ) -> impl Future<Output = Answer<VolumesPruneReport>> + Send {
        not_built("volume prune")
    }

    /// Ours: `POST /volumes/{name}/rename`
    fn rename_volume(&self, name: &str, new: &str) -> impl Future<Output = Answer<()>> + Send {
        not_built("volume rename")
    }

    /// Ours: `POST /volumes/{name}/clone`, and with `snapshot` `POST /volumes/{name}/snapshots`
    fn copy_volume(
        &self,
        name: &str,
        body: VolumeCreateRequest,
        snapshot: bool,
    ) -> impl Future<Output = Answer<Volume>> + Send {
        not_built("volume clone")
    }

    /// Ours: `POST /volumes/{name}/restore`
    fn restore_volume(
        &self,
        name: &str,
        snapshot: &str,
    ) -> impl Future<Output = Answer<()>> + Send {
        not_built("volume restore")
    }

    /// Ours: `GET /volumes/{name}/export`
    fn export_volume(&self, name: &str) -> impl Future<Output = Answer<ByteStream>> + Send {
        not_built("volume export")
    }

    /// Ours: `POST /volumes/{name}/import`
    fn import_volume(
        &self,
        name: &str,
        archive: ByteStream,
    ) -> impl Future<Output = Answer<Volume>> + Send {
        not_built("volume import")
    }
}
