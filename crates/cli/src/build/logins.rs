//! Logins of registries for the engine, from the configuration file.

use gantry_build_client::{Login, Logins};

use crate::config_file::ConfigFile;
use crate::registry_auth;

/// The configuration file's logins.
pub(super) struct FromConfig(pub(super) ConfigFile);

impl Logins for FromConfig {
    fn login(&self, host: &str) -> Result<Login, String> {
        let server = registry_auth::server_name(host);
        let auth = registry_auth::login(&self.0, &server)?;
        Ok(if auth.identity_token.is_empty() {
            Login {
                username: auth.username,
                secret: auth.password,
            }
        } else {
            Login {
                username: String::new(),
                secret: auth.identity_token,
            }
        })
    }
}
