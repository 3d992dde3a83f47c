//! What bad requests get.

use crate::Daemon;

#[tokio::test]
async fn unknown_paths_and_methods_are_not_found() {
    let daemon = Daemon::start();
    for (method, path) in [
        ("GET", "/nothing"),
        ("GET", "/v1.51/nothing"),
        ("DELETE", "/_ping"),
        ("PUT", "/containers/json"),
        ("POST", "/images/a/b/nothing"),
    ] {
        let answer = daemon.ask(method, path, "").await;
        assert_eq!(answer.status, 404, "{method} {path}");
        assert_eq!(answer.message(), "page not found");
        assert_eq!(answer.header("Content-Type"), Some("application/json"));
    }
}

#[tokio::test]
async fn malformed_bodies_are_refused_with_the_reason() {
    let daemon = Daemon::start();
    let create = async |body: &str| {
        let answer = daemon.ask("POST", "/containers/create", body).await;
        assert_eq!(answer.status, 400, "{body}");
        answer.message()
    };
    assert_eq!(create("{").await, "invalid JSON: unexpected EOF");
    assert!(create("nonsense").await.starts_with("invalid JSON: "));
    assert_eq!(create("{} {}").await, "unexpected content after JSON");
    assert_eq!(
        create("").await,
        "invalid JSON: got EOF while reading request body"
    );
    assert!(
        create(r#"{"HostConfig": {"Memory": "1g"}}"#)
            .await
            .contains("Memory")
    );
    let answer = daemon
        .ask_with(
            "POST",
            "/containers/create",
            "Content-Type: text/html\r\n",
            "{}",
        )
        .await;
    assert_eq!(
        answer.message(),
        "unsupported Content-Type header (text/html): must be 'application/json'"
    );
}

#[tokio::test]
async fn causes_become_dockers_statuses() {
    let daemon = Daemon::start();
    let answer = daemon.ask("GET", "/containers/nobody/json", "").await;
    assert_eq!(
        (answer.status, answer.message().as_str()),
        (404, "No such container: nobody")
    );
    let answer = daemon.ask("GET", "/containers/%ff/json", "").await;
    assert_eq!(answer.status, 400);
    assert!(answer.message().contains("UTF-8"));
    let answer = daemon.ask("POST", "/containers/web/start", "").await;
    assert_eq!((answer.status, answer.body.as_str()), (304, ""));
    let answer = daemon
        .ask("POST", "/containers/web/start", r#"{"Binds": []}"#)
        .await;
    assert_eq!(answer.status, 400);
    let answer = daemon
        .ask("POST", "/containers/web/wait?condition=never", "")
        .await;
    assert_eq!(answer.message(), "invalid condition: \"never\"");
    let answer = daemon.ask("GET", "/containers/web/logs", "").await;
    assert_eq!(
        answer.message(),
        "Bad parameters: you must choose at least one stream"
    );
    let answer = daemon
        .ask("GET", "/containers/json?filters=nonsense", "")
        .await;
    assert_eq!(answer.status, 400);
    let answer = daemon
        .ask("GET", "/networks?filters=%7B%22x%22%3A%5B%22y%22%5D%7D", "")
        .await;
    assert_eq!(
        (answer.status, answer.message().as_str()),
        (400, "invalid filter 'x'")
    );
    let answer = daemon
        .ask("POST", "/containers/web/exec", r#"{"Cmd": []}"#)
        .await;
    assert_eq!(answer.message(), "No exec command specified");
    let answer = daemon
        .ask("POST", "/containers/web/resize?h=a&w=1", "")
        .await;
    assert_eq!(answer.status, 400);
    let answer = daemon.ask("GET", "/events?since=20&until=10", "").await;
    assert_eq!(
        answer.message(),
        "`since` time (20) cannot be after `until` time (10)"
    );
}

#[tokio::test]
async fn what_is_not_built_says_so() {
    let daemon = Daemon::start();
    for (method, path) in [
        ("POST", "/build"),
        ("POST", "/session"),
        ("POST", "/grpc"),
        ("POST", "/images/create?fromSrc=-"),
        ("POST", "/images/nginx/push"),
        ("POST", "/networks/create"),
        ("GET", "/containers/web/stats"),
        ("GET", "/containers/web/archive?path=/"),
        ("POST", "/swarm/init"),
    ] {
        let body = if path == "/networks/create" { "{}" } else { "" };
        let answer = daemon.ask(method, path, body).await;
        assert_eq!(answer.status, 501, "{path}");
        assert!(
            answer
                .message()
                .contains("not supported by this version of Gantry"),
            "{path}"
        );
    }
}

#[tokio::test]
async fn outside_of_a_swarm_dockers_own_answers() {
    let daemon = Daemon::start();
    for path in ["/swarm", "/nodes", "/services", "/configs/a", "/tasks"] {
        let answer = daemon.ask("GET", path, "").await;
        assert_eq!(answer.status, 503);
        assert!(
            answer
                .message()
                .starts_with("This node is not a swarm manager. Use")
        );
    }
    let answer = daemon.ask("GET", "/plugins", "").await;
    assert_eq!((answer.status, answer.body.as_str()), (200, "[]\n"));
    let answer = daemon.ask("GET", "/plugins/a/b/json", "").await;
    assert_eq!(
        (answer.status, answer.message().as_str()),
        (404, "plugin \"a/b\" not found")
    );
}
