//! Container names.

use crate::Error;

/// Checks a container's name; a leading slash, which old clients send, is not part of it.
pub fn check_container_name(name: &str) -> Result<&str, Error> {
    let bare = name.strip_prefix('/').unwrap_or(name);
    let mut bytes = bare.bytes();
    let head = bytes.next().is_some_and(|b| b.is_ascii_alphanumeric());
    let tail = bytes.all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-'));
    if head && tail && bare.len() > 1 {
        Ok(bare)
    } else {
        Err(Error::ContainerName(name.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_dockers_names() {
        assert_eq!(check_container_name("/web_1.a-b"), Ok("web_1.a-b"));
        for bad in ["", "a", "_a", "a b", "a/b", "-a", "ä1"] {
            assert!(check_container_name(bad).is_err(), "{bad}");
        }
    }
}
