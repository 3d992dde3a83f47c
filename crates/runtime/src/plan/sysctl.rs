//! Kernel parameters of the container's namespaces.

use std::collections::BTreeMap;
use std::ffi::CString;

use super::c_string;
use crate::{Error, Result};

/// A file below /proc/sys and what is written to it.
#[derive(Debug)]
pub(crate) struct Sysctl {
    pub(crate) name: String,
    /// Relative to /proc.
    pub(crate) path: CString,
    pub(crate) value: String,
}

pub(super) fn plan(sysctls: &BTreeMap<String, String>) -> Result<Vec<Sysctl>> {
    sysctls
        .iter()
        .map(|(key, value)| {
            Ok(Sysctl {
                name: key.clone(),
                path: c_string(&format!("sys/{}", path(key)?))?,
                value: value.clone(),
            })
        })
        .collect()
}

/// As sysctl(8): if the first separator is a dot, dots separate and slashes are dots of names
/// (`net.ipv4.conf.eth0/100.forwarding`); otherwise the key is the path.
fn path(key: &str) -> Result<String> {
    let path: String = match key.find(['.', '/']).map(|at| key.as_bytes()[at]) {
        Some(b'.') => key
            .chars()
            .map(|c| match c {
                '.' => '/',
                '/' => '.',
                other => other,
            })
            .collect(),
        _ => key.to_owned(),
    };
    if path.split('/').any(|part| matches!(part, "" | "." | "..")) {
        return Err(Error::Invalid(format!(
            "sysctl {key:?}: not a name like net.ipv4.ip_forward"
        )));
    }
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::path;

    #[test]
    fn keys_become_paths() {
        assert_eq!(path("net.ipv4.ip_forward").unwrap(), "net/ipv4/ip_forward");
        assert_eq!(
            path("net/ipv4/conf/eth0.1/x").unwrap(),
            "net/ipv4/conf/eth0.1/x"
        );
        assert_eq!(
            path("net.ipv4.conf.eth0/1.x").unwrap(),
            "net/ipv4/conf/eth0.1/x"
        );
        for bad in [
            "",
            "net..x",
            "net/../../self/oom_score_adj",
            "net.//.x",
            "/net",
        ] {
            path(bad).unwrap_err();
        }
    }
}
