//! What a command has at hand: the global options, the configuration file, the daemon.

use std::cell::{OnceCell, RefCell};
use std::future::Future;
use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use gantry_client::{Autostart, Client, Endpoint, Tls, connect_or_start, default_run_root};
use http::{HeaderMap, HeaderName, HeaderValue};

use crate::config_file::ConfigFile;
use crate::contexts::{Current, Store};
use crate::failure::Failure;
use crate::globals::Globals;
use crate::program::Program;

/// Our version.
pub(crate) const VERSION: &str = env!("CARGO_PKG_VERSION");
/// The commit that we were built from; set once, at the start.
static BUILD: OnceLock<&'static str> = OnceLock::new();

/// Notes the commit that we were built from.
pub(crate) fn set_build(commit: &'static str) {
    let _ = BUILD.set(commit);
}

/// The commit that we were built from, where that is known.
pub(crate) fn build() -> &'static str {
    BUILD.get().copied().unwrap_or("unknown")
}

/// One run of the command line.
pub(crate) struct Session {
    pub(crate) program: Program,
    pub(crate) globals: Globals,
    config: OnceCell<ConfigFile>,
    path: RefCell<String>,
}

impl Session {
    pub(crate) fn new(program: Program, globals: Globals) -> Self {
        Self {
            program,
            globals,
            config: OnceCell::new(),
            path: RefCell::default(),
        }
    }

    /// Notes the words by which the command was called.
    pub(crate) fn invoked(&self, path: &str) {
        self.path.replace(path.to_owned());
    }

    /// The words by which the command was called: `run` or `container run`.
    pub(crate) fn path(&self) -> String {
        self.path.borrow().clone()
    }

    /// Runs a command's future. One thread is enough, and starts fastest.
    pub(crate) fn block_on<F: Future<Output = Result<(), Failure>>>(
        future: F,
    ) -> Result<(), Failure> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let result = runtime.block_on(future);
        // A thread that still reads standard input must not keep us.
        runtime.shutdown_background();
        result
    }

    /// The configuration file, read when first asked for.
    pub(crate) fn config(&self) -> &ConfigFile {
        self.config
            .get_or_init(|| ConfigFile::load(self.globals.config.as_deref()))
    }

    /// The contexts.
    pub(crate) fn contexts(&self) -> Store {
        Store::at(self.config().directory().join("contexts"))
    }

    /// What decides which daemon commands are for.
    pub(crate) fn current(&self) -> Result<Current, Failure> {
        Current::of(&self.globals, self.config())
    }

    /// Where the daemon listens that commands are for.
    pub(crate) fn endpoint(&self) -> Result<Endpoint, Failure> {
        Ok(self.named_endpoint()?.unwrap_or_else(local))
    }

    /// Where the daemon of the default context listens.
    pub(crate) fn default_endpoint(&self) -> Result<Endpoint, Failure> {
        match self.current()? {
            Current::Host(host, _) => self.at(&host),
            _ => Ok(local()),
        }
    }

    /// Connects to the daemon; the local one is started if need be.
    pub(crate) async fn client(&self) -> Result<Client, Failure> {
        let headers = self.headers()?;
        match self.named_endpoint()? {
            Some(endpoint) => Ok(Client::connect_with_headers(&endpoint, &headers).await?),
            None if self.globals.no_autostart => {
                Ok(Client::connect_with_headers(&local(), &headers).await?)
            }
            None => Ok(connect_or_start(&Autostart {
                run_root: default_run_root(),
                headers,
            })
            .await?),
        }
    }

    /// Has a daemon run on this machine.
    pub(crate) fn start_local_daemon(&self) -> Result<(), Failure> {
        if self.globals.no_autostart {
            return Ok(());
        }
        Self::block_on(async { self.client().await.map(drop) })
    }

    /// The daemon that the user names, if any.
    fn named_endpoint(&self) -> Result<Option<Endpoint>, Failure> {
        match self.current()? {
            Current::Local => Ok(None),
            Current::Host(host, _) => self.at(&host).map(Some),
            Current::Context(name) => self.contexts().endpoint(&name).map_err(|failure| {
                Failure::new(format!(
                    "Failed to initialize: unable to resolve docker endpoint: {}",
                    failure.message
                ))
            }),
        }
    }

    /// An address, with TLS where the options or the environment say so.
    fn at(&self, host: &str) -> Result<Endpoint, Failure> {
        let endpoint = Endpoint::parse(host)?;
        Ok(match tls(&self.globals, self.config().directory()) {
            Some(tls) => endpoint.with_tls(tls),
            None => endpoint,
        })
    }

    /// Headers of every request: the configuration file's, then the environment's.
    fn headers(&self) -> Result<HeaderMap, Failure> {
        let mut headers = HeaderMap::new();
        let variable = std::env::var("DOCKER_CUSTOM_HEADERS").unwrap_or_default();
        let more = variable.split(',').filter_map(|pair| pair.split_once('='));
        let configured = &self.config().http_headers;
        let configured = configured.iter().map(|(k, v)| (k.as_str(), v.as_str()));
        for (name, value) in configured.chain(more) {
            let wrong = || Failure::new(format!("HttpHeaders: {name:?} is no header"));
            let key = HeaderName::try_from(name).map_err(|_| wrong())?;
            let value = HeaderValue::try_from(value).map_err(|_| wrong())?;
            headers.insert(key, value);
        }
        Ok(headers)
    }
}

fn local() -> Endpoint {
    Endpoint::local(&default_run_root())
}

/// TLS as options and environment say; files that are not named are looked for in Docker's folder.
fn tls(globals: &Globals, directory: &Path) -> Option<Tls> {
    let variable = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
    let verify = globals.tls_verify || variable("DOCKER_TLS_VERIFY").is_some();
    let named = [&globals.tls_ca, &globals.tls_cert, &globals.tls_key];
    let tls = globals.tls || variable("DOCKER_TLS").is_some();
    if !verify && !tls && named.iter().all(|file| file.is_none()) {
        return None;
    }
    let folder = variable("DOCKER_CERT_PATH").map_or_else(|| directory.to_owned(), PathBuf::from);
    let file = |given: &Option<String>, name: &str| match given {
        Some(path) => Some(PathBuf::from(path)),
        None => Some(folder.join(name)).filter(|path| path.exists()),
    };
    let cert = file(&globals.tls_cert, "cert.pem");
    let key = file(&globals.tls_key, "key.pem");
    Some(Tls {
        ca: file(&globals.tls_ca, "ca.pem"),
        identity: cert.zip(key),
        skip_verify: !verify,
    })
}

/// Whether people, not programs, read our standard output.
pub(crate) fn output_is_terminal() -> bool {
    std::io::stdout().is_terminal()
}
