//! `Content`: the engine reads blobs of OCI layouts in our folders, and puts some into them.
//!
//! containerd's service, as far as builds use it: `Info`, `Read` and `Write`.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;

use futures_util::stream::{BoxStream, StreamExt as _, unfold};
use gantry_build_session::content::{
    INFO, Info, InfoRequest, InfoResponse, READ, ReadRequest, ReadResponse, SERVICE, STORE, WRITE,
    WriteRequest, WriteResponse, action::COMMIT,
};
use hyper::body::Incoming;
use sha2::{Digest as _, Sha256};
use tempfile::NamedTempFile;
use tokio::sync::mpsc;
use tonic::body::Body;
use tonic::metadata::MetadataMap;
use tonic::server::{Grpc, ServerStreamingService, StreamingService, UnaryService};
use tonic::{Request, Response, Status, Streaming};
use tonic_prost::ProstCodec;

/// Its methods, as the session tells them.
pub(super) const METHODS: [&str; 3] = [INFO, READ, WRITE];
const CHUNK: usize = 1 << 20;
const LARGEST: usize = 16 << 20;

/// Layouts by the names that the engine knows them by.
#[derive(Clone)]
pub(super) struct Content {
    layouts: Arc<HashMap<String, PathBuf>>,
}

impl Content {
    pub(super) fn new(layouts: HashMap<String, PathBuf>) -> Self {
        Self {
            layouts: Arc::new(layouts),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.layouts.is_empty()
    }

    /// Answers a call; `None` if there is no such method.
    pub(super) async fn call(
        &self,
        request: http::Request<Incoming>,
    ) -> Option<http::Response<Body>> {
        let method = request.uri().path().strip_prefix(SERVICE)?.to_owned();
        Some(match method.as_str() {
            "Info" => {
                let codec = ProstCodec::<InfoResponse, InfoRequest>::default();
                Grpc::new(codec).unary(self.clone(), request).await
            }
            "Read" => {
                let codec = ProstCodec::<ReadResponse, ReadRequest>::default();
                Grpc::new(codec)
                    .server_streaming(self.clone(), request)
                    .await
            }
            "Write" => {
                let codec = ProstCodec::<WriteResponse, WriteRequest>::default();
                Grpc::new(codec)
                    .apply_max_message_size_config(Some(LARGEST), None)
                    .streaming(self.clone(), request)
                    .await
            }
            _ => return None,
        })
    }

    fn layout(&self, metadata: &MetadataMap) -> Result<PathBuf, Status> {
        let name = metadata.get(STORE).and_then(|name| name.to_str().ok());
        let name = name.unwrap_or_default();
        let known = self.layouts.get(name).cloned();
        known.ok_or_else(|| Status::not_found(format!("no layout {name:?} is offered")))
    }
}

/// Where a blob lies in a layout.
fn path_of(layout: &Path, digest: &str) -> Result<PathBuf, Status> {
    let hex = digest.strip_prefix("sha256:").unwrap_or_default();
    if hex.len() != 64 || !hex.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        let text = format!("{digest:?} is no SHA-256 digest");
        return Err(Status::invalid_argument(text));
    }
    Ok(layout.join("blobs/sha256").join(hex))
}

fn failed(path: &Path) -> impl Fn(std::io::Error) -> Status {
    move |error| {
        let text = format!("{}: {error}", path.display());
        match error.kind() {
            std::io::ErrorKind::NotFound => Status::not_found(text),
            _ => Status::internal(text),
        }
    }
}

type Answer<T> = Pin<Box<dyn Future<Output = Result<Response<T>, Status>> + Send>>;

impl UnaryService<InfoRequest> for Content {
    type Response = InfoResponse;
    type Future = Answer<InfoResponse>;

    fn call(&mut self, request: Request<InfoRequest>) -> Self::Future {
        let layout = self.layout(request.metadata());
        Box::pin(async move {
            let digest = request.into_inner().digest;
            let path = path_of(&layout?, &digest)?;
            let size = fs::metadata(&path).map_err(failed(&path))?.len();
            let size = i64::try_from(size).unwrap_or(i64::MAX);
            Ok(Response::new(InfoResponse {
                info: Some(Info { digest, size }),
            }))
        })
    }
}

impl ServerStreamingService<ReadRequest> for Content {
    type Response = ReadResponse;
    type ResponseStream = BoxStream<'static, Result<ReadResponse, Status>>;
    type Future = Answer<Self::ResponseStream>;

    fn call(&mut self, request: Request<ReadRequest>) -> Self::Future {
        let layout = self.layout(request.metadata());
        Box::pin(async move {
            let wanted = request.into_inner();
            let path = path_of(&layout?, &wanted.digest)?;
            let mut file = File::open(&path).map_err(failed(&path))?;
            let offset = u64::try_from(wanted.offset).unwrap_or_default();
            file.seek(SeekFrom::Start(offset)).map_err(failed(&path))?;
            let limit = u64::try_from(wanted.size).ok().filter(|size| *size > 0);
            let (sender, pieces) = mpsc::channel(2);
            // A thread that may wait for the disk.
            tokio::task::spawn_blocking(move || {
                let mut part = file.take(limit.unwrap_or(u64::MAX));
                let mut offset = wanted.offset;
                loop {
                    let mut data = Vec::with_capacity(CHUNK);
                    let read = (&mut part).take(CHUNK as u64).read_to_end(&mut data);
                    let piece = match read {
                        Ok(0) => return,
                        Ok(_) => Ok(ReadResponse {
                            offset,
                            data: data.into(),
                        }),
                        Err(error) => Err(failed(&path)(error)),
                    };
                    offset += piece.as_ref().map_or(0, |piece| piece.data.len() as i64);
                    let failed = piece.is_err();
                    if sender.blocking_send(piece).is_err() || failed {
                        return;
                    }
                }
            });
            let pieces = unfold(pieces, |mut pieces| async move {
                pieces.recv().await.map(|piece| (piece, pieces))
            });
            Ok(Response::new(pieces.boxed()))
        })
    }
}

impl StreamingService<WriteRequest> for Content {
    type Response = WriteResponse;
    type ResponseStream = BoxStream<'static, Result<WriteResponse, Status>>;
    type Future = Answer<Self::ResponseStream>;

    fn call(&mut self, request: Request<Streaming<WriteRequest>>) -> Self::Future {
        let layout = self.layout(request.metadata());
        Box::pin(async move {
            let layout = layout?;
            let mut messages = request.into_inner();
            let first = messages.message().await?;
            let first = first.ok_or_else(|| Status::invalid_argument("nothing is written"))?;
            let mut incoming = Arriving::new(&layout, &first)?;
            let begun = incoming.take(&first);
            let (sender, answers) = mpsc::channel(1);
            let _ = sender.send(begun).await;
            tokio::spawn(async move {
                while let Ok(Some(message)) = messages.message().await {
                    let last = message.action == COMMIT;
                    // Pieces are small; nothing else waits meanwhile.
                    let answer = incoming.take(&message);
                    let failed = answer.is_err();
                    if sender.send(answer).await.is_err() || failed || last {
                        return;
                    }
                }
            });
            let answers = unfold(answers, |mut answers| async move {
                answers.recv().await.map(|answer| (answer, answers))
            });
            Ok(Response::new(answers.boxed()))
        })
    }
}

/// A blob on its way into a layout; it has its name once it is whole and right.
struct Arriving {
    path: PathBuf,
    file: Option<NamedTempFile>,
    hasher: Sha256,
    length: i64,
    total: i64,
    expected: String,
}

impl Arriving {
    fn new(layout: &Path, first: &WriteRequest) -> Result<Self, Status> {
        let path = path_of(layout, &first.expected)?;
        if path.exists() {
            return Err(Status::already_exists(format!(
                "{} is here",
                first.expected
            )));
        }
        let folder = path.parent().unwrap_or(layout);
        fs::create_dir_all(folder).map_err(failed(folder))?;
        let file = NamedTempFile::new_in(folder).map_err(failed(folder))?;
        Ok(Self {
            path,
            file: Some(file),
            hasher: Sha256::new(),
            length: 0,
            total: first.total,
            expected: first.expected.clone(),
        })
    }

    fn take(&mut self, message: &WriteRequest) -> Result<WriteResponse, Status> {
        if !message.data.is_empty() {
            if message.offset != self.length {
                let text = format!("{} bytes are here, not {}", self.length, message.offset);
                return Err(Status::out_of_range(text));
            }
            let Some(file) = &mut self.file else {
                return Err(Status::failed_precondition("the blob has been ended"));
            };
            file.write_all(&message.data).map_err(failed(&self.path))?;
            self.hasher.update(&message.data);
            self.length += message.data.len() as i64;
        }
        if message.action == COMMIT {
            self.commit()?;
        }
        Ok(WriteResponse {
            action: message.action,
            offset: self.length,
            total: self.total,
            digest: self.expected.clone(),
        })
    }

    fn commit(&mut self) -> Result<(), Status> {
        let found = self.hasher.clone().finalize();
        let found: String = found.iter().map(|byte| format!("{byte:02x}")).collect();
        let expected = self.expected.trim_start_matches("sha256:");
        if found != expected {
            let text = format!("a blob came as sha256:{found}, not sha256:{expected}");
            return Err(Status::failed_precondition(text));
        }
        if let Some(file) = self.file.take() {
            let mode = std::os::unix::fs::PermissionsExt::from_mode(0o644);
            fs::set_permissions(file.path(), mode).map_err(failed(&self.path))?;
            file.persist(&self.path)
                .map_err(|error| failed(&self.path)(error.error))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(action: i32, offset: i64, data: &[u8]) -> WriteRequest {
        let of_abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        WriteRequest {
            action,
            offset,
            data: data.to_vec().into(),
            expected: format!("sha256:{of_abc}"),
            ..WriteRequest::default()
        }
    }

    #[test]
    fn a_blob_has_its_name_once_it_is_right() {
        let folder = tempfile::tempdir().unwrap();
        let layout = folder.path();
        let stat = message(0, 0, b"");
        let mut wrong = Arriving::new(layout, &stat).unwrap();
        wrong.take(&message(1, 0, b"abd")).unwrap();
        assert!(wrong.take(&message(COMMIT, 3, b"")).is_err());
        let mut right = Arriving::new(layout, &stat).unwrap();
        assert_eq!(right.take(&stat).unwrap().offset, 0);
        assert_eq!(right.take(&message(1, 0, b"ab")).unwrap().offset, 2);
        assert!(right.take(&message(1, 1, b"c")).is_err());
        right.take(&message(COMMIT, 2, b"c")).unwrap();
        let path = path_of(layout, &stat.expected).unwrap();
        assert_eq!(fs::read(path).unwrap(), b"abc");
        let again = Arriving::new(layout, &stat).err().unwrap();
        assert_eq!(again.code(), tonic::Code::AlreadyExists);
        drop((wrong, right));
        let left = fs::read_dir(layout.join("blobs/sha256")).unwrap();
        assert_eq!(left.count(), 1);
    }

    #[test]
    fn a_digest_leads_nowhere_else() {
        let layout = Path::new("/layout");
        for digest in ["", "sha256:../../etc/passwd", "sha512:ab"] {
            assert!(path_of(layout, digest).is_err(), "{digest}");
        }
    }
}
