//! The client against small servers that say exactly what a test needs.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test says what is wrong by failing"
)]
#![expect(clippy::unwrap_used, reason = "a test may fail where it stands")]

use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::JoinHandle;

use gantry_client::{ApiVersion, Client, Endpoint, Error, Kind};

const PING: &str =
    "HTTP/1.1 200 OK\r\nApi-Version: 1.45\r\nOstype: linux\r\nContent-Length: 0\r\n\r\n";

/// A server with one script per connection.
struct Server {
    path: PathBuf,
    thread: JoinHandle<Vec<Vec<String>>>,
}

/// What a server does with a connection: for each request it reads, an answer.
type Script = Vec<fn(&mut UnixStream)>;

impl Server {
    fn start(connections: Vec<Script>) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!(
            "gantry-client-{}-{number}.sock",
            std::process::id()
        ));
        let _ = std::fs::remove_file(&path);
        let listener = UnixListener::bind(&path).unwrap();
        let thread = std::thread::spawn(move || {
            let mut seen = Vec::new();
            for script in connections {
                let (mut stream, _) = listener.accept().unwrap();
                let mut requests = Vec::new();
                for answer in script {
                    requests.push(read_request(&mut stream));
                    answer(&mut stream);
                }
                seen.push(requests);
            }
            seen
        });
        Self { path, thread }
    }

    fn endpoint(&self) -> Endpoint {
        Endpoint::Unix(self.path.clone())
    }

    /// The request lines that it got, by connection.
    fn finish(self) -> Vec<Vec<String>> {
        let seen = self.thread.join().unwrap();
        std::fs::remove_file(self.path).unwrap();
        seen
    }
}

/// Reads a request's head and body; gives back its first line.
fn read_request(stream: &mut UnixStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        head.push(byte[0]);
    }
    let head = String::from_utf8(head).unwrap();
    let length = head
        .lines()
        .find_map(|line| {
            line.to_lowercase()
                .strip_prefix("content-length: ")?
                .parse()
                .ok()
        })
        .unwrap_or(0);
    stream.read_exact(&mut vec![0; length]).unwrap();
    head.lines().next().unwrap().to_owned()
}

fn ping(stream: &mut UnixStream) {
    stream.write_all(PING.as_bytes()).unwrap();
}

fn run<F: Future<Output = ()>>(future: F) {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
        .block_on(future);
}

#[test]
fn one_connection_serves_and_the_older_version_wins() {
    let server = Server::start(vec![vec![ping, |stream| {
        stream
            .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n[1,2]")
            .unwrap();
    }]]);
    run(async {
        let client = Client::connect(&server.endpoint()).await.unwrap();
        assert_eq!(Some(client.version()), ApiVersion::parse("1.45"));
        let request = client
            .get("/things")
            .query("filters", "{\"a b\":1}")
            .flag("all", true);
        let numbers: Vec<u8> = request.send().await.unwrap().json().await.unwrap();
        assert_eq!(numbers, [1, 2]);
    });
    let seen = server.finish();
    assert_eq!(
        seen,
        [[
            "HEAD /_ping HTTP/1.1",
            "GET /v1.45/things?filters=%7B%22a%20b%22%3A1%7D&all=1 HTTP/1.1"
        ]]
    );
}

#[test]
fn a_connection_that_was_closed_meanwhile_is_replaced() {
    let server = Server::start(vec![
        vec![ping],
        vec![|stream| {
            stream
                .write_all(b"HTTP/1.1 204 No Content\r\n\r\n")
                .unwrap();
        }],
    ]);
    run(async {
        let client = Client::connect(&server.endpoint()).await.unwrap();
        client
            .post("/containers/x/start")
            .send()
            .await
            .unwrap()
            .finish()
            .await;
    });
    assert_eq!(
        server.finish()[1],
        ["POST /v1.45/containers/x/start HTTP/1.1"]
    );
}

#[test]
fn an_error_has_the_daemon_s_words_and_a_kind() {
    let server = Server::start(vec![vec![ping, |stream| {
        let body = "{\"message\":\"No such container: x\"}\n";
        let length = body.len();
        write!(
            stream,
            "HTTP/1.1 404 Not Found\r\nContent-Length: {length}\r\n\r\n{body}"
        )
        .unwrap();
    }]]);
    run(async {
        let client = Client::connect(&server.endpoint()).await.unwrap();
        let error = client.get("/containers/x/json").send().await.err().unwrap();
        assert_eq!(
            error.to_string(),
            "Error response from daemon: No such container: x"
        );
        assert_eq!(error.kind(), Kind::NotFound);
    });
    server.finish();
}

#[test]
fn documents_arrive_however_the_stream_is_cut() {
    let server = Server::start(vec![vec![ping, |stream| {
        stream
            .write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            .unwrap();
        for piece in ["{\"a\":", "1}\r\n{\"a\":2}", "{\"a\"", ":3}"] {
            write!(stream, "{:x}\r\n{piece}\r\n", piece.len()).unwrap();
            stream.flush().unwrap();
        }
        stream.write_all(b"0\r\n\r\n").unwrap();
    }]]);
    run(async {
        let client = Client::connect(&server.endpoint()).await.unwrap();
        let response = client.get("/events").send().await.unwrap();
        let mut documents = response.json_lines::<serde_json::Value>();
        let mut numbers = Vec::new();
        while let Some(document) = documents.next().await.unwrap() {
            numbers.push(document["a"].as_i64().unwrap());
        }
        assert_eq!(numbers, [1, 2, 3]);
    });
    server.finish();
}

#[test]
fn a_stream_that_breaks_off_in_a_document_is_an_error() {
    let server = Server::start(vec![vec![ping, |stream| {
        stream
            .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n{\"a\":")
            .unwrap();
    }]]);
    run(async {
        let client = Client::connect(&server.endpoint()).await.unwrap();
        let response = client.get("/events").send().await.unwrap();
        let error = response
            .json_lines::<serde_json::Value>()
            .next()
            .await
            .unwrap_err();
        assert!(matches!(error, Error::Decode { .. }), "{error}");
    });
    server.finish();
}

#[test]
fn a_hijacked_stream_can_be_closed_in_one_direction() {
    let server = Server::start(vec![vec![ping, |stream| {
        // The first output comes in the same packet as the head.
        stream
            .write_all(
                b"HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\
                  Content-Type: application/vnd.docker.raw-stream\r\n\r\nfirst ",
            )
            .unwrap();
        let mut input = String::new();
        stream.read_to_string(&mut input).unwrap();
        write!(stream, "got {input}").unwrap();
    }]]);
    run(async {
        let client = Client::connect(&server.endpoint()).await.unwrap();
        let hijacked = client.post("/containers/x/attach").hijack().await.unwrap();
        assert_eq!(hijacked.is_multiplexed(), None);
        let mut output = hijacked.leftover.clone();
        let mut socket = hijacked.socket;
        socket.write_all(b"input").unwrap();
        socket.shutdown(Shutdown::Write).unwrap();
        socket.read_to_end(&mut output).unwrap();
        assert_eq!(output, b"first got input");
    });
    server.finish();
}

#[test]
fn a_daemon_that_does_not_upgrade_is_told_of() {
    let server = Server::start(vec![vec![ping, |stream| {
        stream
            .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
            .unwrap();
    }]]);
    run(async {
        let client = Client::connect(&server.endpoint()).await.unwrap();
        let error = client
            .post("/containers/x/attach")
            .hijack()
            .await
            .unwrap_err();
        assert_eq!(error.to_string(), "unable to upgrade to tcp, received 200");
    });
    server.finish();
}

#[test]
fn nobody_at_home_is_told_in_docker_s_words() {
    run(async {
        let endpoint = Endpoint::Unix(PathBuf::from("/nonexistent/x.sock"));
        let error = Client::connect(&endpoint).await.err().unwrap();
        assert_eq!(
            error.to_string(),
            "Cannot connect to the Docker daemon at unix:///nonexistent/x.sock. Is the docker daemon running?"
        );
        assert_eq!(error.kind(), Kind::Unreachable);
    });
}
