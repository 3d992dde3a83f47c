//! Opening the stores, wiring the services, taking over what runs.

use std::fs;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::Arc;

use gantry_network::{NetworkConfig, Networks};
use gantry_volume::Volumes;

use crate::containers::{Inner, Registry};
use crate::images::ImagesConfig;
use crate::monitors::RuntimeProgram;
use crate::{
    Containers, Error, Events, Images, Networking, Settings, System, VolumeService, execs, files,
    ids,
};

/// The engine's services, wired.
#[derive(Clone)]
pub struct Engine {
    /// Containers and their execs.
    pub containers: Containers,
    /// Images.
    pub images: Images,
    /// Networks.
    pub networking: Networking,
    /// Volumes.
    pub volumes: VolumeService,
    /// Secrets.
    pub secrets: crate::Secrets,
    /// The daemon itself.
    pub system: System,
    networks: Arc<Networks>,
}

/// What the program carries for the engine.
#[derive(Debug, Clone, Copy)]
pub struct Hello {
    /// The runtime program.
    pub runtime: &'static [u8],
    /// The one file of `gantry/hello`.
    pub hello: &'static [u8],
}

impl Engine {
    /// Opens everything below the data and run roots and takes over the containers of the daemon
    /// before; also returns sockets that their monitors kept.
    ///
    /// The caller holds the lock on the data root.
    pub async fn open(
        settings: Settings,
        network: NetworkConfig,
        storage_driver: Option<&str>,
        carried: Hello,
    ) -> Result<(Self, Vec<OwnedFd>), Error> {
        let settings = Arc::new(settings);
        for dir in [&settings.data_root, &settings.run_root] {
            fs::create_dir_all(dir).map_err(Error::file("create", dir))?;
        }
        let events = Events::new();
        let snapshots =
            gantry_snapshot::open(&settings.data_root, &settings.run_root, storage_driver)?;
        if settings.storage_size.is_some() {
            snapshots.check_quota()?;
        }
        let images = Images::open(
            ImagesConfig::from_settings(&settings),
            Arc::clone(&snapshots),
            events.clone(),
        )?;
        images.ensure_hello(carried.hello)?;
        let networks = Arc::new(Networks::open(network)?);
        let volumes = Arc::new(Volumes::open(&settings.data_root)?);
        let secrets = crate::Secrets::open(&settings, events.clone())?;
        let containers = Containers::new(Inner {
            secrets: secrets.clone(),
            registry: Registry::default(),
            images: images.clone(),
            snapshots,
            names: gantry_dns::Server::new(Arc::clone(&networks) as _),
            networks: Arc::clone(&networks),
            volumes: Arc::clone(&volumes),
            events: events.clone(),
            program: RuntimeProgram::install(carried.runtime, &settings.run_root)?,
            cgroups: gantry_cgroups::Hierarchy::detect()
                .map_err(|e| Error::Internal(format!("cannot use this machine's cgroups: {e}")))?,
            execs: execs::Table::default(),
            sampler: crate::stats::Sampler::default(),
            prune_lock: crate::containers::PruneLock::default(),
            forwards: crate::logging::Forwards::default(),
            settings: Arc::clone(&settings),
        });
        let doors = containers.restore().await?;
        containers.open_links().await;
        containers.take_over_logs();
        let id = installation_id(&settings.data_root)?;
        let engine = Self {
            networking: Networking::new(Arc::clone(&networks), containers.clone(), events.clone()),
            volumes: VolumeService::new(volumes, containers.clone()),
            system: System::new(settings, containers.clone(), events, id),
            containers,
            images,
            secrets,
            networks,
        };
        Ok((engine, doors))
    }

    /// Has every monitor of a container started from now on keep duplicates of the sockets that the
    /// daemon listens on.
    pub fn keep_doors(&self, doors: Vec<OwnedFd>) {
        let doors = doors.into_iter().map(Arc::new).collect();
        let kept = &self.containers.settings.doors;
        *kept
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner) = doors;
    }

    /// Takes other settings and publishes a `reload` event.
    pub fn reload(&self, live: crate::Live) -> Result<(), Error> {
        self.images.reload(&live)?;
        self.containers.settings.set_live(live);
        self.system.reloaded();
        Ok(())
    }

    /// Whether containers are to go on when the daemon ends.
    pub fn live(&self) -> Arc<crate::Live> {
        self.containers.settings.live()
    }

    /// Whether a container runs.
    pub fn is_busy(&self) -> bool {
        self.containers
            .registry
            .all()
            .iter()
            .any(|c| c.phase().is_live())
    }

    /// The address by which containers reach this host, `host-gateway`.
    pub fn host_gateway(&self) -> std::net::IpAddr {
        self.networks.host_gateway()
    }

    /// Gives the machine back what only matters while a daemon is there; running containers keep
    /// their networks.
    pub fn close(&self) -> Result<(), Error> {
        let nothing_runs = self
            .containers
            .registry
            .all()
            .iter()
            .all(|c| !c.phase().is_live());
        let containers = &self.containers;
        let parent = format!("/{}", containers.settings.cgroup_parent.trim_matches('/'));
        // It stays while a container's group is in it, and is made again when it is needed.
        if let Err(error) = containers.cgroups.remove_if_empty(&parent) {
            tracing::warn!("cannot remove the cgroup {parent}: {error}");
        }
        Ok(self.networks.close(nothing_runs)?)
    }
}

/// A random name for this installation, made once.
fn installation_id(data_root: &Path) -> Result<String, Error> {
    let path = data_root.join("engine-id");
    match fs::read_to_string(&path) {
        Ok(id) if !id.trim().is_empty() => Ok(id.trim().to_owned()),
        _ => {
            let id = ids::random_id()?;
            files::write(&path, id.as_bytes(), files::Durability::PowerLoss)?;
            Ok(id)
        }
    }
}
