//! Values: subnets, pools of subnets, hardware addresses.

use std::fmt;
use std::net::Ipv4Addr;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::error::Error;

/// An IPv4 address together with its prefix length, as in `172.17.0.1/16`.
///
/// The address may be a host's in the subnet; [`Cidr::network`] clears the host part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Cidr {
    /// The address.
    pub address: Ipv4Addr,
    /// The number of leading bits that name the network, at most 32.
    prefix: u8,
}

impl Cidr {
    /// An address with a prefix length; `None` above 32.
    pub fn new(address: Ipv4Addr, prefix: u8) -> Option<Self> {
        (prefix <= 32).then_some(Self { address, prefix })
    }

    /// The prefix length.
    pub fn prefix(self) -> u8 {
        self.prefix
    }

    /// The netmask as a number.
    pub fn mask(self) -> u32 {
        u32::MAX
            .checked_shl(32 - u32::from(self.prefix))
            .unwrap_or(0)
    }

    /// The subnet: the same prefix with the host part cleared.
    #[must_use]
    pub fn network(self) -> Self {
        Self {
            address: Ipv4Addr::from(self.first()),
            prefix: self.prefix,
        }
    }

    /// The lowest address of the subnet, as a number.
    pub fn first(self) -> u32 {
        u32::from(self.address) & self.mask()
    }

    /// The highest address of the subnet, as a number.
    pub fn last(self) -> u32 {
        self.first() | !self.mask()
    }

    /// Whether the address lies in the subnet.
    pub fn contains(self, address: Ipv4Addr) -> bool {
        u32::from(address) & self.mask() == self.first()
    }

    /// Whether the two subnets share an address.
    pub fn overlaps(self, other: Self) -> bool {
        self.first() <= other.last() && other.first() <= self.last()
    }
}

impl fmt::Display for Cidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix)
    }
}

impl FromStr for Cidr {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let parsed = text
            .split_once('/')
            .and_then(|(address, prefix)| Self::new(address.parse().ok()?, prefix.parse().ok()?));
        parsed.ok_or_else(|| Error::InvalidSubnet {
            text: text.to_owned(),
        })
    }
}

impl TryFrom<String> for Cidr {
    type Error = Error;

    fn try_from(text: String) -> Result<Self, Error> {
        text.parse()
    }
}

impl From<Cidr> for String {
    fn from(cidr: Cidr) -> Self {
        cidr.to_string()
    }
}

/// A range out of which networks get subnets of one size: Docker's `default-address-pools`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct AddressPool {
    /// The whole range.
    pub base: Cidr,
    /// The prefix length of each subnet cut from it.
    pub size: u8,
}

/// An Ethernet hardware address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct MacAddress(pub [u8; 6]);

impl fmt::Display for MacAddress {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [first, rest @ ..] = self.0;
        write!(out, "{first:02x}")?;
        rest.iter().try_for_each(|byte| write!(out, ":{byte:02x}"))
    }
}

impl FromStr for MacAddress {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let invalid = || Error::InvalidMac {
            text: text.to_owned(),
        };
        let mut bytes = [0; 6];
        let mut parts = text.split([':', '-']);
        for byte in &mut bytes {
            let part = parts
                .next()
                .filter(|part| part.len() == 2)
                .ok_or_else(invalid)?;
            *byte = u8::from_str_radix(part, 16).map_err(|_| invalid())?;
        }
        if parts.next().is_some() {
            Err(invalid())
        } else {
            Ok(Self(bytes))
        }
    }
}

impl TryFrom<String> for MacAddress {
    type Error = Error;

    fn try_from(text: String) -> Result<Self, Error> {
        text.parse()
    }
}

impl From<MacAddress> for String {
    fn from(mac: MacAddress) -> Self {
        mac.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subnets_know_their_bounds() {
        let cidr: Cidr = "172.17.5.1/16".parse().unwrap();
        assert_eq!(cidr.network().to_string(), "172.17.0.0/16");
        assert_eq!(
            Ipv4Addr::from(cidr.last()),
            Ipv4Addr::new(172, 17, 255, 255)
        );
        assert!(cidr.overlaps("172.17.255.0/24".parse().unwrap()));
        assert!(!cidr.overlaps("172.18.0.0/16".parse().unwrap()));
        assert!(
            "0.0.0.0/0"
                .parse::<Cidr>()
                .unwrap()
                .contains(Ipv4Addr::BROADCAST)
        );
    }

    #[test]
    fn malformed_values_are_named() {
        assert!("172.17.0.1".parse::<Cidr>().is_err());
        assert!("172.17.0.1/33".parse::<Cidr>().is_err());
        let error = "02:42:zz:11:00:02".parse::<MacAddress>().unwrap_err();
        assert!(error.to_string().contains("02:42:zz:11:00:02"), "{error}");
    }
}
