//! `--device host[:container][:rwm]` and `--device-cgroup-rule`.

use std::str::FromStr;

use crate::Error;

/// A device of the host inside a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Device {
    /// Path on the host.
    pub host: String,
    /// Path inside.
    pub container: String,
    /// Any of `rwm`.
    pub permissions: String,
}

fn is_permissions(text: &str) -> bool {
    !text.is_empty()
        && ['r', 'w', 'm']
            .iter()
            .map(|c| text.matches(*c).count())
            .all(|n| n <= 1)
        && text.bytes().all(|b| matches!(b, b'r' | b'w' | b'm'))
}

impl FromStr for Device {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let bad = || Error::Device(text.to_owned());
        let parts: Vec<&str> = text.split(':').collect();
        let (host, container, permissions) = match parts[..] {
            [host] => (host, host, "rwm"),
            [host, permissions] if is_permissions(permissions) => (host, host, permissions),
            [host, container] => (host, container, "rwm"),
            [host, container, permissions] if is_permissions(permissions) => {
                (host, container, permissions)
            }
            _ => return Err(bad()),
        };
        if host.is_empty() || container.is_empty() {
            return Err(bad());
        }
        for path in [host, container] {
            if !path.starts_with('/') {
                return Err(Error::DevicePath(path.to_owned()));
            }
        }
        Ok(Self {
            host: host.to_owned(),
            container: container.to_owned(),
            permissions: permissions.to_owned(),
        })
    }
}

/// A rule for the device cgroup: `c 1:3 rwm`, `b *:* m`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceRule {
    /// `a`, `b` or `c`.
    pub kind: char,
    /// Nothing is all.
    pub major: Option<u32>,
    /// Nothing is all.
    pub minor: Option<u32>,
    /// Any of `rwm`.
    pub permissions: String,
}

impl FromStr for DeviceRule {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let bad = || Error::DeviceRule(text.to_owned());
        let mut words = text.split(' ');
        let (Some(kind), Some(numbers), Some(permissions), None) =
            (words.next(), words.next(), words.next(), words.next())
        else {
            return Err(bad());
        };
        let (major, minor) = numbers.split_once(':').ok_or_else(bad)?;
        let number = |text: &str| match text {
            "*" => Ok(None),
            text => text.parse().map(Some).map_err(|_| bad()),
        };
        let kind = match kind {
            "a" => 'a',
            "b" => 'b',
            "c" => 'c',
            _ => return Err(bad()),
        };
        if !is_permissions(permissions) {
            return Err(bad());
        }
        Ok(Self {
            kind,
            major: number(major)?,
            minor: number(minor)?,
            permissions: permissions.to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn reads_devices() {
        let device: Device = "/dev/snd".parse().unwrap();
        assert_eq!(
            (device.container.as_str(), device.permissions.as_str()),
            ("/dev/snd", "rwm")
        );
        let device: Device = "/dev/sda:/dev/xvdc:r".parse().unwrap();
        assert_eq!(
            (device.container.as_str(), device.permissions.as_str()),
            ("/dev/xvdc", "r")
        );
        let device: Device = "/dev/sda:rw".parse().unwrap();
        assert_eq!(
            (device.container.as_str(), device.permissions.as_str()),
            ("/dev/sda", "rw")
        );
        assert!("/dev/sda:/x:q".parse::<Device>().is_err());
        assert!("dev".parse::<Device>().is_err());
        assert!("".parse::<Device>().is_err());
    }

    #[test]
    fn reads_rules() {
        let rule: DeviceRule = "c 1:* rw".parse().unwrap();
        assert_eq!((rule.kind, rule.major, rule.minor), ('c', Some(1), None));
        assert!("x 1:3 rwm".parse::<DeviceRule>().is_err());
        assert!("c 1:3".parse::<DeviceRule>().is_err());
    }

    proptest! {
        #[test]
        fn never_panics(text in "\\PC*", grammar in "[abc0-9:* rwm/]*") {
            for text in [text, grammar] {
                let _ = text.parse::<Device>();
                let _ = text.parse::<DeviceRule>();
            }
        }
    }
}
