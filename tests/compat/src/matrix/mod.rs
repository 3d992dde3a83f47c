//! Who reaches what through which network, and whom the server sees: the matrix.
//!
//! A [`Scene`] is a network with servers that publish ports in every form. In a [`Town`] (a host,
//! a router, a client behind it, all network namespaces) everybody tries to reach them: the host
//! by loopback and by its addresses, the client, containers of the same and of another network,
//! and the server itself; by IPv4 and IPv6, TCP and UDP. A server answers with the address that it
//! sees, which is written down as the name of who has it. What real Docker gave is committed
//! (`matrix/*.txt`, written by `cargo xtask matrix --record`); a difference that is meant is listed
//! in `matrix/differences.txt`, under a name that docs/compatibility.md explains.

mod probe;
mod record;
mod scene;
mod table;
mod town;

use std::path::PathBuf;

pub use record::record;
pub use scene::{SCENES, Scene};
pub use table::{Differences, Table};
pub use town::Town;

/// A daemon to try.
#[derive(Debug)]
pub struct World {
    /// Where its API is.
    pub socket: PathBuf,
    /// A process in the network namespace that is its host.
    pub pid: u32,
}
