//! Registries: Debian's, and one whose faults a test chooses.

use std::collections::HashMap;
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use gantry_archive::Digester;

use crate::fixture::Sample;
use crate::http::{Request, Response, Server};

const PROGRAM: &str = "/usr/bin/docker-registry";

/// Debian's `docker-registry` on a port of its own; gone when dropped.
pub(crate) struct Registry {
    child: Child,
    pub(crate) host: String,
    dir: tempfile::TempDir,
}

impl Registry {
    pub(crate) fn start() -> Self {
        Self::with(None)
    }

    /// A registry that wants this user and password.
    pub(crate) fn with_password(user: &str, password: &str) -> Self {
        let output = Command::new("htpasswd")
            .args(["-Bbn", user, password])
            .output();
        let output = output.expect("htpasswd is missing: apt-get install apache2-utils");
        Self::with(Some(output.stdout))
    }

    fn with(htpasswd: Option<Vec<u8>>) -> Self {
        assert!(
            Path::new(PROGRAM).exists(),
            "{PROGRAM} is missing: apt-get install docker-registry (./test does it)"
        );
        let dir = tempfile::tempdir().unwrap();
        let mut auth = String::new();
        if let Some(bytes) = htpasswd {
            let path = dir.path().join("htpasswd");
            std::fs::write(&path, bytes).unwrap();
            auth = format!(
                "auth: {{htpasswd: {{realm: x, path: {}}}}}\n",
                path.display()
            );
        }
        // The port is free when asked for; should somebody take it meanwhile, try another.
        for _ in 0..10 {
            let host = free_address();
            let config = format!(
                "version: 0.1\nlog: {{level: error}}\nstorage: {{filesystem: {{rootdirectory: {}}}}}\n\
                 http: {{addr: '{host}'}}\n{auth}",
                dir.path().display()
            );
            let path = dir.path().join("config.yml");
            std::fs::write(&path, config).unwrap();
            let child = Command::new(PROGRAM)
                .arg("serve")
                .arg(&path)
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .unwrap();
            let mut registry = Self {
                child,
                host,
                dir: tempfile::tempdir().unwrap(),
            };
            if registry.comes_up() {
                // Keep the directory with the storage.
                registry.dir = dir;
                return registry;
            }
        }
        panic!("docker-registry does not come up");
    }

    fn comes_up(&mut self) -> bool {
        let end = Instant::now() + Duration::from_secs(20);
        while Instant::now() < end {
            if TcpStream::connect(&self.host).is_ok() {
                return true;
            }
            if self.child.try_wait().unwrap().is_some() {
                return false;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        false
    }

    /// Pushes an image with skopeo; `login` is `user:password`.
    pub(crate) fn push(&self, sample: &Sample, name: &str, login: Option<&str>) {
        let dir = tempfile::tempdir().unwrap();
        let archive = dir.path().join("image.tar");
        std::fs::write(&archive, sample.layout(serde_json::json!({}))).unwrap();
        let mut skopeo = Command::new("skopeo");
        skopeo.args([
            "copy",
            "--quiet",
            "--preserve-digests",
            "--dest-tls-verify=false",
        ]);
        if let Some(login) = login {
            skopeo.args(["--dest-creds", login]);
        }
        let output = skopeo
            .arg(format!("oci-archive:{}", archive.display()))
            .arg(format!("docker://{}/{name}", self.host))
            .output()
            .expect("skopeo is missing: apt-get install skopeo");
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn free_address() -> String {
    TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .to_string()
}

/// What a [`Fake`] does with blobs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    None,
    /// The connection breaks after so many bytes of each answer.
    Cut(usize),
    /// The same, and after so many answers it works.
    CutFirst(usize, usize),
    /// Other bytes than the digest's.
    Damage,
    /// Nothing but errors.
    Down,
    /// Answers take so many milliseconds.
    Slow(u64),
}

/// A registry with one image under every name, and a fault.
pub(crate) struct Fake {
    pub(crate) server: Server,
    fault: Arc<Mutex<Fault>>,
}

impl Fake {
    pub(crate) fn start(sample: &Sample, fault: Fault) -> Self {
        let mut blobs: HashMap<String, Vec<u8>> = HashMap::new();
        for bytes in sample
            .packed
            .iter()
            .chain([&sample.config, &sample.manifest])
        {
            blobs.insert(Digester::sha256(bytes).to_string(), bytes.clone());
        }
        let manifest = sample.manifest.clone();
        let config = Digester::sha256(&sample.config).to_string();
        let fault = Arc::new(Mutex::new(fault));
        let current = Arc::clone(&fault);
        let answers = AtomicUsize::new(0);
        let server = Server::start(move |request| {
            let last = request.path().rsplit('/').next().unwrap();
            if request.path().contains("/manifests/") {
                let bytes = blobs.get(last).unwrap_or(&manifest);
                return Response::new(200, bytes.clone())
                    .with("content-type", "application/vnd.oci.image.manifest.v1+json");
            }
            let response = ranged(request, &blobs[last]);
            if last == config {
                return response;
            }
            spoil(
                response,
                *current.lock().unwrap(),
                answers.fetch_add(1, Ordering::SeqCst),
            )
        });
        Self { server, fault }
    }

    pub(crate) fn set(&self, fault: Fault) {
        *self.fault.lock().unwrap() = fault;
    }

    pub(crate) fn name(&self) -> String {
        format!("{}/app:1", self.server.host())
    }

    /// The ranges of all requests for a layer.
    pub(crate) fn ranges(&self, layer: &[u8]) -> Vec<String> {
        let digest = Digester::sha256(layer).to_string();
        let seen = self.server.seen();
        let of_layer = seen
            .iter()
            .filter(|request| request.path().ends_with(&digest));
        of_layer
            .map(|request| request.header("range").to_owned())
            .collect()
    }
}

fn ranged(request: &Request, bytes: &[u8]) -> Response {
    let range = request
        .header("range")
        .strip_prefix("bytes=")
        .and_then(|r| r.strip_suffix('-'));
    let Some(start) = range.map(|start| start.parse::<usize>().unwrap()) else {
        return Response::new(200, bytes);
    };
    let total = bytes.len();
    Response::new(206, &bytes[start..]).with(
        "content-range",
        &format!("bytes {start}-{}/{total}", total - 1),
    )
}

fn spoil(mut response: Response, fault: Fault, answered: usize) -> Response {
    match fault {
        Fault::None => {}
        Fault::Cut(after) => response.cut_after = Some(after),
        Fault::CutFirst(after, times) => response.cut_after = (answered < times).then_some(after),
        Fault::Damage => {
            let middle = response.body.len() / 2;
            response.body[middle] ^= 1;
        }
        Fault::Down => return Response::new(503, ""),
        Fault::Slow(milliseconds) => std::thread::sleep(Duration::from_millis(milliseconds)),
    }
    response
}
