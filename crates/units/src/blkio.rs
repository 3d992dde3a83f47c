//! `--device-read-bps path:rate`, `--blkio-weight-device path:weight`.

use std::str::FromStr;

use crate::{Error, parse_ram};

/// A limit of a block device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceRate {
    /// Device path.
    pub path: String,
    /// Bytes or operations per second.
    pub rate: u64,
}

impl FromStr for DeviceRate {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let bad = || Error::DeviceRate(text.to_owned());
        let (path, rate) = text
            .split_once(':')
            .ok_or_else(|| Error::DeviceFormat(text.to_owned()))?;
        if !path.starts_with("/dev/") {
            return Err(Error::Device(text.to_owned()));
        }
        let rate = parse_ram(rate)
            .ok()
            .and_then(|rate| u64::try_from(rate).ok());
        Ok(Self {
            path: path.to_owned(),
            rate: rate.ok_or_else(bad)?,
        })
    }
}

/// The weight of a block device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceWeight {
    /// Device path.
    pub path: String,
    /// 10 to 1000, 0 is unset.
    pub weight: u16,
}

impl FromStr for DeviceWeight {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let bad = || Error::DeviceWeight(text.to_owned());
        let (path, weight) = text
            .split_once(':')
            .ok_or_else(|| Error::DeviceFormat(text.to_owned()))?;
        if !path.starts_with("/dev/") {
            return Err(Error::Device(text.to_owned()));
        }
        let weight: u16 = weight.parse().map_err(|_| bad())?;
        if weight != 0 && !(10..=1000).contains(&weight) {
            return Err(bad());
        }
        Ok(Self {
            path: path.to_owned(),
            weight,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_and_refuses() {
        assert_eq!("/dev/sda:1mb".parse::<DeviceRate>().unwrap().rate, 1 << 20);
        assert!("/dev/sda:-1".parse::<DeviceRate>().is_err());
        assert!("sda:1".parse::<DeviceRate>().is_err());
        assert_eq!("/dev/sda:500".parse::<DeviceWeight>().unwrap().weight, 500);
        assert!("/dev/sda:5".parse::<DeviceWeight>().is_err());
    }
}
