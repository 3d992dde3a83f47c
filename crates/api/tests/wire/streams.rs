//! Answers that come bit by bit.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::{Answer, Daemon};

#[tokio::test]
async fn wait_sends_its_head_at_once_and_its_body_at_the_end() {
    let daemon = Daemon::start();
    let mut stream = daemon.connect().await;
    let request = "POST /containers/web/wait?condition=next-exit HTTP/1.1\r\nHost: d\r\n\
                   Connection: close\r\n\r\n";
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut head = [0; 15];
    stream.read_exact(&mut head).await.unwrap();
    assert_eq!(&head, b"HTTP/1.1 200 OK");
    daemon.engine.exit.notify_one();
    let mut rest = String::new();
    stream.read_to_string(&mut rest).await.unwrap();
    let answer = Answer::read(&format!("HTTP/1.1 200 OK{rest}"));
    assert_eq!(answer.json()["StatusCode"], 7);
}

#[tokio::test]
async fn logs_come_as_they_are() {
    let daemon = Daemon::start();
    let path = "/v1.51/containers/web/logs?stdout=1&since=1.5&tail=3&details=0";
    let answer = daemon.ask("GET", path, "").await;
    assert_eq!(answer.body, "one\ntwo\n");
    assert_eq!(
        answer.header("Content-Type"),
        Some("application/vnd.docker.multiplexed-stream")
    );
    daemon
        .ask("GET", "/containers/web/logs?stderr=1&tail=all&since=0", "")
        .await;
    assert_eq!(
        daemon.engine.notes(),
        ["logs Some(1500000000) Some(3)", "logs None None"]
    );
}

#[tokio::test]
async fn events_are_a_line_each() {
    let daemon = Daemon::start();
    daemon
        .engine
        .events
        .container("1", "nginx", "start", BTreeMap::new());
    daemon
        .engine
        .events
        .network("2", "connect", BTreeMap::new());
    let filters = "%7B%22type%22%3A%7B%22container%22%3Atrue%7D%7D";
    let path = format!("/events?since=1&until=9999999.5&filters={filters}");
    assert_eq!(daemon.ask("GET", &path, "").await.body, "");
    let mut stream = daemon.connect().await;
    let request = format!("GET /events?since=1&filters={filters} HTTP/1.1\r\nHost: d\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut text = String::new();
    while !text.contains("}\n") {
        let mut bytes = [0; 4096];
        let count = stream.read(&mut bytes).await.unwrap();
        text.push_str(&String::from_utf8_lossy(&bytes[..count]));
    }
    assert!(text.contains(r#""status":"start","id":"1","from":"nginx","Type":"container""#));
}

#[tokio::test]
async fn a_pull_that_fails_at_once_has_a_status_and_later_a_last_line() {
    let daemon = Daemon::start();
    let answer = daemon
        .ask("POST", "/images/create?fromImage=missing", "")
        .await;
    assert_eq!(
        (answer.status, answer.message().as_str()),
        (404, "pull access denied for missing")
    );
    let answer = daemon
        .ask("POST", "/images/create?fromImage=broken", "")
        .await;
    assert_eq!(answer.status, 200);
    assert_eq!(
        answer.body,
        "{\"status\":\"Pulling fs layer\",\"progressDetail\":{},\"id\":\"a\"}\n\
         {\"errorDetail\":{\"message\":\"unexpected EOF\"},\"error\":\"unexpected EOF\"}\n"
    );
    let answer = daemon
        .ask("POST", "/images/create?fromImage=nginx&tag=1", "")
        .await;
    assert_eq!(answer.body, "{\"status\":\"Pulling from nginx\"}\n");
}

#[tokio::test]
async fn a_pull_ends_when_its_client_goes() {
    let daemon = Daemon::start();
    let mut stream = daemon.connect().await;
    let request = "POST /images/create?fromImage=endless HTTP/1.1\r\nHost: d\r\n\
                   Content-Length: 0\r\n\r\n";
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut head = [0; 12];
    stream.read_exact(&mut head).await.unwrap();
    drop(stream);
    let dropped = async {
        while !daemon.engine.pull_dropped.load(Ordering::SeqCst) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(5), dropped)
        .await
        .unwrap();
}

#[tokio::test]
async fn the_login_reaches_the_pull() {
    let daemon = Daemon::start();
    let header = "X-Registry-Auth: eyJ1c2VybmFtZSI6ImEiLCJwYXNzd29yZCI6ImIifQ==\r\n";
    daemon
        .ask_with("POST", "/images/create?fromImage=nginx", header, "")
        .await;
    let login = daemon.engine.login.lock().unwrap().clone().unwrap();
    assert_eq!(
        (login.username.as_str(), login.password.as_str()),
        ("a", "b")
    );
}

#[tokio::test]
async fn an_archive_is_read_as_it_comes() {
    let daemon = Daemon::start();
    let headers = "Content-Type: application/x-tar\r\n";
    let answer = daemon
        .ask_with("POST", "/images/load?quiet=1", headers, "twelve bytes")
        .await;
    assert_eq!(answer.body, "{\"stream\":\"12 bytes\\n\"}\n");
}
