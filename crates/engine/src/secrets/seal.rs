//! Encryption of secrets at rest: ChaCha20-Poly1305 with a random key in a file of its own.

use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use serde::{Deserialize, Serialize};

use crate::Error;

/// Bytes of the key.
const KEY_LEN: usize = 32;

/// The key.
pub(super) struct Key(LessSafeKey);

/// An encrypted secret.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Sealed {
    /// Base64.
    nonce: String,
    /// Base64; the tag is at its end.
    text: String,
}

impl Key {
    /// Reads the key's file, or makes it when there is none.
    pub(super) fn open(path: &Path) -> Result<Self, Error> {
        let bytes = match fs::read(path) {
            Ok(bytes) => {
                refuse_if_readable(path)?;
                bytes
            }
            Err(e) if e.kind() == ErrorKind::NotFound => make(path)?,
            Err(e) => return Err(Error::file("read the key of the secrets", path)(e)),
        };
        let key = UnboundKey::new(&CHACHA20_POLY1305, &bytes).map_err(|_| {
            Error::Internal(format!(
                "{} is no key for secrets: it must have {KEY_LEN} bytes",
                path.display()
            ))
        })?;
        Ok(Self(LessSafeKey::new(key)))
    }

    /// Encrypts. `owner` is authenticated with it: the text opens under no other identifier.
    pub(super) fn seal(&self, owner: &str, secret: &[u8]) -> Result<Sealed, Error> {
        let mut nonce = [0; NONCE_LEN];
        random(&mut nonce)?;
        let mut text = secret.to_vec();
        self.0
            .seal_in_place_append_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(owner),
                &mut text,
            )
            .map_err(|_| Error::Internal("a secret cannot be encrypted".to_owned()))?;
        Ok(Sealed {
            nonce: encode(&nonce),
            text: encode(&text),
        })
    }

    /// Decrypts.
    pub(super) fn open_sealed(&self, owner: &str, sealed: &Sealed) -> Result<Vec<u8>, Error> {
        let damaged = || {
            Error::Internal(format!(
                "secret {owner} cannot be decrypted: it is damaged, or secrets-key-file is another \
                 key than the one it was encrypted with"
            ))
        };
        let nonce = decode(&sealed.nonce).ok_or_else(damaged)?;
        let nonce = Nonce::try_assume_unique_for_key(&nonce).map_err(|_| damaged())?;
        let mut text = decode(&sealed.text).ok_or_else(damaged)?;
        let length = self
            .0
            .open_in_place(nonce, Aad::from(owner), &mut text)
            .map_err(|_| damaged())?
            .len();
        text.truncate(length);
        Ok(text)
    }
}

fn make(path: &Path) -> Result<Vec<u8>, Error> {
    let mut key = vec![0; KEY_LEN];
    random(&mut key)?;
    let fail = |e| Error::file("write the key of the secrets", path)(e);
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(Error::file("create", folder))?;
    }
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .map_err(fail)?;
    file.write_all(&key)
        .and_then(|()| file.sync_all())
        .map_err(fail)?;
    Ok(key)
}

/// A key that others can read protects nothing.
fn refuse_if_readable(path: &Path) -> Result<(), Error> {
    let mode = fs::metadata(path)
        .map_err(Error::file("look at", path))?
        .permissions()
        .mode();
    if mode.trailing_zeros() >= 6 {
        return Ok(());
    }
    Err(Error::Internal(format!(
        "the key of the secrets {} may be read by others (mode {:03o}): run chmod 600 on it",
        path.display(),
        mode & 0o777
    )))
}

fn random(bytes: &mut [u8]) -> Result<(), Error> {
    getrandom::fill(bytes)
        .map_err(|e| Error::Internal(format!("the kernel gives no random numbers: {e}")))
}

fn encode(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

fn decode(text: &str) -> Option<Vec<u8>> {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.decode(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_opens_with_its_key_and_under_its_name_only() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key");
        let key = Key::open(&path).unwrap();
        let sealed = key.seal("id", b"hunter2").unwrap();
        assert!(!serde_json::to_string(&sealed).unwrap().contains("hunter2"));
        let again = Key::open(&path).unwrap();
        assert_eq!(again.open_sealed("id", &sealed).unwrap(), b"hunter2");
        assert!(again.open_sealed("other", &sealed).is_err());
        let other = Key::open(&dir.path().join("other")).unwrap();
        assert!(other.open_sealed("id", &sealed).is_err());
    }

    #[test]
    fn a_key_that_others_can_read_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key");
        Key::open(&path).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        let refused = Key::open(&path).err().unwrap().to_string();
        assert!(refused.contains("mode 640"), "{refused}");
    }
}
