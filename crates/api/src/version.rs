//! API versions: the path's prefix, what is too old or too new, and older shapes of answers.

use std::fmt;
use std::str::FromStr;

use axum::extract::FromRequestParts;
use gantry_api_types::API_VERSION;
use http::request::Parts;
use http::uri::{PathAndQuery, Uri};

use crate::failure::Failure;

/// A version of the Engine API that is served.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ApiVersion {
    major: u16,
    minor: u16,
}

impl ApiVersion {
    /// The newest one, which requests without a version get.
    pub const NEWEST: Self = Self::new(1, 51);
    /// The oldest one.
    pub const OLDEST: Self = Self::new(1, 24);

    /// A version.
    pub const fn new(major: u16, minor: u16) -> Self {
        Self { major, minor }
    }

    /// Whether it is 1.`minor` or newer.
    pub fn is_at_least(self, minor: u16) -> bool {
        self >= Self::new(1, minor)
    }
}

impl fmt::Display for ApiVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

impl FromStr for ApiVersion {
    type Err = ();

    /// Parts beyond the second do not count, a missing one is 0, as for Docker.
    fn from_str(text: &str) -> Result<Self, ()> {
        let mut parts = text.split('.').map(|part| match part {
            "" => Ok(0),
            part => part.parse().map_err(drop),
        });
        let major = parts.next().unwrap_or(Ok(0))?;
        let minor = parts.next().unwrap_or(Ok(0))?;
        Ok(Self { major, minor })
    }
}

impl<S: Send + Sync> FromRequestParts<S> for ApiVersion {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        Ok(parts.extensions.get().copied().unwrap_or(Self::NEWEST))
    }
}

/// Takes `/v1.N` off the path and says which version it is.
pub(crate) fn take_from(uri: &mut Uri, oldest: ApiVersion) -> Result<ApiVersion, Failure> {
    let Some((text, rest)) = split(uri.path()) else {
        return Ok(ApiVersion::NEWEST);
    };
    let version = check(text, oldest)?;
    let path_and_query = match uri.query() {
        Some(query) => format!("{rest}?{query}"),
        None => rest.to_owned(),
    };
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = PathAndQuery::try_from(path_and_query).ok();
    if let Ok(shorter) = Uri::from_parts(parts) {
        *uri = shorter;
    }
    Ok(version)
}

/// Splits `/v1.41/info` into `1.41` and `/info`.
fn split(path: &str) -> Option<(&str, &str)> {
    let after = path.strip_prefix("/v")?;
    let slash = after.find('/')?;
    let (version, rest) = after.split_at(slash);
    let is_version =
        !version.is_empty() && version.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    is_version.then_some((version, rest))
}

fn check(text: &str, oldest: ApiVersion) -> Result<ApiVersion, Failure> {
    let too_new = || {
        Failure::invalid(format!(
            "client version {text} is too new. Maximum supported API version is {API_VERSION}"
        ))
    };
    let version: ApiVersion = text.parse().map_err(|()| too_new())?;
    if version > ApiVersion::NEWEST {
        return Err(too_new());
    }
    if version < oldest {
        let failure = Failure::invalid(format!(
            "client version {text} is too old. Minimum supported API version is \
             {oldest}, please upgrade your client to a newer version"
        ));
        return Err(if version < ApiVersion::OLDEST {
            failure.in_plain_text()
        } else {
            failure
        });
    }
    Ok(version)
}

#[cfg(test)]
mod tests {
    use super::*;
    use gantry_api_types::MIN_API_VERSION;

    #[test]
    fn takes_the_prefix_off() {
        let mut uri: Uri = "/v1.41/containers/json?all=1".parse().unwrap();
        assert_eq!(
            take_from(&mut uri, ApiVersion::OLDEST),
            Ok(ApiVersion::new(1, 41))
        );
        assert_eq!(uri, "/containers/json?all=1");
        let mut uri: Uri = "/version".parse().unwrap();
        assert_eq!(
            take_from(&mut uri, ApiVersion::OLDEST),
            Ok(ApiVersion::NEWEST)
        );
        assert_eq!(uri, "/version");
    }

    #[test]
    fn the_constants_agree() {
        assert_eq!(ApiVersion::NEWEST.to_string(), API_VERSION);
        assert_eq!(ApiVersion::OLDEST.to_string(), MIN_API_VERSION);
    }
}
