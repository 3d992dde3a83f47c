//! Blobs of OCI layouts that the client holds: containerd's content service, as far as reading needs it.

use tokio::io::{AsyncRead, AsyncWriteExt as _};
use tonic::Request;
use tonic::client::Grpc;
use tonic::codegen::http::uri::PathAndQuery;
use tonic_prost::ProstCodec;

use super::{Connection, Session, SessionError, metadata};

const METHOD: &str = "/containerd.services.content.v1.Content/Read";
/// Under this key goes which store is meant.
const STORE: &str = "buildkit-attachable-store-id";
const CHUNK: usize = 256 << 10;
const MESSAGE_SIZE: usize = 16 << 20;

#[derive(Clone, PartialEq, prost::Message)]
struct ReadRequest {
    #[prost(string, tag = "1")]
    digest: String,
    #[prost(int64, tag = "2")]
    offset: i64,
    #[prost(int64, tag = "3")]
    size: i64,
}

#[derive(Clone, PartialEq, prost::Message)]
struct ReadResponse {
    #[prost(int64, tag = "1")]
    offset: i64,
    #[prost(bytes = "bytes", tag = "2")]
    data: bytes::Bytes,
}

impl Session {
    /// A blob of one of the client's stores.
    pub(super) async fn blob_of(
        &self,
        store: &str,
        digest: &str,
    ) -> Result<impl AsyncRead + Send + Unpin + use<>, SessionError> {
        self.needs(METHOD)?;
        let mut client = Grpc::with_origin(self.connection(), Connection::origin())
            .max_decoding_message_size(MESSAGE_SIZE);
        client.ready().await.map_err(|_| SessionError::Gone)?;
        let mut request = Request::new(ReadRequest {
            digest: digest.to_owned(),
            ..ReadRequest::default()
        });
        metadata::insert(request.metadata_mut(), STORE, store);
        let codec = ProstCodec::<ReadRequest, ReadResponse>::default();
        let path = PathAndQuery::from_static(METHOD);
        let answer = client.server_streaming(request, path, codec).await;
        let mut pieces = answer.map_err(SessionError::refused(METHOD))?.into_inner();
        let (theirs, mut ours) = tokio::io::duplex(CHUNK);
        // Who reads checks the digest: an end that came too early is seen there.
        tokio::spawn(async move {
            while let Ok(Some(piece)) = pieces.message().await {
                if ours.write_all(&piece.data).await.is_err() {
                    return;
                }
            }
        });
        Ok(theirs)
    }
}
