//! What names mean, and who knows what the directory does not.

use std::net::{IpAddr, SocketAddr};

/// A server to ask what the directory does not know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Upstream {
    /// Where it is.
    pub address: SocketAddr,
    /// Whether it is asked from within the asker's network namespace, whose loopback it may be on.
    pub inside: bool,
}

/// Answers what names mean for whom. Called for every query: it must be quick.
pub trait Directory: Send + Sync + 'static {
    /// The addresses of a name in lower case without a final dot; `None` when it is not ours. A
    /// name that is ours and has no address of the wanted family has an empty list.
    fn addresses(&self, asker: &str, name: &str) -> Option<Vec<IpAddr>>;

    /// The name of an address, if it is ours.
    fn name_of(&self, asker: &str, address: IpAddr) -> Option<String>;

    /// Whom to ask for the rest, in this order; none when the asker shall not see the outside.
    fn upstreams(&self, asker: &str) -> Vec<Upstream>;
}
