//! Volumes.

use std::future::Future;

use gantry_api_types::{Filters, Volume, VolumeCreateRequest, VolumeListing, VolumesPruneReport};

use super::{Answer, not_built};

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
}
