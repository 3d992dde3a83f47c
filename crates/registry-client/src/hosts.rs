//! `/etc/hosts`, read by ourselves.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

const PATH: &str = "/etc/hosts";

/// The addresses that are known for a name without asking anybody: those of an address written as
/// such, of `/etc/hosts`, and of `localhost` (RFC 6761, section 6.3).
pub(crate) fn known_addresses(host: &str) -> Vec<IpAddr> {
    if let Ok(address) = host.parse() {
        return vec![address];
    }
    let text = std::fs::read(PATH).unwrap_or_default();
    let found = lookup(&String::from_utf8_lossy(&text), host);
    let host = host.trim_end_matches('.').to_ascii_lowercase();
    if found.is_empty() && (host == "localhost" || host.ends_with(".localhost")) {
        return vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()];
    }
    found
}

/// See hosts(5).
fn lookup(text: &str, host: &str) -> Vec<IpAddr> {
    let host = host.trim_end_matches('.');
    let mut found: Vec<IpAddr> = Vec::new();
    for line in text.lines() {
        let mut fields = line
            .split('#')
            .next()
            .unwrap_or_default()
            .split_whitespace();
        let Some(Ok(address)) = fields.next().map(str::parse) else {
            continue;
        };
        if fields.any(|name| name.eq_ignore_ascii_case(host)) && !found.contains(&address) {
            found.push(address);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_aliases_are_found() {
        let text = "127.0.0.1 localhost\n# 9.9.9.9 reg\n10.0.0.1\treg.test reg # the registry\n::1 REG\nx y";
        assert_eq!(
            lookup(text, "reg"),
            ["10.0.0.1", "::1"].map(|a| a.parse::<IpAddr>().unwrap())
        );
        assert!(lookup(text, "y").is_empty());
        assert!(known_addresses("localhost").iter().all(IpAddr::is_loopback));
        assert!(!known_addresses("localhost").is_empty());
        assert_eq!(known_addresses("::1"), ["::1".parse::<IpAddr>().unwrap()]);
    }
}
