//! The client's side of a build, as BuildKit's protocol has it.
//!
//! - [`Builder`] is the control connection: `POST /grpc` becomes HTTP/2, and on it builds are asked
//!   for, watched, listed and pruned.
//! - [`Session`] is the other direction: `POST /session` becomes HTTP/2 with the roles changed, and
//!   the engine calls us. It asks for files ([`send`]), secrets, logins, an ssh agent and uploads,
//!   and sends back what was built ([`receive`]).
//! - [`Failure`] is why a build failed, with the place in the Dockerfile.
//!
//! It works with every engine that has BuildKit's API. It knows nothing of terminals, options or
//! the command line; who uses it says where folders, secrets and logins are.
//!
//! Protocol: BuildKit's `api/services/control`, `session/*` and fsutil's packets.
#![forbid(unsafe_code)]

mod builder;
mod content;
mod error;
mod failure;
mod id;
mod link;
pub mod receive;
pub mod send;
mod session;
mod solve;

pub use bollard_buildkit_proto as proto;
pub use builder::{Builder, HistoryRecord};
pub use error::{Error, Kind};
pub use failure::{Failure, Place};
pub use id::new_id;
pub use send::{Filter, Source};
pub use session::{Login, Logins, Secret, Services, Session, Shell, Target};
pub use solve::{Answer, Order};
