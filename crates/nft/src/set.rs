//! Sets and maps: fields, elements, intervals.

use std::net::IpAddr;

use gantry_sys::netlink::Attributes;

use crate::abi::{
    NFT_DATA_VERDICT, NFT_SET_CONCAT, NFT_SET_ELEM_INTERVAL_END, NFT_SET_INTERVAL, NFT_SET_MAP,
    NFTA_DATA_VALUE, NFTA_LIST_ELEM, NFTA_SET_DATA_LEN, NFTA_SET_DATA_TYPE, NFTA_SET_DESC,
    NFTA_SET_DESC_CONCAT, NFTA_SET_ELEM_DATA, NFTA_SET_ELEM_FLAGS, NFTA_SET_ELEM_KEY,
    NFTA_SET_ELEM_KEY_END, NFTA_SET_FIELD_LEN, NFTA_SET_FLAGS, NFTA_SET_ID, NFTA_SET_KEY_LEN,
    NFTA_SET_KEY_TYPE, NFTA_SET_NAME, NFTA_SET_TABLE,
};
use crate::expression::Verdict;

/// The type of one field of a key or a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DataType {
    /// An IPv4 address.
    Ipv4Address,
    /// An IPv6 address.
    Ipv6Address,
    /// A transport protocol's number.
    Protocol,
    /// A transport port.
    Port,
    /// An interface name.
    InterfaceName,
}

impl DataType {
    /// nft's number of the type: tells nothing to the kernel, but how to print to nft.
    fn number(self) -> u32 {
        match self {
            Self::Ipv4Address => 7,
            Self::Ipv6Address => 8,
            Self::Protocol => 12,
            Self::Port => 13,
            Self::InterfaceName => 41,
        }
    }

    /// Bytes before padding.
    fn width(self) -> u32 {
        match self {
            Self::Ipv4Address => 4,
            Self::Ipv6Address => 16,
            Self::Protocol => 1,
            Self::Port => 2,
            Self::InterfaceName => 16,
        }
    }
}

/// A single field keeps its width; joined ones each fill whole registers of four bytes.
fn length(fields: &[DataType]) -> u32 {
    match fields {
        [only] => only.width(),
        _ => fields
            .iter()
            .map(|field| field.width().next_multiple_of(4))
            .sum(),
    }
}

fn type_number(fields: &[DataType]) -> u32 {
    fields
        .iter()
        .fold(0, |joined, field| joined << 6 | field.number())
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Values {
    None,
    Data(Vec<DataType>),
    Verdicts,
}

/// A set or a map to add.
#[derive(Debug, Clone)]
pub struct Set {
    pub(crate) name: String,
    key: Vec<DataType>,
    values: Values,
    intervals: bool,
}

impl Set {
    /// A set of keys made of these fields.
    pub fn new(name: impl Into<String>, key: &[DataType]) -> Self {
        Self {
            name: name.into(),
            key: key.to_vec(),
            values: Values::None,
            intervals: false,
        }
    }

    /// Makes it a map to values made of these fields.
    #[must_use]
    pub fn to(mut self, fields: &[DataType]) -> Self {
        self.values = Values::Data(fields.to_vec());
        self
    }

    /// Makes it a map to verdicts.
    #[must_use]
    pub fn to_verdicts(mut self) -> Self {
        self.values = Values::Verdicts;
        self
    }

    /// Lets its keys be ranges.
    #[must_use]
    pub fn intervals(mut self) -> Self {
        self.intervals = true;
        self
    }

    pub(crate) fn write(&self, table: &str, id: u32, attributes: &mut Attributes<'_>) {
        attributes.string(NFTA_SET_TABLE, table);
        attributes.string(NFTA_SET_NAME, &self.name);
        attributes.be32(NFTA_SET_FLAGS, self.flags());
        attributes.be32(NFTA_SET_KEY_TYPE, type_number(&self.key));
        attributes.be32(NFTA_SET_KEY_LEN, length(&self.key));
        match &self.values {
            Values::None => {}
            Values::Data(fields) => {
                attributes.be32(NFTA_SET_DATA_TYPE, type_number(fields));
                attributes.be32(NFTA_SET_DATA_LEN, length(fields));
            }
            Values::Verdicts => attributes.be32(NFTA_SET_DATA_TYPE, NFT_DATA_VERDICT),
        }
        attributes.be32(NFTA_SET_ID, id);
        if self.joined_intervals() {
            attributes.nested(NFTA_SET_DESC, |description| {
                description.nested(NFTA_SET_DESC_CONCAT, |fields| self.write_fields(fields));
            });
        }
    }

    /// Ranges over joined fields need each field's width (pipapo sets, Linux 5.6).
    fn write_fields(&self, attributes: &mut Attributes<'_>) {
        for field in &self.key {
            attributes.nested(NFTA_LIST_ELEM, |nested| {
                nested.be32(NFTA_SET_FIELD_LEN, field.width());
            });
        }
    }

    fn joined_intervals(&self) -> bool {
        self.intervals && self.key.len() > 1
    }

    fn flags(&self) -> u32 {
        let mut flags = 0;
        if self.values != Values::None {
            flags |= NFT_SET_MAP;
        }
        if self.intervals {
            flags |= NFT_SET_INTERVAL;
        }
        if self.joined_intervals() {
            flags |= NFT_SET_CONCAT;
        }
        flags
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Value {
    None,
    Data(Vec<u8>),
    Verdict(Verdict),
}

/// One element of a set or map; fields are joined by [`Element::and`] in the key's order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Element {
    key: Vec<u8>,
    key_end: Option<Vec<u8>>,
    ends_interval: bool,
    value: Value,
}

impl Element {
    /// An element whose key is these bytes (network byte order).
    pub fn new(key: impl Into<Vec<u8>>) -> Self {
        Self {
            key: key.into(),
            key_end: None,
            ends_interval: false,
            value: Value::None,
        }
    }

    /// An address as the key or its first field.
    pub fn address(address: impl Into<IpAddr>) -> Self {
        match address.into() {
            IpAddr::V4(address) => Self::new(address.octets()),
            IpAddr::V6(address) => Self::new(address.octets()),
        }
    }

    /// A key of several fields, each filled up to four bytes.
    pub fn joined(fields: &[&[u8]]) -> Self {
        Self::new(join(fields))
    }

    /// A key of several fields, from one combination to another, both included.
    pub fn joined_range(from: &[&[u8]], to: &[&[u8]]) -> Self {
        Self {
            key_end: Some(join(to)),
            ..Self::joined(from)
        }
    }

    /// A range of addresses of one family, both included, for a set of intervals with one field.
    pub fn address_range(from: impl Into<IpAddr>, to: impl Into<IpAddr>) -> Vec<Self> {
        let mut elements = vec![Self::address(from)];
        // The end is the first address that is not inside; a range to the last has none.
        let end = match to.into() {
            IpAddr::V4(to) => u32::from(to)
                .checked_add(1)
                .map(|end| end.to_be_bytes().to_vec()),
            IpAddr::V6(to) => u128::from(to)
                .checked_add(1)
                .map(|end| end.to_be_bytes().to_vec()),
        };
        if let Some(end) = end {
            let mut end = Self::new(end);
            end.ends_interval = true;
            elements.push(end);
        }
        elements
    }

    /// A range of addresses that is mapped to one address, for a map of intervals.
    pub fn mapped_range(
        from: impl Into<IpAddr>,
        to: impl Into<IpAddr>,
        value: impl Into<IpAddr>,
    ) -> Vec<Self> {
        let mut elements = Self::address_range(from, to);
        if let Some(start) = elements.first_mut() {
            start.value = Value::Data(match value.into() {
                IpAddr::V4(address) => address.octets().to_vec(),
                IpAddr::V6(address) => address.octets().to_vec(),
            });
        }
        elements
    }

    /// Gives it a value of several fields, each filled up to four bytes.
    #[must_use]
    pub fn maps_to(mut self, fields: &[&[u8]]) -> Self {
        self.value = Value::Data(if let [only] = fields {
            only.to_vec()
        } else {
            join(fields)
        });
        self
    }

    /// Gives it a verdict.
    #[must_use]
    pub fn verdict(mut self, verdict: Verdict) -> Self {
        self.value = Value::Verdict(verdict);
        self
    }

    /// How many bytes of a message it takes at most.
    pub(crate) fn size(&self) -> usize {
        64 + 2 * self.key.len()
            + if let Value::Data(data) = &self.value {
                data.len()
            } else {
                300
            }
    }

    pub(crate) fn write(&self, attributes: &mut Attributes<'_>) {
        attributes.nested(NFTA_LIST_ELEM, |element| {
            element.nested(NFTA_SET_ELEM_KEY, |key| {
                key.bytes(NFTA_DATA_VALUE, &self.key);
            });
            if let Some(end) = &self.key_end {
                element.nested(NFTA_SET_ELEM_KEY_END, |key| key.bytes(NFTA_DATA_VALUE, end));
            }
            if self.ends_interval {
                element.be32(NFTA_SET_ELEM_FLAGS, NFT_SET_ELEM_INTERVAL_END);
            }
            match &self.value {
                Value::None => {}
                Value::Data(data) => {
                    element.nested(NFTA_SET_ELEM_DATA, |value| {
                        value.bytes(NFTA_DATA_VALUE, data);
                    });
                }
                Value::Verdict(verdict) => {
                    element.nested(NFTA_SET_ELEM_DATA, |value| verdict.write(value));
                }
            }
        });
    }
}

/// An interface name as the kernel compares it: 16 bytes with zeros at the end.
pub fn ifname(name: &str) -> [u8; 16] {
    let mut bytes = [0; 16];
    for (byte, from) in bytes.iter_mut().zip(name.bytes().take(15)) {
        *byte = from;
    }
    bytes
}

fn join(fields: &[&[u8]]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for field in fields {
        bytes.extend_from_slice(field);
        bytes.resize(bytes.len().next_multiple_of(4), 0);
    }
    bytes
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    #[test]
    fn joined_fields_fill_registers() {
        let key = Element::joined(&[&[6], &80_u16.to_be_bytes()]);
        assert_eq!(key.key, [6, 0, 0, 0, 0, 80, 0, 0]);
        assert_eq!(length(&[DataType::Protocol, DataType::Port]), 8);
        assert_eq!(
            type_number(&[DataType::Protocol, DataType::Port]),
            (12 << 6) + 13
        );
        assert_eq!(length(&[DataType::Port]), 2);
    }

    #[test]
    fn a_range_to_the_last_address_has_no_end() {
        let all = Element::address_range(Ipv4Addr::UNSPECIFIED, Ipv4Addr::BROADCAST);
        assert_eq!(all.len(), 1);
    }

    #[test]
    fn an_interface_name_is_cut_and_padded() {
        assert_eq!(&ifname("lo")[..3], b"lo\0");
        assert_eq!(ifname("a-name-that-is-too-long")[15], 0);
    }
}
