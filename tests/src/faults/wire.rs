//! Requests that no client of good will makes.

use crate::harness::{Daemon, Run};

/// The status and the body that curl gets.
fn curl(daemon: &Daemon, options: &str, path: &str) -> (u32, serde_json::Value) {
    let socket = daemon.socket();
    let run: Run = daemon.world.sh(&format!(
        "curl -s --max-time 90 -w '\\n%{{http_code}}' --unix-socket {} {options} 'http://d{path}'",
        socket.display()
    ));
    let (body, status) = run.ok().rsplit_once('\n').unwrap();
    let body = serde_json::from_str(body).unwrap_or_else(|_| panic!("no JSON: {body}"));
    (status.parse().unwrap(), body)
}

#[test]
fn malformed_requests_get_dockers_status_and_a_message() {
    let daemon = Daemon::start();
    let json = "-H 'Content-Type: application/json' -d";
    for (options, path, status, text) in [
        (format!("{json} '{{'"), "/v1.41/containers/create", 400, ""),
        (
            format!("{json} '{{\"Image\": 7}}'"),
            "/v1.41/containers/create",
            400,
            "",
        ),
        (format!("{json} '[]'"), "/v1.41/containers/create", 400, ""),
        (
            "-d x".to_owned(),
            "/v1.41/containers/create",
            400,
            "ontent-Type",
        ),
        (
            String::new(),
            "/v9.99/containers/json",
            400,
            "9.99 is too new",
        ),
        (String::new(), "/v1.41/no/such/thing", 404, "page not found"),
        (
            String::new(),
            "/v1.41/containers/nobody/json",
            404,
            "No such container: nobody",
        ),
        (
            String::new(),
            "/v1.41/images/nothing/json",
            404,
            "No such image: nothing",
        ),
        (String::new(), "/v1.41/containers/json?filters=%7B", 400, ""),
        (
            String::new(),
            "/v1.41/containers/json?filters=%7B%22nonsense%22%3A%5B%22x%22%5D%7D",
            400,
            "nonsense",
        ),
        (
            format!("{json} '{{\"Image\": \"gantry/hello\"}}'"),
            "/v1.41/containers/create?name=%2F..%2Fx",
            400,
            "Invalid container name",
        ),
        (
            format!("{json} '{{\"Image\": \"no-such\"}}'"),
            "/v1.41/containers/create",
            404,
            "No such image: no-such:latest",
        ),
    ] {
        let (got, body) = curl(&daemon, &options, path);
        let message = body["message"]
            .as_str()
            .unwrap_or_else(|| panic!("{path}: {body}"));
        assert_eq!(got, status, "{path} {options}: {body}");
        assert!(
            !message.is_empty() && message.contains(text),
            "{path}: {message}"
        );
    }
    // Clients of these versions know no JSON errors.
    let old = daemon.world.sh(&format!(
        "curl -s -w '%{{http_code}}' --unix-socket {} http://d/v1.10/containers/json",
        daemon.socket().display()
    ));
    assert!(old.ok().contains("1.10 is too old"), "{}", old.ok());
    assert!(old.ok().ends_with("400"), "{}", old.ok());
    // Garbage that is not even HTTP, and half a request.
    let socket = daemon.socket();
    let script = "import socket,sys\nfor data in [b'\\0\\1\\2 garbage\\r\\n\\r\\n', b'GET / HT', b'POST /v1.41/containers/create HTTP/1.1\\r\\nHost: d\\r\\nContent-Length: 99999999999999999999\\r\\n\\r\\n']:\n s=socket.socket(socket.AF_UNIX);s.connect(sys.argv[1]);s.sendall(data);s.shutdown(1);s.settimeout(90)\n while s.recv(4096): pass";
    let run = daemon
        .world
        .sh(&format!("python3 -c \"{script}\" {}", socket.display()));
    run.ok();
    assert_eq!(
        curl(&daemon, "", "/v1.41/containers/json?all=1").1,
        serde_json::json!([])
    );
    let log = daemon.log_text();
    assert!(!log.contains("panicked"), "{log}");
}
