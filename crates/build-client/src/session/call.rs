//! Which service a call of the engine is for.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use bollard_buildkit_proto::health::health_server::{Health, HealthServer};
use bollard_buildkit_proto::health::{
    HealthCheckRequest, HealthCheckResponse, HealthListRequest, HealthListResponse,
    health_check_response::ServingStatus,
};
use bollard_buildkit_proto::moby::buildkit::secrets::v1::secrets_server::SecretsServer;
use bollard_buildkit_proto::moby::filesync::packet::{
    file_send_server::FileSendServer as TreeServer, file_sync_server::FileSyncServer,
};
use bollard_buildkit_proto::moby::filesync::v1::{
    auth_server::AuthServer, file_send_server::FileSendServer as StreamServer,
};
use bollard_buildkit_proto::moby::sshforward::v1::ssh_server::SshServer;
use bollard_buildkit_proto::moby::upload::v1::upload_server::UploadServer;
use futures_util::stream::{BoxStream, StreamExt as _, empty, once};
use gantry_build_session::content::SERVICE;
use gantry_build_session::debug::SHELL;
use hyper::body::Incoming;
use tonic::body::Body;
use tonic::{Request, Response, Status};
use tower_service::Service as _;

use super::Services;
use super::auth::Auth;
use super::content::{self, Content};
use super::debug::Debug;
use super::export::{Export, Kind};
use super::files::Files;
use super::secrets::Secrets;
use super::ssh::Agents;
use super::upload::Uploads;

const FILES: &str = "/moby.filesync.v1.FileSync/";
const EXPORT: &str = "/moby.filesync.v1.FileSend/";
const SECRETS: &str = "/moby.buildkit.secrets.v1.Secrets/";
const SSH: &str = "/moby.sshforward.v1.SSH/";
const AUTH: &str = "/moby.filesync.v1.Auth/";
const UPLOAD: &str = "/moby.upload.v1.Upload/";
const HEALTH: &str = "/grpc.health.v1.Health/";

/// All services of a session.
#[derive(Clone)]
pub(super) struct Dispatch {
    inner: Arc<Inner>,
}

struct Inner {
    files: FileSyncServer<Files>,
    has_files: bool,
    export: Arc<Export>,
    secrets: SecretsServer<Secrets>,
    has_secrets: bool,
    ssh: SshServer<Agents>,
    has_ssh: bool,
    auth: Option<AuthServer<Auth>>,
    content: Content,
    debug: Option<Debug>,
    upload: UploadServer<Uploads>,
    has_uploads: bool,
    health: HealthServer<Healthy>,
}

type Answer = Result<http::Response<Body>, Infallible>;

impl Dispatch {
    pub(super) fn new(services: Services) -> Self {
        let Services {
            folders,
            targets,
            secrets,
            agents,
            logins,
            layouts,
            shells,
            uploads,
        } = services;
        Self {
            inner: Arc::new(Inner {
                has_files: !folders.is_empty(),
                files: FileSyncServer::new(Files::new(folders)),
                export: Arc::new(Export::new(targets)),
                has_secrets: !secrets.is_empty(),
                secrets: SecretsServer::new(Secrets::new(secrets)),
                has_ssh: !agents.is_empty(),
                ssh: SshServer::new(Agents::new(agents)),
                auth: logins.map(|logins| AuthServer::new(Auth::new(logins))),
                content: Content::new(layouts),
                debug: shells.map(Debug::new),
                has_uploads: !uploads.is_empty(),
                upload: UploadServer::new(Uploads::new(uploads)),
                health: HealthServer::new(Healthy),
            }),
        }
    }

    /// What the engine may call, in the form of the header that tells it.
    pub(super) fn methods(&self) -> Vec<&'static str> {
        let inner = &self.inner;
        let mut methods = vec![
            "/grpc.health.v1.Health/Check",
            "/grpc.health.v1.Health/Watch",
        ];
        if inner.has_files {
            methods.push("/moby.filesync.v1.FileSync/DiffCopy");
        }
        if !inner.export.is_empty() {
            methods.push("/moby.filesync.v1.FileSend/DiffCopy");
        }
        if inner.has_secrets {
            methods.push("/moby.buildkit.secrets.v1.Secrets/GetSecret");
        }
        if inner.has_ssh {
            methods.push("/moby.sshforward.v1.SSH/CheckAgent");
            methods.push("/moby.sshforward.v1.SSH/ForwardAgent");
        }
        if inner.auth.is_some() {
            methods.push("/moby.filesync.v1.Auth/Credentials");
        }
        if !inner.content.is_empty() {
            methods.extend(content::METHODS);
        }
        if inner.debug.is_some() {
            methods.push(SHELL);
        }
        if inner.has_uploads {
            methods.push("/moby.upload.v1.Upload/Pull");
        }
        methods
    }

    async fn answer(self, request: http::Request<Incoming>) -> Answer {
        let inner = &self.inner;
        let path = request.uri().path().to_owned();
        let is = |prefix: &str| path.starts_with(prefix);
        if is(FILES) && inner.has_files {
            return inner.files.clone().call(request).await;
        }
        if is(EXPORT) {
            // The same method carries packets or bytes, as the exporter has it.
            return match inner.export.kind(request.headers()) {
                Some(Kind::Tree) => {
                    TreeServer::from_arc(Arc::clone(&inner.export))
                        .max_decoding_message_size(64 << 20)
                        .call(request)
                        .await
                }
                Some(Kind::Stream) => {
                    StreamServer::from_arc(Arc::clone(&inner.export))
                        .max_decoding_message_size(64 << 20)
                        .call(request)
                        .await
                }
                None => Ok(refused("no result is expected here")),
            };
        }
        if is(SECRETS) && inner.has_secrets {
            return inner.secrets.clone().call(request).await;
        }
        if is(SSH) && inner.has_ssh {
            return inner.ssh.clone().call(request).await;
        }
        if let Some(auth) = inner.auth.as_ref().filter(|_| is(AUTH)) {
            return auth.clone().call(request).await;
        }
        if is(UPLOAD) && inner.has_uploads {
            return inner.upload.clone().call(request).await;
        }
        if is(SERVICE) && !inner.content.is_empty() {
            let answer = inner.content.call(request).await;
            return Ok(answer.unwrap_or_else(|| refused(&format!("{path} is not served here"))));
        }
        if let Some(debug) = inner.debug.as_ref().filter(|_| path == SHELL) {
            return Ok(debug.call(request).await);
        }
        if is(HEALTH) {
            return inner.health.clone().call(request).await;
        }
        Ok(refused(&format!("{path} is not served here")))
    }
}

impl hyper::service::Service<http::Request<Incoming>> for Dispatch {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Answer> + Send>>;

    fn call(&self, request: http::Request<Incoming>) -> Self::Future {
        Box::pin(self.clone().answer(request))
    }
}

fn refused(why: &str) -> http::Response<Body> {
    Status::unimplemented(why).into_http()
}

/// We live as long as the connection does.
#[derive(Debug, Clone, Copy)]
struct Healthy;

#[tonic::async_trait]
impl Health for Healthy {
    async fn check(
        &self,
        _request: Request<HealthCheckRequest>,
    ) -> Result<Response<HealthCheckResponse>, Status> {
        Ok(Response::new(serving()))
    }

    async fn list(
        &self,
        _request: Request<HealthListRequest>,
    ) -> Result<Response<HealthListResponse>, Status> {
        let statuses = [(String::new(), serving())].into_iter().collect();
        Ok(Response::new(HealthListResponse { statuses }))
    }

    type WatchStream = BoxStream<'static, Result<HealthCheckResponse, Status>>;

    async fn watch(
        &self,
        _request: Request<HealthCheckRequest>,
    ) -> Result<Response<Self::WatchStream>, Status> {
        let now = once(async { Ok(serving()) });
        let never = empty().chain(once(std::future::pending()));
        Ok(Response::new(now.chain(never).boxed()))
    }
}

fn serving() -> HealthCheckResponse {
    HealthCheckResponse {
        status: ServingStatus::Serving as i32,
    }
}
