//! Secrets and logins.

use crate::proto::moby::buildkit::secrets::v1::GetSecretRequest;
use crate::proto::moby::buildkit::secrets::v1::secrets_client::SecretsClient;
use crate::proto::moby::filesync::v1::CredentialsRequest;
use crate::proto::moby::filesync::v1::auth_client::AuthClient;

use super::{Connection, Session, SessionError};

const SECRET: &str = "/moby.buildkit.secrets.v1.Secrets/GetSecret";
const CREDENTIALS: &str = "/moby.filesync.v1.Auth/Credentials";

/// A secret is at most so large, as in BuildKit; with room for its envelope.
const SECRET_SIZE: usize = (500 << 10) + 1024;

impl Session {
    /// A secret's content; `None` where the client has none of that id.
    pub(super) async fn secret_of(&self, id: &str) -> Result<Option<Vec<u8>>, SessionError> {
        if !self.offers(SECRET) {
            return Ok(None);
        }
        let mut client = SecretsClient::with_origin(self.connection(), Connection::origin())
            .max_decoding_message_size(SECRET_SIZE);
        let request = GetSecretRequest {
            id: id.to_owned(),
            ..Default::default()
        };
        match client.get_secret(request).await {
            Ok(answer) => Ok(Some(answer.into_inner().data)),
            Err(status) => {
                let error = SessionError::refused(SECRET)(status);
                if error.is_not_found() {
                    Ok(None)
                } else {
                    Err(error)
                }
            }
        }
    }

    /// Name and password for a registry's host; `None` where the client has none.
    pub(super) async fn credentials(
        &self,
        host: &str,
    ) -> Result<Option<(String, String)>, SessionError> {
        if !self.offers(CREDENTIALS) {
            return Ok(None);
        }
        let mut client = AuthClient::with_origin(self.connection(), Connection::origin());
        let request = CredentialsRequest {
            host: host.to_owned(),
        };
        let answer = client
            .credentials(request)
            .await
            .map_err(SessionError::refused(CREDENTIALS))?
            .into_inner();
        let empty = answer.username.is_empty() && answer.secret.is_empty();
        Ok((!empty).then_some((answer.username, answer.secret)))
    }
}
