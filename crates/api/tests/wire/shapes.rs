//! Parameters, paths and the shapes of each version.

use crate::Daemon;

#[tokio::test]
async fn parameters_reach_the_engine() {
    let daemon = Daemon::start();
    let filters = "%7B%22name%22%3A%5B%22a%22%5D%7D";
    daemon
        .ask(
            "GET",
            &format!("/containers/json?all=1&limit=2&filters={filters}&since=b"),
            "",
        )
        .await;
    daemon
        .ask("POST", "/containers/web/stop?t=-1&signal=INT", "")
        .await;
    daemon
        .ask("POST", "/v1.41/containers/web/stop?signal=INT", "")
        .await;
    let answer = daemon
        .ask(
            "POST",
            "/containers/create?name=web",
            r#"{"Image": "nginx"}"#,
        )
        .await;
    assert_eq!(
        (answer.status, answer.body.as_str()),
        (201, "{\"Id\":\"1\",\"Warnings\":[]}\n")
    );
    assert_eq!(
        daemon.engine.notes(),
        [
            r#"list true Some(2) {"name":{"a":true},"since":{"b":true}}"#,
            r#"stop web Some(-1) Some("INT")"#,
            "stop web None None",
            r#"create Some("web") nginx"#,
        ]
    );
}

#[tokio::test]
async fn image_names_may_have_slashes() {
    let daemon = Daemon::start();
    assert_eq!(
        daemon.ask("GET", "/images/reg/nginx/json", "").await.status,
        200
    );
    assert_eq!(
        daemon
            .ask("GET", "/images/reg%2Fnginx/json", "")
            .await
            .status,
        200
    );
    let answer = daemon.ask("GET", "/images/json/json", "").await;
    assert_eq!(answer.message(), "No such image: json");
    daemon
        .ask("POST", "/images/reg:5000/a/b/tag?repo=c&tag=d", "")
        .await;
    daemon.ask("DELETE", "/images/reg:5000/a/b:1", "").await;
    assert_eq!(
        daemon.engine.notes(),
        ["tag reg:5000/a/b c:d", "rmi reg:5000/a/b:1"]
    );
}

#[tokio::test]
async fn old_versions_get_the_fields_that_they_had() {
    let daemon = Daemon::start();
    let images = async |version: &str| {
        daemon
            .ask("GET", &format!("/{version}/images/json"), "")
            .await
            .json()
    };
    assert_eq!(images("v1.43").await[0]["VirtualSize"], 5);
    assert!(images("v1.44").await[0].get("VirtualSize").is_none());
    let image = async |version: &str| {
        daemon
            .ask("GET", &format!("/{version}/images/reg/nginx/json"), "")
            .await
            .json()
    };
    assert_eq!(image("v1.41").await["Config"]["Tty"], false);
    assert!(image("v1.51").await["Config"].get("Tty").is_none());
    assert!(image("v1.44").await["ContainerConfig"]["Cmd"].is_null());
    assert!(image("v1.45").await.get("ContainerConfig").is_none());
    assert_eq!(images("v1.42").await[0]["RepoTags"][0], "<none>:<none>");
    assert!(images("v1.43").await[0]["RepoTags"].is_null());
    let info = daemon.ask("GET", "/v1.41/info", "").await.json();
    assert!(info["BridgeNfIptables"].is_boolean());
}
