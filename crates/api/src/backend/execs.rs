//! Processes run in running containers.

use std::future::Future;

use gantry_api_types::{ExecCreateRequest, ExecCreateResponse, ExecInspect, ExecStartRequest};

use super::Answer;
use crate::hijack::Attachment;

/// The exec group.
pub trait Execs: Clone + Send + Sync + 'static {
    /// `POST /containers/{name}/exec`
    fn exec_create(
        &self,
        container: &str,
        body: ExecCreateRequest,
    ) -> impl Future<Output = Answer<ExecCreateResponse>> + Send;

    /// `POST /exec/{id}/start`: all that can be refused is refused here; nothing when detached.
    fn exec_start(
        &self,
        id: &str,
        body: ExecStartRequest,
    ) -> impl Future<Output = Answer<Option<Attachment>>> + Send;

    /// `POST /exec/{id}/resize`
    fn exec_resize(
        &self,
        id: &str,
        height: u16,
        width: u16,
    ) -> impl Future<Output = Answer<()>> + Send;

    /// `GET /exec/{id}/json`
    fn exec_inspect(&self, id: &str) -> impl Future<Output = Answer<ExecInspect>> + Send;
}
