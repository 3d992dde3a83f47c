//! `gantry buildx history inspect attachment`

use super::super::{builder, failure, known};
use super::record::{attachments, kind};
use super::{named, records};
use crate::command::{Arity, Command};
use crate::failure::Failure;
use crate::flags::flags;
use crate::output;
use crate::session::Session;

flags! {
    /// `gantry buildx history inspect attachment`
    pub(crate) struct Attachment {
        /// Override the configured builder instance
        "builder" => builder: String,
        /// Platform of attachment
        "platform" => platform: String,
        /// Type of attachment
        "type" => kind: String,
    }
}

impl Command for Attachment {
    const USAGE: &'static str = "[OPTIONS] [REF [DIGEST]]";
    const ABOUT: &'static str = "Inspect a build record attachment";
    const WORDS: Arity = Arity::AtMost(2);

    async fn run(self, session: &Session, words: Vec<String>) -> Result<(), Failure> {
        known(session, &self.builder)?;
        if words.len() < 2 && self.platform.is_empty() && self.kind.is_empty() {
            return Err(Failure::new(
                "ERROR: at least one of --type, --platform or DIGEST must be specified",
            ));
        }
        let records = records(session, "").await?;
        let word = words.first().map_or("", String::as_str);
        let record = named(&records, word)?;
        let wanted: &[&str] = match self.kind.as_str() {
            "" => &[],
            "provenance" => &[
                "https://slsa.dev/provenance/v1",
                "https://slsa.dev/provenance/v0.2",
            ],
            "sbom" => &["https://spdx.dev/Document"],
            "index" => &["application/vnd.oci.image.index.v1+json"],
            "manifest" => &["application/vnd.oci.image.manifest.v1+json"],
            "image" => &["application/vnd.oci.image.config.v1+json"],
            other => &[other],
        };
        let all = attachments(record);
        let fits = |platform: Option<&str>, of: &str| {
            let here = self.platform.is_empty() || platform == Some(self.platform.as_str());
            here && (wanted.is_empty() || wanted.contains(&of))
        };
        let found = all.iter().find(|(platform, of)| fits(*platform, kind(of)));
        let digest = match (words.get(1), found) {
            (Some(digest), _) => digest.clone(),
            (None, Some((_, of))) => of.digest.clone(),
            (None, None) => {
                return Err(Failure::new(format!(
                    "ERROR: no matching attachment found for ref {word:?}"
                )));
            }
        };
        let bytes = builder(session).await?.blob(&digest).await;
        output::write(&bytes.map_err(|error| failure(&error))?);
        Ok(())
    }
}
