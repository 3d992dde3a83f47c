//! `--secret`: `NAME` or `source=NAME,target=FILE,uid=0,gid=0,mode=0400`.

use std::str::FromStr;

use gantry_api_types::{SecretFile, SecretReference};

use crate::flags::{Named, TypedList};

/// The name that the help gives to the type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AsSecret;

impl Named for AsSecret {
    const NAME: &'static str = "secret";
}

/// `--secret`.
pub(crate) type Secrets = TypedList<SecretEntry, AsSecret>;

/// A secret that a container shall find.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct SecretEntry(pub(crate) SecretReference);

/// Everybody in the container may read it, nobody write.
const USUAL_MODE: u32 = 0o444;

impl FromStr for SecretEntry {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut secret = SecretReference {
            file: SecretFile {
                uid: "0".to_owned(),
                gid: "0".to_owned(),
                mode: USUAL_MODE,
                ..SecretFile::default()
            },
            ..SecretReference::default()
        };
        if text.contains(['=', ',']) {
            for field in text.split(',') {
                set(&mut secret, field)?;
            }
        } else {
            text.clone_into(&mut secret.secret_name);
        }
        if secret.secret_name.is_empty() {
            return Err("source is required".to_owned());
        }
        if secret.file.name.is_empty() {
            secret.file.name.clone_from(&secret.secret_name);
        }
        Ok(Self(secret))
    }
}

fn set(secret: &mut SecretReference, field: &str) -> Result<(), String> {
    let (key, value) = field
        .split_once('=')
        .ok_or_else(|| format!("invalid field '{field}' must be a key=value pair"))?;
    let file = &mut secret.file;
    match key.to_lowercase().as_str() {
        "source" | "src" => value.clone_into(&mut secret.secret_name),
        "target" => value.clone_into(&mut file.name),
        "uid" => value.clone_into(&mut file.uid),
        "gid" => value.clone_into(&mut file.gid),
        "mode" => {
            file.mode = u32::from_str_radix(value.trim_start_matches("0o"), 8)
                .map_err(|_| format!("invalid mode specified: {value:?} is not octal"))?;
        }
        _ => return Err(format!("invalid field in secret request: {key}")),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_are_read() {
        let SecretEntry(short) = "db".parse().unwrap();
        assert_eq!(
            (short.secret_name.as_str(), short.file.name.as_str()),
            ("db", "db")
        );
        assert_eq!(short.file.mode, 0o444);
        let SecretEntry(long) = "source=db,target=pw,uid=999,gid=5,mode=0400"
            .parse()
            .unwrap();
        assert_eq!(long.file.name, "pw");
        assert_eq!(
            (long.file.uid.as_str(), long.file.gid.as_str()),
            ("999", "5")
        );
        assert_eq!(long.file.mode, 0o400);
        for bad in ["", "target=x", "source=a,color=b", "source=a,mode=9"] {
            assert!(bad.parse::<SecretEntry>().is_err(), "{bad}");
        }
    }
}
