//! Making a container, its image pulled if need be: what `run` and `create` share.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use gantry_api_types::{ContainerCreateRequest, ContainerCreateResponse};
use gantry_client::{Client, Endpoint, Error, Kind};
use gantry_reference::Reference;

use crate::create::{ClientConfig, ContainerFlags, Environment, Request, open_error, request};
use crate::environment::default_platform;
use crate::failure::Failure;
use crate::flags::flags;
use crate::progress::{self, Target};
use crate::registry_auth;
use crate::session::Session;
use crate::streams::console_size;

flags! {
    /// Options of `run` and `create` that are about making the container.
    pub(crate) struct CreateFlags {
        /// Assign a name to the container
        "name" => name: String,
        /// Set platform if server is multi-platform capable
        "platform" => platform: Option<String>,
        /// Suppress the pull output
        "quiet" 'q' => quiet: bool,
    }
}

/// When the image is pulled before a container is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pull {
    Always,
    Missing,
    Never,
}

impl Pull {
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        match text {
            "always" => Ok(Self::Always),
            "missing" | "" => Ok(Self::Missing),
            "never" => Ok(Self::Never),
            _ => Err(format!(
                "invalid pull option: '{text}': must be one of \"always\", \"missing\" or \"never\""
            )),
        }
    }
}

/// A container to be made.
pub(crate) struct Creation<'a> {
    session: &'a Session,
    flags: &'a CreateFlags,
    platform: Option<String>,
    pull: Pull,
    body: ContainerCreateRequest,
    client_config: Option<ClientConfig>,
    /// Nothing for an id, which nobody can pull.
    reference: Option<Reference>,
    id_file: IdFile,
}

/// The request for the options, with what we know of our surroundings.
pub(crate) fn prepared(
    session: &Session,
    flags: &ContainerFlags,
    words: &[String],
    daemon: &Endpoint,
) -> Result<Request, String> {
    let environment = Environment {
        proxies: session.config().proxy_variables(&daemon.to_string()),
        console_size: console_size(),
        api_socket: match daemon {
            Endpoint::Unix(path) => Some(path.display().to_string()),
            Endpoint::Tcp { .. } | Endpoint::Ssh(_) => None,
        },
        logins: if flags.use_api_socket {
            registry_auth::all(session.config())
                .map_err(|reason| format!("resolving credentials failed: {reason}"))?
        } else {
            serde_json::Map::new()
        },
    };
    request(flags, words, &environment)
}

impl Creation<'_> {
    /// Checks all that can be checked without a daemon.
    pub(crate) fn new<'a>(
        session: &'a Session,
        flags: &'a CreateFlags,
        pull: Pull,
        request: Request,
    ) -> Result<Creation<'a>, Failure> {
        let Request {
            body,
            client_config,
        } = request;
        let reference = image_reference(&body.config.image).map_err(Failure::new)?;
        let id_file = IdFile::new(&body.host_config.container_id_file)?;
        Ok(Creation {
            session,
            platform: flags.platform.clone().or_else(default_platform),
            flags,
            pull,
            body,
            client_config,
            reference,
            id_file,
        })
    }

    /// Makes the container and gives back its id.
    pub(crate) async fn run(mut self, client: &Client) -> Result<String, Failure> {
        if self.pull == Pull::Always
            && let Some(reference) = &self.reference
        {
            self.pull_image(client, reference).await?;
        }
        let created = match (self.create(client).await, &self.reference) {
            (Err(error), Some(reference))
                if error.kind() == Kind::NotFound && self.pull == Pull::Missing =>
            {
                if !self.flags.quiet {
                    eprintln!("Unable to find image '{}' locally", reference.familiar());
                }
                self.pull_image(client, reference).await?;
                self.create(client).await?
            }
            (result, _) => result?,
        };
        for warning in &created.warnings {
            eprintln!("WARNING: {warning}");
        }
        self.id_file.write(&created.id)?;
        if let Some(file) = &self.client_config {
            put(client, &created.id, file).await.map_err(|failure| {
                Failure::new(format!(
                    "injecting docker config.json into container failed: {}",
                    failure.message
                ))
            })?;
        }
        Ok(created.id)
    }

    async fn create(&self, client: &Client) -> Result<ContainerCreateResponse, Error> {
        let name = Some(&self.flags.name).filter(|name| !name.is_empty());
        client
            .post("/containers/create")
            .query_opt("name", name)
            .query_opt("platform", self.platform.as_ref())
            .json(&self.body)
            .send()
            .await?
            .json()
            .await
    }

    /// Standard output is for the container, so progress goes to standard error.
    async fn pull_image(&self, client: &Client, reference: &Reference) -> Result<(), Failure> {
        let target = if self.flags.quiet {
            Target::Nowhere
        } else {
            Target::Error
        };
        pull(
            self.session,
            client,
            reference,
            self.platform.as_deref(),
            target,
        )
        .await
    }
}

/// Puts a client's configuration into a container that has not run yet.
async fn put(client: &Client, id: &str, file: &ClientConfig) -> Result<(), Failure> {
    let archive = bytes::Bytes::from(file.archive()?);
    let path = Client::path("/containers/", id, "/archive");
    let request = client.request(http::Method::PUT, path).query("path", "/");
    let chunks = futures_util::stream::iter([Ok(archive)]);
    let sent = request.stream("application/x-tar", chunks).send().await?;
    sent.finish().await;
    Ok(())
}

/// Pulls one image.
pub(crate) async fn pull(
    session: &Session,
    client: &Client,
    reference: &Reference,
    platform: Option<&str>,
    target: Target,
) -> Result<(), Failure> {
    let tag = match reference.digest() {
        Some(digest) => Some(digest.to_string()),
        None => reference.tag().map(str::to_owned),
    };
    bring(session, client, reference, tag, platform, target).await
}

/// Pulls all that a repository has.
pub(crate) async fn pull_all_tags(
    session: &Session,
    client: &Client,
    reference: &Reference,
    platform: Option<&str>,
    target: Target,
) -> Result<(), Failure> {
    bring(session, client, reference, None, platform, target).await
}

async fn bring(
    session: &Session,
    client: &Client,
    reference: &Reference,
    tag: Option<String>,
    platform: Option<&str>,
    target: Target,
) -> Result<(), Failure> {
    let auth = registry_auth::header(session.config(), reference).map_err(Failure::new)?;
    let request = client
        .post("/images/create")
        .query("fromImage", reference.repository())
        .query_opt("tag", tag)
        .query_opt("platform", platform)
        .header("x-registry-auth", &auth);
    progress::show(request.send().await?, target).await
}

/// The name of an image, or nothing for an id.
fn image_reference(image: &str) -> Result<Option<Reference>, String> {
    let is_id = |text: &str| text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    if is_id(image.strip_prefix("sha256:").unwrap_or(image)) {
        return Ok(None);
    }
    Reference::parse(image)
        .map(Some)
        .map_err(|error| error.to_string())
}

/// `--cidfile`. It is made before the container, and removed again if none comes into being.
struct IdFile(Option<PathBuf>);

impl IdFile {
    fn new(path: &str) -> Result<Self, Failure> {
        if path.is_empty() {
            return Ok(Self(None));
        }
        if Path::new(path).exists() {
            return Err(Failure::new(format!(
                "container ID file found, make sure the other container isn't running or delete {path}"
            )));
        }
        OpenOptions::new()
            .write(true)
            .create_new(true)
            .open(path)
            .map_err(|error| {
                Failure::new(format!(
                    "failed to create the container ID file: {}",
                    open_error(path, &error)
                ))
            })?;
        Ok(Self(Some(PathBuf::from(path))))
    }

    fn write(&mut self, id: &str) -> Result<(), Failure> {
        let Some(path) = self.0.take() else {
            return Ok(());
        };
        let written = OpenOptions::new()
            .write(true)
            .open(&path)
            .and_then(|mut file| file.write_all(id.as_bytes()));
        written.map_err(|error| {
            Failure::new(format!(
                "failed to write the container ID ({id}) to file {}: {error}",
                path.display()
            ))
        })
    }
}

impl Drop for IdFile {
    fn drop(&mut self) {
        if let Some(path) = &self.0 {
            // Nobody misses an empty file that cannot be removed.
            let _ = std::fs::remove_file(path);
        }
    }
}

/// A failure of `run` in Docker's words: the reason, and where to find help.
pub(crate) fn with_help(session: &Session, code: u8, reason: &str) -> Failure {
    let (name, path) = (session.program.name, session.path());
    Failure::with_code(
        code,
        format!("{name}: {reason}\n\nRun '{name} {path} --help' for more information"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_not_pulled() {
        assert_eq!(image_reference(&"a".repeat(64)).unwrap(), None);
        assert_eq!(
            image_reference(&format!("sha256:{}", "a".repeat(64))).unwrap(),
            None
        );
        assert_eq!(
            image_reference("nginx").unwrap().unwrap().familiar(),
            "nginx:latest"
        );
        assert_eq!(
            image_reference("A").unwrap_err(),
            "invalid reference format: repository name (library/A) must be lowercase"
        );
    }

    #[test]
    fn an_id_file_is_never_overwritten_and_not_left_behind() {
        let path = std::env::temp_dir().join(format!("gantry-cidfile-{}", std::process::id()));
        let text = path.to_str().unwrap();
        drop(IdFile::new(text).unwrap());
        assert!(!path.exists());
        IdFile::new(text).unwrap().write("abc").unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "abc");
        assert!(
            IdFile::new(text)
                .map(|_| ())
                .unwrap_err()
                .message
                .contains("container ID file found")
        );
        std::fs::remove_file(&path).unwrap();
    }
}
