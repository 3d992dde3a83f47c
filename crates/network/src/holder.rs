//! Who holds a port.

use std::collections::HashSet;
use std::fmt;
use std::fs;
use std::net::IpAddr;

use crate::endpoint::Protocol;

/// Who holds a port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Holder {
    /// A container of ours, by its id.
    Container(String),
    /// Another program.
    Process {
        /// Its process id.
        pid: u32,
        /// Its name.
        name: String,
    },
    /// Nobody that could be found: it may live in another pid namespace.
    Unknown,
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Container(id) => write!(f, "container {}", id.get(..12).unwrap_or(id)),
            Self::Process { pid, name } => write!(f, "process {pid} ({name})"),
            Self::Unknown => f.write_str("another program"),
        }
    }
}

impl Holder {
    /// Looks for the process that holds a port of the calling thread's network namespace.
    ///
    /// This reads all of /proc: only for the message after a failure.
    pub(crate) fn find(protocol: Protocol, address: IpAddr, port: u16) -> Self {
        let inodes = sockets(protocol, address, port);
        if inodes.is_empty() {
            return Self::Unknown;
        }
        let Ok(processes) = fs::read_dir("/proc") else {
            return Self::Unknown;
        };
        processes
            .flatten()
            .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
            .find(|pid| holds(*pid, &inodes))
            .map_or(Self::Unknown, |pid| Self::Process {
                pid,
                name: name_of(pid),
            })
    }
}

fn name_of(pid: u32) -> String {
    let name = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
    name.trim().to_owned()
}

fn holds(pid: u32, inodes: &HashSet<String>) -> bool {
    let Ok(files) = fs::read_dir(format!("/proc/{pid}/fd")) else {
        return false;
    };
    files.flatten().any(|file| {
        fs::read_link(file.path()).is_ok_and(|target| {
            target
                .to_str()
                .is_some_and(|target| inodes.contains(target))
        })
    })
}

/// The names, as /proc/PID/fd shows them, of the sockets bound to the port.
fn sockets(protocol: Protocol, address: IpAddr, port: u16) -> HashSet<String> {
    let tables: &[&str] = match protocol {
        Protocol::Tcp => &["tcp", "tcp6"],
        Protocol::Udp => &["udp", "udp6"],
        Protocol::Sctp => &[],
    };
    let mut found = HashSet::new();
    for table in tables {
        let text = fs::read_to_string(format!("/proc/thread-self/net/{table}"));
        for line in text.unwrap_or_default().lines().skip(1) {
            if let Some(inode) = matching_inode(line, address, port) {
                found.insert(format!("socket:[{inode}]"));
            }
        }
    }
    found
}

/// proc_net_tcp: `sl local_address rem_address st ... inode`, addresses in hexadecimal with the
/// bytes of each 32-bit word in the machine's order.
fn matching_inode(line: &str, address: IpAddr, port: u16) -> Option<&str> {
    /// `TCP_TIME_WAIT` has no socket that anybody holds.
    const NOBODY: &str = "0";
    let mut fields = line.split_whitespace();
    let (local, local_port) = fields.nth(1)?.split_once(':')?;
    if u16::from_str_radix(local_port, 16).ok()? != port {
        return None;
    }
    let wildcard = local.bytes().all(|digit| digit == b'0');
    let same = match address {
        IpAddr::V4(address) => local.get(local.len().checked_sub(8)?..).and_then(|word| {
            Some(u32::from_str_radix(word, 16).ok()? == u32::from_ne_bytes(address.octets()))
        }),
        // Four words, each in the machine's order.
        IpAddr::V6(address) => {
            let words = address.octets();
            let words = words.chunks_exact(4).map(|word| {
                let word = word.first_chunk().copied().unwrap_or_default();
                format!("{:08X}", u32::from_ne_bytes(word))
            });
            Some(local == words.collect::<String>())
        }
    };
    if !wildcard && !address.is_unspecified() && same != Some(true) {
        return None;
    }
    fields.nth(7).filter(|inode| *inode != NOBODY)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{Ipv4Addr, TcpListener};

    #[test]
    fn this_process_is_found_by_its_port() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let holder = Holder::find(Protocol::Tcp, Ipv4Addr::UNSPECIFIED.into(), port);
        let Holder::Process { pid, .. } = holder else {
            panic!("{holder:?}")
        };
        assert_eq!(pid, std::process::id());
    }

    #[test]
    fn malformed_lines_are_nobody() {
        for line in ["", "0: 1 2", "0: x:y 0 0", "0: 0:1F90"] {
            assert_eq!(matching_inode(line, Ipv4Addr::LOCALHOST.into(), 8080), None);
        }
    }
}
