//! The engine's secrets behind the routers' trait.

use gantry_api_types::{Filters, Secret, SecretCreateResponse, SecretSpec};
use gantry_engine::Engine;

use super::Answer;
use super::engine::blocking;

impl super::Secrets for Engine {
    async fn secrets(&self, filters: Filters) -> Answer<Vec<Secret>> {
        Ok(self.secrets.list(&filters))
    }

    async fn create_secret(&self, spec: SecretSpec) -> Answer<SecretCreateResponse> {
        let secrets = self.secrets.clone();
        blocking(move || secrets.create(spec)).await
    }

    async fn secret(&self, name: &str) -> Answer<Secret> {
        Ok(self.secrets.inspect(name)?)
    }

    async fn update_secret(&self, name: &str, version: u64, spec: SecretSpec) -> Answer<()> {
        let (secrets, name) = (self.secrets.clone(), name.to_owned());
        blocking(move || secrets.update(&name, version, spec)).await
    }

    async fn remove_secret(&self, name: &str) -> Answer<()> {
        let (secrets, containers) = (self.secrets.clone(), self.containers.clone());
        let name = name.to_owned();
        blocking(move || secrets.remove(&name, |id| containers.users_of_secret(id))).await
    }
}
