//! A shell in a step that failed: a service of our own command line, which no other client offers.

use gantry_build_session::debug::{SHELL, ShellRequest, ShellResponse};
use tonic::Request;
use tonic::client::Grpc;
use tonic::codegen::http::uri::PathAndQuery;
use tonic_prost::ProstCodec;

use super::{Connection, Session, SessionError};

impl Session {
    /// Gives a container to the client until it ends.
    pub(super) async fn shell_in(&self, container: &str, why: &str) -> Result<(), SessionError> {
        self.needs(SHELL)?;
        let mut client = Grpc::with_origin(self.connection(), Connection::origin());
        client.ready().await.map_err(|_| SessionError::Gone)?;
        let request = Request::new(ShellRequest {
            container: container.to_owned(),
            why: why.to_owned(),
        });
        let codec = ProstCodec::<ShellRequest, ShellResponse>::default();
        let path = PathAndQuery::from_static(SHELL);
        let answer = client.unary(request, path, codec).await;
        answer.map(drop).map_err(SessionError::refused(SHELL))
    }
}
