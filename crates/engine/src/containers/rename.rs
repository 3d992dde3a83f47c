//! `rename`.

use std::sync::Arc;

use super::{Container, Containers};
use crate::files::Durability;
use crate::{Error, ids};

impl Containers {
    /// Gives a container another name.
    pub async fn rename(&self, id: &str, new_name: &str) -> Result<(), Error> {
        let container = self.registry.find(id)?;
        if new_name.is_empty() {
            return Err(Error::Invalid(
                "Neither old nor new names may be empty".to_owned(),
            ));
        }
        let _operation = container.operation.lock().await;
        self.rename_container(&container, new_name)
    }

    /// The same for who has the container to himself.
    pub(super) fn rename_container(
        &self,
        container: &Arc<Container>,
        new_name: &str,
    ) -> Result<(), Error> {
        let course = "Error when allocating new name";
        let new_name = ids::checked_name(new_name)
            .map_err(|e| match e {
                // Docker keeps the slash in front here.
                Error::InvalidName(name) if !name.starts_with('/') => {
                    Error::InvalidName(format!("/{name}"))
                }
                other => other,
            })
            .map_err(|e| e.within(course))?;
        let old_name = container.name();
        if old_name == new_name {
            return Err(Error::Invalid(
                "Renaming a container with the same name as its current name".to_owned(),
            ));
        }
        self.registry
            .reserve(new_name, &container.id)
            .map_err(|e| e.within(course))?;
        new_name.clone_into(&mut container.record().name);
        if let Err(e) = container.save(Durability::PowerLoss) {
            container.record().name.clone_from(&old_name);
            self.registry.release(new_name);
            return Err(e);
        }
        self.registry.release(&old_name);
        self.rename_endpoints(container);
        self.announce(container, "rename", &[("oldName", format!("/{old_name}"))]);
        Ok(())
    }
}
