//! The daemon's own story: lock, engine, doors, serving, end.

use std::fs::{self, File, OpenOptions};
use std::os::fd::OwnedFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use gantry_api::{Api, Identity};
use gantry_builder::Builder;
use gantry_buildkit::Server;
use gantry_engine::{Engine, Hello};
use rustix::fs::FlockOperation;
use rustix::process::Resource;
use tokio::sync::watch;

use crate::args::RunArgs;
use crate::gates::{self, Gate};
use crate::lock::DataRootLock;
use crate::logging::{self, Level};
use crate::signals::{self, End};
use crate::{Embedded, Error, Resolved, activation, cgroup, entropy, reload};

/// Heaps of the allocator: two threads rarely wait for each other, and idle heaps cost memory.
const MOST_HEAPS: i32 = 2;

/// Runs until a signal asks for the end; containers go on.
pub(crate) fn run(resolved: Resolved, args: RunArgs, embedded: Embedded) -> Result<(), Error> {
    let level = logging::start(&resolved.log_level, resolved.log_json);
    if !rustix::process::geteuid().is_root() {
        return Err(Error::NotRoot);
    }
    let activated = activation::take()?;
    for note in &resolved.notes {
        tracing::info!("{note}");
    }
    entropy::wait();
    gantry_sys::heap::share(MOST_HEAPS);
    prepare_process();
    if resolved.autostarted {
        cgroup::leave_the_callers();
    }
    let _lock = DataRootLock::take(&resolved.data_root)?;
    let _alive = sign_of_life(&resolved.run_root)?;
    if let Some(path) = &resolved.pidfile {
        fs::write(path, format!("{}\n", std::process::id())).map_err(Error::file("write", path))?;
    }
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        // Threads for blocking work end when idle; their stacks are what an idle daemon consists of.
        .thread_keep_alive(std::time::Duration::from_secs(2))
        .build()
        .map_err(Error::file("start the threads of", "the daemon"))?
        .block_on(serve(resolved, args, embedded, activated, level))
}

async fn serve(
    resolved: Resolved,
    args: RunArgs,
    embedded: Embedded,
    activated: Vec<(u32, OwnedFd)>,
    level: Level,
) -> Result<(), Error> {
    let stop = signals::wait_for_end()?;
    let reloads = signals::reloads()?;
    let hello = Hello {
        runtime: embedded.runtime,
        hello: embedded.hello,
    };
    let (engine, kept) = Engine::open(
        resolved.engine(embedded.commit)?,
        resolved.network(),
        resolved.storage_driver(),
        hello,
    )
    .await?;
    let mut gates = gates::open(&resolved, kept, activated)?;
    engine.keep_doors(
        gates
            .iter_mut()
            .filter_map(|g| g.duplicate.take())
            .collect(),
    );
    let identity = Identity {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        build: Some(gantry_client::build_id()),
        autostarted: resolved.autostarted,
        oldest: Some(resolved.oldest_api),
    };
    let builder = Builder::open(&engine, &resolved.data_root, resolved.builder()?).await?;
    let server = Server::open(
        &builder,
        &resolved.data_root,
        env!("CARGO_PKG_VERSION"),
        &engine.host_gateway().to_string(),
    )?;
    let api = Api::with_builder(engine.clone(), server, &identity);
    tokio::spawn(crate::memory::give_back());
    tokio::spawn(reload::on_signal(
        reloads,
        args,
        resolved.clone(),
        engine.clone(),
        level,
    ));
    let paths: Vec<PathBuf> = gates.iter().filter_map(|gate| gate.path.clone()).collect();
    let names: Vec<&str> = gates.iter().map(|gate| gate.name.as_str()).collect();
    tracing::info!(version = env!("CARGO_PKG_VERSION"), commit = embedded.commit, listening = ?names, "ready");
    notify("READY=1");
    let ends_containers = stop.clone();
    answer_at_gates(gates, api, stop).await;
    notify("STOPPING=1");
    end_containers(&engine, *ends_containers.borrow()).await;
    gates::leave(&paths, engine.is_busy());
    if let Err(e) = engine.close() {
        tracing::warn!("cannot take down the networks: {e}");
    }
    if let Some(path) = &resolved.pidfile {
        let _ = fs::remove_file(path);
    }
    Ok(())
}

/// Stops the containers where that is wished.
async fn end_containers(engine: &Engine, end: End) {
    let live = engine.live();
    if live.live_restore && end != End::WithContainers {
        tracing::info!("stopping; containers go on");
        return;
    }
    tracing::info!("stopping the containers");
    engine.containers.shut_down(live.shutdown_timeout).await;
}

/// Tells systemd, where it asked to be told (`Type=notify`).
fn notify(state: &str) {
    let Some(path) = std::env::var_os("NOTIFY_SOCKET") else {
        return;
    };
    if let Err(e) = gates::notify(&path, state) {
        tracing::warn!("cannot tell systemd {state}: {e}");
    }
}

async fn answer_at_gates(gates: Vec<Gate>, api: Api, stop: watch::Receiver<End>) {
    let serving: Vec<_> = gates
        .into_iter()
        .map(|gate| {
            let mut stop = stop.clone();
            let stopped = async move {
                let _ = stop.wait_for(|end| *end != End::NotYet).await;
            };
            tokio::spawn(gantry_api::serve(gate.listener, api.clone(), stopped))
        })
        .collect();
    for task in serving {
        if let Err(e) = task.await {
            tracing::error!("serving a socket failed: {e}");
        }
    }
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

fn prepare_process() {
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o022));
    // A daemon holds a few descriptors per container; what we may have, we take.
    let mut limit = rustix::process::getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    if let Err(e) = rustix::process::setrlimit(Resource::Nofile, limit) {
        tracing::debug!("cannot raise the limit on open files: {e}");
    }
}
