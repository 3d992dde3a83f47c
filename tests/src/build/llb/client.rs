//! A client of BuildKit's protocol that writes definitions by hand.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Poll};

use bollard_buildkit_proto::health::health_client::HealthClient;
use bollard_buildkit_proto::moby::buildkit::v1 as control;
use bollard_buildkit_proto::pb::{self, Definition, Op, op};
use control::SolveRequest as BuildRequest;
use control::control_client::ControlClient;
use control::frontend::llb_bridge_client::LlbBridgeClient;
use control::frontend::{ReturnRequest, SolveRequest, SolveResponse};
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use prost::Message as _;
use tokio::net::UnixStream;
use tonic::body::Body;
use tonic::{Request, Status};

use crate::harness::Daemon;

/// HTTP/2 without an upgrade, on the daemon's socket.
#[derive(Clone)]
pub(super) struct Connection(http2::SendRequest<Body>);

impl tower_service::Service<http::Request<Body>> for Connection {
    type Response = http::Response<hyper::body::Incoming>;
    type Error = hyper::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        Box::pin(self.0.send_request(request))
    }
}

pub(super) type Bridge = LlbBridgeClient<Connection>;

/// A build while its client's part goes on.
pub(super) struct Build {
    id: String,
    pub bridge: Bridge,
    pub health: HealthClient<Connection>,
}

impl Build {
    /// A call that belongs to this build.
    pub(super) fn call<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        let id = self.id.parse().unwrap();
        request
            .metadata_mut()
            .insert("buildkit-controlapi-buildid", id);
        request
    }

    /// Solves a definition; gives the result's reference.
    pub(super) async fn solve(&mut self, definition: Definition) -> Result<String, Status> {
        let request = self.call(SolveRequest {
            definition: Some(definition),
            ..SolveRequest::default()
        });
        let solved = self.bridge.solve(request).await?.into_inner();
        Ok(reference(solved).unwrap())
    }
}

fn reference(solved: SolveResponse) -> Option<String> {
    use control::frontend::result::Result::Ref;
    match solved.result?.result? {
        Ref(reference) => Some(reference.id),
        _ => None,
    }
}

/// Carries out the client's part of a build; what it returns is exported, as old clients ask for it.
pub(super) fn build<T, F>(
    daemon: &Daemon,
    (kind, attributes): (&str, &[(&str, &str)]),
    part: impl FnOnce(Build) -> F,
) -> (T, Result<control::SolveResponse, Status>)
where
    F: Future<Output = (T, ReturnRequest)>,
{
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_all().build().unwrap();
    runtime.block_on(async {
        let socket = UnixStream::connect(daemon.socket()).await.unwrap();
        let handshake = http2::handshake(TokioExecutor::new(), TokioIo::new(socket));
        let (sender, connection) = handshake.await.unwrap();
        tokio::spawn(connection);
        let connection = Connection(sender);
        let origin = http::Uri::from_static("http://localhost");
        let mut control = ControlClient::with_origin(connection.clone(), origin.clone());
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let id = format!("by-hand-{}", COUNT.fetch_add(1, Ordering::Relaxed));
        let request = BuildRequest {
            r#ref: id.clone(),
            exporter_deprecated: kind.to_owned(),
            exporter_attrs_deprecated: attributes
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect(),
            ..BuildRequest::default()
        };
        let own = async {
            let build = Build {
                id: id.clone(),
                bridge: LlbBridgeClient::with_origin(connection.clone(), origin.clone()),
                health: HealthClient::with_origin(connection.clone(), origin),
            };
            let (value, returned) = part(build).await;
            let mut end = Request::new(returned);
            end.metadata_mut()
                .insert("buildkit-controlapi-buildid", id.parse().unwrap());
            let mut bridge = LlbBridgeClient::with_origin(
                connection.clone(),
                http::Uri::from_static("http://localhost"),
            );
            bridge.r#return(end).await.unwrap();
            value
        };
        let (whole, value) = tokio::join!(control.solve(request), own);
        (value, whole.map(tonic::Response::into_inner))
    })
}

/// A definition while it is written.
#[derive(Default)]
pub(super) struct Graph(Definition);

/// An operation's filesystem.
pub(super) type Edge = (String, i64);

impl Graph {
    /// Adds an operation.
    pub(super) fn add(&mut self, inputs: &[&Edge], work: op::Op) -> String {
        let inputs = inputs.iter().map(|(digest, index)| pb::Input {
            digest: digest.clone(),
            index: *index,
        });
        let op = Op {
            inputs: inputs.collect(),
            op: Some(work),
            ..Op::default()
        };
        let bytes = op.encode_to_vec();
        let digest = sha256(&bytes);
        self.0.def.push(bytes);
        digest
    }

    pub(super) fn source(&mut self, identifier: &str) -> Edge {
        let source = pb::SourceOp {
            identifier: identifier.to_owned(),
            ..pb::SourceOp::default()
        };
        (self.add(&[], op::Op::Source(source)), 0)
    }

    /// Runs a script on a root; gives the root, and what is left in `/out`.
    pub(super) fn run(&mut self, root: &Edge, script: &str) -> (Edge, Edge) {
        let exec = pb::ExecOp {
            meta: Some(pb::Meta {
                args: ["/bin/sh", "-c", script].map(str::to_owned).into(),
                env: vec!["PATH=/bin".to_owned()],
                cwd: "/".to_owned(),
                ..pb::Meta::default()
            }),
            mounts: vec![
                pb::Mount {
                    dest: "/".to_owned(),
                    ..pb::Mount::default()
                },
                pb::Mount {
                    input: -1,
                    output: 1,
                    dest: "/out".to_owned(),
                    ..pb::Mount::default()
                },
            ],
            ..pb::ExecOp::default()
        };
        let id = self.add(&[root], op::Op::Exec(exec));
        ((id.clone(), 0), (id, 1))
    }

    /// Makes these changes one after the other; `from` is what is copied from.
    pub(super) fn change(
        &mut self,
        root: &Edge,
        from: &Edge,
        actions: Vec<pb::file_action::Action>,
    ) -> Edge {
        let last = actions.len() - 1;
        let actions = actions.into_iter().enumerate();
        let actions = actions.map(|(number, action)| pb::FileAction {
            input: if number == 0 {
                0
            } else {
                1 + i64::try_from(number).unwrap()
            },
            secondary_input: match action {
                pb::file_action::Action::Copy(_) => 1,
                _ => -1,
            },
            output: if number == last { 0 } else { -1 },
            action: Some(action),
        });
        let file = pb::FileOp {
            actions: actions.collect(),
        };
        (self.add(&[root, from], op::Op::File(file)), 0)
    }

    pub(super) fn merge(&mut self, inputs: &[&Edge]) -> Edge {
        let merge = pb::MergeOp {
            inputs: (0..)
                .take(inputs.len())
                .map(|input| pb::MergeInput { input })
                .collect(),
        };
        (self.add(inputs, op::Op::Merge(merge)), 0)
    }

    pub(super) fn diff(&mut self, lower: &Edge, upper: &Edge) -> Edge {
        let diff = pb::DiffOp {
            lower: Some(pb::LowerDiffInput { input: 0 }),
            upper: Some(pb::UpperDiffInput { input: 1 }),
        };
        (self.add(&[lower, upper], op::Op::Diff(diff)), 0)
    }

    /// The definition of one of its filesystems.
    pub(super) fn of(&self, edge: &Edge) -> Definition {
        let mut definition = self.0.clone();
        let end = Op {
            inputs: vec![pb::Input {
                digest: edge.0.clone(),
                index: edge.1,
            }],
            ..Op::default()
        };
        definition.def.push(end.encode_to_vec());
        definition
    }
}

fn sha256(bytes: &[u8]) -> String {
    gantry_archive::Digester::sha256(bytes).to_string()
}
