//! The API over a real socket, with a stand-in for the engine.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod attach;
mod engine;
mod errors;
mod headers;
mod shapes;
mod streams;

use std::path::PathBuf;

use gantry_api::{Api, Identity, Listener, serve};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};

use engine::Fake;

/// A daemon on a socket of its own; it ends with the test.
struct Daemon {
    socket: PathBuf,
    engine: Fake,
    _dir: tempfile::TempDir,
}

impl Daemon {
    fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let socket = dir.path().join("a.sock");
        let engine = Fake::default();
        let identity = Identity {
            version: "0.1.0".into(),
            build: Some("b1".into()),
            autostarted: true,
            oldest: None,
        };
        let api = Api::new(engine.clone(), &identity);
        let listener = Listener::Unix(UnixListener::bind(&socket).unwrap());
        tokio::spawn(serve(listener, api, std::future::pending()));
        Self {
            socket,
            engine,
            _dir: dir,
        }
    }

    async fn connect(&self) -> UnixStream {
        UnixStream::connect(&self.socket).await.unwrap()
    }

    /// Sends one request and reads the whole answer.
    async fn ask(&self, method: &str, path: &str, body: &str) -> Answer {
        let kind = if body.is_empty() {
            ""
        } else {
            "Content-Type: application/json\r\n"
        };
        self.ask_with(method, path, kind, body).await
    }

    async fn ask_with(&self, method: &str, path: &str, headers: &str, body: &str) -> Answer {
        let mut stream = self.connect().await;
        let length = body.len();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: d\r\nConnection: close\r\n{headers}\
             Content-Length: {length}\r\n\r\n{body}"
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).await.unwrap();
        Answer::read(&text)
    }
}

/// An answer taken apart.
#[derive(Debug)]
struct Answer {
    status: u16,
    head: String,
    body: String,
}

impl Answer {
    fn read(text: &str) -> Self {
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        let head = head.to_owned();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        let chunked = head
            .to_ascii_lowercase()
            .contains("transfer-encoding: chunked");
        let body = if chunked {
            unchunked(body)
        } else {
            body.to_owned()
        };
        Self { status, head, body }
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }

    fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap()
    }

    fn message(&self) -> String {
        self.json()["message"].as_str().unwrap().to_owned()
    }
}

fn unchunked(mut body: &str) -> String {
    let mut text = String::new();
    while let Some((size, rest)) = body.split_once("\r\n") {
        let size = usize::from_str_radix(size, 16).unwrap();
        if size == 0 {
            break;
        }
        text.push_str(&rest[..size]);
        body = &rest[size + 2..];
    }
    text
}
