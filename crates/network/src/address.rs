//! Values: subnets, pools of subnets, hardware addresses.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::error::Error;

/// An address together with its prefix length, as in `172.17.0.1/16` or `fd00::1/64`.
///
/// The address may be a host's in the subnet; [`Cidr::network`] clears the host part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Cidr {
    /// The address.
    pub address: IpAddr,
    /// The number of leading bits that name the network.
    prefix: u8,
}

/// An address as a number, of 32 or of 128 bits.
pub(crate) fn number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => u32::from(address).into(),
        IpAddr::V6(address) => address.into(),
    }
}

impl Cidr {
    /// An address with a prefix length; `None` above the address's own length.
    pub fn new(address: impl Into<IpAddr>, prefix: u8) -> Option<Self> {
        let address = address.into();
        (prefix <= bits(address)).then_some(Self { address, prefix })
    }

    /// The prefix length.
    pub fn prefix(self) -> u8 {
        self.prefix
    }

    /// Whether it is of IPv4.
    pub fn is_ipv4(self) -> bool {
        self.address.is_ipv4()
    }

    /// The bits of the host part.
    fn host_mask(self) -> u128 {
        let host_bits = u32::from(bits(self.address) - self.prefix);
        1_u128
            .checked_shl(host_bits)
            .map_or(u128::MAX, |bit| bit - 1)
    }

    /// The subnet: the same prefix with the host part cleared.
    #[must_use]
    pub fn network(self) -> Self {
        Self {
            address: self.at(self.first()),
            prefix: self.prefix,
        }
    }

    /// The lowest address of the subnet, as a number.
    pub fn first(self) -> u128 {
        number(self.address) & !self.host_mask()
    }

    /// The highest address of the subnet, as a number.
    pub fn last(self) -> u128 {
        self.first() | self.host_mask()
    }

    /// The address that a number stands for in this family.
    pub fn at(self, number: u128) -> IpAddr {
        match self.address {
            IpAddr::V4(_) => Ipv4Addr::from(number as u32).into(),
            IpAddr::V6(_) => Ipv6Addr::from(number).into(),
        }
    }

    /// Whether the address lies in the subnet.
    pub fn contains(self, address: impl Into<IpAddr>) -> bool {
        let address = address.into();
        address.is_ipv4() == self.is_ipv4()
            && (self.first()..=self.last()).contains(&number(address))
    }

    /// Whether the two subnets share an address.
    pub fn overlaps(self, other: Self) -> bool {
        self.is_ipv4() == other.is_ipv4()
            && self.first() <= other.last()
            && other.first() <= self.last()
    }
}

fn bits(address: IpAddr) -> u8 {
    if address.is_ipv4() { 32 } else { 128 }
}

impl fmt::Display for Cidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix)
    }
}

impl FromStr for Cidr {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let parsed = text.split_once('/').and_then(|(address, prefix)| {
            Self::new(address.parse::<IpAddr>().ok()?, prefix.parse().ok()?)
        });
        parsed.ok_or_else(|| Error::InvalidSubnet {
            text: text.chars().take(100).collect(),
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
        assert_eq!(cidr.at(cidr.last()), Ipv4Addr::new(172, 17, 255, 255));
        assert!(cidr.overlaps("172.17.255.0/24".parse().unwrap()));
        assert!(!cidr.overlaps("172.18.0.0/16".parse().unwrap()));
        let all = "0.0.0.0/0".parse::<Cidr>().unwrap();
        assert!(all.contains(Ipv4Addr::BROADCAST));
        let six: Cidr = "fd00:1::5/64".parse().unwrap();
        assert_eq!(six.network().to_string(), "fd00:1::/64");
        assert!(six.contains("fd00:1::ffff".parse::<Ipv6Addr>().unwrap()));
        assert!(!six.overlaps(all) && !all.overlaps(six));
        assert!("::/0".parse::<Cidr>().unwrap().overlaps(six));
    }

    #[test]
    fn malformed_values_are_named() {
        assert!("172.17.0.1".parse::<Cidr>().is_err());
        assert!("172.17.0.1/33".parse::<Cidr>().is_err());
        assert!("fd00::/129".parse::<Cidr>().is_err());
        let error = "02:42:zz:11:00:02".parse::<MacAddress>().unwrap_err();
        assert!(error.to_string().contains("02:42:zz:11:00:02"), "{error}");
    }
}
