//! A router per group.

mod archive;
mod build;
mod containers;
mod execs;
mod images;
mod lifecycle;
mod networks;
mod secrets;
mod streams;
mod swarm;
mod system;
mod usage;
mod volumes;

use axum::Router;
use axum::response::{IntoResponse, Response};
use http::HeaderMap;

use base64::Engine as _;
use base64::alphabet::URL_SAFE;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use gantry_api_types::AuthConfig;

use crate::api::{Identity, Introduction};
use crate::backend::{Backend, Build};
use crate::failure::Failure;

/// All routes.
pub(crate) fn all<B: Backend, C: Build>(backend: B, builder: C, identity: &Identity) -> Router {
    Router::new()
        .merge(system::router(backend.clone(), identity))
        .merge(usage::router(backend.clone(), builder.clone()))
        .merge(containers::router(backend.clone()))
        .merge(lifecycle::router(backend.clone()))
        .merge(streams::router(backend.clone()))
        .merge(archive::router(backend.clone()))
        .merge(execs::router(backend.clone()))
        .merge(images::router(backend.clone()))
        .merge(networks::router(backend.clone()))
        .merge(secrets::router(backend.clone()))
        .merge(volumes::router(backend))
        .merge(build::router(builder))
        .merge(swarm::router())
        .fallback(unknown)
        .method_not_allowed_fallback(unknown)
}

/// What Docker says to paths and methods that it does not know.
async fn unknown() -> Response {
    let mut response = Failure::not_found("page not found").into_response();
    response.extensions_mut().insert(Introduction::None);
    response
}

/// Container names may come with the slash that inspect shows.
fn bare(name: &str) -> &str {
    name.strip_prefix('/').unwrap_or(name)
}

/// base64 as clients send it: URL-safe, with or without padding.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &URL_SAFE,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The login that a client sends along for a registry.
///
/// One that cannot be read is none, as for Docker: some clients send `null` or nothing.
fn registry_auth(headers: &HeaderMap) -> Option<AuthConfig> {
    let text = headers.get("x-registry-auth")?.to_str().ok()?;
    let text = text.replace('+', "-").replace('/', "_");
    let bytes = LENIENT.decode(text).ok()?;
    let auth: AuthConfig = gantry_api_types::json::from_slice(&bytes).ok()?;
    Some(auth).filter(|auth| *auth != AuthConfig::default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_logins_with_and_without_padding() {
        for text in ["eyJ1c2VybmFtZSI6ImEifQ==", "eyJ1c2VybmFtZSI6ImEifQ"] {
            let headers = [("x-registry-auth".parse().unwrap(), text.parse().unwrap())];
            let auth = registry_auth(&headers.into_iter().collect()).unwrap();
            assert_eq!(auth.username, "a");
        }
        let headers = [(
            "x-registry-auth".parse().unwrap(),
            "bnVsbA==".parse().unwrap(),
        )];
        assert!(registry_auth(&headers.into_iter().collect()).is_none());
    }
}
