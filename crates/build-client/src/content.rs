//! What the engine keeps by digests: containerd's content service, as far as records of builds need it.

use tonic::Request;
use tonic::client::Grpc;
use tonic::codegen::http::uri::PathAndQuery;
use tonic_prost::ProstCodec;

use crate::error::Error;
use crate::link::Channel;

const READ: &str = "/containerd.services.content.v1.Content/Read";

#[derive(Clone, PartialEq, prost::Message)]
struct ReadRequest {
    #[prost(string, tag = "1")]
    digest: String,
}

#[derive(Clone, PartialEq, prost::Message)]
struct ReadResponse {
    #[prost(bytes = "vec", tag = "2")]
    data: Vec<u8>,
}

/// All of a blob.
pub(crate) async fn read(channel: Channel, digest: &str) -> Result<Vec<u8>, Error> {
    let origin = http::Uri::from_static("http://localhost");
    let mut client = Grpc::with_origin(channel, origin);
    client.ready().await?;
    let request = Request::new(ReadRequest {
        digest: digest.to_owned(),
    });
    let codec = ProstCodec::<ReadRequest, ReadResponse>::default();
    let path = PathAndQuery::from_static(READ);
    let answer = client.server_streaming(request, path, codec).await?;
    let mut pieces = answer.into_inner();
    let mut bytes = Vec::new();
    while let Some(piece) = pieces.message().await? {
        bytes.extend(piece.data);
    }
    Ok(bytes)
}
