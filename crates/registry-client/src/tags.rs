//! Listing a repository's tags (distribution-spec, "Listing Tags").

use reqwest::header::{HeaderMap, LINK};
use reqwest::{Method, Response};
use serde::Deserialize;

use crate::manifest::read;
use crate::repository::Wanted;
use crate::{Error, Repository};

/// A registry that gives more pages than this is going round in circles.
const PAGES_MAX: usize = 1000;

#[derive(Deserialize)]
struct Page {
    /// Some registries say `null` for none.
    tags: Option<Vec<String>>,
}

impl Repository {
    /// All tags of the repository, page by page, in the registry's order.
    pub async fn tags(&self) -> Result<Vec<String>, Error> {
        let mut path = format!("{}/tags/list", self.reference().path());
        let mut all = Vec::new();
        for _ in 0..PAGES_MAX {
            let response = self
                .ask(Wanted::Manifest, Method::GET, &path, HeaderMap::new())
                .await?;
            let (url, next) = (response.url().to_string(), next(&response));
            let page: Page = serde_json::from_slice(&read(response).await?).map_err(|error| {
                Error::Protocol {
                    url: url.clone(),
                    reason: format!("no list of tags: {error}"),
                }
            })?;
            all.extend(page.tags.unwrap_or_default());
            match next {
                Some(next) => path = next,
                None => return Ok(all),
            }
        }
        Err(Error::Protocol {
            url: path,
            reason: format!("a list of tags of more than {PAGES_MAX} pages"),
        })
    }
}

/// Where the next page is, absolute: `Link: </v2/a/tags/list?n=2&last=b>; rel="next"` (RFC 5988).
fn next(response: &Response) -> Option<String> {
    let link = response.headers().get(LINK)?.to_str().ok()?;
    let (target, parameters) = link.strip_prefix('<')?.split_once('>')?;
    if !parameters.contains("rel=\"next\"") && !parameters.contains("rel=next") {
        return None;
    }
    response.url().join(target).ok().map(String::from)
}
