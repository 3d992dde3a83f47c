//! Logins for registries: from the configuration file or from a credential helper.

use std::io::Write as _;
use std::process::{Command, Stdio};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use gantry_api_types::AuthConfig;
use gantry_reference::{DEFAULT_DOMAIN, Reference};

use crate::config_file::ConfigFile;

/// The name under which Docker Hub's login is kept.
const HUB: &str = "https://index.docker.io/v1/";

/// The `X-Registry-Auth` header for pulling or pushing that image.
pub(crate) fn header(config: &ConfigFile, reference: &Reference) -> Result<String, String> {
    let server = match reference.domain() {
        DEFAULT_DOMAIN => HUB,
        domain => domain,
    };
    let auth = login(config, server)?;
    let json = serde_json::to_vec(&auth).map_err(|error| error.to_string())?;
    Ok(URL_SAFE.encode(json))
}

/// The login of a registry; an empty one if there is none.
fn login(config: &ConfigFile, server: &str) -> Result<AuthConfig, String> {
    let helper = config
        .cred_helpers
        .get(server)
        .or(config.creds_store.as_ref())
        .filter(|helper| !helper.is_empty());
    if let Some(helper) = helper {
        return from_helper(helper, server);
    }
    let found = config.auths.get(server).or_else(|| {
        config
            .auths
            .iter()
            .find(|(key, _)| host_of(key) == host_of(server))
            .map(|(_, login)| login)
    });
    let Some(login) = found else {
        return Ok(AuthConfig::default());
    };
    let mut auth = AuthConfig {
        username: login.username.clone(),
        password: login.password.clone(),
        identity_token: login.identity_token.clone(),
        server_address: server.to_owned(),
        ..AuthConfig::default()
    };
    if !login.auth.is_empty() {
        let decoded = STANDARD.decode(login.auth.trim()).map_err(|error| {
            format!("the login of {server} in config.json is not base64: {error}")
        })?;
        let decoded = String::from_utf8_lossy(&decoded);
        let (user, password) = decoded
            .split_once(':')
            .ok_or_else(|| format!("the login of {server} in config.json has no password"))?;
        user.clone_into(&mut auth.username);
        password
            .trim_end_matches('\0')
            .clone_into(&mut auth.password);
    }
    Ok(auth)
}

/// `https://r.example/v1/` and `r.example` mean the same registry.
fn host_of(server: &str) -> &str {
    let bare = server
        .trim_start_matches("https://")
        .trim_start_matches("http://");
    bare.split('/').next().unwrap_or(bare)
}

/// Asks `docker-credential-<helper> get`; the name comes on its standard input.
fn from_helper(helper: &str, server: &str) -> Result<AuthConfig, String> {
    #[derive(serde::Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Answer {
        username: String,
        secret: String,
    }
    let program = format!("docker-credential-{helper}");
    let fail = |reason: String| format!("error getting credentials - err: {reason}");
    let mut child = Command::new(&program)
        .arg("get")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn()
        .map_err(|error| fail(format!("exec: \"{program}\": {error}")))?;
    if let Some(mut input) = child.stdin.take() {
        // A helper that does not read is about to tell why.
        let _ = input.write_all(server.as_bytes());
    }
    let output = child
        .wait_with_output()
        .map_err(|error| fail(error.to_string()))?;
    let text = String::from_utf8_lossy(&output.stdout);
    if !output.status.success() {
        if text.contains("credentials not found") {
            return Ok(AuthConfig::default());
        }
        return Err(fail(format!("{}, out: `{}`", output.status, text.trim())));
    }
    let answer: Answer = serde_json::from_str(&text).map_err(|error| fail(error.to_string()))?;
    let mut auth = AuthConfig {
        server_address: server.to_owned(),
        ..AuthConfig::default()
    };
    // A token instead of a password has this user name.
    if answer.username == "<token>" {
        auth.identity_token = answer.secret;
    } else {
        auth.username = answer.username;
        auth.password = answer.secret;
    }
    Ok(auth)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(text: &str) -> ConfigFile {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn a_login_is_found_under_any_form_of_the_registry_s_name() {
        let config = config(r#"{"auths":{"https://r.example:5000/v1/":{"auth":"dTpwOnE="}}}"#);
        let auth = login(&config, "r.example:5000").unwrap();
        assert_eq!(
            (auth.username.as_str(), auth.password.as_str()),
            ("u", "p:q")
        );
        assert_eq!(
            login(&config, "other.example").unwrap(),
            AuthConfig::default()
        );
    }

    #[test]
    fn a_broken_login_is_told() {
        let config = config(r#"{"auths":{"r.example":{"auth":"!!"}}}"#);
        assert!(
            login(&config, "r.example")
                .unwrap_err()
                .contains("not base64")
        );
    }

    #[test]
    fn a_missing_helper_is_told() {
        let config = config(r#"{"credsStore":"gantry-test-none"}"#);
        let error = login(&config, "r.example").unwrap_err();
        assert!(
            error.contains("docker-credential-gantry-test-none"),
            "{error}"
        );
    }
}
