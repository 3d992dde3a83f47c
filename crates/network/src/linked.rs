//! `--link` on a default bridge whose containers are kept apart (`icc: false`): who is linked to
//! another one reaches its exposed ports.
//!
//! Where the bridge itself keeps its ports apart, no frame goes between them. The host then answers
//! for the other's address (RFC 3069, `proxy_arp_pvlan`), so that packets are routed back out of the
//! bridge they came in by, and meet the `forward` chain: it lets pass what is linked and drops all
//! else.

use std::collections::HashSet;
use std::fs;
use std::net::Ipv4Addr;

use crate::endpoint::Protocol;
use crate::error::{Error, Result};
use crate::networks::Networks;
use crate::veth;

/// A port that a container may reach because it is linked to the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct LinkedPort {
    /// Who is linked.
    pub from: Ipv4Addr,
    /// The container whose port it is.
    pub to: Ipv4Addr,
    /// The protocol.
    pub protocol: Protocol,
    /// The port that it listens on.
    pub port: u16,
}

impl Networks {
    /// Whether the default bridge keeps its containers apart, so that links have to be opened.
    pub fn keeps_apart(&self) -> bool {
        !self.config.icc
    }

    /// Opens exactly these ports of linked containers on the default bridge.
    pub fn open_links(&self, wanted: HashSet<LinkedPort>) -> Result<()> {
        if !self.keeps_apart() {
            return Ok(());
        }
        let routed = !wanted.is_empty() && !veth::bridged_frames_meet_rules();
        self.firewall.set_links(wanted)?;
        let bridge = &self.config.bridge_name;
        let answers = format!("/proc/sys/net/ipv4/conf/{bridge}/proxy_arp_pvlan");
        let delay = format!("/proc/sys/net/ipv4/neigh/{bridge}/proxy_delay");
        let wanted = if routed { "1" } else { "0" };
        if fs::read_to_string(&answers).is_ok_and(|is| is.trim() == wanted) {
            return Ok(());
        }
        let write = |path: &str, value: &str| {
            fs::write(path, value)
                .map_err(|error| Error::system(format!("write {value} to {path}"), error))
        };
        // Else an answer takes up to 0.8 s.
        write(&delay, "0")?;
        write(&answers, wanted)
    }
}
