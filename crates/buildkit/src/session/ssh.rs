//! The client's ssh agents.

use futures_util::StreamExt;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use crate::proto::moby::sshforward::v1::CheckAgentRequest;
use crate::proto::moby::sshforward::v1::ssh_client::SshClient;

use super::pipe::{self, BytesMessage};
use super::{Connection, Session, SessionError};

const CHECK: &str = "/moby.sshforward.v1.SSH/CheckAgent";
const FORWARD: &str = "/moby.sshforward.v1.SSH/ForwardAgent";
/// Under this key the agent's id goes.
const AGENT: &str = "buildkit.ssh.id";
/// How much is read at once from who talks to the agent.
const CHUNK: usize = 32 << 10;

impl Session {
    /// Whether the client forwards an agent of that id.
    pub(super) async fn knows_agent(&self, id: &str) -> bool {
        if !self.offers(CHECK) {
            return false;
        }
        let mut client = SshClient::with_origin(self.connection(), Connection::origin());
        let request = CheckAgentRequest { id: id.to_owned() };
        client.check_agent(request).await.is_ok()
    }

    /// Connects somebody with an agent of the client until one of them ends it.
    pub(super) async fn forward_agent<IO>(&self, id: &str, socket: IO) -> Result<(), SessionError>
    where
        IO: AsyncRead + AsyncWrite + Send + 'static,
    {
        let mut stream = pipe::open(self, FORWARD, |metadata| {
            super::metadata::insert(metadata, AGENT, id);
        })?;
        let (mut reader, mut writer) = tokio::io::split(socket);
        let sending = async {
            let mut buffer = bytes::BytesMut::with_capacity(CHUNK);
            while reader.read_buf(&mut buffer).await.is_ok_and(|n| n > 0) {
                let data = buffer.split().freeze();
                if stream.to_client.send(BytesMessage { data }).await.is_err() {
                    break;
                }
                buffer.reserve(CHUNK);
            }
        };
        let receiving = async {
            while let Some(Ok(data)) = stream.from_client.next().await {
                if writer.write_all(&data).await.is_err() {
                    break;
                }
            }
        };
        tokio::select! {
            () = sending => {}
            () = receiving => {}
            () = self.closed().cancelled_owned() => {}
        }
        Ok(())
    }
}
