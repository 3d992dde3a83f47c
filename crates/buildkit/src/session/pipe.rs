//! Streams of bytes inside gRPC messages.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_util::stream::BoxStream;
use futures_util::{Stream, StreamExt as _, TryFutureExt as _, TryStreamExt as _};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::client::Grpc;
use tonic::codegen::http::uri::PathAndQuery;
use tonic::{Request, Status, Streaming};
use tonic_prost::ProstCodec;

use super::{Connection, Session, SessionError};

/// A message that holds bytes; every service has one of its own of this form.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub(super) struct BytesMessage {
    /// The bytes.
    #[prost(bytes = "bytes", tag = "1")]
    pub data: Bytes,
}

/// No single message may be larger; clients send 32 KiB and at most 3 MiB.
pub(crate) const MESSAGE_SIZE: usize = 16 << 20;

/// Messages that may wait to be sent.
const QUEUE: usize = 16;

/// Calls a method of the client that streams messages both ways.
pub(super) async fn call<S, R>(
    session: &Session,
    method: &'static str,
    request: Request<impl Stream<Item = S> + Send + 'static>,
) -> Result<Streaming<R>, SessionError>
where
    S: prost::Message + Default + Send + 'static,
    R: prost::Message + Default + Send + 'static,
{
    session.needs(method)?;
    let mut client = Grpc::with_origin(session.connection(), Connection::origin())
        .max_decoding_message_size(MESSAGE_SIZE);
    client.ready().await.map_err(|_| SessionError::Gone)?;
    let path = PathAndQuery::from_static(method);
    let codec = ProstCodec::<S, R>::default();
    let answer = client.streaming(request, path, codec).await;
    Ok(answer.map_err(SessionError::refused(method))?.into_inner())
}

/// Both ends of a called byte stream.
#[derive(Debug)]
pub(super) struct Pipe {
    /// What goes to the client; its drop is the end of it.
    pub to_client: mpsc::Sender<BytesMessage>,
    /// What comes from the client.
    pub from_client: ByteStream,
}

/// What comes from the client.
///
/// Many clients answer nothing, not even that they have understood, before something has come to them. So the call goes
/// on only while this is polled, beside whatever sends.
pub(super) struct ByteStream(BoxStream<'static, Result<Bytes, Status>>);

impl std::fmt::Debug for ByteStream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ByteStream").finish_non_exhaustive()
    }
}

impl Stream for ByteStream {
    type Item = Result<Bytes, Status>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.as_mut().poll_next(cx)
    }
}

/// Opens a byte stream with the client.
pub(super) fn open(
    session: &Session,
    method: &'static str,
    describe: impl FnOnce(&mut tonic::metadata::MetadataMap),
) -> Result<Pipe, SessionError> {
    session.needs(method)?;
    let (to_client, queue) = mpsc::channel(QUEUE);
    let mut request = Request::new(ReceiverStream::new(queue));
    describe(request.metadata_mut());
    let session = session.clone();
    let answer = async move {
        match call::<BytesMessage, BytesMessage>(&session, method, request).await {
            Ok(messages) => Ok(messages.map_ok(|message| message.data)),
            Err(SessionError::Refused { status, .. }) => Err(status),
            Err(other) => Err(Status::unavailable(other.to_string())),
        }
    };
    Ok(Pipe {
        to_client,
        from_client: ByteStream(answer.try_flatten_stream().boxed()),
    })
}
