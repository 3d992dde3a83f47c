//! `gantry manifest inspect`: what a registry has under a name, asked without the daemon.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use gantry_reference::{Digest, Reference, Target};
use gantry_registry_client::{Client, Config, Credentials, Document, Repository};
use serde_json::{Map, Value, json};

use crate::command::{Arity, Command};
use crate::failure::Failure;
use crate::flags::flags;
use crate::output;
use crate::registry_auth;
use crate::session::Session;

flags! {
    /// `gantry manifest inspect`
    pub(crate) struct InspectManifest {
        /// Allow communication with an insecure registry
        "insecure" => insecure: bool,
        /// Output additional info including layers and platform
        "verbose" 'v' => verbose: bool,
    }
}

/// A configuration larger than this is none.
const CONFIG_MAX: usize = 8 * 1024 * 1024;

impl Command for InspectManifest {
    const USAGE: &'static str = "[OPTIONS] [MANIFEST_LIST] MANIFEST";
    const ABOUT: &'static str = "Display an image manifest, or manifest list";
    const WORDS: Arity = Arity::Between(1, 2);

    async fn run(self, session: &Session, words: Vec<String>) -> Result<(), Failure> {
        if words.len() > 1 {
            return Err(Failure::new(
                "manifest lists of one's own (manifest create) are not supported; name the image only",
            ));
        }
        let reference = Reference::parse(&words[0]).map_err(Failure::new)?;
        let repository = self.repository(session, &reference)?;
        let document = repository
            .manifest(reference.target())
            .await
            .map_err(|error| missing(&reference, &error))?;
        let parsed: Value = serde_json::from_slice(&document.bytes).map_err(|error| {
            Failure::new(format!(
                "the manifest of {} is no JSON: {error}",
                reference.familiar()
            ))
        })?;
        let shown = match (
            self.verbose,
            parsed.get("manifests").and_then(Value::as_array),
        ) {
            (false, _) => parsed,
            (true, None) => verbose(&repository, &reference, &document, &parsed).await?,
            (true, Some(list)) => {
                let mut all = Vec::new();
                for entry in list {
                    all.push(listed(&repository, &reference, entry).await?);
                }
                Value::Array(all)
            }
        };
        output::print(pretty(&shown)?);
        Ok(())
    }
}

impl InspectManifest {
    fn repository(&self, session: &Session, reference: &Reference) -> Result<Repository, Failure> {
        let insecure = self.insecure.then(|| reference.domain().to_owned());
        let client = Client::new(&Config {
            insecure_registries: insecure.into_iter().collect(),
            ..Config::default()
        });
        let server = registry_auth::server_name(reference.domain());
        let auth = registry_auth::login(session.config(), &server).map_err(Failure::new)?;
        let credentials = if !auth.identity_token.is_empty() {
            Credentials::IdentityToken(auth.identity_token)
        } else if auth.username.is_empty() {
            Credentials::Anonymous
        } else {
            Credentials::Basic {
                username: auth.username,
                password: auth.password,
            }
        };
        Ok(client
            .map_err(Failure::new)?
            .repository(reference, credentials))
    }
}

fn missing(reference: &Reference, error: &gantry_registry_client::Error) -> Failure {
    match error.kind() {
        gantry_registry_client::Kind::NotFound => Failure::new(format!(
            "no such manifest: {}: {error}",
            reference.familiar()
        )),
        _ => Failure::new(error),
    }
}

/// A manifest of a list, with the list's own description of it.
async fn listed(
    repository: &Repository,
    reference: &Reference,
    entry: &Value,
) -> Result<Value, Failure> {
    let text = entry["digest"].as_str().unwrap_or_default();
    let digest = Digest::parse(text).map_err(|error| Failure::new(format!("{text}: {error}")))?;
    let document = repository
        .manifest(Target::Digest(&digest))
        .await
        .map_err(Failure::new)?;
    let parsed = serde_json::from_slice(&document.bytes).map_err(Failure::new)?;
    let by_digest = reference.with_digest(digest);
    Ok(described(&by_digest, entry.clone(), &document, &parsed))
}

/// A lone manifest, described with the platform that its configuration names.
async fn verbose(
    repository: &Repository,
    reference: &Reference,
    document: &Document,
    parsed: &Value,
) -> Result<Value, Failure> {
    let mut descriptor = json!({
        "mediaType": parsed["mediaType"].as_str().unwrap_or(&document.media_type),
        "digest": document.digest.as_str(),
        "size": document.bytes.len(),
    });
    let text = parsed["config"]["digest"].as_str().unwrap_or_default();
    if let Ok(digest) = Digest::parse(text) {
        let mut blob = repository.blob(&digest, 0).await.map_err(Failure::new)?;
        let mut bytes = Vec::new();
        while let Some(chunk) = blob.chunk().await.map_err(Failure::new)? {
            bytes.extend_from_slice(&chunk);
            if bytes.len() > CONFIG_MAX {
                return Err(Failure::new(format!(
                    "{digest} is too large for a configuration"
                )));
            }
        }
        let config: Value = serde_json::from_slice(&bytes).map_err(Failure::new)?;
        let mut platform = Map::new();
        for key in ["architecture", "os", "os.version", "variant"] {
            if let Some(value) = config.get(key).filter(|value| !value.is_null()) {
                platform.insert(key.to_owned(), value.clone());
            }
        }
        descriptor["platform"] = platform.into();
    }
    Ok(described(reference, descriptor, document, parsed))
}

fn described(
    reference: &Reference,
    descriptor: Value,
    document: &Document,
    parsed: &Value,
) -> Value {
    let media_type = parsed["mediaType"].as_str().unwrap_or(&document.media_type);
    let kind = if media_type.starts_with("application/vnd.docker.") {
        "SchemaV2Manifest"
    } else {
        "OCIManifest"
    };
    let mut body = Map::new();
    body.insert("Ref".to_owned(), reference.familiar().into());
    body.insert("Descriptor".to_owned(), descriptor);
    body.insert("Raw".to_owned(), STANDARD.encode(&document.bytes).into());
    body.insert(kind.to_owned(), parsed.clone());
    body.into()
}

/// With Docker's indent.
fn pretty(value: &Value) -> Result<String, Failure> {
    let mut bytes = Vec::new();
    let formatter = serde_json::ser::PrettyFormatter::with_indent(b"\t");
    let mut serializer = serde_json::Serializer::with_formatter(&mut bytes, formatter);
    serde::Serialize::serialize(value, &mut serializer).map_err(Failure::new)?;
    bytes.push(b'\n');
    String::from_utf8(bytes).map_err(Failure::new)
}
