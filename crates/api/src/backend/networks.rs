//! Networks.

use std::future::Future;

use gantry_api_types::{
    Filters, NetworkConnectRequest, NetworkCreateRequest, NetworkCreateResponse,
    NetworkDisconnectRequest, NetworkResource, NetworksPruneReport,
};

use super::{Answer, not_built};

/// The networks group.
#[expect(
    unused_variables,
    reason = "provided methods name what they do not use yet"
)]
pub trait Networks: Clone + Send + Sync + 'static {
    /// `GET /networks`
    fn networks(
        &self,
        filters: Filters,
    ) -> impl Future<Output = Answer<Vec<NetworkResource>>> + Send;

    /// `GET /networks/{name}`
    fn network(&self, name: &str) -> impl Future<Output = Answer<NetworkResource>> + Send;

    /// `POST /networks/create`
    fn create_network(
        &self,
        body: NetworkCreateRequest,
    ) -> impl Future<Output = Answer<NetworkCreateResponse>> + Send {
        not_built("network create")
    }

    /// `DELETE /networks/{name}`
    fn remove_network(&self, name: &str) -> impl Future<Output = Answer<()>> + Send {
        not_built("network rm")
    }

    /// `POST /networks/{name}/connect`
    fn connect(
        &self,
        name: &str,
        body: NetworkConnectRequest,
    ) -> impl Future<Output = Answer<()>> + Send {
        not_built("network connect")
    }

    /// `POST /networks/{name}/disconnect`
    fn disconnect(
        &self,
        name: &str,
        body: NetworkDisconnectRequest,
    ) -> impl Future<Output = Answer<()>> + Send {
        not_built("network disconnect")
    }

    /// `POST /networks/prune`
    fn prune_networks(
        &self,
        filters: Filters,
    ) -> impl Future<Output = Answer<NetworksPruneReport>> + Send {
        not_built("network prune")
    }
}
