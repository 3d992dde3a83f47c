//! The client against registries that the tests play.
#![expect(
    clippy::unwrap_used,
    reason = "what the tests share may fail as tests do"
)]

mod support;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use gantry_reference::Reference;
use gantry_registry_client::{Client, Config, Credentials, Error, Kind, Repository};

use support::http::{Request, Response, Server};

const MANIFEST: &str = r#"{"schemaVersion":2}"#;
const MEDIA_TYPE: &str = "application/vnd.oci.image.manifest.v1+json";

fn client(config: Config) -> Client {
    // The machine's proxies are none of the tests' business.
    Client::new(&Config {
        proxies: Some(gantry_registry_client::Proxies::default()),
        ..config
    })
    .unwrap()
}

fn repository(name: &str, credentials: Credentials) -> Repository {
    client(Config::default()).repository(&Reference::parse(name).unwrap(), credentials)
}

async fn manifest(repository: &Repository) -> Result<Vec<u8>, Error> {
    let document = repository.manifest(repository.reference().target()).await?;
    assert_eq!(document.media_type, MEDIA_TYPE);
    Ok(document.bytes)
}

fn found() -> Response {
    Response::new(200, MANIFEST).with("content-type", MEDIA_TYPE)
}

fn me() -> Credentials {
    Credentials::Basic {
        username: "me".into(),
        password: "secret".into(),
    }
}

#[tokio::test]
async fn a_local_registry_is_reached_by_plain_http_and_by_its_name() {
    let server = Server::start(|request| {
        assert_eq!(request.target, "/v2/a/b/manifests/1");
        assert!(request.header("accept").contains("oci.image.index"));
        found()
    });
    let port = server.host().split_once(':').unwrap().1.to_owned();
    for host in [server.host(), format!("localhost:{port}")] {
        let repository = repository(&format!("{host}/a/b:1"), Credentials::Anonymous);
        assert_eq!(manifest(&repository).await.unwrap(), MANIFEST.as_bytes());
    }
}

#[tokio::test]
async fn basic_authentication_is_answered_when_asked_for() {
    let wanted = format!("Basic {}", STANDARD.encode("me:secret"));
    let server = Server::start(move |request| {
        if request.header("authorization") == wanted {
            return found();
        }
        Response::new(
            401,
            r#"{"errors":[{"code":"UNAUTHORIZED","message":"authentication required"}]}"#,
        )
        .with("www-authenticate", "Basic realm=\"x\"")
    });
    let name = format!("{}/a:1", server.host());
    manifest(&repository(&name, me())).await.unwrap();
    let error = manifest(&repository(&name, Credentials::Anonymous))
        .await
        .unwrap_err();
    assert_eq!(error.to_string(), "no basic auth credentials");
    let wrong = Credentials::Basic {
        username: "me".into(),
        password: "wrong".into(),
    };
    let error = manifest(&repository(&name, wrong)).await.unwrap_err();
    assert!(
        error
            .to_string()
            .ends_with("unauthorized: authentication required"),
        "{error}"
    );
}

/// A registry and its token server in one.
fn token_registry() -> Server {
    Server::start(|request| match request.path() {
        "/token" if request.method == "POST" => {
            assert!(request.body.contains("grant_type=refresh_token"));
            assert!(request.body.contains("refresh_token=identity"));
            assert!(request.body.contains("scope=repository%3Aa%3Apull"));
            Response::new(200, r#"{"access_token":"by-identity","expires_in":300}"#)
        }
        "/token" => match request.header("authorization") {
            "" => Response::new(200, r#"{"token":"anonymous"}"#),
            basic if basic == format!("Basic {}", STANDARD.encode("me:secret")) => {
                assert!(request.target.contains("account=me"));
                Response::new(200, r#"{"token":"by-password","refresh_token":"identity"}"#)
            }
            _ => Response::new(401, r#"{"details":"incorrect username or password"}"#),
        },
        _ => registry_with_tokens(request),
    })
}

fn registry_with_tokens(request: &Request) -> Response {
    let challenge = format!(
        "Bearer realm=\"http://{}/token\",service=\"reg\",scope=\"repository:a:pull\"",
        request.header("host")
    );
    match request.header("authorization") {
        "Bearer by-password" | "Bearer by-identity" | "Bearer raw" => found(),
        "Bearer anonymous" => {
            Response::new(401, r#"{"errors":[{"code":"UNAUTHORIZED","message":"x"}]}"#).with(
                "www-authenticate",
                &format!("{challenge},error=\"insufficient_scope\""),
            )
        }
        _ => Response::new(401, "").with("www-authenticate", &challenge),
    }
}

#[tokio::test]
async fn a_token_is_fetched_once_and_used_again() {
    let server = token_registry();
    let repository = repository(&format!("{}/a:1", server.host()), me());
    for _ in 0..3 {
        manifest(&repository).await.unwrap();
    }
    let asked = server
        .seen()
        .iter()
        .filter(|request| request.path() == "/token")
        .count();
    assert_eq!(asked, 1);
}

#[tokio::test]
async fn identity_and_registry_tokens_are_used_for_what_they_are() {
    let server = token_registry();
    let name = format!("{}/a:1", server.host());
    manifest(&repository(
        &name,
        Credentials::IdentityToken("identity".into()),
    ))
    .await
    .unwrap();
    manifest(&repository(&name, Credentials::RegistryToken("raw".into())))
        .await
        .unwrap();
}

#[tokio::test]
async fn what_tokens_do_not_allow_is_denied_in_dockers_words() {
    let server = token_registry();
    let name = format!("{}/a:1", server.host());
    let error = manifest(&repository(&name, Credentials::Anonymous))
        .await
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "pull access denied for {}/a, repository does not exist or may require 'docker login': \
             denied: requested access to the resource is denied",
            server.host()
        )
    );
    let wrong = Credentials::Basic {
        username: "me".into(),
        password: "wrong".into(),
    };
    let error = manifest(&repository(&name, wrong)).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "unauthorized: incorrect username or password"
    );
    assert_eq!(error.kind(), Kind::Unauthorized);
}

#[tokio::test]
async fn login_gives_an_identity_token() {
    let server = token_registry();
    let client = client(Config::default());
    let token = client.login(&server.host(), &me()).await.unwrap();
    assert_eq!(token.as_deref(), Some("identity"));
    let wrong = Credentials::Basic {
        username: "me".into(),
        password: "wrong".into(),
    };
    let error = client.login(&server.host(), &wrong).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "unauthorized: incorrect username or password"
    );
}

#[tokio::test]
async fn what_is_not_there_is_said_in_the_registrys_words() {
    let server = Server::start(|request| {
        let code = if request.path().contains("/b/") {
            "NAME_UNKNOWN"
        } else {
            "MANIFEST_UNKNOWN"
        };
        let message = code.to_lowercase().replace('_', " ");
        let body = format!(r#"{{"errors":[{{"code":"{code}","message":"{message}"}}]}}"#);
        Response::new(404, body)
    });
    let host = server.host();
    let error = manifest(&repository(&format!("{host}/a:x"), Credentials::Anonymous)).await;
    assert_eq!(
        error.unwrap_err().to_string(),
        format!("manifest for {host}/a:x not found: manifest unknown: manifest unknown")
    );
    let error = manifest(&repository(&format!("{host}/b:x"), Credentials::Anonymous)).await;
    assert_eq!(
        error.unwrap_err().to_string(),
        format!("repository {host}/b not found: name unknown: name unknown")
    );
}

#[tokio::test]
async fn an_unreachable_registry_is_named_with_the_reason() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let host = free.local_addr().unwrap().to_string();
    drop(free);
    let error = manifest(&repository(&format!("{host}/a"), Credentials::Anonymous)).await;
    let error = error.unwrap_err();
    assert_eq!(error.kind(), Kind::Unavailable);
    let text = error.to_string();
    assert!(
        text.starts_with("failed to do request: Get \"http://127.0.0.1:"),
        "{text}"
    );
    assert!(text.contains("Connection refused"), "{text}");
}

#[tokio::test]
async fn wrong_bytes_for_a_digest_are_refused() {
    let server = Server::start(|_| found());
    let digest = format!("sha256:{}", "0".repeat(64));
    let name = format!("{}/a@{digest}", server.host());
    let error = manifest(&repository(&name, Credentials::Anonymous))
        .await
        .unwrap_err();
    assert!(matches!(error, Error::DigestMismatch { .. }), "{error}");
}

#[tokio::test]
async fn mirrors_are_asked_first_and_get_no_secrets() {
    let broken = Server::start(|_| Response::new(500, ""));
    let mirror = Server::start(|request| {
        assert_eq!(request.target, "/v2/library/nginx/manifests/latest");
        assert_eq!(request.header("authorization"), "");
        found()
    });
    let client = client(Config {
        registry_mirrors: vec![
            format!("http://{}", broken.host()),
            format!("http://{}/", mirror.host()),
        ],
        ..Config::default()
    });
    let repository = client.repository(&Reference::parse("nginx").unwrap(), me());
    manifest(&repository).await.unwrap();
    assert!(!broken.seen().is_empty());
}

#[tokio::test]
async fn blobs_come_from_any_offset_even_where_ranges_are_unknown() {
    let server = Server::start(|request| {
        let body = "0123456789";
        match request.header("range") {
            _ if request.path().starts_with("/v2/old/") => Response::new(200, body),
            "bytes=4-" => Response::new(206, &body[4..]).with("content-range", "bytes 4-9/10"),
            range => panic!("{range:?}"),
        }
    });
    let digest = format!("sha256:{}", "0".repeat(64)).parse().unwrap();
    for name in ["new", "old"] {
        let name = format!("{}/{name}", server.host());
        let repository = repository(&name, Credentials::Anonymous);
        let mut blob = repository.blob(&digest, 4).await.unwrap();
        let mut bytes = Vec::new();
        while let Some(chunk) = blob.chunk().await.unwrap() {
            bytes.extend_from_slice(&chunk);
        }
        assert_eq!(bytes, b"456789");
    }
}

#[tokio::test]
async fn redirects_are_followed_and_secrets_stay_behind() {
    let elsewhere = Server::start(|request| {
        assert_eq!(request.header("authorization"), "");
        Response::new(200, "blob")
    });
    let target = format!("http://{}/cdn", elsewhere.host());
    let server = Server::start(move |_| Response::new(307, "").with("location", &target));
    let name = format!("{}/a", server.host());
    let repository = repository(&name, Credentials::RegistryToken("raw".into()));
    let digest = format!("sha256:{}", "0".repeat(64)).parse().unwrap();
    let mut blob = repository.blob(&digest, 0).await.unwrap();
    assert_eq!(blob.chunk().await.unwrap().unwrap(), "blob");
}

#[tokio::test]
async fn a_proxy_is_used_for_others_but_not_for_this_machine() {
    let proxy = Server::start(|request| {
        assert_eq!(request.target, "http://reg.invalid/v2/a/manifests/1");
        found()
    });
    let direct = Server::start(|_| found());
    let client = Client::new(&Config {
        insecure_registries: vec!["reg.invalid".into()],
        proxies: Some(gantry_registry_client::Proxies {
            http_proxy: Some(format!("http://{}", proxy.host())),
            ..gantry_registry_client::Proxies::default()
        }),
        ..Config::default()
    })
    .unwrap();
    for name in [
        "reg.invalid/a:1".to_owned(),
        format!("{}/a:1", direct.host()),
    ] {
        let reference = Reference::parse(&name).unwrap();
        manifest(&client.repository(&reference, Credentials::Anonymous))
            .await
            .unwrap();
    }
    assert_eq!(proxy.seen().len(), 1);
}
