//! What `info` warns of.

use super::Resolved;
use crate::address::Address;

impl Resolved {
    /// Doors that anybody can walk in through.
    pub(super) fn warnings(&self) -> Vec<String> {
        let open = self.addresses.iter().filter_map(|address| match address {
            Address::Tcp(at) => Some(at),
            _ => None,
        });
        let open: Vec<_> = open.collect();
        match &self.tls {
            None => open
                .iter()
                .map(|at| format!(
                    "WARNING: API is accessible on http://{at} without encryption.\n         Access to the remote API is equivalent to root access on the host. Refer\n         to the \"Docker daemon attack surface\" section in the documentation for\n         more information: https://docs.docker.com/go/attack-surface/"
                ))
                .collect(),
            Some(tls) if tls.ca.is_none() => open
                .iter()
                .map(|at| format!(
                    "WARNING: API is accessible on https://{at} without TLS client verification.\n         Access to the remote API is equivalent to root access on the host. Refer\n         to the \"Docker daemon attack surface\" section in the documentation for\n         more information: https://docs.docker.com/go/attack-surface/"
                ))
                .collect(),
            Some(_) => Vec::new(),
        }
    }
}
