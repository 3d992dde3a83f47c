//! `Auth`: the engine logs in to registries in our name.

use std::sync::Arc;

use bollard_buildkit_proto::moby::filesync::v1 as proto;
use proto::auth_server::Auth as AuthService;
use tonic::{Request, Response, Status};

/// A login; empty where there is none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Login {
    /// Empty if the secret is a token.
    pub username: String,
    /// A password or a token.
    pub secret: String,
}

/// Knows logins.
pub trait Logins: Send + Sync {
    /// The login of a registry. Asking a helper may take time.
    fn login(&self, host: &str) -> Result<Login, String>;
}

pub(super) struct Auth {
    logins: Arc<dyn Logins>,
}

impl Auth {
    pub(super) fn new(logins: Arc<dyn Logins>) -> Self {
        Self { logins }
    }
}

#[tonic::async_trait]
impl AuthService for Auth {
    async fn credentials(
        &self,
        request: Request<proto::CredentialsRequest>,
    ) -> Result<Response<proto::CredentialsResponse>, Status> {
        let host = request.into_inner().host;
        let logins = Arc::clone(&self.logins);
        let login = tokio::task::spawn_blocking(move || logins.login(&host))
            .await
            .map_err(|error| Status::internal(error.to_string()))?
            .map_err(Status::internal)?;
        Ok(Response::new(proto::CredentialsResponse {
            username: login.username,
            secret: login.secret,
        }))
    }

    // The engine fetches tokens itself, with what it gets above.

    async fn fetch_token(
        &self,
        _request: Request<proto::FetchTokenRequest>,
    ) -> Result<Response<proto::FetchTokenResponse>, Status> {
        Err(Status::unimplemented("the client fetches no tokens"))
    }

    async fn get_token_authority(
        &self,
        _request: Request<proto::GetTokenAuthorityRequest>,
    ) -> Result<Response<proto::GetTokenAuthorityResponse>, Status> {
        Err(Status::unimplemented("the client fetches no tokens"))
    }

    async fn verify_token_authority(
        &self,
        _request: Request<proto::VerifyTokenAuthorityRequest>,
    ) -> Result<Response<proto::VerifyTokenAuthorityResponse>, Status> {
        Err(Status::unimplemented("the client fetches no tokens"))
    }
}
