//! `--secret` and `--ssh`.

use std::collections::HashMap;
use std::os::unix::fs::FileTypeExt as _;
use std::path::{Path, PathBuf};

use gantry_build_client::Secret;

use super::outputs::pairs;

/// Reads `--secret`: `id=x,src=path`, `id=x,env=VAR`, `type=env,id=x`.
pub(crate) fn secrets(given: &[String]) -> Result<HashMap<String, Secret>, String> {
    let mut secrets = HashMap::new();
    for text in given {
        let (id, secret) = secret(text)?;
        secrets.insert(id, secret);
    }
    Ok(secrets)
}

fn secret(text: &str) -> Result<(String, Secret), String> {
    let (mut id, mut file, mut variable, mut kind) = (None, None, None, None);
    for (key, value) in pairs(text)? {
        match key.to_lowercase().as_str() {
            "type" if value == "file" || value == "env" => kind = Some(value),
            "type" => return Err(format!("unsupported secret type {value:?}")),
            "id" => id = Some(value),
            "source" | "src" => file = Some(value),
            "env" => variable = Some(value),
            _ => return Err(format!("unexpected key '{key}' in '{key}={value}'")),
        }
    }
    let id = id.filter(|id| !id.is_empty()).ok_or("secret missing ID")?;
    // `type=env,src=VAR` names the variable so.
    if kind.as_deref() == Some("env") && variable.is_none() {
        variable = file.take();
    }
    let secret = match (variable, file) {
        (Some(name), _) => Secret::Variable(name),
        (None, Some(path)) => Secret::File(PathBuf::from(path)),
        (None, None) if std::env::var_os(&id).is_some() || kind.as_deref() == Some("env") => {
            Secret::Variable(id.clone())
        }
        (None, None) => Secret::File(PathBuf::from(&id)),
    };
    if let Secret::File(path) = &secret {
        std::fs::metadata(path).map_err(|error| {
            let reason = crate::create::open_error(&path.to_string_lossy(), &error);
            format!("failed to stat {}: {reason}", path.display())
        })?;
    }
    Ok((id, secret))
}

/// Reads `--ssh`: `default`, `id=socket`.
pub(crate) fn agents(given: &[String]) -> Result<HashMap<String, PathBuf>, String> {
    let mut agents = HashMap::new();
    for text in given {
        let (id, path) = match text.split_once('=') {
            Some((id, path)) => (id, path.to_owned()),
            None => (
                text.as_str(),
                std::env::var("SSH_AUTH_SOCK").unwrap_or_default(),
            ),
        };
        if path.is_empty() {
            return Err(
                "invalid empty ssh agent socket: make sure SSH_AUTH_SOCK is set".to_owned(),
            );
        }
        let path = PathBuf::from(path);
        if !is_socket(&path) {
            return Err(format!(
                "--ssh {id}={}: only the socket of an ssh agent can be forwarded, not key files: \
                 add the key to an agent with ssh-add",
                path.display()
            ));
        }
        if agents.insert(id.to_owned(), path).is_some() {
            return Err(format!("invalid duplicate ID {id} in --ssh"));
        }
    }
    Ok(agents)
}

fn is_socket(path: &Path) -> bool {
    std::fs::metadata(path).is_ok_and(|file| file.file_type().is_socket())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_files_or_variables() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let path = file.path().to_str().unwrap();
        let read = |text: &str| secret(text);
        assert_eq!(
            read(&format!("id=a,src={path}")).unwrap(),
            ("a".to_owned(), Secret::File(file.path().to_owned()))
        );
        assert_eq!(
            read("id=a,env=HOME").unwrap().1,
            Secret::Variable("HOME".to_owned())
        );
        assert_eq!(
            read("id=HOME").unwrap().1,
            Secret::Variable("HOME".to_owned())
        );
        assert_eq!(
            read("type=env,src=HOME,id=x").unwrap().1,
            Secret::Variable("HOME".to_owned())
        );
        assert_eq!(read("src=/").unwrap_err(), "secret missing ID");
        assert!(
            read("id=a,src=/none/at/all")
                .unwrap_err()
                .contains("no such file")
        );
        assert_eq!(
            read("id=a,foo=b").unwrap_err(),
            "unexpected key 'foo' in 'foo=b'"
        );
    }

    #[test]
    fn keys_are_refused_by_name() {
        let error = agents(&["default=/etc/hosts".to_owned()]).unwrap_err();
        assert!(error.contains("ssh-add"), "{error}");
    }
}
