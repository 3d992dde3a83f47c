//! containerd's content service: blobs of OCI layouts that the client holds.

/// Where its methods are.
pub const SERVICE: &str = "/containerd.services.content.v1.Content/";
/// Tells what is known of a blob.
pub const INFO: &str = "/containerd.services.content.v1.Content/Info";
/// Streams a blob.
pub const READ: &str = "/containerd.services.content.v1.Content/Read";
/// Takes a blob.
pub const WRITE: &str = "/containerd.services.content.v1.Content/Write";

/// Under this key of a call's metadata goes which of the client's stores is meant.
pub const STORE: &str = "buildkit-attachable-store-id";

/// A blob that is asked about.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct InfoRequest {
    /// Its digest.
    #[prost(string, tag = "1")]
    pub digest: String,
}

/// What is known of it.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct InfoResponse {
    /// That.
    #[prost(message, optional, tag = "1")]
    pub info: Option<Info>,
}

/// A blob.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct Info {
    /// Its digest.
    #[prost(string, tag = "1")]
    pub digest: String,
    /// Bytes.
    #[prost(int64, tag = "2")]
    pub size: i64,
}

/// A part of a blob that is wanted.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct ReadRequest {
    /// The blob's digest.
    #[prost(string, tag = "1")]
    pub digest: String,
    /// Where the part begins.
    #[prost(int64, tag = "2")]
    pub offset: i64,
    /// Bytes; all that is left, if 0.
    #[prost(int64, tag = "3")]
    pub size: i64,
}

/// A piece of it.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct ReadResponse {
    /// Where in the blob the piece belongs.
    #[prost(int64, tag = "1")]
    pub offset: i64,
    /// The piece.
    #[prost(bytes = "bytes", tag = "2")]
    pub data: bytes::Bytes,
}

/// What a message of a written blob is.
pub mod action {
    /// Asks how far the blob is.
    pub const STAT: i32 = 0;
    /// Adds to it.
    pub const WRITE: i32 = 1;
    /// Ends it, perhaps with a last piece.
    pub const COMMIT: i32 = 2;
}

/// A message of a blob that is written.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct WriteRequest {
    /// One of [`action`].
    #[prost(int32, tag = "1")]
    pub action: i32,
    /// Names the attempt.
    #[prost(string, tag = "2")]
    pub r#ref: String,
    /// Bytes of the whole blob.
    #[prost(int64, tag = "3")]
    pub total: i64,
    /// The digest that it must have at its end.
    #[prost(string, tag = "4")]
    pub expected: String,
    /// Where the piece belongs.
    #[prost(int64, tag = "5")]
    pub offset: i64,
    /// The piece.
    #[prost(bytes = "bytes", tag = "6")]
    pub data: bytes::Bytes,
}

/// The answer to each of them.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct WriteResponse {
    /// What it answers.
    #[prost(int32, tag = "1")]
    pub action: i32,
    /// Bytes that are there.
    #[prost(int64, tag = "4")]
    pub offset: i64,
    /// Bytes of the whole blob.
    #[prost(int64, tag = "5")]
    pub total: i64,
    /// The blob's digest.
    #[prost(string, tag = "6")]
    pub digest: String,
}
