//! Raw streams.

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::{Answer, Daemon};

async fn upgrade(daemon: &Daemon, path: &str, body: &str) -> String {
    let mut stream = daemon.connect().await;
    let request = format!(
        "POST {path} HTTP/1.1\r\nHost: d\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut text = Vec::new();
    stream.read_to_end(&mut text).await.unwrap();
    String::from_utf8(text).unwrap()
}

#[tokio::test]
async fn attach_hands_over_the_clients_own_socket() {
    let daemon = Daemon::start();
    let text = upgrade(
        &daemon,
        "/v1.51/containers/web/attach?stream=1&stdout=1",
        "",
    )
    .await;
    assert!(text.starts_with("HTTP/1.1 101 UPGRADED\r\n"), "{text}");
    let answer = Answer::read(&text);
    assert_eq!(answer.header("Upgrade"), Some("tcp"));
    assert_eq!(answer.header("Connection"), Some("Upgrade"));
    assert_eq!(
        answer.header("Content-Type"),
        Some("application/vnd.docker.multiplexed-stream")
    );
    assert_eq!(answer.body, "hello");
}

#[tokio::test]
async fn before_1_42_every_stream_is_called_raw() {
    let daemon = Daemon::start();
    let text = upgrade(
        &daemon,
        "/v1.41/containers/web/attach?stream=1&stdout=1",
        "",
    )
    .await;
    let answer = Answer::read(&text);
    assert_eq!(
        answer.header("Content-Type"),
        Some("application/vnd.docker.raw-stream")
    );
}

#[tokio::test]
async fn what_the_client_sent_early_is_not_lost() {
    let daemon = Daemon::start();
    let mut stream = daemon.connect().await;
    let request = "POST /containers/web/attach?stream=1&stdin=1 HTTP/1.1\r\nHost: d\r\n\
                   Connection: Upgrade\r\nUpgrade: tcp\r\n\r\nearly";
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).await.unwrap();
    assert_eq!(daemon.engine.notes(), ["attached early"]);
}

#[tokio::test]
async fn attach_to_nothing_is_refused_before_the_upgrade() {
    let daemon = Daemon::start();
    let mut stream = daemon.connect().await;
    let request = "POST /containers/nobody/attach HTTP/1.1\r\nHost: d\r\nConnection: Upgrade\r\n\
                   Upgrade: tcp\r\n\r\n";
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut start = [0; 12];
    stream.read_exact(&mut start).await.unwrap();
    assert_eq!(&start, b"HTTP/1.1 404");
}

#[tokio::test]
async fn what_fails_after_the_upgrade_is_told_in_the_stream() {
    let daemon = Daemon::start();
    let text = upgrade(
        &daemon,
        "/containers/web/attach?stream=1&detachKeys=fail",
        "",
    )
    .await;
    assert!(
        text.ends_with("\u{1}\0\0\0\0\0\0\u{15}the monitor is gone\r\n"),
        "{text:?}"
    );
}

#[tokio::test]
async fn without_an_upgrade_the_answers_body_is_the_stream() {
    let daemon = Daemon::start();
    let answer = daemon
        .ask("POST", "/containers/web/attach?stream=1&stdout=1", "")
        .await;
    assert_eq!((answer.status, answer.body.as_str()), (200, "hello"));
}

#[tokio::test]
async fn start_waits_for_the_attach_before_it() {
    let daemon = Daemon::start();
    let mut attach = daemon.connect().await;
    let request = "POST /containers/new/attach?stream=1&stdout=1 HTTP/1.1\r\nHost: d\r\n\
                   Connection: Upgrade\r\nUpgrade: tcp\r\n\r\n";
    attach.write_all(request.as_bytes()).await.unwrap();
    let mut status = [0; 12];
    attach.read_exact(&mut status).await.unwrap();
    assert_eq!(&status, b"HTTP/1.1 101");
    assert_eq!(
        daemon.ask("POST", "/containers/new/start", "").await.status,
        204
    );
    assert_eq!(daemon.engine.notes(), ["attached ", "start"]);
}

#[tokio::test]
async fn exec_start_takes_its_body_and_then_the_socket() {
    let daemon = Daemon::start();
    let text = upgrade(
        &daemon,
        "/exec/e/start",
        r#"{"Detach": false, "Tty": true}"#,
    )
    .await;
    let answer = Answer::read(&text);
    assert_eq!((answer.status, answer.body.as_str()), (101, "exec"));
    assert_eq!(
        answer.header("Content-Type"),
        Some("application/vnd.docker.raw-stream")
    );
    let answer = daemon
        .ask("POST", "/exec/e/start", r#"{"Detach": true}"#)
        .await;
    assert_eq!((answer.status, answer.body.as_str()), (200, ""));
    assert_eq!(daemon.ask("POST", "/exec/x/start", "{}").await.status, 404);
}
