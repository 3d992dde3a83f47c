//! Query parameters as Docker reads them.

use std::convert::Infallible;
use std::str::FromStr;

use axum::extract::{FromRequestParts, Path};
use gantry_api_types::Filters;
use http::request::Parts;

use crate::failure::Failure;

/// The parameters of a request; a name may come several times.
#[derive(Debug, Clone, Default)]
pub(crate) struct Params(Vec<(String, String)>);

impl<S: Send + Sync> FromRequestParts<S> for Params {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self::parse(parts.uri.query().unwrap_or_default()))
    }
}

impl Params {
    /// Reads a query string.
    pub(crate) fn parse(query: &str) -> Self {
        Self(
            form_urlencoded::parse(query.as_bytes())
                .into_owned()
                .collect(),
        )
    }

    /// The first value, empty if there is none.
    pub(crate) fn text(&self, name: &str) -> &str {
        self.all(name).next().unwrap_or_default()
    }

    /// The first value, if it is not empty.
    pub(crate) fn given(&self, name: &str) -> Option<&str> {
        Some(self.text(name)).filter(|value| !value.is_empty())
    }

    /// All values.
    pub(crate) fn all<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a str> {
        self.0
            .iter()
            .filter(move |(key, _)| *key == name)
            .map(|(_, value)| value.as_str())
    }

    /// True unless missing or one of Docker's words for false.
    pub(crate) fn truth(&self, name: &str) -> bool {
        self.truth_or(name, false)
    }

    /// As [`Params::truth`], with a default for a missing parameter.
    pub(crate) fn truth_or(&self, name: &str, default: bool) -> bool {
        match self.all(name).next() {
            None => default,
            Some(value) => {
                let value = value.trim().to_ascii_lowercase();
                !matches!(value.as_str(), "" | "0" | "no" | "false" | "none")
            }
        }
    }

    /// A truth as Go's parser takes it, where Docker is strict.
    pub(crate) fn go_bool(&self, name: &str) -> Result<bool, Failure> {
        match self.text(name) {
            "1" | "t" | "T" | "TRUE" | "true" | "True" => Ok(true),
            "" | "0" | "f" | "F" | "FALSE" | "false" | "False" => Ok(false),
            other => Err(Failure::invalid(format!(
                "invalid value for {name}: {other}: strconv.ParseBool: parsing \"{other}\": invalid syntax"
            ))),
        }
    }

    /// A number, if given.
    pub(crate) fn number<T: FromStr>(&self, name: &str) -> Result<Option<T>, Failure> {
        self.given(name)
            .map(|value| {
                value.parse().map_err(|_| {
                    Failure::invalid(format!(
                        "invalid value for parameter {name}: \"{value}\" is not a number"
                    ))
                })
            })
            .transpose()
    }

    /// A moment: seconds since 1970 with decimals; in nanoseconds.
    pub(crate) fn moment(&self, name: &str) -> Result<Option<i64>, Failure> {
        self.given(name)
            .map(|value| {
                nanoseconds(value).ok_or_else(|| {
                    Failure::invalid(format!(
                        "invalid value for parameter {name}: \"{value}\" is not a Unix time"
                    ))
                })
            })
            .transpose()
    }

    /// The `filters` parameter.
    pub(crate) fn filters(&self) -> Result<Filters, Failure> {
        Ok(Filters::from_json(self.text("filters"))?)
    }
}

/// The named part of a path, decoded: a container's name, an id, or the rest with its slashes.
pub(crate) struct Segment(pub(crate) String);

impl<S: Send + Sync> FromRequestParts<S> for Segment {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Failure> {
        match Path::<String>::from_request_parts(parts, state).await {
            Ok(Path(text)) => Ok(Self(text)),
            Err(e) => Err(Failure::invalid(e.body_text())),
        }
    }
}

fn nanoseconds(text: &str) -> Option<i64> {
    let (seconds, fraction) = text.split_once('.').unwrap_or((text, ""));
    let seconds: i64 = seconds.parse().ok()?;
    if !fraction.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    // As Docker: what is smaller than a nanosecond is no mistake.
    let fraction = &fraction[..fraction.len().min(9)];
    let fraction: i64 = format!("{fraction:0<9}").parse().ok()?;
    // What lies beyond the year 2262 is as good as its end.
    let whole = seconds.saturating_mul(1_000_000_000);
    Some(whole.saturating_add(fraction))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_as_docker_does() {
        let params = Params::parse("all=1&size=False&t=+5&names=a%2Fb&names=c&follow");
        assert!(params.truth("all") && !params.truth("size") && !params.truth("other"));
        assert!(params.truth_or("other", true) && !params.truth("follow"));
        assert_eq!(params.all("names").collect::<Vec<_>>(), ["a/b", "c"]);
        assert!(params.number::<i64>("t").is_err());
        assert_eq!(params.number::<i64>("all").unwrap(), Some(1));
    }

    #[test]
    fn reads_moments() {
        let params = Params::parse("a=5.25&b=5&c=x&d=1.0000000001&e=99999999999999999999");
        assert_eq!(params.moment("a").unwrap(), Some(5_250_000_000));
        assert_eq!(params.moment("b").unwrap(), Some(5_000_000_000));
        assert_eq!(params.moment("z").unwrap(), None);
        assert_eq!(params.moment("d").unwrap(), Some(1_000_000_000));
        for bad in ["c", "e"] {
            assert!(params.moment(bad).is_err());
        }
    }
}
