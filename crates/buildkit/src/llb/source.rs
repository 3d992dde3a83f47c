//! Where files come from.

use std::sync::Arc;

use gantry_builder::operations::{HttpSource, OperationSource};
use gantry_builder::{Error, Files};

use crate::Server;
use crate::inputs;
use crate::llb::folder::Folder;
use crate::proto::pb::SourceOp;
use crate::session::Session;

/// What BuildKit's own clients call the secrets for repositories.
const GIT_SECRETS: [(&str, &str); 3] = [
    ("git.authtokensecret", "GIT_AUTH_TOKEN"),
    ("git.authheadersecret", "GIT_AUTH_HEADER"),
    ("git.mountsshsock", "default"),
];

/// Reads a source.
pub(super) async fn read(
    server: &Server,
    session: Option<&Session>,
    op: &SourceOp,
) -> Result<OperationSource, Error> {
    let identifier = op.identifier.as_str();
    let source = Attributes(op);
    match identifier.split_once("://") {
        Some(("docker-image", name)) => {
            source.known(&["image.resolvemode", "image.recordtype"])?;
            Ok(OperationSource::Image {
                name: inputs::of_identifier(identifier).unwrap_or(name).to_owned(),
                pull: source.get("image.resolvemode") == Some("pull"),
            })
        }
        Some(("http" | "https", _)) => source.file(),
        Some(("git", rest)) => source.repository(rest),
        Some(("local", name)) => {
            let files = source.folder(server, session, name).await?;
            Ok(OperationSource::Local(files))
        }
        Some(("oci-layout", name)) => {
            source.known(&["oci.session", "oci.store"])?;
            let Some((layout, digest)) = name.split_once('@') else {
                return Err(Error::Invalid(format!(
                    "{identifier} is named without a digest"
                )));
            };
            let layout = source.get("oci.store").unwrap_or(layout);
            Ok(OperationSource::OciLayout {
                layout: format!("oci:{}", layout.trim_start_matches("oci:")),
                digest: digest.to_owned(),
            })
        }
        _ => Err(Error::NotSupported(format!(
            "the source {identifier} of LLB"
        ))),
    }
}

struct Attributes<'a>(&'a SourceOp);

impl Attributes<'_> {
    /// An attribute that is not empty.
    fn get(&self, name: &str) -> Option<&str> {
        let value = self.0.attrs.get(name).map(String::as_str);
        value.filter(|value| !value.is_empty())
    }

    fn is(&self, name: &str) -> bool {
        self.get(name) == Some("true")
    }

    /// Refuses what nobody would look at.
    fn known(&self, names: &[&str]) -> Result<(), Error> {
        let other = self
            .0
            .attrs
            .keys()
            .find(|name| !names.contains(&name.as_str()));
        match other {
            Some(name) => Err(Error::NotSupported(format!(
                "the attribute {name} of the source {}",
                self.0.identifier
            ))),
            None => Ok(()),
        }
    }

    /// A list, as JSON.
    fn list(&self, name: &str) -> Result<Vec<String>, Error> {
        let Some(text) = self.get(name) else {
            return Ok(Vec::new());
        };
        serde_json::from_str(text)
            .map_err(|error| Error::Invalid(format!("the attribute {name}: {error}")))
    }

    fn file(&self) -> Result<OperationSource, Error> {
        self.known(&[
            "http.filename",
            "http.checksum",
            "http.perm",
            "http.uid",
            "http.gid",
        ])?;
        for name in ["http.uid", "http.gid"] {
            if let Some(id) = self.get(name).filter(|id| *id != "0") {
                return Err(Error::NotSupported(format!("the attribute {name}={id}")));
            }
        }
        let mode = self.get("http.perm").map(|text| {
            u32::from_str_radix(text.trim_start_matches("0o"), 8)
                .map_err(|_| Error::Invalid(format!("the attribute http.perm: {text}")))
        });
        Ok(OperationSource::Http(HttpSource {
            address: self.0.identifier.clone(),
            name: self.get("http.filename").map(str::to_owned),
            checksum: self.get("http.checksum").map(str::to_owned),
            mode: mode.transpose()?,
        }))
    }

    /// `HOST/PATH#REF:FOLDER`; the whole address is an attribute.
    fn repository(&self, rest: &str) -> Result<OperationSource, Error> {
        self.known(&[
            "git.fullurl",
            "git.keepgitdir",
            "git.checksum",
            "git.skipsubmodules",
            "git.knownsshhosts",
            GIT_SECRETS[0].0,
            GIT_SECRETS[1].0,
            GIT_SECRETS[2].0,
        ])?;
        for (name, usual) in GIT_SECRETS {
            if let Some(other) = self.get(name).filter(|value| *value != usual) {
                return Err(Error::NotSupported(format!(
                    "the attribute {name}={other} (it is always {usual})"
                )));
            }
        }
        let (place, fragment) = rest.split_once('#').unwrap_or((rest, ""));
        let whole = self.get("git.fullurl").map(str::to_owned);
        let whole = whole.unwrap_or_else(|| format!("https://{place}"));
        let repository = whole.split('#').next().unwrap_or_default().to_owned();
        let (reference, folder) = fragment.split_once(':').unwrap_or((fragment, ""));
        let given = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
        Ok(OperationSource::Git {
            repository,
            reference: given(reference),
            folder: given(folder),
            commit: self.get("git.checksum").map(str::to_owned),
            keep_git: self.is("git.keepgitdir"),
            submodules: !self.is("git.skipsubmodules"),
        })
    }

    /// A folder of a client.
    async fn folder(
        &self,
        server: &Server,
        session: Option<&Session>,
        name: &str,
    ) -> Result<Arc<dyn Files>, Error> {
        self.known(&[
            "local.session",
            "local.unique",
            "local.includepattern",
            "local.followpaths",
            "local.excludepatterns",
            // How a kept copy is found again is ours to say, and that all is compared by what it is.
            "local.sharedkeyhint",
            "local.differ",
        ])?;
        let session = match (self.get("local.session"), session) {
            (Some(id), _) => server.session_by_id(id).await?,
            (None, Some(session)) => session.clone(),
            (None, None) => {
                return Err(Error::Invalid(format!(
                    "there is nobody to ask for the folder {name}"
                )));
            }
        };
        Ok(Arc::new(Folder {
            server: server.clone(),
            session,
            wanted: crate::session::Sync {
                name: name.to_owned(),
                follow: self.list("local.followpaths")?,
                include: self.list("local.includepattern")?,
                exclude: self.list("local.excludepatterns")?,
            },
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(identifier: &str, attributes: &[(&str, &str)]) -> SourceOp {
        let attributes = attributes.iter();
        SourceOp {
            identifier: identifier.to_owned(),
            attrs: attributes
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect(),
        }
    }

    #[test]
    fn repositories_are_read_with_what_is_wanted_of_them() {
        let op = source(
            "git://h/a.git#v1:sub",
            &[
                ("git.fullurl", "http://h/a.git"),
                ("git.authtokensecret", "GIT_AUTH_TOKEN"),
            ],
        );
        let OperationSource::Git {
            repository,
            reference,
            folder,
            keep_git,
            ..
        } = Attributes(&op).repository("h/a.git#v1:sub").unwrap()
        else {
            panic!("no repository");
        };
        assert_eq!(repository, "http://h/a.git");
        assert_eq!(
            (reference.as_deref(), folder.as_deref()),
            (Some("v1"), Some("sub"))
        );
        assert!(!keep_git);
        let other = source("git://h/a", &[("git.authtokensecret", "MINE")]);
        let refused = Attributes(&other).repository("h/a").err().unwrap();
        assert!(refused.to_string().contains("MINE"), "{refused}");
    }

    #[test]
    fn what_nobody_looks_at_is_refused() {
        let op = source("https://h/x", &[("http.header.accept", "x")]);
        let refused = Attributes(&op).file().err().unwrap();
        assert!(
            refused.to_string().contains("http.header.accept"),
            "{refused}"
        );
        let op = source("https://h/x", &[("http.perm", "0644")]);
        let OperationSource::Http(file) = Attributes(&op).file().unwrap() else {
            panic!("no file");
        };
        assert_eq!(file.mode, Some(0o644));
    }
}
