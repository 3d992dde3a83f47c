//! `gantry manifest inspect`

use gantry_reference::{Digest, Reference, Target};
use gantry_registry_client::Repository;
use serde_json::Value;

use super::create::manifest;
use super::entry::{Descriptor, ImageManifest};
use super::lists::Lists;
use super::{push, registry, show};
use crate::command::{Arity, Command};
use crate::failure::Failure;
use crate::flags::flags;
use crate::output;
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

impl Command for InspectManifest {
    const USAGE: &'static str = "[OPTIONS] [MANIFEST_LIST] MANIFEST";
    const ABOUT: &'static str = "Display an image manifest, or manifest list";
    const WORDS: Arity = Arity::Between(1, 2);

    async fn run(self, session: &Session, words: Vec<String>) -> Result<(), Failure> {
        let parsed = words.iter().map(|word| Reference::parse(word));
        let references: Vec<Reference> = parsed.collect::<Result<_, _>>().map_err(Failure::new)?;
        let lists = Lists::of(session.config().directory());
        if let [list, member] = &references[..] {
            let member = manifest(session, &lists, list, member, self.insecure).await?;
            return self.show_one(&member);
        }
        let Some(name) = references.first() else {
            return Err(Failure::new("no manifest is named"));
        };
        match lists.list(name)? {
            Some(own) if self.verbose => show(&own),
            Some(own) => {
                output::line(String::from_utf8_lossy(&push::list(name, &own)?.1));
                Ok(())
            }
            None => self.show_remote(session, name).await,
        }
    }
}

impl InspectManifest {
    fn show_one(&self, manifest: &ImageManifest) -> Result<(), Failure> {
        match manifest.manifest().filter(|_| !self.verbose) {
            Some(inner) => show(inner),
            None => show(manifest),
        }
    }

    async fn show_remote(&self, session: &Session, name: &Reference) -> Result<(), Failure> {
        let repository = registry::repository(session, name, self.insecure)?;
        let (document, parsed) = registry::document(&repository, name.target()).await?;
        let listed = parsed.get("manifests").and_then(Value::as_array);
        match (self.verbose, listed) {
            (false, _) => show(&parsed),
            (true, None) => show(&registry::described(&repository, document, parsed).await?),
            (true, Some(entries)) => {
                let mut all = Vec::new();
                for entry in entries {
                    all.push(listed_manifest(&repository, entry).await?);
                }
                show(&all)
            }
        }
    }
}

/// A manifest of a registry's list, with the list's own description of it.
async fn listed_manifest(repository: &Repository, entry: &Value) -> Result<ImageManifest, Failure> {
    let descriptor: Descriptor = serde_json::from_value(entry.clone()).map_err(Failure::new)?;
    let text = &descriptor.digest;
    let digest = Digest::parse(text).map_err(|error| Failure::new(format!("{text}: {error}")))?;
    let (document, parsed) = registry::document(repository, Target::Digest(&digest)).await?;
    let by_digest = repository.reference().with_digest(digest);
    Ok(ImageManifest::new(
        &by_digest,
        descriptor,
        document.bytes,
        parsed,
    ))
}
