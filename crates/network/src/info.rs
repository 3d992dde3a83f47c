//! What `network ls` and `network inspect` show.

use std::net::Ipv4Addr;
use std::time::SystemTime;

use crate::address::Cidr;

/// What makes a network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Driver {
    /// A bridge of its own behind NAT.
    Bridge,
    /// The host's own namespace.
    Host,
    /// Only `lo`.
    Null,
}

impl Driver {
    /// Docker's name of it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Bridge => "bridge",
            Self::Host => "host",
            Self::Null => "null",
        }
    }
}

/// A network as `inspect` shows it.
#[derive(Debug, Clone)]
pub struct NetworkInfo {
    /// 64 hexadecimal digits.
    pub id: String,
    /// `bridge`, `host` or `none`.
    pub name: String,
    /// What makes it.
    pub driver: Driver,
    /// When it was made.
    pub created: SystemTime,
    /// Its subnet, when it has one.
    pub subnet: Option<Cidr>,
    /// Its gateway, when it has one.
    pub gateway: Option<Ipv4Addr>,
    /// Driver options under Docker's names (`com.docker.network.bridge.name`, ...).
    pub options: Vec<(String, String)>,
}
