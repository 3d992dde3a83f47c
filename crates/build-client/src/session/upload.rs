//! `Upload`: the engine fetches a stream, such as a context that comes on standard input.

use std::collections::HashMap;
use std::io::Read;
use std::sync::{Mutex, PoisonError};

use bollard_buildkit_proto::moby::upload::v1::{BytesMessage, upload_server::Upload};
use futures_util::stream::{BoxStream, StreamExt as _, unfold};
use tokio::sync::mpsc;
use tonic::{Request, Response, Status, Streaming};

const CHUNK: usize = 64 << 10;

pub(super) struct Uploads {
    streams: Mutex<HashMap<String, Box<dyn Read + Send>>>,
}

impl Uploads {
    pub(super) fn new(streams: HashMap<String, Box<dyn Read + Send>>) -> Self {
        Self {
            streams: Mutex::new(streams),
        }
    }
}

#[tonic::async_trait]
impl Upload for Uploads {
    type PullStream = BoxStream<'static, Result<BytesMessage, Status>>;

    async fn pull(
        &self,
        request: Request<Streaming<BytesMessage>>,
    ) -> Result<Response<Self::PullStream>, Status> {
        let path = request
            .metadata()
            .get("urlpath")
            .and_then(|path| path.to_str().ok())
            .unwrap_or_default()
            .trim_start_matches('/')
            .to_owned();
        let stream = self
            .streams
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&path)
            .ok_or_else(|| Status::not_found(format!("no such upload: {path}")))?;
        let (sender, messages) = mpsc::channel(4);
        // A thread of its own: standard input may never end.
        std::thread::Builder::new()
            .name("upload".to_owned())
            .spawn(move || read(stream, &sender))
            .map_err(|error| Status::internal(error.to_string()))?;
        let messages = unfold(messages, |mut messages| async move {
            messages.recv().await.map(|message| (message, messages))
        });
        Ok(Response::new(messages.boxed()))
    }
}

fn read(mut stream: Box<dyn Read + Send>, to: &mpsc::Sender<Result<BytesMessage, Status>>) {
    let mut buffer = vec![0; CHUNK];
    loop {
        let message = match stream.read(&mut buffer) {
            Ok(0) => return,
            Ok(count) => Ok(BytesMessage {
                data: buffer[..count].to_vec(),
            }),
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(error) => Err(Status::internal(error.to_string())),
        };
        let failed = message.is_err();
        if to.blocking_send(message).is_err() || failed {
            return;
        }
    }
}
