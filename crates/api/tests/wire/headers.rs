//! `_ping`, versions and the headers that clients look at.

use crate::Daemon;

#[tokio::test]
async fn ping_says_what_clients_negotiate_with() {
    let daemon = Daemon::start();
    for path in ["/_ping", "/v1.24/_ping", "/v1.51/_ping"] {
        let answer = daemon.ask("GET", path, "").await;
        assert_eq!((answer.status, answer.body.as_str()), (200, "OK"));
        assert_eq!(answer.header("Api-Version"), Some("1.51"));
        assert_eq!(answer.header("Ostype"), Some("linux"));
        assert_eq!(answer.header("Docker-Experimental"), Some("false"));
        assert_eq!(answer.header("Server"), Some("Gantry/0.1.0 (linux)"));
        assert_eq!(answer.header("Swarm"), Some("inactive"));
        assert_eq!(answer.header("Builder-Version"), Some("1"));
        assert_eq!(
            answer.header("Cache-Control"),
            Some("no-cache, no-store, must-revalidate")
        );
        assert_eq!(
            answer.header("Content-Type"),
            Some("text/plain; charset=utf-8")
        );
        assert_eq!(answer.header("gantry-build"), Some("b1"));
        assert_eq!(answer.header("gantry-autostarted"), Some("1"));
    }
    let head = daemon.ask("HEAD", "/_ping", "").await;
    assert_eq!((head.status, head.body.as_str()), (200, ""));
    assert_eq!(head.header("Api-Version"), Some("1.51"));
}

#[tokio::test]
async fn versions_out_of_range_are_refused_in_dockers_words() {
    let daemon = Daemon::start();
    let answer = daemon.ask("GET", "/v1.99/info", "").await;
    assert_eq!(answer.status, 400);
    assert_eq!(
        answer.message(),
        "client version 1.99 is too new. Maximum supported API version is 1.51"
    );
    assert_eq!(answer.header("Api-Version"), Some("1.51"));
    let answer = daemon.ask("GET", "/v1.12/info", "").await;
    assert_eq!(answer.status, 400);
    // So old a client knows no JSON errors.
    assert_eq!(
        answer.body.trim_end(),
        "client version 1.12 is too old. Minimum supported API version is 1.24, please upgrade \
         your client to a newer version"
    );
    assert_eq!(
        daemon.ask("GET", "/v99999999999.1/info", "").await.status,
        400
    );
    assert_eq!(daemon.ask("GET", "/v1.x/info", "").await.status, 404);
}

#[tokio::test]
async fn http2_works_by_prior_knowledge() {
    let daemon = Daemon::start();
    let io = hyper_util::rt::TokioIo::new(daemon.connect().await);
    let executor = hyper_util::rt::TokioExecutor::new();
    let (mut sender, connection) = hyper::client::conn::http2::handshake(executor, io)
        .await
        .unwrap();
    tokio::spawn(connection);
    let request = http::Request::get("http://d/v1.51/_ping")
        .body(http_body_util::Empty::<bytes::Bytes>::new())
        .unwrap();
    let answer = sender.send_request(request).await.unwrap();
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.headers()["api-version"], "1.51");
}
