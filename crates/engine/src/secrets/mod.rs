//! Secrets without a swarm: kept encrypted, handed to containers in a tmpfs.
//!
//! [`Secrets`] answers the API's `/secrets`; `store` and `seal` keep them; `place` gives them to a
//! container that starts. What a secret hides appears in no record, log, event or image: a
//! container's record names the secret, and the daemon decrypts it for the moment of a start.

mod place;
mod seal;
mod store;

use std::sync::Arc;

use base64::Engine as _;
use gantry_api_types::{
    Filters, ObjectVersion, Secret, SecretCreateResponse, SecretReference, SecretSpec,
};

pub(crate) use place::{Content, fill, mount};

use crate::{Error, Events, Settings, clock, ids};
use store::{Entry, Store};

/// Docker's limit, bytes.
const LARGEST: usize = 512_000 - 1;

/// The service for secrets; a clone is the same service.
#[derive(Clone)]
pub struct Secrets {
    store: Arc<Store>,
    events: Events,
}

impl Secrets {
    pub(crate) fn open(settings: &Settings, events: Events) -> Result<Self, Error> {
        Ok(Self {
            store: Arc::new(Store::open(&settings.data_root, &settings.secrets_key)?),
            events,
        })
    }

    /// Keeps a secret.
    pub fn create(&self, spec: SecretSpec) -> Result<SecretCreateResponse, Error> {
        if spec.driver.is_some_and(|driver| !driver.name.is_empty()) {
            return Err(Error::NotSupported("a secret's driver".to_owned()));
        }
        if spec
            .templating
            .is_some_and(|driver| !driver.name.is_empty())
        {
            return Err(Error::NotSupported("a secret's template driver".to_owned()));
        }
        check_name(&spec.name)?;
        let secret = base64::engine::general_purpose::STANDARD
            .decode(&spec.data)
            .map_err(|e| Error::Invalid(format!("the secret is not base64: {e}")))?;
        if secret.is_empty() || secret.len() > LARGEST {
            return Err(Error::Invalid(format!(
                "rpc error: code = InvalidArgument desc = secret data must be larger than 0 and less than {} bytes",
                LARGEST + 1
            )));
        }
        let id = ids::swarm_id()?;
        self.store
            .add(id.clone(), &spec.name, spec.labels, &secret)?;
        self.announce(&id, &spec.name, "create");
        Ok(SecretCreateResponse { id })
    }

    /// All secrets that the filters let through.
    pub fn list(&self, filters: &Filters) -> Vec<Secret> {
        let has = |name: &str, text: &str| {
            !filters.has(name) || filters.values(name).any(|wanted| text.contains(wanted))
        };
        self.store
            .all()
            .into_iter()
            .filter(|entry| has("name", &entry.name) && has("id", &entry.id))
            .filter(|entry| {
                !filters.has("names") || filters.values("names").any(|name| name == entry.name)
            })
            .filter(|entry| filters.pairs("label", &entry.labels))
            .map(shown)
            .collect()
    }

    /// One secret, without what it hides.
    pub fn inspect(&self, name: &str) -> Result<Secret, Error> {
        self.store.find(name).map(shown)
    }

    /// Changes the labels; anything else of a secret cannot be changed.
    pub fn update(&self, name: &str, version: u64, spec: SecretSpec) -> Result<(), Error> {
        let entry = self.store.find(name)?;
        if spec.name != entry.name || !spec.data.is_empty() {
            return Err(Error::Invalid(
                "rpc error: code = InvalidArgument desc = only updates to Labels are allowed"
                    .to_owned(),
            ));
        }
        self.store.relabel(&entry.id, version, spec.labels)?;
        self.announce(&entry.id, &entry.name, "update");
        Ok(())
    }

    /// Forgets a secret that no container uses; `users` are the containers' names by secret.
    pub fn remove(&self, name: &str, users: impl FnOnce(&str) -> Vec<String>) -> Result<(), Error> {
        let entry = self.store.find(name)?;
        let users = users(&entry.id);
        if !users.is_empty() {
            return Err(Error::Invalid(format!(
                "rpc error: code = InvalidArgument desc = secret '{}' is in use by the following container{}: {}",
                entry.name,
                if users.len() == 1 { "" } else { "s" },
                users.join(", ")
            )));
        }
        self.store.remove(&entry.id)?;
        self.announce(&entry.id, &entry.name, "remove");
        Ok(())
    }

    /// Finds the secrets that a new container asks for and fills in what it left open.
    pub(crate) fn resolve(&self, wanted: &mut [SecretReference]) -> Result<(), Error> {
        for reference in wanted.iter_mut() {
            let text = if reference.secret_id.is_empty() {
                &reference.secret_name
            } else {
                &reference.secret_id
            };
            let entry = self.store.find(text)?;
            reference.secret_id = entry.id;
            reference.secret_name = entry.name;
            let file = &mut reference.file;
            if file.name.is_empty() {
                file.name.clone_from(&reference.secret_name);
            }
            file.name = place::checked_name(&file.name)?;
            for owner in [&mut file.uid, &mut file.gid] {
                if owner.is_empty() {
                    "0".clone_into(owner);
                }
                if owner.parse::<u32>().is_err() {
                    return Err(Error::Invalid(format!(
                        "invalid owner of a secret: {owner:?} is not a number"
                    )));
                }
            }
        }
        let mut names: Vec<&str> = wanted.iter().map(|r| r.file.name.as_str()).collect();
        names.sort_unstable();
        match names.windows(2).find(|pair| pair[0] == pair[1]) {
            Some(pair) => Err(Error::Invalid(format!(
                "duplicate secret target for {} not allowed",
                pair[0]
            ))),
            None => Ok(()),
        }
    }

    /// What the secrets hide, for a start.
    pub(crate) fn reveal(&self, references: &[SecretReference]) -> Result<Vec<Content>, Error> {
        references
            .iter()
            .map(|reference| {
                Ok(Content {
                    secret: self.store.reveal(&reference.secret_id)?,
                    reference: reference.clone(),
                })
            })
            .collect()
    }

    fn announce(&self, id: &str, name: &str, action: &str) {
        let attributes = [("name".to_owned(), name.to_owned())];
        self.events.secret(id, action, attributes.into());
    }
}

/// Docker's rule for names of secrets.
fn check_name(name: &str) -> Result<(), Error> {
    let mut bytes = name.bytes();
    let ends = |byte: Option<u8>| byte.is_some_and(|b| b.is_ascii_alphanumeric());
    let middle = name
        .bytes()
        .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'));
    if middle && name.len() <= 64 && ends(bytes.next()) && ends(name.bytes().last()) {
        return Ok(());
    }
    Err(Error::Invalid(
        "rpc error: code = InvalidArgument desc = invalid name, only 64 [a-zA-Z0-9-_.] characters allowed, and the start and end character must be [a-zA-Z0-9]"
            .to_owned(),
    ))
}

fn shown(entry: Entry) -> Secret {
    Secret {
        id: entry.id,
        version: ObjectVersion {
            index: entry.version,
        },
        created_at: clock::rfc3339(entry.created),
        updated_at: clock::rfc3339(entry.updated),
        spec: SecretSpec {
            name: entry.name,
            labels: entry.labels,
            ..SecretSpec::default()
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secrets(dir: &std::path::Path) -> Secrets {
        Secrets {
            store: Arc::new(Store::open(dir, &dir.join("key")).unwrap()),
            events: Events::new(),
        }
    }

    fn spec(name: &str, secret: &str) -> SecretSpec {
        SecretSpec {
            name: name.to_owned(),
            data: base64::engine::general_purpose::STANDARD.encode(secret),
            ..SecretSpec::default()
        }
    }

    #[test]
    fn what_is_kept_survives_and_is_not_readable() {
        let dir = tempfile::tempdir().unwrap();
        let id = secrets(dir.path())
            .create(spec("db", "hunter2"))
            .unwrap()
            .id;
        assert_eq!(id.len(), 25);
        let again = secrets(dir.path());
        assert_eq!(again.inspect("db").unwrap().id, id);
        assert_eq!(again.inspect(&id[..10]).unwrap().spec.name, "db");
        let file = std::fs::read_to_string(dir.path().join(format!("secrets/{id}.json"))).unwrap();
        assert!(!file.contains("hunter2"));
        let mut wanted = [SecretReference {
            secret_name: "db".to_owned(),
            ..SecretReference::default()
        }];
        again.resolve(&mut wanted).unwrap();
        assert_eq!(wanted[0].file.name, "db");
        assert_eq!(again.reveal(&wanted).unwrap()[0].secret, b"hunter2");
    }

    #[test]
    fn names_are_unique_and_used_secrets_stay() {
        let dir = tempfile::tempdir().unwrap();
        let secrets = secrets(dir.path());
        secrets.create(spec("a", "1")).unwrap();
        let refused = secrets.create(spec("a", "2")).unwrap_err();
        assert_eq!(refused.kind(), crate::Kind::Conflict);
        assert!(secrets.create(spec("-a", "1")).is_err());
        assert!(secrets.create(spec("b", "")).is_err());
        assert!(secrets.remove("a", |_| vec!["web".to_owned()]).is_err());
        secrets.remove("a", |_| Vec::new()).unwrap();
        assert_eq!(
            secrets.inspect("a").unwrap_err().kind(),
            crate::Kind::NotFound
        );
    }

    #[test]
    fn labels_change_with_the_version_that_was_seen() {
        let dir = tempfile::tempdir().unwrap();
        let secrets = secrets(dir.path());
        secrets.create(spec("a", "1")).unwrap();
        let seen = secrets.inspect("a").unwrap();
        let mut wanted = seen.spec.clone();
        wanted.labels.insert("k".to_owned(), "v".to_owned());
        secrets
            .update("a", seen.version.index, wanted.clone())
            .unwrap();
        assert!(secrets.update("a", seen.version.index, wanted).is_err());
        let filters = Filters::from_json(r#"{"label":["k=v"]}"#).unwrap();
        assert_eq!(secrets.list(&filters).len(), 1);
    }
}
