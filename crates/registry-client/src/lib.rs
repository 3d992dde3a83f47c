//! The client's end of the distribution specification.
//!
//! A [`Client`] knows how registries are reached: mirrors, insecure ones, proxies, certificates,
//! names. [`Client::repository`] gives a [`Repository`], which fetches manifests and blobs; where
//! there are mirrors it asks them first. Authentication happens by itself: an answer of 401 is
//! followed by whatever its `WWW-Authenticate` asks for (Basic, or a token by GET or by OAuth2).
//!
//! Names are looked up by hickory and our own reading of `/etc/hosts`, never by getaddrinfo: a static
//! glibc would have to load another glibc's NSS modules for it.
//!
//! Blobs come as a stream from any offset; what is done with it, and going on after a break, is the
//! caller's. The crate knows no files and no image stores.
//!
//! Specifications: OCI distribution-spec 1.1, Docker's token authentication (`spec/auth/token.md`,
//! `oauth.md`), RFC 6750, RFC 7235. Docker's rules for insecure registries and for
//! `/etc/docker/certs.d`.
#![forbid(unsafe_code)]

mod answer;
mod auth;
mod blob;
mod challenge;
mod client;
mod config;
mod credentials;
mod dns;
mod download;
mod endpoint;
mod error;
mod hosts;
mod manifest;
mod repository;
mod request;
mod search;
mod tags;
mod tls;
mod transport;
mod upload;

pub use blob::Blob;
pub use client::Client;
pub use config::{Config, Proxies};
pub use credentials::Credentials;
pub use dns::{Resolver, lookup};
pub use download::{Body, Download};
pub use error::{Answer, Error, Kind};
pub use manifest::Document;
pub use repository::Repository;
pub use search::{SearchHit, SearchRequest};
pub use tls::any_certificate;
pub use upload::{Content, Upload};

/// Parsers of foreign bytes, for fuzz targets.
#[doc(hidden)]
pub mod fuzzing {
    pub use crate::answer::parse_answer;
    pub use crate::challenge::{Challenge, parse_challenges};
}
