//! A shell in a step that failed: a service that only our own engine asks for.

use std::pin::Pin;

use gantry_build_session::debug::{ShellRequest, ShellResponse};
use hyper::body::Incoming;
use tokio::sync::{mpsc, oneshot};
use tonic::body::Body;
use tonic::server::{Grpc, UnaryService};
use tonic::{Request, Response, Status};
use tonic_prost::ProstCodec;

/// A container that the engine has made, for us to start.
#[derive(Debug)]
pub struct Shell {
    /// Its ID.
    pub container: String,
    /// What failed where it looks.
    pub why: String,
    /// The engine waits for this.
    pub done: oneshot::Sender<()>,
}

/// Passes containers on to whoever has the terminal.
#[derive(Clone)]
pub(super) struct Debug(mpsc::Sender<Shell>);

impl Debug {
    pub(super) fn new(shells: mpsc::Sender<Shell>) -> Self {
        Self(shells)
    }

    pub(super) async fn call(&self, request: http::Request<Incoming>) -> http::Response<Body> {
        let codec = ProstCodec::<ShellResponse, ShellRequest>::default();
        Grpc::new(codec).unary(self.clone(), request).await
    }
}

impl UnaryService<ShellRequest> for Debug {
    type Response = ShellResponse;
    type Future =
        Pin<Box<dyn Future<Output = Result<Response<ShellResponse>, Status>> + Send + 'static>>;

    fn call(&mut self, request: Request<ShellRequest>) -> Self::Future {
        let shells = self.0.clone();
        Box::pin(async move {
            let ShellRequest { container, why } = request.into_inner();
            let (done, ended) = oneshot::channel();
            let shell = Shell {
                container,
                why,
                done,
            };
            let gone = || Status::unavailable("nobody is at the terminal");
            shells.send(shell).await.map_err(|_| gone())?;
            ended.await.map_err(|_| gone())?;
            Ok(Response::new(ShellResponse {}))
        })
    }
}
