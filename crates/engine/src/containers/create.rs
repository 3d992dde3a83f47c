//! `create`: everything that can be refused is refused here, before anything is made.

use std::fs;
use std::sync::Arc;

use gantry_api_types::{ContainerCreateRequest, ContainerCreateResponse, HostConfig};
use gantry_image::Platform;

use super::record::{FORMAT, Record, State};
use super::{Container, Containers, attachments, blocking, conflicts, defaults, mounts, supported};
use crate::files::Durability;
use crate::{Error, clock, ids};

impl Containers {
    /// Makes a container out of an image that is here.
    pub async fn create(
        &self,
        name: Option<&str>,
        platform: Option<&str>,
        mut request: ContainerCreateRequest,
    ) -> Result<ContainerCreateResponse, Error> {
        let image = self.images.for_container(&request.config.image, platform)?;
        let mut warnings = supported::check(&mut request)?;
        conflicts::storage(&request.host_config, &*self.snapshots)?;
        warnings.extend(defaults::apply(
            &mut request,
            &image.config,
            &self.settings,
        )?);

        attachments::normalise(&mut request, &self.networks)?;
        self.secrets.resolve(&mut request.secrets)?;
        warnings.extend(self.lacking_limits(&request.host_config));
        if platform.is_none_or(str::is_empty) {
            warnings.extend(made_for_others(&image.platform()));
        }

        let id = ids::random_id()?;
        let name = ReservedName::take(self, name, &id)?;
        defaults::hostname(&mut request, &id);
        crate::logging::check(&request, image.id.to_string(), &id, &name.name)?;
        let links = request.host_config.links.take();
        request.host_config.links = links
            .map(|links| self.checked_links(&links, &name.name))
            .transpose()?;
        self.name_by_id(&mut request.host_config);
        let plan = mounts::plan(self, &id, &request)?;
        let record = Record {
            format: FORMAT,
            id: id.clone(),
            name: name.name.clone(),
            created: clock::now_nanos(),
            image_id: image.id.clone(),
            layers: image.layers.clone(),
            driver: self.snapshots.name().to_owned(),
            config: request.config,
            host_config: request.host_config,
            networking: request.networking_config,
            mounts: plan.mounts.clone(),
            volume_options: plan.volume_options.clone(),
            secrets: request.secrets,
            state: State::default(),
        };
        let container = Arc::new(Container::new(
            record,
            self.state_dir(&id),
            self.run_dir(&id),
        ));
        if let Err(e) = self.put_on_disk(&container).await {
            self.undo_mounts(&id, &plan);
            return Err(e);
        }
        name.keep();
        self.registry.insert(Arc::clone(&container));
        self.let_go_of_volumes(&id);
        self.announce(&container, "create", &[]);
        Ok(ContainerCreateResponse { id, warnings })
    }

    /// Other containers are kept by their ID, so that a new name of theirs changes nothing.
    fn name_by_id(&self, host: &mut HostConfig) {
        for mode in [
            &mut host.pid_mode,
            &mut host.ipc_mode,
            &mut host.network_mode,
        ] {
            let other = mode.strip_prefix("container:");
            if let Some(other) = other.and_then(|name| self.registry.find(name).ok()) {
                *mode = format!("container:{}", other.id);
            }
        }
    }

    /// Prepares the writable layer and writes the record; after a failure nothing is left.
    async fn put_on_disk(&self, container: &Arc<Container>) -> Result<(), Error> {
        let (service, subject) = (self.clone(), Arc::clone(container));
        blocking(move || {
            let layers = subject.record().layers.clone();
            let size = conflicts::storage_size(&subject.record().host_config)?;
            let size = size.or(service.settings.storage_size);
            let made = fs::create_dir_all(&subject.state_dir)
                .map_err(Error::file("create", &subject.state_dir))
                .and_then(|()| {
                    let snapshots = &service.snapshots;
                    Ok(snapshots.prepare_limited(&subject.id, &layers, size)?)
                })
                .and_then(|()| subject.save(Durability::PowerLoss));
            if made.is_err() {
                let _ = service.snapshots.remove(&subject.id);
                let _ = fs::remove_dir_all(&subject.state_dir);
            }
            made
        })
        .await
    }
}

/// Docker's warning about an image of another platform that nobody asked for by name.
fn made_for_others(image: &Platform) -> Option<String> {
    let host = Platform::host();
    (!image.architecture.is_empty() && !host.accepts(image)).then(|| {
        format!(
            "The requested image's platform ({image}) does not match the detected host platform \
             ({host}) and no specific platform was requested"
        )
    })
}

/// A name that is freed again unless the container comes to be.
struct ReservedName<'a> {
    service: &'a Containers,
    name: String,
    kept: bool,
}

impl<'a> ReservedName<'a> {
    fn take(service: &'a Containers, asked: Option<&str>, id: &str) -> Result<Self, Error> {
        let name = match asked {
            Some(asked) => ids::checked_name(asked)?.to_owned(),
            None => ids::random_name(|name| service.registry.has_name(name))?,
        };
        service.registry.reserve(&name, id)?;
        Ok(Self {
            service,
            name,
            kept: false,
        })
    }

    fn keep(mut self) {
        self.kept = true;
    }
}

impl Drop for ReservedName<'_> {
    fn drop(&mut self) {
        if !self.kept {
            self.service.registry.release(&self.name);
        }
    }
}
