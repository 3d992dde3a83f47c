//! The daemon's own story: lock, engine, doors, serving, end.

use std::fs::{self, File, OpenOptions};
use std::future::Future;
use std::os::fd::OwnedFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use gantry_api::{Api, Identity};
use gantry_engine::{Engine, Hello};
use rustix::fs::FlockOperation;
use rustix::process::Resource;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use crate::doors::{self, Door};
use crate::lock::DataRootLock;
use crate::{Embedded, Error, Resolved};

/// Heaps of the allocator: two threads rarely wait for each other, and idle heaps cost memory.
const MOST_HEAPS: i32 = 2;

/// How often unused memory goes back to the kernel.
const BETWEEN_TRIMS: std::time::Duration = std::time::Duration::from_secs(20);

/// Runs until a signal asks for the end; containers go on.
pub(crate) fn run(resolved: Resolved, embedded: Embedded) -> Result<(), Error> {
    log_to_stderr(&resolved.log_level);
    if !rustix::process::geteuid().is_root() {
        return Err(Error::NotRoot);
    }
    gantry_sys::heap::share(MOST_HEAPS);
    prepare_process();
    let _lock = DataRootLock::take(&resolved.data_root)?;
    let _alive = sign_of_life(&resolved.run_root)?;
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        // Threads for blocking work end when idle; their stacks are what an idle daemon consists of.
        .thread_keep_alive(std::time::Duration::from_secs(2))
        .build()
        .map_err(Error::file("start the threads of", "the daemon"))?
        .block_on(serve(resolved, embedded))
}

async fn serve(resolved: Resolved, embedded: Embedded) -> Result<(), Error> {
    let stop = stop_signal()?;
    let hello = Hello {
        runtime: embedded.runtime,
        hello: embedded.hello,
    };
    let (engine, kept) = Engine::open(
        resolved.engine()?,
        resolved.network(),
        resolved.storage_driver(),
        hello,
    )
    .await?;
    let doors = open_doors(&resolved, kept)?;
    let duplicates: Vec<OwnedFd> = doors
        .iter()
        .map(|door| {
            door.duplicate()
                .map_err(Error::file("duplicate", &door.path))
        })
        .collect::<Result<_, _>>()?;
    engine.keep_doors(duplicates);
    let identity = Identity {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        build: Some(gantry_client::build_id()),
        autostarted: resolved.autostarted,
    };
    let api = Api::new(engine.clone(), &identity);
    tokio::spawn(give_back_memory());
    let paths: Vec<PathBuf> = doors.iter().map(|door| door.path.clone()).collect();
    tracing::info!(version = env!("CARGO_PKG_VERSION"), listening = ?paths, "ready");
    answer_at_doors(doors, api, stop).await?;
    tracing::info!("stopping; containers go on");
    leave(&engine, &paths);
    Ok(())
}

/// Returns what bursts of work have left in the heap; without work it costs nothing to speak of.
async fn give_back_memory() {
    loop {
        tokio::time::sleep(BETWEEN_TRIMS).await;
        let _ = tokio::task::spawn_blocking(gantry_sys::heap::trim).await;
    }
}

async fn answer_at_doors(
    doors: Vec<Door>,
    api: Api,
    stop: watch::Receiver<bool>,
) -> Result<(), Error> {
    let mut serving = Vec::with_capacity(doors.len());
    for Door { path, listener } in doors {
        listener
            .set_nonblocking(true)
            .map_err(Error::file("listen on", &path))?;
        let listener = tokio::net::UnixListener::from_std(listener)
            .map_err(Error::file("listen on", &path))?;
        let mut stop = stop.clone();
        let stopped = async move {
            let _ = stop.wait_for(|stop| *stop).await;
        };
        serving.push(tokio::spawn(gantry_api::serve(
            listener,
            api.clone(),
            stopped,
        )));
    }
    for task in serving {
        if let Err(e) = task.await {
            tracing::error!("serving a socket failed: {e}");
        }
    }
    Ok(())
}

/// With containers running, their monitors keep the sockets: the paths wait for the next daemon.
fn leave(engine: &Engine, paths: &[PathBuf]) {
    let part: fn(&Path) = if engine.is_busy() {
        Door::set_aside
    } else {
        Door::remove
    };
    for path in paths {
        part(path);
    }
    if let Err(e) = engine.close() {
        tracing::warn!("cannot take down the networks: {e}");
    }
}

fn open_doors(resolved: &Resolved, mut kept: Vec<OwnedFd>) -> Result<Vec<Door>, Error> {
    let group = doors::group(resolved.group.as_deref())?;
    let mut open = Vec::new();
    for path in &resolved.sockets {
        open.push(Door::open(path, &mut kept, group)?);
    }
    if let Some(path) = &resolved.docker_socket {
        if Door::is_free(path, &kept) {
            open.push(Door::open(path, &mut kept, group)?);
        } else {
            tracing::info!(
                "{} belongs to another program; not listening there",
                path.display()
            );
        }
    }
    Ok(open)
}

/// A lock that says "a daemon is here" for as long as this process lives.
///
/// The socket cannot say it: monitors hold it open too.
fn sign_of_life(run_root: &Path) -> Result<File, Error> {
    fs::create_dir_all(run_root).map_err(Error::file("create", run_root))?;
    let path = run_root.join(gantry_client::SIGN_OF_LIFE);
    let file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .mode(0o644)
        .open(&path)
        .map_err(Error::file("open", &path))?;
    // Waits: a command line that just looks holds it for a moment.
    rustix::fs::flock(&file, FlockOperation::LockExclusive)
        .map_err(|e| Error::file("lock", &path)(e.into()))?;
    Ok(file)
}

/// Becomes true when somebody asks for the end.
fn stop_signal() -> Result<watch::Receiver<bool>, Error> {
    let listen = |kind| signal(kind).map_err(Error::file("handle signals of", "the daemon"));
    let (mut term, mut int, mut hup) = (
        listen(SignalKind::terminate())?,
        listen(SignalKind::interrupt())?,
        listen(SignalKind::hangup())?,
    );
    let (sender, receiver) = watch::channel(false);
    let waiting: std::pin::Pin<Box<dyn Future<Output = ()> + Send>> = Box::pin(async move {
        loop {
            tokio::select! {
                _ = term.recv() => break,
                _ = int.recv() => break,
                _ = hup.recv() => tracing::warn!("reloading the configuration is not supported yet; restart the daemon, containers go on"),
            }
        }
        let _ = sender.send(true);
    });
    tokio::spawn(waiting);
    Ok(receiver)
}

fn prepare_process() {
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o022));
    // A daemon holds a few descriptors per container; what we may have, we take.
    let mut limit = rustix::process::getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    if let Err(e) = rustix::process::setrlimit(Resource::Nofile, limit) {
        tracing::debug!("cannot raise the limit on open files: {e}");
    }
}

fn log_to_stderr(level: &str) {
    let filter =
        tracing_subscriber::EnvFilter::new(format!("{level},hyper=warn,h2=warn,reqwest=warn"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(false)
        .init();
}
