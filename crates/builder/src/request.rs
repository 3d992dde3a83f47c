//! What is asked for.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use gantry_api_types::{AuthConfig, HostConfig};
use gantry_dockerfile::CheckConfig;

use crate::{Asker, Error, Export, Files};

/// A build.
#[derive(Clone, Default)]
pub struct Request {
    /// What to call the image.
    pub tags: Vec<String>,
    /// `--build-arg`.
    pub build_args: BTreeMap<String, String>,
    /// Labels for the image.
    pub labels: BTreeMap<String, String>,
    /// `--target`.
    pub target: Option<String>,
    /// Make every layer anew.
    pub no_cache: bool,
    /// Make the layers of these stages anew.
    pub no_cache_stages: BTreeSet<String>,
    /// Ask registries for newer base images.
    pub pull: bool,
    /// The platforms, if not this machine's alone.
    pub platforms: Vec<String>,
    /// The result is an index, also of one platform alone.
    pub multi_platform: bool,
    /// Limits, network, hosts and so on of the containers that RUN makes.
    pub steps: HostConfig,
    /// What commands find as their machine's name, if that is said.
    pub hostname: String,
    /// Logins by registry.
    pub auth: BTreeMap<String, AuthConfig>,
    /// The side that asked; without it there are no secrets and no agent.
    pub asker: Option<Arc<dyn Asker>>,
    /// What names in FROM and `--from` mean before stages and images are looked for; a name may end with `::PLATFORM`.
    pub contexts: BTreeMap<String, NamedContext>,
    /// What commands may do beyond a container's rights.
    pub entitlements: BTreeSet<Entitlement>,
    /// The time, in seconds since 1970, that the image and its history carry.
    pub source_date_epoch: Option<i64>,
    /// What is wanted of the Dockerfile.
    pub call: Call,
    /// What becomes of the result; none leaves an image in the store.
    pub exports: Vec<Export>,
    /// Where layers that others made are looked for.
    pub cache_from: Vec<CacheStore>,
    /// Where the layers of this build are put for others.
    pub cache_to: Vec<CacheStore>,
    /// What whoever asked runs where a command fails, before the build does.
    pub debug: Option<DebugShell>,
    /// Statements about the image by type (`provenance`, `sbom`), each with its options.
    pub attestations: BTreeMap<String, BTreeMap<String, String>>,
}

/// A look at a step that failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DebugShell {
    /// What is run there.
    pub command: Vec<String>,
    /// Whether it has a terminal.
    pub terminal: bool,
}

/// A place for layers that several builders share.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CacheStore {
    /// `inline`, `registry`, `local`.
    pub kind: String,
    /// Its options: `ref`, `mode`, `src` and so on.
    pub options: BTreeMap<String, String>,
}

/// Files, or an image, by a name that the build gives it.
#[derive(Debug, Clone)]
pub enum NamedContext {
    /// An image: its name or its ID.
    Image(String),
    /// A folder.
    Folder(Arc<dyn Files>),
    /// An image in an OCI layout of the side that asked.
    OciLayout {
        /// What the other side calls the layout.
        layout: String,
        /// The digest of its manifest or index.
        digest: String,
    },
    /// A git repository, an archive or a file behind an address.
    Remote(String),
}

/// A right that a build may grant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Entitlement {
    /// `network.host`.
    HostNetwork,
    /// `security.insecure`.
    Insecure,
    /// `device`.
    Device,
}

impl Entitlement {
    /// As `--allow` names it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::HostNetwork => "network.host",
            Self::Insecure => "security.insecure",
            Self::Device => "device",
        }
    }

    /// Reads what `--allow` takes.
    pub fn parse(text: &str) -> Option<Self> {
        let all = [Self::HostNetwork, Self::Insecure, Self::Device];
        all.into_iter().find(|right| right.as_str() == text)
    }
}

/// What is wanted of the Dockerfile.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Call {
    /// That it is built.
    #[default]
    Build,
    /// What the checks say of it.
    Check,
    /// What can be given to the target's build.
    Outline,
    /// Which targets it has.
    Targets,
}

impl Request {
    /// Refuses what is not built yet.
    pub(crate) fn supported(&self, allowed: &BTreeSet<Entitlement>) -> Result<(), Error> {
        self.known_stores()?;
        let refused = self.entitlements.difference(allowed).next();
        if let Some(refused) = refused {
            return Err(Error::Invalid(format!(
                "granting entitlement {} is not allowed by the daemon's configuration",
                refused.as_str()
            )));
        }
        for (kind, options) in &self.attestations {
            let generator = options.get("generator").filter(|name| !name.is_empty());
            if let Some(generator) = generator {
                return Err(Error::NotSupported(format!(
                    "the generator {generator} of --attest type={kind} (the built-in one is taken without generator=)"
                )));
            }
            if !matches!(kind.as_str(), "provenance" | "sbom") {
                return Err(Error::NotSupported(format!("--attest type={kind}")));
            }
        }
        Ok(())
    }

    /// Which checks run, if not what the file says: `--build-arg BUILDKIT_DOCKERFILE_CHECK`.
    pub(crate) fn checks(&self) -> Result<Option<CheckConfig>, Error> {
        let text = self.build_args.get("BUILDKIT_DOCKERFILE_CHECK");
        let config = text.map(|text| {
            CheckConfig::parse(text).map_err(|problem| {
                Error::Invalid(format!(
                    "failed to parse build-arg:BUILDKIT_DOCKERFILE_CHECK: {problem}"
                ))
            })
        });
        config.transpose()
    }

    /// The source date: as it is asked for, or the argument of that name.
    pub(crate) fn epoch(&self) -> Result<Option<i64>, Error> {
        let argument = self.build_args.get("SOURCE_DATE_EPOCH");
        match (self.source_date_epoch, argument.map(String::as_str)) {
            (Some(epoch), _) => Ok(Some(epoch)),
            (None, None | Some("")) => Ok(None),
            (None, Some(text)) => text
                .parse()
                .map(Some)
                .map_err(|_| Error::Invalid(format!("invalid SOURCE_DATE_EPOCH: {text}"))),
        }
    }

    /// The login for the registry of an image.
    pub(crate) async fn login(&self, domain: &str) -> Result<Option<AuthConfig>, Error> {
        let hub = ["https://index.docker.io/v1/", "index.docker.io"];
        let of_hub = domain == gantry_reference::DEFAULT_DOMAIN;
        let others = hub.iter().copied().filter(|_| of_hub);
        let mut names = std::iter::once(domain).chain(others);
        if let Some(known) = names.find_map(|name| self.auth.get(name)) {
            return Ok(Some(known.clone()));
        }
        match &self.asker {
            // Under this name clients keep it.
            Some(asker) if of_hub => asker.login("registry-1.docker.io").await,
            Some(asker) => asker.login(domain).await,
            None => Ok(None),
        }
    }
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Arguments and logins may be secret.
        f.debug_struct("Request")
            .field("tags", &self.tags)
            .field("target", &self.target)
            .field("platforms", &self.platforms)
            .finish_non_exhaustive()
    }
}
