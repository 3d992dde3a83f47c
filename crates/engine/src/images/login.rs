//! `login`, and what a client sends of its logins.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use gantry_api_types::{AuthConfig, AuthResponse};
use gantry_registry_client::Credentials;

use super::Images;
use crate::Error;

/// Where Docker's clients log in when no registry is named.
const HUB_URLS: [&str; 3] = ["", "https://index.docker.io/v1/", "index.docker.io"];

impl Images {
    /// Tries a login on its registry.
    pub async fn login(&self, auth: AuthConfig) -> Result<AuthResponse, Error> {
        let domain = domain(&auth.server_address);
        let credentials = credentials(auth)?;
        let token = self.store.registry().login(&domain, &credentials).await;
        Ok(AuthResponse {
            identity_token: token
                .map_err(gantry_image::Error::from)?
                .unwrap_or_default(),
            status: "Login Succeeded".into(),
        })
    }
}

fn domain(server: &str) -> String {
    if HUB_URLS.contains(&server) {
        return gantry_reference::DEFAULT_DOMAIN.to_owned();
    }
    let bare = server
        .strip_prefix("https://")
        .or_else(|| server.strip_prefix("http://"));
    let bare = bare.unwrap_or(server);
    bare.split('/').next().unwrap_or(bare).to_owned()
}

impl Images {
    /// What a client sent for a registry, as the store takes it.
    pub fn credentials(&self, auth: Option<AuthConfig>) -> Result<Credentials, Error> {
        Ok(auth.map(credentials).transpose()?.unwrap_or_default())
    }
}

/// The strongest of what a client sent.
pub(super) fn credentials(auth: AuthConfig) -> Result<Credentials, Error> {
    if !auth.registry_token.is_empty() {
        return Ok(Credentials::RegistryToken(auth.registry_token));
    }
    if !auth.identity_token.is_empty() {
        return Ok(Credentials::IdentityToken(auth.identity_token));
    }
    if !auth.username.is_empty() {
        return Ok(Credentials::Basic {
            username: auth.username,
            password: auth.password,
        });
    }
    if auth.auth.is_empty() {
        return Ok(Credentials::Anonymous);
    }
    let decoded = STANDARD.decode(auth.auth.trim_end_matches('\0')).ok();
    let decoded = decoded.and_then(|bytes| String::from_utf8(bytes).ok());
    let pair = decoded.as_deref().and_then(|text| text.split_once(':'));
    let (username, password) = pair.ok_or_else(|| {
        Error::Invalid("the login's \"auth\" is not base64 of user:password".into())
    })?;
    Ok(Credentials::Basic {
        username: username.into(),
        password: password.into(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_are_named_in_many_ways() {
        assert_eq!(domain("https://index.docker.io/v1/"), "docker.io");
        assert_eq!(domain("localhost:5000"), "localhost:5000");
        assert_eq!(domain("https://reg.test/v2/"), "reg.test");
    }

    #[test]
    fn old_clients_send_user_and_password_in_one() {
        let auth = AuthConfig {
            auth: STANDARD.encode("me:a:b"),
            ..AuthConfig::default()
        };
        let wanted = Credentials::Basic {
            username: "me".into(),
            password: "a:b".into(),
        };
        assert_eq!(credentials(auth).unwrap(), wanted);
        let auth = AuthConfig {
            auth: "%".into(),
            ..AuthConfig::default()
        };
        assert!(credentials(auth).is_err());
        assert_eq!(
            credentials(AuthConfig::default()).unwrap(),
            Credentials::Anonymous
        );
    }
}
