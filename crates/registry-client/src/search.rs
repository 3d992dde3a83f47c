//! Searching an index: Docker Hub's, or that of a registry which has one.
//!
//! The API is the first one's (`/v1/search`); the distribution specification has none.

use reqwest::{Method, StatusCode, Url};
use serde::Deserialize;

use crate::auth::basic;
use crate::request::{body, failed};
use crate::transport::Trust;
use crate::{Client, Credentials, Error};

const HUB_INDEX: &str = "index.docker.io";
/// An answer with a hundred hits has some ten kilobytes.
const ANSWER_MAX: usize = 4 * 1024 * 1024;

/// What to search for.
#[derive(Debug, Clone)]
pub struct SearchRequest {
    /// The index's host; `None` is Docker Hub.
    pub index: Option<String>,
    /// The words.
    pub term: String,
    /// At most so many hits.
    pub limit: usize,
    /// Who asks.
    pub credentials: Credentials,
}

/// A repository that was found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct SearchHit {
    /// Its name.
    pub name: String,
    /// What it says of itself.
    pub description: String,
    /// How many like it.
    pub star_count: i64,
    /// Whether it is one of Docker's own.
    pub is_official: bool,
    /// Whether it was built by Docker Hub.
    pub is_automated: bool,
}

#[derive(Deserialize)]
struct Answer {
    #[serde(default)]
    results: Option<Vec<SearchHit>>,
}

impl Client {
    /// Searches an index.
    pub async fn search(&self, request: &SearchRequest) -> Result<Vec<SearchHit>, Error> {
        let domain = request.index.as_deref().unwrap_or(HUB_INDEX);
        let mut last = None;
        for endpoint in self.endpoints_of(domain) {
            match self
                .search_at(&endpoint.base, &endpoint.trust, request)
                .await
            {
                // Plain HTTP may be spoken there instead.
                Err(error @ Error::Request { .. }) => last = Some(error),
                other => return other,
            }
        }
        Err(last.unwrap_or_else(|| Error::Config(format!("no way to reach {domain:?}"))))
    }

    async fn search_at(
        &self,
        base: &str,
        trust: &Trust,
        request: &SearchRequest,
    ) -> Result<Vec<SearchHit>, Error> {
        let mut url = Url::parse(&format!("{base}/v1/search"))
            .map_err(|error| Error::Config(format!("{base}: {error}")))?;
        url.query_pairs_mut()
            .append_pair("q", &request.term)
            .append_pair("n", &request.limit.to_string());
        let mut call = self.context().transport.client(trust)?.get(url.clone());
        if let Credentials::Basic { .. } = request.credentials {
            call = call.header("authorization", basic(&request.credentials)?);
        }
        let response = call
            .send()
            .await
            .map_err(|error| failed(&Method::GET, url.as_str(), &error))?;
        let status = response.status();
        if status == StatusCode::NOT_FOUND {
            return Err(Error::NoSearch {
                registry: base.split("://").last().unwrap_or(base).to_owned(),
            });
        }
        if !status.is_success() {
            return Err(Error::Status {
                url: url.to_string(),
                status: status.to_string(),
                answer: crate::answer::parse_answer(&body(response).await),
            });
        }
        let wrong = |reason: String| Error::Protocol {
            url: url.to_string(),
            reason,
        };
        let mut response = response;
        let mut bytes = Vec::new();
        while let Some(chunk) = response
            .chunk()
            .await
            .map_err(|error| failed(&Method::GET, url.as_str(), &error))?
        {
            bytes.extend_from_slice(&chunk);
            if bytes.len() > ANSWER_MAX {
                return Err(wrong(format!("more than {ANSWER_MAX} bytes")));
            }
        }
        let answer: Answer = serde_json::from_slice(&bytes)
            .map_err(|error| wrong(format!("no list of search results: {error}")))?;
        Ok(answer.results.unwrap_or_default())
    }
}
