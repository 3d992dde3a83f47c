//! Secrets.

use std::future::Future;

use gantry_api_types::{Filters, Secret, SecretCreateResponse, SecretSpec};

use super::Answer;

/// The secrets group.
pub trait Secrets: Clone + Send + Sync + 'static {
    /// `GET /secrets`
    fn secrets(&self, filters: Filters) -> impl Future<Output = Answer<Vec<Secret>>> + Send;

    /// `POST /secrets/create`
    fn create_secret(
        &self,
        spec: SecretSpec,
    ) -> impl Future<Output = Answer<SecretCreateResponse>> + Send;

    /// `GET /secrets/{id}`
    fn secret(&self, name: &str) -> impl Future<Output = Answer<Secret>> + Send;

    /// `POST /secrets/{id}/update`
    fn update_secret(
        &self,
        name: &str,
        version: u64,
        spec: SecretSpec,
    ) -> impl Future<Output = Answer<()>> + Send;

    /// `DELETE /secrets/{id}`
    fn remove_secret(&self, name: &str) -> impl Future<Output = Answer<()>> + Send;
}
