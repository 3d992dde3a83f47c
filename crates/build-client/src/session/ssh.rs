//! `SSH`: steps talk to our ssh agent.

use std::collections::HashMap;
use std::path::PathBuf;

use bollard_buildkit_proto::moby::sshforward::v1::{
    BytesMessage, CheckAgentRequest, CheckAgentResponse, ssh_server::Ssh,
};
use futures_util::stream::{BoxStream, StreamExt as _, unfold};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;
use tonic::{Request, Response, Status, Streaming};

/// The key under which a call names the agent.
const ID: &str = "buildkit.ssh.id";
const USUAL: &str = "default";

pub(super) struct Agents {
    sockets: HashMap<String, PathBuf>,
}

impl Agents {
    pub(super) fn new(sockets: HashMap<String, PathBuf>) -> Self {
        Self { sockets }
    }

    fn socket(&self, id: &str) -> Result<&PathBuf, Status> {
        let id = if id.is_empty() { USUAL } else { id };
        self.sockets
            .get(id)
            .ok_or_else(|| Status::not_found(format!("unset ssh forward key {id}")))
    }
}

#[tonic::async_trait]
impl Ssh for Agents {
    type ForwardAgentStream = BoxStream<'static, Result<BytesMessage, Status>>;

    async fn check_agent(
        &self,
        request: Request<CheckAgentRequest>,
    ) -> Result<Response<CheckAgentResponse>, Status> {
        self.socket(&request.into_inner().id)?;
        Ok(Response::new(CheckAgentResponse {}))
    }

    async fn forward_agent(
        &self,
        request: Request<Streaming<BytesMessage>>,
    ) -> Result<Response<Self::ForwardAgentStream>, Status> {
        let id = request.metadata().get(ID).and_then(|id| id.to_str().ok());
        let path = self.socket(id.unwrap_or_default())?;
        let agent = UnixStream::connect(path)
            .await
            .map_err(|error| Status::unavailable(format!("{}: {error}", path.display())))?;
        let (from_agent, mut to_agent) = agent.into_split();
        let mut incoming = request.into_inner();
        tokio::spawn(async move {
            while let Some(Ok(message)) = incoming.next().await {
                if to_agent.write_all(&message.data).await.is_err() {
                    return;
                }
            }
            // The step closed its end; the agent ends the other one.
            let _ = to_agent.shutdown().await;
        });
        let outgoing = unfold(from_agent, |mut agent| async move {
            let mut data = vec![0; 32 << 10];
            match agent.read(&mut data).await {
                Ok(0) => None,
                Ok(count) => {
                    data.truncate(count);
                    Some((Ok(BytesMessage { data }), agent))
                }
                Err(error) => Some((Err(Status::internal(error.to_string())), agent)),
            }
        });
        Ok(Response::new(outgoing.boxed()))
    }
}
