//! What a registry says of an error, in its body.

use serde::Deserialize;

use crate::Answer;

#[derive(Deserialize)]
struct Body {
    #[serde(default)]
    errors: Vec<Entry>,
    /// Token servers and some registries use this shape.
    #[serde(default)]
    code: Option<String>,
    #[serde(default)]
    details: Option<String>,
    #[serde(default)]
    message: Option<String>,
    #[serde(default)]
    error: Option<String>,
    #[serde(default)]
    error_description: Option<String>,
}

#[derive(Deserialize)]
struct Entry {
    #[serde(default)]
    code: String,
    #[serde(default)]
    message: String,
}

/// Reads the body of an answer that is not success; `None` if it says nothing that is understood.
pub fn parse_answer(body: &[u8]) -> Option<Answer> {
    let body: Body = serde_json::from_slice(body).ok()?;
    if let Some(first) = body.errors.into_iter().next() {
        let message = if first.message.is_empty() {
            known_message(&first.code).to_owned()
        } else {
            first.message
        };
        return Some(Answer {
            code: first.code,
            message,
        });
    }
    let message = body.details.or(body.message).or(body.error_description);
    let code = body.code.or(body.error).unwrap_or_default();
    (!code.is_empty() || message.is_some()).then(|| Answer {
        code,
        message: message.unwrap_or_default(),
    })
}

/// The message that the specification gives a code.
pub(crate) fn known_message(code: &str) -> &'static str {
    match code {
        "UNAUTHORIZED" => "authentication required",
        "DENIED" => "requested access to the resource is denied",
        "MANIFEST_UNKNOWN" => "manifest unknown",
        "NAME_UNKNOWN" => "repository name not known to registry",
        "BLOB_UNKNOWN" => "blob unknown to registry",
        "TOOMANYREQUESTS" => "too many requests",
        _ => "unknown error",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_read_as_docker_prints_them() {
        let body =
            br#"{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown","detail":{}}]}"#;
        assert_eq!(
            parse_answer(body).unwrap().to_string(),
            "manifest unknown: manifest unknown"
        );
        let body = br#"{"errors":[{"code":"DENIED"}]}"#;
        assert_eq!(
            parse_answer(body).unwrap().to_string(),
            "denied: requested access to the resource is denied"
        );
        let body = br#"{"details":"incorrect username or password"}"#;
        assert_eq!(
            parse_answer(body).unwrap().message,
            "incorrect username or password"
        );
        assert_eq!(parse_answer(b"<html>"), None);
        assert_eq!(parse_answer(b"{}"), None);
    }
}
