//! The services together.

use std::path::Path;
use std::sync::Arc;

use gantry_builder::Builder;
use tonic::service::Routes;

use crate::builds::Builds;
use crate::content::Content;
use crate::health::Alive;
use crate::history::History;
use crate::local::Locals;
use crate::proto::health::health_server::HealthServer;
use crate::proto::moby::buildkit::v1::control_server::ControlServer;
use crate::proto::moby::buildkit::v1::frontend::llb_bridge_server::LlbBridgeServer;
use crate::session::Sessions;
use crate::traces::Traces;

/// A message from a client: definitions and requests with large inputs.
const MESSAGE_SIZE: usize = 64 << 20;

/// BuildKit's side of the daemon; a clone is the same one.
#[derive(Clone)]
pub struct Server(pub(crate) Arc<Inner>);

/// What all clones of a server share.
pub struct Inner {
    pub(crate) builder: Builder,
    pub(crate) sessions: Sessions,
    pub(crate) builds: Builds,
    pub(crate) history: History,
    pub(crate) locals: Locals,
    /// The version that clients are told.
    pub(crate) version: String,
    /// Where containers reach this host, for `host-gateway`.
    pub(crate) host_gateway: String,
}

impl std::ops::Deref for Server {
    type Target = Inner;

    fn deref(&self) -> &Inner {
        &self.0
    }
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Server").finish_non_exhaustive()
    }
}

impl Server {
    /// Serves a builder; records of builds and files of clients are kept below the data root.
    pub fn open(
        builder: &Builder,
        data_root: &Path,
        version: &str,
        host_gateway: &str,
    ) -> Result<Self, gantry_builder::Error> {
        let root = data_root.join("build");
        Ok(Self(Arc::new(Inner {
            builder: builder.clone(),
            sessions: Sessions::default(),
            builds: Builds::default(),
            history: History::open(root.join("history"))?,
            locals: Locals::open(root.join("sources"))?,
            version: version.to_owned(),
            host_gateway: host_gateway.to_owned(),
        })))
    }

    /// The builder that is served.
    pub fn builder(&self) -> &Builder {
        &self.builder
    }

    /// The gRPC services, for a connection of HTTP/2.
    pub fn routes(&self) -> Routes {
        let control = ControlServer::new(self.clone()).max_decoding_message_size(MESSAGE_SIZE);
        let bridge = LlbBridgeServer::new(self.clone()).max_decoding_message_size(MESSAGE_SIZE);
        Routes::new(control)
            .add_service(bridge)
            .add_service(Content(self.clone()))
            .add_service(HealthServer::new(Alive))
            .add_service(Traces)
    }

    /// Serves a client's session on a connection until either side ends it.
    pub async fn serve_session<IO>(&self, headers: &http::HeaderMap, io: IO) -> hyper::Result<()>
    where
        IO: hyper::rt::Read + hyper::rt::Write + Unpin + Send + 'static,
    {
        self.sessions.serve(headers, io).await
    }
}
