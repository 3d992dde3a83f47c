//! Values of options that the `units` crate's types stand for, under the names that the help shows,
//! and the few grammars that only the command line has.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use crate::flags::{Named, TypedList};
use gantry_units as units;

macro_rules! shown_as {
    ($($name:ident = $text:literal,)*) => {$(
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub(crate) struct $name;

        impl Named for $name {
            const NAME: &'static str = $text;
        }
    )*};
}
shown_as! {
    AsMount = "mount",
    AsUlimit = "ulimit",
    AsNetwork = "network",
    AsGpu = "gpu-request",
    AsMap = "map",
}

/// `--mount`.
pub(crate) type Mounts = TypedList<units::MountSpec, AsMount>;
/// `--ulimit`.
pub(crate) type Ulimits = TypedList<units::Ulimit, AsUlimit>;
/// `--network`.
pub(crate) type Networks = TypedList<NetworkSpec, AsNetwork>;
/// `--gpus`.
pub(crate) type Gpus = TypedList<GpuSpec, AsGpu>;
/// `--sysctl`.
pub(crate) type Sysctls = TypedList<Sysctl, AsMap>;
/// `--env`.
pub(crate) type Environ = TypedList<EnvEntry>;
/// `--label`.
pub(crate) type Labels = TypedList<LabelEntry>;
/// `--attach`.
pub(crate) type Attach = TypedList<StandardStream>;
/// `--dns`, `--link-local-ip`.
pub(crate) type Addresses = TypedList<Address>;
/// `--add-host`.
pub(crate) type ExtraHosts = TypedList<HostEntry>;
/// `--link`.
pub(crate) type Links = TypedList<LinkEntry>;
/// `--device-cgroup-rule`.
pub(crate) type DeviceRules = TypedList<DeviceRuleText>;
/// `--dns-search`.
pub(crate) type Domains = TypedList<Domain>;

macro_rules! text_type {
    ($($(#[$meta:meta])* $name:ident;)*) => {$(
        $(#[$meta])*
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub(crate) struct $name(pub(crate) String);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    )*};
}
text_type! {
    /// `NAME=value` or `NAME`.
    EnvEntry;
    /// `key=value` or `key`.
    LabelEntry;
    /// `container:alias`.
    LinkEntry;
    /// `name:address` in the form that the API takes.
    HostEntry;
    /// An IP address.
    Address;
    /// `c 42:* rmw`.
    DeviceRuleText;
    /// A search domain; `.` for none.
    Domain;
}

impl FromStr for EnvEntry {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split('=').next() {
            None | Some("") => Err(format!("invalid environment variable: {text}")),
            // A name alone takes the value of our own variable, if there is one.
            Some(name) if name.len() == text.len() => Ok(Self(match std::env::var(name) {
                Ok(value) => format!("{name}={value}"),
                Err(_) => text.to_owned(),
            })),
            Some(_) => Ok(Self(text.to_owned())),
        }
    }
}

impl FromStr for LabelEntry {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split('=').next() {
            None | Some("") => Err(format!("invalid label '{text}': empty name")),
            Some(name) if name.contains(char::is_whitespace) => {
                Err(format!("label '{name}' contains whitespaces"))
            }
            Some(_) => Ok(Self(text.to_owned())),
        }
    }
}

impl FromStr for LinkEntry {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts: Vec<&str> = text.split(':').collect();
        match parts.as_slice() {
            [] | [""] => Err("empty string specified for links".to_owned()),
            // Docker makes both forms the same.
            [_] | [_, _] => Ok(Self(text.to_owned())),
            _ => Err(format!("bad format for links: {text}")),
        }
    }
}

impl FromStr for HostEntry {
    type Err = units::Error;

    fn from_str(text: &str) -> Result<Self, units::Error> {
        text.parse::<units::ExtraHost>()
            .map(|host| Self(host.to_string()))
    }
}

impl FromStr for Address {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.trim().parse::<IpAddr>() {
            Ok(address) => Ok(Self(address.to_string())),
            Err(_) => Err(format!("IP address is not correctly formatted: {text}")),
        }
    }
}

impl FromStr for DeviceRuleText {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.parse::<units::DeviceRule>() {
            Ok(_) => Ok(Self(text.to_owned())),
            Err(_) => Err(format!("invalid device cgroup format '{text}'")),
        }
    }
}

impl FromStr for Domain {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let name = text.trim();
        let fits = |label: &str| {
            !label.is_empty()
                && label.len() <= 63
                && label
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
        };
        let labels = name.strip_suffix('.').unwrap_or(name);
        if name == "." || (name.len() <= 255 && labels.split('.').all(fits)) {
            return Ok(Self(name.to_owned()));
        }
        Err(format!("{text} is not a valid domain"))
    }
}

/// A standard stream to attach.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StandardStream {
    Input,
    Output,
    Error,
}

impl FromStr for StandardStream {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, &'static str> {
        match text.to_ascii_lowercase().as_str() {
            "stdin" => Ok(Self::Input),
            "stdout" => Ok(Self::Output),
            "stderr" => Ok(Self::Error),
            _ => Err("valid streams are STDIN, STDOUT and STDERR"),
        }
    }
}

/// A kernel parameter of the container's own namespaces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sysctl {
    pub(crate) key: String,
    pub(crate) value: String,
}

impl FromStr for Sysctl {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once('=') {
            Some((key, value)) if !key.is_empty() => Ok(Self {
                key: key.to_owned(),
                value: value.to_owned(),
            }),
            _ => Err(format!("sysctl '{text}' is not allowed")),
        }
    }
}

/// `--network`, short (`web`) or long (`name=web,alias=db,ip=10.0.0.2`).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct NetworkSpec {
    pub(crate) name: String,
    pub(crate) aliases: Vec<String>,
    pub(crate) ipv4: String,
    pub(crate) ipv6: String,
    pub(crate) link_local: Vec<String>,
    pub(crate) mac: String,
    pub(crate) driver_options: Vec<(String, String)>,
    pub(crate) gateway_priority: i64,
    pub(crate) is_long: bool,
}

impl FromStr for NetworkSpec {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if !text.contains('=') {
            return Ok(Self {
                name: text.to_owned(),
                ..Self::default()
            });
        }
        let mut spec = Self {
            is_long: true,
            ..Self::default()
        };
        for field in text.split(',') {
            let (key, value) = field
                .split_once('=')
                .ok_or_else(|| format!("invalid field {field}: must be a key=value pair"))?;
            let (key, value) = (key.trim().to_ascii_lowercase(), value.trim());
            match key.as_str() {
                "name" => value.clone_into(&mut spec.name),
                "alias" => spec.aliases.push(value.to_owned()),
                "ip" => value.clone_into(&mut spec.ipv4),
                "ip6" => value.clone_into(&mut spec.ipv6),
                "link-local-ip" => spec.link_local.push(value.to_owned()),
                "mac-address" => spec.mac = mac_address(value)?,
                "driver-opt" => {
                    let (key, value) = value
                        .split_once('=')
                        .ok_or("invalid key value pair format in driver options")?;
                    spec.driver_options
                        .push((key.to_ascii_lowercase(), value.to_owned()));
                }
                "gw-priority" => {
                    spec.gateway_priority = value
                        .parse()
                        .map_err(|_| format!("invalid gw-priority: {value}"))?;
                }
                _ => return Err(format!("invalid field key {key}")),
            }
        }
        if spec.name.is_empty() {
            return Err("network name/id is not specified".to_owned());
        }
        Ok(spec)
    }
}

/// Checks a hardware address.
pub(crate) fn mac_address(text: &str) -> Result<String, String> {
    let parts: Vec<&str> = text.trim().split([':', '-']).collect();
    let is_byte =
        |part: &&str| part.len() == 2 && part.bytes().all(|byte| byte.is_ascii_hexdigit());
    if parts.len() == 6 && parts.iter().all(is_byte) {
        return Ok(text.trim().to_owned());
    }
    Err(format!("{text} is not a valid mac address"))
}

/// `--gpus all`, `--gpus 2`, `--gpus '"device=0,1",capabilities=utility'`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct GpuSpec {
    pub(crate) driver: String,
    pub(crate) count: i64,
    pub(crate) devices: Vec<String>,
    pub(crate) capabilities: Vec<String>,
    pub(crate) options: Vec<(String, String)>,
}

impl FromStr for GpuSpec {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut spec = Self::default();
        let mut counted = false;
        for field in quoted_fields(text) {
            match field.split_once('=') {
                None => {
                    spec.count = gpu_count(&field)?;
                    counted = true;
                }
                Some(("count", value)) => {
                    spec.count = gpu_count(value)?;
                    counted = true;
                }
                Some(("driver", value)) => value.clone_into(&mut spec.driver),
                Some(("device", value)) => spec.devices.extend(value.split(',').map(str::to_owned)),
                Some(("capabilities", value)) => {
                    spec.capabilities
                        .extend(value.split(',').map(str::to_owned));
                }
                Some(("options", value)) => spec.options.extend(value.split(',').map(|pair| {
                    let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
                    (key.to_owned(), value.to_owned())
                })),
                Some((key, _)) => return Err(format!("unexpected key '{key}' in '{field}'")),
            }
        }
        if counted && spec.count != 0 && !spec.devices.is_empty() {
            return Err("cannot set both count and device ids".to_owned());
        }
        if !counted && spec.devices.is_empty() {
            spec.count = 1;
        }
        if !spec
            .capabilities
            .iter()
            .any(|capability| capability == "gpu")
        {
            spec.capabilities.insert(0, "gpu".to_owned());
        }
        Ok(spec)
    }
}

fn gpu_count(text: &str) -> Result<i64, String> {
    match text {
        "all" => Ok(-1),
        _ => text.parse().map_err(|_| {
            format!(
                "invalid count ({text}): value must be either \"all\" or an integer: invalid syntax"
            )
        }),
    }
}

/// Fields between commas; a comma in double quotes does not separate.
fn quoted_fields(text: &str) -> Vec<String> {
    let mut fields = vec![String::new()];
    let mut quoted = false;
    for c in text.chars() {
        match c {
            '"' => quoted = !quoted,
            ',' if !quoted => fields.push(String::new()),
            c => {
                if let Some(field) = fields.last_mut() {
                    field.push(c);
                }
            }
        }
    }
    fields
}

/// A device weight or rate: the grammar is `units`' own, the wording too.
pub(crate) type Weights = TypedList<units::DeviceWeight>;
/// A limit in bytes or operations per second.
pub(crate) type Rates = TypedList<units::DeviceRate>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_have_a_short_and_a_long_form() {
        let long: NetworkSpec = "name=web,alias=a,alias=b,ip=10.0.0.2,driver-opt=x=y,gw-priority=3"
            .parse()
            .unwrap();
        assert_eq!(
            (
                long.name.as_str(),
                long.aliases.len(),
                long.gateway_priority
            ),
            ("web", 2, 3)
        );
        assert_eq!(long.driver_options, [("x".to_owned(), "y".to_owned())]);
        assert_eq!("host".parse::<NetworkSpec>().unwrap().name, "host");
        assert!("alias=a".parse::<NetworkSpec>().is_err());
        assert!("name=a,foo=b".parse::<NetworkSpec>().is_err());
    }

    #[test]
    fn gpus_are_counted_or_named() {
        assert_eq!("all".parse::<GpuSpec>().unwrap().count, -1);
        assert_eq!("2".parse::<GpuSpec>().unwrap().count, 2);
        let named: GpuSpec = "\"device=0,2\",driver=nvidia".parse().unwrap();
        assert_eq!(named.devices, ["0", "2"]);
        assert!(
            "foo"
                .parse::<GpuSpec>()
                .unwrap_err()
                .contains("value must be either")
        );
    }

    #[test]
    fn search_domains_are_checked() {
        assert!("example.com".parse::<Domain>().is_ok());
        assert!(".".parse::<Domain>().is_ok());
        assert!("a..b".parse::<Domain>().is_err());
    }
}
