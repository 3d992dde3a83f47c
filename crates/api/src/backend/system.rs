//! The engine itself.

use std::future::Future;

use gantry_api_types::{AuthConfig, AuthResponse, DiskUsage, SystemInfo, Version};
use gantry_events::{Query, Subscription};

use super::{Answer, not_built};

/// The system group.
#[expect(
    unused_variables,
    reason = "provided methods name what they do not use yet"
)]
pub trait System: Clone + Send + Sync + 'static {
    /// `GET /version`
    fn version(&self) -> impl Future<Output = Answer<Version>> + Send;

    /// `GET /info`
    fn info(&self) -> impl Future<Output = Answer<SystemInfo>> + Send;

    /// `GET /events`
    fn events(&self, query: Query) -> Subscription;

    /// `GET /system/df`; `None` is all kinds, otherwise `container`, `image`, ...
    fn disk_usage(
        &self,
        kinds: Option<Vec<String>>,
    ) -> impl Future<Output = Answer<DiskUsage>> + Send {
        not_built("system df")
    }

    /// `POST /auth`
    fn login(&self, auth: AuthConfig) -> impl Future<Output = Answer<AuthResponse>> + Send {
        not_built("login")
    }
}
