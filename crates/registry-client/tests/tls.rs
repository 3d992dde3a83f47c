//! Whom the client trusts, tried on a registry with a certificate of its own.
//!
//! Whatever listens on this machine is taken for insecure, as with Docker. So the registry goes by
//! a name of its own here, and the way to it is a proxy. Needs `docker-registry` and `openssl`.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "what the tests share may fail as tests do"
)]

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use gantry_reference::Reference;
use gantry_registry_client::{Client, Config, Credentials, Error, Proxies};

const NAME: &str = "reg.test";

struct Registry {
    child: Child,
    dir: tempfile::TempDir,
    proxy: String,
}

impl Registry {
    fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join(name).display().to_string();
        let made = Command::new("openssl")
            .args([
                "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
            ])
            .args([
                "-subj",
                "/CN=reg.test",
                "-addext",
                "subjectAltName=DNS:reg.test",
            ])
            .args(["-keyout", &path("key"), "-out", &path("crt")])
            .stderr(Stdio::null())
            .status();
        assert!(
            made.expect("openssl is missing: apt-get install openssl")
                .success()
        );
        let address = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .to_string();
        let config = format!(
            "version: 0.1\nstorage: {{inmemory: {{}}}}\n\
             http: {{addr: '{address}', tls: {{certificate: {}, key: {}}}}}\n",
            path("crt"),
            path("key")
        );
        std::fs::write(path("config.yml"), config).unwrap();
        let child = Command::new("/usr/bin/docker-registry")
            .args(["serve", &path("config.yml")])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("docker-registry is missing: apt-get install docker-registry");
        let end = Instant::now() + Duration::from_secs(20);
        while TcpStream::connect(&address).is_err() {
            assert!(Instant::now() < end, "docker-registry does not come up");
            thread::sleep(Duration::from_millis(20));
        }
        Self {
            child,
            dir,
            proxy: proxy_to(address),
        }
    }

    async fn ask(&self, config: Config) -> Error {
        let proxies = Proxies {
            https_proxy: Some(self.proxy.clone()),
            ..Proxies::default()
        };
        let client = Client::new(&Config {
            proxies: Some(proxies),
            ..config
        })
        .unwrap();
        let reference = Reference::parse(&format!("{NAME}/app:1")).unwrap();
        let repository = client.repository(&reference, Credentials::Anonymous);
        repository.manifest(reference.target()).await.unwrap_err()
    }

    fn certs_dir(&self, name: &str) -> Config {
        let certs_dir = self.dir.path().join("certs.d");
        let own = certs_dir.join(name);
        std::fs::create_dir_all(&own).unwrap();
        std::fs::copy(self.dir.path().join("crt"), own.join("ca.crt")).unwrap();
        Config {
            certs_dir,
            ..Config::default()
        }
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A proxy that knows CONNECT, and one place to connect to.
fn proxy_to(target: String) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for client in listener.incoming().flatten() {
            let target = target.clone();
            thread::spawn(move || connect(client, &target));
        }
    });
    format!("http://{address}")
}

fn connect(mut client: TcpStream, target: &str) -> Option<()> {
    let mut reader = BufReader::new(client.try_clone().ok()?);
    let mut line = String::new();
    while line.trim_end() != "" || line.is_empty() {
        line.clear();
        reader.read_line(&mut line).ok().filter(|read| *read > 0)?;
    }
    client.write_all(b"HTTP/1.1 200 OK\r\n\r\n").ok()?;
    let server = TcpStream::connect(target).ok()?;
    let (mut from, mut to) = (server.try_clone().ok()?, client.try_clone().ok()?);
    thread::spawn(move || std::io::copy(&mut from, &mut to));
    std::io::copy(&mut reader, &mut &server).ok()?;
    Some(())
}

/// The registry is empty: an answer in its own words means that all before it went well.
fn was_reached(error: &Error) -> bool {
    matches!(
        error,
        Error::ManifestUnknown { .. } | Error::RepositoryUnknown { .. }
    )
}

#[tokio::test]
async fn a_certificate_is_trusted_where_the_user_says_so_and_nowhere_else() {
    let registry = Registry::start();
    let nowhere = Config {
        certs_dir: Path::new("/nonexistent").into(),
        ..Config::default()
    };
    let error = registry.ask(nowhere.clone()).await;
    assert!(error.to_string().contains("certificate"), "{error}");

    let error = registry.ask(registry.certs_dir("other.test")).await;
    assert!(error.to_string().contains("certificate"), "{error}");

    let error = registry.ask(registry.certs_dir(NAME)).await;
    assert!(was_reached(&error), "{error}");

    let insecure = Config {
        insecure_registries: vec![NAME.into()],
        ..nowhere
    };
    let error = registry.ask(insecure).await;
    assert!(was_reached(&error), "{error}");
}
