//! What a command has at hand: the global options, the configuration file, the daemon.

use std::cell::{OnceCell, RefCell};
use std::future::Future;
use std::io::IsTerminal as _;
use std::sync::OnceLock;

use gantry_client::{Autostart, Client, Endpoint, connect_or_start, default_run_root};

use crate::config_file::ConfigFile;
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

    /// Where the daemon listens that commands are for.
    pub(crate) fn endpoint(&self) -> Result<Endpoint, Failure> {
        match self.host()? {
            Some(host) => Ok(Endpoint::parse(&host)?),
            None => Ok(Endpoint::local(&default_run_root())),
        }
    }

    /// Connects to the daemon; the local one is started if need be.
    pub(crate) async fn client(&self) -> Result<Client, Failure> {
        if self.host()?.is_some() || self.globals.no_autostart {
            return Ok(Client::connect(&self.endpoint()?).await?);
        }
        Ok(connect_or_start(&Autostart {
            run_root: default_run_root(),
        })
        .await?)
    }

    /// The daemon that the user names, if any.
    fn host(&self) -> Result<Option<String>, Failure> {
        match self.globals.host.as_slice() {
            [] => {}
            [host] => return Ok(Some(host.clone())),
            _ => return Err(Failure::new("specify only one -H")),
        }
        if let Some(context) = &self.globals.context {
            return self.config().context_host(context).map_err(Failure::new);
        }
        for name in ["GANTRY_HOST", "DOCKER_HOST"] {
            if let Some(host) = std::env::var(name).ok().filter(|host| !host.is_empty()) {
                return Ok(Some(host));
            }
        }
        let context = std::env::var("DOCKER_CONTEXT")
            .ok()
            .filter(|name| !name.is_empty())
            .or_else(|| {
                self.config()
                    .current_context
                    .clone()
                    .filter(|name| !name.is_empty())
            });
        match context {
            Some(context) => self.config().context_host(&context).map_err(Failure::new),
            None => Ok(None),
        }
    }
}

/// Whether people, not programs, read our standard output.
pub(crate) fn output_is_terminal() -> bool {
    std::io::stdout().is_terminal()
}
