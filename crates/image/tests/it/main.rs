//! The image store with real layers, a real registry and ones that misbehave.
//!
//! Needs root (layers keep their owners), `docker-registry` and `skopeo`; `./test` installs them.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "what the tests share may fail as tests do"
)]

mod concurrent;
mod fixture;
mod load;
mod pull;
mod registry;
mod remove;
mod store;

#[path = "../../../registry-client/tests/support/http.rs"]
mod http;
