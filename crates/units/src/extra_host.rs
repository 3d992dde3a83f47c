//! `--add-host name:address`.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use crate::Error;

/// A line for /etc/hosts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExtraHost {
    /// Host name.
    pub name: String,
    /// Address; nothing is `host-gateway`, which the engine fills in.
    pub address: Option<IpAddr>,
}

impl FromStr for ExtraHost {
    type Err = Error;

    /// `name:address` or `name=address`; IPv6 addresses may stand in brackets.
    fn from_str(text: &str) -> Result<Self, Error> {
        let bad = || Error::ExtraHost(text.to_owned());
        let at = text.find(['=', ':']).ok_or_else(bad)?;
        let (name, address) = (&text[..at], &text[at + 1..]);
        if name.is_empty() || address.is_empty() {
            return Err(bad());
        }
        let name = name.to_owned();
        if address == "host-gateway" {
            return Ok(Self {
                name,
                address: None,
            });
        }
        let bare = address
            .strip_prefix('[')
            .and_then(|a| a.strip_suffix(']'))
            .unwrap_or(address);
        match bare.parse() {
            Ok(address) => Ok(Self {
                name,
                address: Some(address),
            }),
            Err(_) => Err(Error::ExtraHostAddress(address.to_owned())),
        }
    }
}

impl fmt::Display for ExtraHost {
    /// The form that the API takes.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.address {
            Some(address) => write!(f, "{}:{address}", self.name),
            None => write!(f, "{}:host-gateway", self.name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_and_refuses() {
        let text = |text: &str| text.parse::<ExtraHost>().map(|host| host.to_string());
        assert_eq!(text("a:10.0.0.1").unwrap(), "a:10.0.0.1");
        assert_eq!(text("a=10.0.0.1").unwrap(), "a:10.0.0.1");
        assert_eq!(text("a:[::1]").unwrap(), "a:::1");
        assert_eq!(text("a:::1").unwrap(), "a:::1");
        assert_eq!(text("a:host-gateway").unwrap(), "a:host-gateway");
        assert_eq!(
            text("a").unwrap_err().to_string(),
            "bad format for add-host: \"a\""
        );
        assert_eq!(
            text("a:x").unwrap_err().to_string(),
            "invalid IP address in add-host: \"x\""
        );
    }
}
