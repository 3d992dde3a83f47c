//! `--secret`.

use std::collections::HashMap;
use std::path::PathBuf;

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
}
