//! A frontend's options, as clients send them, and the builder's request.
//!
//! Reference: BuildKit's `frontend/dockerui`.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use gantry_api_types::{HostConfig, Resources, Ulimit};
use gantry_builder::{
    CacheStore, Call, Compression, DebugShell, Entitlement, Error, Export, ExportKind,
    NamedContext, Request,
};
use gantry_dockerfile::{Ignore, Platform};

use crate::Server;
use crate::bridge::config_of_input;
use crate::builds::Job;
use crate::inputs;
use crate::local::LocalFiles;
use crate::proto::moby::buildkit::v1::{CacheOptions, CacheOptionsEntry, Exporter};
use crate::proto::pb::Definition;
use crate::session::Session;

/// The options of one call.
pub(crate) struct Attributes<'a> {
    all: &'a HashMap<String, String>,
    inputs: &'a HashMap<String, Definition>,
}

/// Options that mean something here, beside those with a prefix of [`PREFIXES`].
const KNOWN: [&str; 28] = [
    "target",
    "filename",
    "platform",
    "no-cache",
    "image-resolve-mode",
    "add-hosts",
    "force-network-mode",
    "shm-size",
    "ulimit",
    "cgroup-parent",
    "memory",
    "memswap",
    "cpushares",
    "cpuperiod",
    "cpuquota",
    "cpusetcpus",
    "cpusetmems",
    "hostname",
    "frontend.caps",
    "requestid",
    "context",
    "contextkey",
    "dockerfilekey",
    "cache-imports",
    "cache-from",
    "multi-platform",
    "source",
    "gantry.debug",
];
const PREFIXES: [&str; 9] = [
    "build-arg:",
    "label:",
    "context:",
    "attest:",
    "local-sessionid:",
    "sharedkey:localdir:",
    "input-metadata:",
    // Whence an input came, for people.
    "input:",
    "vcs:",
];

impl<'a> Attributes<'a> {
    /// Refuses what nobody would look at.
    pub(crate) fn new(
        all: &'a HashMap<String, String>,
        inputs: &'a HashMap<String, Definition>,
    ) -> Result<Self, Error> {
        let known = |name: &str| {
            KNOWN.contains(&name)
                || PREFIXES.iter().any(|prefix| name.starts_with(prefix))
                || name == "cmdline"
        };
        match all.keys().find(|name| !known(name)) {
            Some(name) => Err(Error::NotSupported(format!("the frontend's option {name}"))),
            None => Ok(Self { all, inputs }),
        }
    }

    /// An option that is not empty.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.all
            .get(name)
            .map(String::as_str)
            .filter(|v| !v.is_empty())
    }

    fn with(&self, prefix: &str) -> BTreeMap<String, String> {
        let all = self.all.iter();
        all.filter_map(|(name, value)| Some((name.strip_prefix(prefix)?.to_owned(), value.clone())))
            .collect()
    }

    fn number(&self, name: &str) -> Result<i64, Error> {
        let Some(text) = self.get(name) else {
            return Ok(0);
        };
        let number = text.parse();
        number.map_err(|_| Error::Invalid(format!("invalid {name} value: {text}")))
    }

    /// The session that has a folder of a client.
    pub(crate) fn session_of(&self, folder: &str) -> Option<&str> {
        let id = self.get(&format!("local-sessionid:{folder}"))?;
        // A prefix tells equal folders of several builds apart.
        Some(id.split_once(':').map_or(id, |(_, id)| id))
    }

    /// What other operations came to and a build takes under this name.
    pub(crate) fn input(&self, name: &str) -> Option<&Definition> {
        self.inputs.get(name)
    }

    /// What of the builder's request stands in the options.
    pub(crate) async fn request(
        &self,
        server: &Server,
        job: &Arc<Job>,
        session: &Session,
    ) -> Result<Request, Error> {
        self.own_syntax()?;
        let platforms = match self.get("platform") {
            Some(list) => list.split(',').map(normal).collect::<Result<_, _>>()?,
            None => Vec::new(),
        };
        let mut build_args = self.with("build-arg:");
        let source_date_epoch = build_args
            .get("SOURCE_DATE_EPOCH")
            .filter(|text| !text.is_empty())
            .map(|text| {
                text.parse()
                    .map_err(|_| Error::Invalid(format!("invalid SOURCE_DATE_EPOCH: {text}")))
            })
            .transpose()?;
        build_args.remove("BUILDKIT_INLINE_CACHE");
        let no_cache = self.all.get("no-cache");
        Ok(Request {
            build_args,
            labels: self.with("label:"),
            target: self.get("target").map(str::to_owned),
            no_cache: no_cache.is_some_and(String::is_empty),
            no_cache_stages: no_cache
                .into_iter()
                .flat_map(|list| list.split(','))
                .filter(|stage| !stage.is_empty())
                .map(str::to_owned)
                .collect(),
            pull: self.get("image-resolve-mode") == Some("pull"),
            multi_platform: self.multi_platform(platforms.len())?,
            platforms,
            hostname: self.hostname(),
            steps: self.steps()?,
            asker: Some(Arc::new(session.clone())),
            contexts: self.contexts(server, job, session).await?,
            source_date_epoch,
            call: self.call()?,
            attestations: self.attestations()?,
            debug: self.debug()?,
            cache_from: self.imports()?,
            ..Request::default()
        })
    }

    /// Our own command line asks for it, which offers the service that it needs.
    fn debug(&self) -> Result<Option<DebugShell>, Error> {
        let Some(text) = self.get("gantry.debug") else {
            return Ok(None);
        };
        let asked: (bool, Vec<String>) = serde_json::from_str(text)
            .map_err(|error| Error::Invalid(format!("the option gantry.debug: {error}")))?;
        let (terminal, command) = asked;
        Ok(Some(DebugShell { command, terminal }))
    }

    /// `--build-arg BUILDKIT_SYNTAX` takes the place of the file's own directive.
    fn own_syntax(&self) -> Result<(), Error> {
        let syntax = self.get("build-arg:BUILDKIT_SYNTAX").unwrap_or_default();
        let syntax = syntax.split(' ').next().unwrap_or_default();
        if syntax.is_empty() || gantry_builder::is_own_frontend(syntax) {
            return Ok(());
        }
        Err(Error::NotSupported(format!(
            "the Dockerfile frontend \"{syntax}\""
        )))
    }

    /// What commands find as their machine's name.
    fn hostname(&self) -> String {
        let argument = self.get("build-arg:BUILDKIT_SANDBOX_HOSTNAME");
        let name = argument.or_else(|| self.get("hostname"));
        name.unwrap_or_default().to_owned()
    }

    /// Whether the result is to be an index, also of one platform alone.
    fn multi_platform(&self, platforms: usize) -> Result<bool, Error> {
        let argument = self.get("build-arg:BUILDKIT_MULTI_PLATFORM");
        let wanted = match argument.or_else(|| self.get("multi-platform")) {
            None => return Ok(false),
            Some("1" | "t" | "T" | "true" | "TRUE" | "True") => true,
            Some("0" | "f" | "F" | "false" | "FALSE" | "False") => false,
            Some(other) => {
                return Err(Error::Invalid(format!(
                    "invalid boolean value for multi-platform: {other}"
                )));
            }
        };
        if !wanted && platforms > 1 {
            return Err(Error::Invalid(
                "conflicting config: returning multiple target platforms is not allowed".to_owned(),
            ));
        }
        Ok(wanted)
    }

    fn call(&self) -> Result<Call, Error> {
        match self.get("requestid") {
            None => Ok(Call::Build),
            Some("frontend.lint") => Ok(Call::Check),
            Some("frontend.outline") => Ok(Call::Outline),
            Some("frontend.targets") => Ok(Call::Targets),
            Some(other) => Err(Error::NotSupported(format!("the request {other}"))),
        }
    }

    fn steps(&self) -> Result<HostConfig, Error> {
        let network = self.get("force-network-mode").unwrap_or_default();
        let network_mode = match network {
            "" | "sandbox" | "default" => "default",
            other => other,
        };
        let hosts = self.get("add-hosts").map(|list| {
            let entries = list.split(',').filter_map(|entry| entry.split_once('='));
            entries
                .map(|(name, address)| format!("{name}:{address}"))
                .collect()
        });
        let ulimits = self
            .get("ulimit")
            .map(|list| list.split(',').map(ulimit).collect());
        Ok(HostConfig {
            network_mode: network_mode.to_owned(),
            extra_hosts: hosts,
            shm_size: self.number("shm-size")?,
            resources: Resources {
                ulimits: ulimits.transpose()?,
                cgroup_parent: self.get("cgroup-parent").unwrap_or_default().to_owned(),
                memory: self.number("memory")?,
                memory_swap: self.number("memswap")?,
                cpu_shares: self.number("cpushares")?,
                cpu_period: self.number("cpuperiod")?,
                cpu_quota: self.number("cpuquota")?,
                cpuset_cpus: self.get("cpusetcpus").unwrap_or_default().to_owned(),
                cpuset_mems: self.get("cpusetmems").unwrap_or_default().to_owned(),
                ..Resources::default()
            },
            ..HostConfig::default()
        })
    }

    async fn contexts(
        &self,
        server: &Server,
        job: &Arc<Job>,
        session: &Session,
    ) -> Result<BTreeMap<String, NamedContext>, Error> {
        let mut contexts = BTreeMap::new();
        for (name, value) in self.with("context:") {
            let Some((kind, rest)) = value.split_once(':') else {
                return Err(Error::Invalid(format!(
                    "invalid context specifier {value} for {name}"
                )));
            };
            let context = match kind {
                "docker-image" => NamedContext::Image(rest.trim_start_matches("//").to_owned()),
                "local" => {
                    let session = match self.session_of(rest) {
                        Some(id) => server.session_by_id(id).await?,
                        None => session.clone(),
                    };
                    NamedContext::Folder(Arc::new(LocalFiles {
                        server: server.clone(),
                        session,
                        name: rest.to_owned(),
                        ignore: None,
                    }))
                }
                "oci-layout" => {
                    let (layout, digest) = layout(rest)?;
                    NamedContext::OciLayout { layout, digest }
                }
                "input" => {
                    let definition = self.input(rest).ok_or_else(|| {
                        Error::Invalid(format!(
                            "the input {rest}, the context {name}, was not sent"
                        ))
                    })?;
                    match inputs::image_of(definition) {
                        Some(image) => NamedContext::Image(image),
                        None => self.of_operations(server, job, rest, definition).await?,
                    }
                }
                _ => NamedContext::Remote(value),
            };
            contexts.insert(name, context);
        }
        Ok(contexts)
    }

    /// What other operations came to: a folder, or layers with the configuration that comes with them.
    async fn of_operations(
        &self,
        server: &Server,
        job: &Arc<Job>,
        name: &str,
        definition: &Definition,
    ) -> Result<NamedContext, Error> {
        let files = server.solved(job, definition).await?;
        if files.is_folder() {
            let context = files.context(Ignore::default())?;
            return Ok(NamedContext::Folder(Arc::new(context)));
        }
        let config = config_of_input(self.get(&format!("input-metadata:{name}")));
        let image = server.builder.image_of(&files, config.as_deref())?;
        Ok(NamedContext::Image(image.to_string()))
    }

    fn attestations(&self) -> Result<BTreeMap<String, BTreeMap<String, String>>, Error> {
        let mut all = BTreeMap::new();
        for (kind, options) in self.with("attest:") {
            let options = pairs(&options)?;
            // Only where the result can hold it, says the client: the store's images do not.
            let inline_only = options.get("inline-only").is_some_and(|v| v == "true");
            let disabled = options.get("disabled").is_some_and(|v| v == "true");
            if !inline_only && !disabled {
                all.insert(kind, options);
            }
        }
        Ok(all)
    }

    fn imports(&self) -> Result<Vec<CacheStore>, Error> {
        let Some(text) = self.get("cache-imports") else {
            // As it was said before there were other places than registries.
            let list = self.get("cache-from").unwrap_or_default();
            let names = list.split(',').filter(|name| !name.is_empty());
            return Ok(names
                .map(|name| CacheStore {
                    kind: "registry".to_owned(),
                    options: [("ref".to_owned(), name.to_owned())].into(),
                })
                .collect());
        };
        let entries: Vec<serde_json::Value> = serde_json::from_str(text)
            .map_err(|error| Error::Invalid(format!("the option cache-imports: {error}")))?;
        let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
        let stores = entries.iter().map(|entry| CacheStore {
            kind: text(&entry["Type"]),
            options: entry["Attrs"]
                .as_object()
                .into_iter()
                .flatten()
                .map(|(name, value)| (name.clone(), text(value)))
                .collect(),
        });
        Ok(stores.collect())
    }
}

/// Options of outputs: the last three say what we always do.
const OUTPUT_OPTIONS: [&str; 11] = [
    "compression",
    "name",
    "name-canonical",
    "push",
    "push-by-digest",
    "tar",
    "rewrite-timestamp",
    "source-date-epoch",
    "unpack",
    "store",
    "oci-mediatypes",
];

/// What a build is to leave behind.
#[derive(Debug, Default)]
pub(crate) struct Outputs {
    /// Names for the image in the store.
    pub tags: Vec<String>,
    /// Whatever else.
    pub exports: Vec<Export>,
}

impl Outputs {
    /// From the request of the whole build.
    pub(crate) fn of(exporters: &[Exporter]) -> Result<Self, Error> {
        let mut outputs = Self::default();
        for (place, exporter) in exporters.iter().enumerate() {
            let options: BTreeMap<String, String> = exporter.attrs.clone().into_iter().collect();
            let foreign = |name: &&String| {
                !OUTPUT_OPTIONS.contains(&name.as_str()) && !name.starts_with("annotation")
            };
            if let Some(name) = options.keys().find(foreign) {
                let kind = &exporter.r#type;
                return Err(Error::NotSupported(format!(
                    "the option {name} of the output {kind}"
                )));
            }
            // We always do both.
            for name in ["store", "oci-mediatypes"] {
                let off = options.get(name).is_some_and(|v| v == "false" || v == "0");
                // Archives for docker load are read by all that read others.
                if off && !(name == "oci-mediatypes" && exporter.r#type == "docker") {
                    let kind = &exporter.r#type;
                    return Err(Error::NotSupported(format!(
                        "{name}=false of the output {kind}"
                    )));
                }
            }
            let flag = |name: &str| options.get(name).is_some_and(|v| v == "true" || v == "1");
            if flag("name-canonical") && !flag("push-by-digest") {
                return Err(Error::NotSupported(
                    "name-canonical without push-by-digest: a name by digest in the store"
                        .to_owned(),
                ));
            }
            let names = options
                .get("name")
                .into_iter()
                .flat_map(|list| list.split(','));
            let names: Vec<String> = names
                .filter(|name| !name.is_empty())
                .map(str::to_owned)
                .collect();
            let tar = options.get("tar").is_none_or(|v| v != "false");
            let kind = match exporter.r#type.as_str() {
                "moby" | "image" => ExportKind::Image,
                "oci" => ExportKind::Oci { tar },
                "docker" => ExportKind::Docker { tar },
                "tar" => ExportKind::Tar,
                "local" => ExportKind::Local,
                other => return Err(Error::NotSupported(format!("the output {other}"))),
            };
            let annotations = options.iter().filter_map(|(name, value)| {
                let (prefix, key) = name.split_once('.')?;
                let place = prefix.strip_prefix("annotation")?;
                Some((
                    format!("{}:{key}", place.trim_start_matches('-')),
                    value.clone(),
                ))
            });
            let export = Export {
                id: place.to_string(),
                kind,
                push: flag("push"),
                by_digest: flag("push-by-digest"),
                rewrite_timestamp: flag("rewrite-timestamp"),
                annotations: annotations
                    .map(|(key, value)| (key.trim_start_matches(':').to_owned(), value))
                    .collect(),
                names,
                compression: Compression::parse(
                    options.get("compression").map_or("", String::as_str),
                )?,
            };
            outputs.exports.push(export);
        }
        // Names alone are no output of their own.
        if outputs.exports.iter().all(Export::is_plain) {
            let named = outputs.exports.drain(..);
            outputs.tags = named.flat_map(|export| export.names).collect();
        }
        Ok(outputs)
    }
}

/// Where the layers of a build are put for others.
pub(crate) fn cache_to(options: Option<&CacheOptions>) -> Vec<CacheStore> {
    let exports = options.into_iter().flat_map(|options| &options.exports);
    exports.map(cache_store).collect()
}

/// Where layers are looked for; most clients say it among the frontend's options, too.
pub(crate) fn cache_from(options: Option<&CacheOptions>) -> Vec<CacheStore> {
    let imports = options.into_iter().flat_map(|options| &options.imports);
    imports.map(cache_store).collect()
}

fn cache_store(entry: &CacheOptionsEntry) -> CacheStore {
    CacheStore {
        kind: entry.r#type.clone(),
        options: entry.attrs.clone().into_iter().collect(),
    }
}

/// The rights that a build was granted.
pub(crate) fn entitlements(names: &[String]) -> Result<Vec<Entitlement>, Error> {
    let named = names.iter().map(|name| match name.as_str() {
        "network.host" => Ok(Entitlement::HostNetwork),
        "security.insecure" => Ok(Entitlement::Insecure),
        name if name == "device" || name.starts_with("device=") => Ok(Entitlement::Device),
        other => Err(Error::NotSupported(format!("the entitlement {other}"))),
    });
    named.collect()
}

fn normal(platform: &str) -> Result<String, Error> {
    let known = Platform::parse(platform);
    known
        .map(|platform| platform.to_string())
        .map_err(|problem| Error::Invalid(problem.to_string()))
}

/// `name=soft:hard`.
fn ulimit(text: &str) -> Result<Ulimit, Error> {
    let bad = || Error::Invalid(format!("invalid ulimit argument: {text}"));
    let (name, limits) = text.split_once('=').ok_or_else(bad)?;
    let (soft, hard) = limits.split_once(':').unwrap_or((limits, limits));
    Ok(Ulimit {
        name: name.to_owned(),
        soft: soft.parse().map_err(|_| bad())?,
        hard: hard.parse().map_err(|_| bad())?,
    })
}

/// `mode=max,inline-only=true`.
fn pairs(text: &str) -> Result<BTreeMap<String, String>, Error> {
    let fields = text.split(',').filter(|field| !field.is_empty());
    fields
        .map(|field| match field.split_once('=') {
            Some((name, value)) => Ok((name.to_owned(), value.to_owned())),
            None => Err(Error::Invalid(format!("{field:?} is no name=value"))),
        })
        .collect()
}

/// `//STORE:TAG@DIGEST`.
fn layout(text: &str) -> Result<(String, String), Error> {
    let text = text.trim_start_matches("//");
    let Some((store, digest)) = text.split_once('@') else {
        return Err(Error::Invalid(format!(
            "the OCI layout {text} is named without a digest"
        )));
    };
    let store = store.split(':').next().unwrap_or(store);
    Ok((format!("oci:{store}"), digest.to_owned()))
}
