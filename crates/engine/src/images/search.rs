//! `search`.

use gantry_api_types::{AuthConfig, Filters, SearchResult};
use gantry_registry_client::{SearchHit, SearchRequest};

use super::{Images, login};
use crate::Error;

/// Hits, if nobody says how many, and at most.
const LIMIT: usize = 25;
const LIMIT_MAX: usize = 100;

/// What to search for.
#[derive(Debug, Clone, Default)]
pub struct SearchQuery {
    /// The words; an index may stand in front, with a slash.
    pub term: String,
    /// At most so many.
    pub limit: Option<usize>,
    /// `is-official`, `is-automated`, `stars`.
    pub filters: Filters,
    /// The client's login.
    pub auth: Option<AuthConfig>,
}

impl Images {
    /// Searches Docker Hub, or the index that the term begins with.
    pub async fn search(&self, query: SearchQuery) -> Result<Vec<SearchResult>, Error> {
        let passes = conditions(&query.filters)?;
        let limit = match query.limit.unwrap_or(0) {
            0 => LIMIT,
            limit if limit <= LIMIT_MAX => limit,
            limit => {
                return Err(Error::Invalid(format!(
                    "limit {limit} is outside the range of [1, {LIMIT_MAX}]"
                )));
            }
        };
        let (index, term) = split(&query.term)?;
        let credentials = query.auth.map(login::credentials).transpose()?;
        let request = SearchRequest {
            index,
            term,
            limit,
            credentials: credentials.unwrap_or_default(),
        };
        let hits = self.store.registry().search(&request).await;
        let hits = hits.map_err(gantry_image::Error::from)?;
        Ok(hits.into_iter().filter(passes).map(result).collect())
    }
}

/// `reg.test:5000/term` is a search on another index.
fn split(term: &str) -> Result<(Option<String>, String), Error> {
    if term.contains("://") {
        return Err(Error::Invalid(format!(
            "invalid repository name: repository name ({term}) should not have a scheme"
        )));
    }
    Ok(match term.split_once('/') {
        Some((host, rest)) if host.contains(['.', ':']) || host == "localhost" => {
            let hub = matches!(host, "docker.io" | "index.docker.io");
            ((!hub).then(|| host.to_owned()), rest.to_owned())
        }
        _ => (
            None,
            term.strip_prefix("library/").unwrap_or(term).to_owned(),
        ),
    })
}

fn conditions(filters: &Filters) -> Result<impl Fn(&SearchHit) -> bool + use<>, Error> {
    let invalid = |error: gantry_api_types::FilterError| Error::Invalid(error.to_string());
    filters
        .accept(&["is-official", "is-automated", "stars"])
        .map_err(invalid)?;
    let official = filters.truth("is-official").map_err(invalid)?;
    let automated = filters.truth("is-automated").map_err(invalid)?;
    let mut stars = 0;
    for value in filters.values("stars") {
        let count: i64 = value
            .parse()
            .map_err(|_| Error::Invalid(format!("invalid filter 'stars={value}'")))?;
        stars = stars.max(count);
    }
    Ok(move |hit: &SearchHit| {
        official.is_none_or(|wanted| hit.is_official == wanted)
            && automated.is_none_or(|wanted| hit.is_automated == wanted)
            && hit.star_count >= stars
    })
}

fn result(hit: SearchHit) -> SearchResult {
    SearchResult {
        star_count: hit.star_count,
        is_official: hit.is_official,
        name: hit.name,
        is_automated: hit.is_automated,
        description: hit.description,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_index_may_stand_in_front() {
        let parts = |term: &str| split(term).unwrap();
        assert_eq!(parts("nginx"), (None, "nginx".to_owned()));
        assert_eq!(parts("library/nginx"), (None, "nginx".to_owned()));
        assert_eq!(parts("me/app"), (None, "me/app".to_owned()));
        assert_eq!(
            parts("reg.test:5000/a/b"),
            (Some("reg.test:5000".to_owned()), "a/b".to_owned())
        );
        assert_eq!(parts("docker.io/x"), (None, "x".to_owned()));
        assert!(split("https://x/y").is_err());
    }
}
