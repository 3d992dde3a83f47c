//! The name server that containers on networks of their own see at 127.0.0.11.
//!
//! A [`Server`] answers on sockets that somebody else opened ([`Door`]): whoever keeps duplicates
//! of them lets queries wait in their buffers while no server is there. What names mean is told by
//! a [`Directory`]; what it does not know is asked of its upstream servers, over the protocol that
//! the question came by, one after the other until one answers.
//!
//! The crate knows DNS (RFC 1035, RFC 6891, RFC 7766) and no networks: who asks is a text that
//! only the directory understands. Messages are read and written by hickory-proto.
#![forbid(unsafe_code)]

mod answer;
mod directory;
mod forward;
mod office;
mod serve;

pub use directory::{Directory, Upstream};
pub use serve::{Door, Server};

/// What reads foreign bytes, for fuzz targets.
#[doc(hidden)]
pub mod fuzzing {
    use std::net::IpAddr;

    use crate::answer::{Transport, answer, failure};
    use crate::{Directory, Upstream};

    /// Knows one name.
    struct One;

    impl Directory for One {
        fn addresses(&self, _: &str, name: &str) -> Option<Vec<IpAddr>> {
            (name == "a").then(|| vec![IpAddr::from([10, 0, 0, 1])])
        }

        fn name_of(&self, _: &str, _: IpAddr) -> Option<String> {
            Some("a".to_owned())
        }

        fn upstreams(&self, _: &str) -> Vec<Upstream> {
            Vec::new()
        }
    }

    /// Answers whatever comes, over both protocols.
    pub fn message(bytes: &[u8]) {
        for transport in [Transport::Udp, Transport::Tcp] {
            let _ = answer(&One, "", bytes, transport);
        }
        let _ = failure(bytes, hickory_proto::op::ResponseCode::ServFail);
    }
}
