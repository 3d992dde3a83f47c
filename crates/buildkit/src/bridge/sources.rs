//! Images, before they are used.

use std::sync::Arc;

use gantry_builder::Error;
use tonic::{Request, Response, Status};

use crate::builds::Job;
use crate::proto::moby::buildkit::v1::frontend::{
    ResolveImageConfigRequest, ResolveImageConfigResponse, ResolveSourceImageResponse,
    ResolveSourceMetaRequest, ResolveSourceMetaResponse,
};
use crate::proto::moby::buildkit::v1::sourcepolicy::Policy;
use crate::proto::pb::Platform;
use crate::{Server, failure, inputs, llb};

impl Server {
    pub(super) async fn image_config(
        &self,
        request: Request<ResolveImageConfigRequest>,
    ) -> Result<Response<ResolveImageConfigResponse>, Status> {
        let job = self.job(&request).await?;
        let request = request.into_inner();
        refuse_policies(&request.source_policies)?;
        let pull = request.resolve_mode == "pull";
        let (digest, config) = self
            .config_of(&job, &request.r#ref, request.platform.as_ref(), pull)
            .await?;
        Ok(Response::new(ResolveImageConfigResponse {
            digest,
            config,
            r#ref: request.r#ref,
        }))
    }

    pub(super) async fn source_meta(
        &self,
        request: Request<ResolveSourceMetaRequest>,
    ) -> Result<Response<ResolveSourceMetaResponse>, Status> {
        let job = self.job(&request).await?;
        let request = request.into_inner();
        refuse_policies(&request.source_policies)?;
        let source = request.source.unwrap_or_default();
        let Some(name) = source.identifier.strip_prefix("docker-image://") else {
            return Err(Status::unimplemented(format!(
                "telling of the source {} before it is used is not supported: only of images",
                source.identifier
            )));
        };
        let name = inputs::of_identifier(&source.identifier).unwrap_or(name);
        let pull = request.resolve_mode == "pull";
        let (digest, config) = self
            .config_of(&job, name, request.platform.as_ref(), pull)
            .await?;
        Ok(Response::new(ResolveSourceMetaResponse {
            image: Some(ResolveSourceImageResponse {
                digest,
                config,
                attestation_chain: None,
            }),
            source: Some(source),
            ..ResolveSourceMetaResponse::default()
        }))
    }

    /// The digest of an image and its configuration; the image is brought here.
    async fn config_of(
        &self,
        job: &Arc<Job>,
        name: &str,
        platform: Option<&Platform>,
        pull: bool,
    ) -> Result<(String, Vec<u8>), Status> {
        let told = |error: Error| failure::status(&error, &failure::source("", &[]));
        let request = gantry_builder::Request {
            pull,
            ..self.request_of_definition(job).await.map_err(told)?
        };
        let platform = platform.map(llb::platform_name);
        let work = self
            .builder
            .image_config(name, platform.as_deref(), &request);
        tokio::select! {
            found = work => found.map_err(told),
            () = job.cancelled.cancelled() => Err(Status::cancelled("context canceled")),
        }
    }
}

/// Refuses rules for what a build may take from where.
pub(crate) fn refuse_policies(policies: &[Policy]) -> Result<(), Status> {
    if policies.iter().all(|policy| policy.rules.is_empty()) {
        return Ok(());
    }
    Err(Status::unimplemented("source policies are not supported"))
}
