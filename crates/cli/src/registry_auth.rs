//! Logins for registries: from the configuration file or from a credential helper.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use gantry_api_types::AuthConfig;
use gantry_reference::{DEFAULT_DOMAIN, Reference};
use serde_json::{Map, Value};

use crate::config_file::ConfigFile;

/// The name under which Docker Hub's login is kept.
const HUB: &str = "https://index.docker.io/v1/";
/// The user name by which helpers know that the secret is an identity token.
const TOKEN: &str = "<token>";

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

/// What users call a registry, as the name under which its login is kept.
pub(crate) fn server_name(typed: &str) -> String {
    match host_of(typed) {
        "" | "docker.io" | "index.docker.io" | "registry-1.docker.io" => HUB.to_owned(),
        host => host.to_owned(),
    }
}

/// Keeps a login: by the registry's helper, or else in the file, whose path it gives then.
pub(crate) fn keep(
    config: &ConfigFile,
    server: &str,
    auth: &AuthConfig,
) -> Result<Option<PathBuf>, String> {
    if let Some(helper) = helper_of(config, server) {
        let (username, secret) = if auth.identity_token.is_empty() {
            (auth.username.as_str(), auth.password.as_str())
        } else {
            (TOKEN, auth.identity_token.as_str())
        };
        let body = serde_json::json!({
            "ServerURL": server,
            "Username": username,
            "Secret": secret,
        });
        ask_helper(helper, "store", &body.to_string()).map_err(|reason| {
            format!("Error saving credentials: error storing credentials - err: {reason}")
        })?;
        // What the file may have of it is out of date.
        config.change(|file| drop(auths(file).remove(server)))?;
        return Ok(None);
    }
    let entry = entry(auth);
    config
        .change(|file| drop(auths(file).insert(server.to_owned(), entry)))
        .map(Some)
}

/// A login as the file has it.
fn entry(auth: &AuthConfig) -> Value {
    let mut entry = Map::new();
    let pair = format!("{}:{}", auth.username, auth.password);
    entry.insert("auth".to_owned(), STANDARD.encode(pair).into());
    if !auth.identity_token.is_empty() {
        let token = auth.identity_token.as_str();
        entry.insert("identitytoken".to_owned(), token.into());
    }
    entry.into()
}

/// All logins, wherever they are kept, as a file without helpers would have them.
pub(crate) fn all(config: &ConfigFile) -> Result<Map<String, Value>, String> {
    let store = config.creds_store.as_deref().filter(|h| !h.is_empty());
    let servers: Vec<String> = match store {
        Some(helper) => {
            let listed = ask_helper(helper, "list", "")
                .map_err(|reason| format!("error listing credentials - err: {reason}"))?;
            let listed: BTreeMap<String, String> = serde_json::from_str(&listed)
                .map_err(|error| format!("docker-credential-{helper} list: {error}"))?;
            listed.into_keys().collect()
        }
        None => config.auths.keys().cloned().collect(),
    };
    let mut logins = Map::new();
    for server in servers.iter().chain(config.cred_helpers.keys()) {
        let auth = login(config, server)?;
        if !(auth.username.is_empty() && auth.identity_token.is_empty()) {
            logins.insert(server.clone(), entry(&auth));
        }
    }
    Ok(logins)
}

/// Forgets a login, wherever it is kept.
pub(crate) fn forget(config: &ConfigFile, server: &str) -> Result<(), String> {
    if let Some(helper) = helper_of(config, server) {
        ask_helper(helper, "erase", server)?;
    }
    config.change(|file| {
        let auths = auths(file);
        let same: Vec<String> = auths
            .iter()
            .map(|(name, _)| name.clone())
            .filter(|name| name == server || host_of(name) == host_of(server))
            .collect();
        for name in same {
            auths.remove(&name);
        }
    })?;
    Ok(())
}

/// The logins of a configuration file.
fn auths(file: &mut Map<String, Value>) -> &mut Map<String, Value> {
    let auths = file.entry("auths").or_insert_with(|| Map::new().into());
    if !auths.is_object() {
        *auths = Map::new().into();
    }
    match auths {
        Value::Object(auths) => auths,
        _ => unreachable!("it was just made one"),
    }
}

/// The program that keeps a registry's login.
fn helper_of<'a>(config: &'a ConfigFile, server: &str) -> Option<&'a str> {
    config
        .cred_helpers
        .get(server)
        .or(config.creds_store.as_ref())
        .map(String::as_str)
        .filter(|helper| !helper.is_empty())
}

/// The login of a registry; an empty one if there is none.
pub(crate) fn login(config: &ConfigFile, server: &str) -> Result<AuthConfig, String> {
    if let Some(helper) = helper_of(config, server) {
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
    let fail = |reason: String| format!("error getting credentials - err: {reason}");
    let text = match ask_helper(helper, "get", server) {
        Ok(text) => text,
        Err(reason) if reason.contains("credentials not found") => {
            return Ok(AuthConfig::default());
        }
        Err(reason) => return Err(fail(reason)),
    };
    let answer: Answer = serde_json::from_str(&text).map_err(|error| fail(error.to_string()))?;
    let mut auth = AuthConfig {
        server_address: server.to_owned(),
        ..AuthConfig::default()
    };
    // A token instead of a password has this user name.
    if answer.username == TOKEN {
        auth.identity_token = answer.secret;
    } else {
        auth.username = answer.username;
        auth.password = answer.secret;
    }
    Ok(auth)
}

/// Runs `docker-credential-<helper> <verb>`; what it is about comes on its standard input.
fn ask_helper(helper: &str, verb: &str, input: &str) -> Result<String, String> {
    let program = format!("docker-credential-{helper}");
    let mut child = Command::new(&program)
        .arg(verb)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn()
        .map_err(|error| format!("exec: \"{program}\": {error}"))?;
    if let Some(mut stdin) = child.stdin.take() {
        // A helper that does not read is about to tell why.
        let _ = stdin.write_all(input.as_bytes());
    }
    let output = child
        .wait_with_output()
        .map_err(|error| error.to_string())?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    if output.status.success() {
        Ok(text)
    } else {
        Err(format!("{}, out: `{}`", output.status, text.trim()))
    }
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
    fn all_logins_are_those_that_say_something() {
        let text = r#"{"auths":{"a.example":{"auth":"dTpw"},"b.example":{},
            "c.example":{"identitytoken":"t"}}}"#;
        let all = all(&config(text)).unwrap();
        assert_eq!(
            Value::from(all).to_string(),
            r#"{"a.example":{"auth":"dTpw"},"c.example":{"auth":"Og==","identitytoken":"t"}}"#
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
