//! A shell in a step that failed: a service of our own command line, which no other client offers.

use tonic::Request;
use tonic::client::Grpc;
use tonic::codegen::http::uri::PathAndQuery;
use tonic_prost::ProstCodec;

use super::{Connection, Session, SessionError};

const METHOD: &str = "/gantry.build.v1.Debug/Shell";

/// A container that is made and not started; the client starts it, and answers when it has ended.
#[derive(Clone, PartialEq, prost::Message)]
struct ShellRequest {
    #[prost(string, tag = "1")]
    container: String,
    /// The failure that led there.
    #[prost(string, tag = "2")]
    why: String,
}

#[derive(Clone, PartialEq, prost::Message)]
struct ShellResponse {}

impl Session {
    /// Gives a container to the client until it ends.
    pub(super) async fn shell_in(&self, container: &str, why: &str) -> Result<(), SessionError> {
        self.needs(METHOD)?;
        let mut client = Grpc::with_origin(self.connection(), Connection::origin());
        client.ready().await.map_err(|_| SessionError::Gone)?;
        let request = Request::new(ShellRequest {
            container: container.to_owned(),
            why: why.to_owned(),
        });
        let codec = ProstCodec::<ShellRequest, ShellResponse>::default();
        let path = PathAndQuery::from_static(METHOD);
        let answer = client.unary(request, path, codec).await;
        answer.map(drop).map_err(SessionError::refused(METHOD))
    }
}
