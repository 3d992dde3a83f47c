//! `gantry buildx history export`

use std::io::{IsTerminal as _, Write};

use gantry_build_client::proto::moby::buildkit::v1::{BuildResultInfo, Descriptor};
use gantry_build_client::{Builder, HistoryRecord};
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

use super::super::{builder, failure, known};
use super::record::platform_name;
use super::{named, records};
use crate::command::{Arity, Command};
use crate::failure::Failure;
use crate::flags::flags;
use crate::session::Session;

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const RECORD: &str = "application/vnd.buildkit.historyrecord.v0";

flags! {
    /// `gantry buildx history export`
    pub(crate) struct Export {
        /// Export all build records for the builder
        "all" => all: bool,
        /// Override the configured builder instance
        "builder" => builder: String,
        /// Ensure build records are finalized before exporting
        "finalize" => finalize: bool,
        /// Output file path
        "output" 'o' => output: String,
    }
}

impl Command for Export {
    const USAGE: &'static str = "[OPTIONS] [REF...]";
    const ABOUT: &'static str = "Export build records into Docker Desktop bundle";
    const WORDS: Arity = Arity::AtLeast(0);

    async fn run(self, session: &Session, words: Vec<String>) -> Result<(), Failure> {
        known(session, &self.builder)?;
        if self.all && !words.is_empty() {
            return Err(Failure::new("ERROR: cannot specify refs when using --all"));
        }
        if self.output.is_empty() && std::io::stdout().is_terminal() {
            return Err(Failure::new(
                "ERROR: refusing to write to console, use --output to specify a file",
            ));
        }
        // An engine of ours finalizes a record when its build ends.
        let mut known = records(session, "").await?;
        known.retain(|record| record.completed_at.is_some());
        let chosen: Vec<&HistoryRecord> = match words.as_slice() {
            [] if self.all => known.iter().collect(),
            [] => vec![named(&known, "")?],
            words => words
                .iter()
                .map(|word| named(&known, word))
                .collect::<Result<_, _>>()?,
        };
        if chosen.is_empty() {
            return Err(Failure::new("ERROR: no records found"));
        }
        let builder = builder(session).await?;
        if self.finalize {
            for record in &chosen {
                let done = builder.finalize(&record.r#ref).await;
                done.map_err(|error| failure(&error))?;
            }
        }
        let workers = builder.workers().await.map_err(|error| failure(&error))?;
        let platform = workers.first().and_then(|worker| worker.platforms.first());
        let mut bundle = Bundle {
            builder: &builder,
            platform: platform.map(platform_name).unwrap_or_default(),
            blobs: Vec::new(),
        };
        let top = bundle.top(&chosen).await?;
        self.write(&bundle, &top)
    }
}

impl Export {
    fn write(&self, bundle: &Bundle<'_>, top: &Value) -> Result<(), Failure> {
        let name = &self.output;
        let failed = |error: std::io::Error| {
            Failure::new(format!(
                "ERROR: failed to write the bundle {name:?}: {error}"
            ))
        };
        if self.output.is_empty() {
            return bundle.write(std::io::stdout().lock(), top).map_err(failed);
        }
        let file = std::fs::File::create(name).map_err(failed)?;
        bundle.write(file, top).map_err(failed)
    }
}

/// An OCI layout with records.
struct Bundle<'a> {
    builder: &'a Builder,
    /// That of the engine.
    platform: String,
    /// Digests in hexadecimal, and bytes.
    blobs: Vec<(String, Vec<u8>)>,
}

impl Bundle<'_> {
    /// Takes all records in; gives the descriptor of what leads to them.
    async fn top(&mut self, records: &[&HistoryRecord]) -> Result<Value, Failure> {
        let mut manifests = Vec::new();
        for record in records {
            manifests.push(self.record(record).await?);
        }
        if let [one] = manifests.as_slice() {
            return Ok(one.clone());
        }
        for (manifest, record) in manifests.iter_mut().zip(records) {
            manifest["annotations"] = json!({"vnd.buildkit.history.reference": record.r#ref});
        }
        let index = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": manifests});
        Ok(self.document(INDEX, &index))
    }

    async fn record(&mut self, record: &HistoryRecord) -> Result<Value, Failure> {
        let mut layers = Vec::new();
        let results = record.result.iter().chain(record.results.values());
        let attestations = results.flat_map(|result| &result.attestations);
        let own = [&record.trace, &record.logs, &record.external_error];
        for of in own.into_iter().flatten().chain(attestations) {
            let bytes = self.builder.blob(&of.digest).await;
            let bytes = bytes.map_err(|error| failure(&error))?;
            self.keep(bytes);
            layers.push(described(of));
        }
        let config = self.document(RECORD, &self.told(record));
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": config,
            "layers": layers,
        });
        Ok(self.document(MANIFEST, &manifest))
    }

    fn keep(&mut self, bytes: Vec<u8>) -> String {
        let digest = Sha256::digest(&bytes);
        let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        if self.blobs.iter().all(|(known, _)| *known != hex) {
            self.blobs.push((hex.clone(), bytes));
        }
        hex
    }

    fn document(&mut self, media_type: &str, value: &Value) -> Value {
        let bytes = format!("{value:#}").into_bytes();
        let size = bytes.len();
        let hex = self.keep(bytes);
        json!({"mediaType": media_type, "digest": format!("sha256:{hex}"), "size": size})
    }

    /// A record by the names of BuildKit's messages.
    fn told(&self, record: &HistoryRecord) -> Value {
        let time = |time: &gantry_build_client::proto::google::protobuf::Timestamp| json!({"seconds": time.seconds, "nanos": time.nanos});
        let result = |of: &BuildResultInfo| {
            let all = of.attestations.iter().map(described);
            json!({"Attestations": all.collect::<Vec<_>>()})
        };
        let results = record.results.iter();
        let results = results.map(|(platform, of)| (platform.clone(), result(of)));
        let exporters = record.exporters.iter();
        let exporters = exporters.map(|one| json!({"Type": one.r#type, "Attrs": one.attrs}));
        let mut attributes = record.frontend_attrs.clone();
        // Where caches are may say how to get at them.
        if attributes.contains_key("cache-imports") {
            attributes.insert("cache-imports".to_owned(), String::new());
        }
        let error = record.error.as_ref();
        super::record::without_empty(json!({
            "Ref": record.r#ref,
            "Frontend": record.frontend,
            "FrontendAttrs": attributes,
            "Exporters": exporters.collect::<Vec<_>>(),
            "error": error.map(|error| json!({"code": error.code, "message": error.message})),
            "CreatedAt": record.created_at.as_ref().map(time),
            "CompletedAt": record.completed_at.as_ref().map(time),
            "logs": record.logs.as_ref().map(described),
            "ExporterResponse": record.exporter_response,
            "Result": record.result.as_ref().map(result),
            "Results": results.collect::<Map<_, _>>(),
            "Generation": record.generation,
            "trace": record.trace.as_ref().map(described),
            "numCachedSteps": record.num_cached_steps,
            "numTotalSteps": record.num_total_steps,
            "numCompletedSteps": record.num_completed_steps,
            "externalError": record.external_error.as_ref().map(described),
            "numWarnings": record.num_warnings,
            "DefaultPlatform": self.platform,
        }))
    }

    fn write(&self, mut out: impl Write, top: &Value) -> std::io::Result<()> {
        let mut tar = tar::Builder::new(Vec::new());
        let mut add = |name: &str, bytes: &[u8]| {
            let mut header = tar::Header::new_ustar();
            header.set_mode(0o444);
            header.set_size(bytes.len() as u64);
            tar.append_data(&mut header, name, bytes)
        };
        for (hex, bytes) in &self.blobs {
            add(&format!("blobs/sha256/{hex}"), bytes)?;
        }
        let index = json!({"schemaVersion": 2, "manifests": [top]});
        add("index.json", index.to_string().as_bytes())?;
        add("oci-layout", br#"{"imageLayoutVersion":"1.0.0"}"#)?;
        gantry_archive::gzip(tar.into_inner()?.as_slice(), &mut out)?;
        out.flush()
    }
}

fn described(of: &Descriptor) -> Value {
    let mut value = json!({"mediaType": of.media_type, "digest": of.digest, "size": of.size});
    if !of.annotations.is_empty() {
        value["annotations"] = json!(of.annotations);
    }
    value
}
