//! Getting what an `Authorization` header wants.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::{Method, RequestBuilder, StatusCode, Url};
use serde::Deserialize;

use crate::answer::{known_message, parse_answer};
use crate::challenge::Challenge;
use crate::config::split_port;
use crate::endpoint::Endpoint;
use crate::hosts::known_addresses;
use crate::request::{body, failed};
use crate::transport::{Transport, Trust};
use crate::{Answer, Credentials, Error};

/// What token servers mean when they do not say (Docker's token specification).
const DEFAULT_LIFETIME: u64 = 60;
/// A token is not used in the last seconds of its life.
const MARGIN: Duration = Duration::from_secs(10);
const CLIENT_ID: &str = "gantry";

/// Who wants to do what where.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ask<'a> {
    pub endpoint: &'a Endpoint,
    pub scope: &'a str,
    pub credentials: &'a Credentials,
}

type Key = (String, String, Credentials);

/// Headers that worked, by place, scope and person.
#[derive(Debug, Default)]
pub(crate) struct Tokens(Mutex<HashMap<Key, Known>>);

struct Known {
    header: String,
    until: Option<Instant>,
}

/// Secrets are not for logs.
impl std::fmt::Debug for Known {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Known")
            .field("until", &self.until)
            .finish_non_exhaustive()
    }
}

/// A token server's answer.
#[derive(Deserialize)]
pub(crate) struct Grant {
    #[serde(default, alias = "access_token")]
    token: Option<String>,
    #[serde(default)]
    expires_in: Option<u64>,
    #[serde(default)]
    pub refresh_token: Option<String>,
}

impl Ask<'_> {
    fn key(&self) -> Key {
        (
            self.endpoint.base.clone(),
            self.scope.to_owned(),
            self.credentials.clone(),
        )
    }
}

impl Tokens {
    /// A header that is still good.
    pub(crate) fn known(&self, ask: &Ask<'_>) -> Option<String> {
        if let Credentials::RegistryToken(token) = ask.credentials {
            return Some(format!("Bearer {token}"));
        }
        let known = self.lock();
        let known = known.get(&ask.key())?;
        known
            .until
            .is_none_or(|until| until > Instant::now())
            .then(|| known.header.clone())
    }

    /// Drops a header that was not good enough.
    pub(crate) fn forget(&self, ask: &Ask<'_>) {
        self.lock().remove(&ask.key());
    }

    /// Gets a header that answers one of the challenges.
    pub(crate) async fn obtain(
        &self,
        transport: &Transport,
        ask: &Ask<'_>,
        challenges: &[Challenge],
    ) -> Result<String, Error> {
        let by_scheme = |scheme: &str| challenges.iter().find(|c| c.scheme == scheme);
        let known = if let Some(bearer) = by_scheme("bearer") {
            let grant = fetch(transport, ask, bearer, false).await?;
            grant.into_known(ask)?
        } else if by_scheme("basic").is_some() {
            Known {
                header: basic(ask.credentials)?,
                until: None,
            }
        } else {
            return Err(Error::UnknownChallenge {
                host: ask.endpoint.base.clone(),
                scheme: challenges
                    .first()
                    .map_or_else(String::new, |c| c.scheme.clone()),
            });
        };
        let header = known.header.clone();
        let mut all = self.lock();
        all.retain(|_, known| known.until.is_none_or(|until| until > Instant::now()));
        all.insert(ask.key(), known);
        Ok(header)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Key, Known>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Grant {
    fn into_known(self, ask: &Ask<'_>) -> Result<Known, Error> {
        let token = self
            .token
            .filter(|token| !token.is_empty())
            .ok_or_else(|| Error::Protocol {
                url: ask.endpoint.base.clone(),
                reason: "the token server's answer has no token".into(),
            })?;
        let lifetime = Duration::from_secs(self.expires_in.unwrap_or(DEFAULT_LIFETIME));
        // A lifetime beyond what the clock can hold is forever.
        let until = Instant::now().checked_add(lifetime.saturating_sub(MARGIN));
        Ok(Known {
            header: format!("Bearer {token}"),
            until,
        })
    }
}

pub(crate) fn basic(credentials: &Credentials) -> Result<String, Error> {
    let Credentials::Basic { username, password } = credentials else {
        return Err(Error::NoCredentials);
    };
    Ok(format!(
        "Basic {}",
        STANDARD.encode(format!("{username}:{password}"))
    ))
}

/// Asks the token server that the challenge names. `offline` asks for a refresh token too.
pub(crate) async fn fetch(
    transport: &Transport,
    ask: &Ask<'_>,
    challenge: &Challenge,
    offline: bool,
) -> Result<Grant, Error> {
    let realm = realm(ask, challenge)?;
    let client = transport.client(&realm_trust(ask, &realm))?;
    let service = challenge.parameter("service").unwrap_or_default();
    let scopes = scopes(ask, challenge);
    let (method, request) = match ask.credentials {
        Credentials::IdentityToken(token) => {
            let form = oauth_form(&realm, service, &scopes, token);
            let request = client
                .post(realm.clone())
                .header("content-type", "application/x-www-form-urlencoded")
                .body(form);
            (Method::POST, request)
        }
        other => {
            let request = client.get(with_query(&realm, service, &scopes, other, offline));
            let request = match other {
                Credentials::Basic { .. } => request.header("authorization", basic(other)?),
                _ => request,
            };
            (Method::GET, request)
        }
    };
    answer(&method, &realm, request).await
}

async fn answer(method: &Method, realm: &Url, request: RequestBuilder) -> Result<Grant, Error> {
    let response = request
        .send()
        .await
        .map_err(|error| failed(method, realm.as_str(), &error))?;
    let status = response.status();
    let bytes = body(response).await;
    if status == StatusCode::UNAUTHORIZED || status == StatusCode::FORBIDDEN {
        let said = parse_answer(&bytes).map(|answer| answer.message);
        let message = said.unwrap_or_else(|| known_message("UNAUTHORIZED").into());
        return Err(Error::Unauthorized(Answer::new("UNAUTHORIZED", &message)));
    }
    if !status.is_success() {
        let answer = parse_answer(&bytes);
        return Err(Error::Status {
            url: realm.to_string(),
            status: status.to_string(),
            answer,
        });
    }
    serde_json::from_slice(&bytes).map_err(|error| Error::Protocol {
        url: realm.to_string(),
        reason: format!("not a token: {error}"),
    })
}

/// The token server's URL. Secrets do not go over plain HTTP at the word of a registry with TLS.
fn realm(ask: &Ask<'_>, challenge: &Challenge) -> Result<Url, Error> {
    let wrong = |reason: String| Error::Protocol {
        url: ask.endpoint.base.clone(),
        reason,
    };
    let text = challenge
        .parameter("realm")
        .ok_or_else(|| wrong("its Bearer challenge names no realm".into()))?;
    let url = Url::parse(text).map_err(|error| wrong(format!("realm {text:?}: {error}")))?;
    match url.scheme() {
        "https" => Ok(url),
        "http" if ask.endpoint.trust == Trust::Any => Ok(url),
        scheme => Err(wrong(format!(
            "its token server {text:?} is reached by {scheme}, not https"
        ))),
    }
}

fn realm_trust(ask: &Ask<'_>, realm: &Url) -> Trust {
    let host = realm.host_str().unwrap_or_default();
    let domain = realm
        .port()
        .map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
    let same_host = ask
        .endpoint
        .base
        .split_once("://")
        .is_some_and(|(_, own)| split_port(own).0 == split_port(&domain).0);
    let addresses = known_addresses(split_port(&domain).0);
    let local = addresses.iter().any(std::net::IpAddr::is_loopback);
    if realm.scheme() == "http" || (ask.endpoint.trust == Trust::Any && (same_host || local)) {
        return Trust::Any;
    }
    Trust::Verify { registry: domain }
}

/// The scopes of the challenge, and ours if they do not name it.
fn scopes(ask: &Ask<'_>, challenge: &Challenge) -> Vec<String> {
    let asked = challenge.parameter("scope").unwrap_or_default();
    let mut scopes: Vec<String> = asked
        .split(' ')
        .filter(|s| !s.is_empty())
        .map(Into::into)
        .collect();
    for own in ask.scope.split(' ').filter(|scope| !scope.is_empty()) {
        if !scopes.iter().any(|scope| scope == own) {
            scopes.push(own.to_owned());
        }
    }
    scopes
}

fn with_query(
    realm: &Url,
    service: &str,
    scopes: &[String],
    credentials: &Credentials,
    offline: bool,
) -> Url {
    let mut url = realm.clone();
    let mut query = url.query_pairs_mut();
    if !service.is_empty() {
        query.append_pair("service", service);
    }
    for scope in scopes {
        query.append_pair("scope", scope);
    }
    if let Credentials::Basic { username, .. } = credentials {
        query.append_pair("account", username);
    }
    if offline {
        query
            .append_pair("offline_token", "true")
            .append_pair("client_id", CLIENT_ID);
    }
    drop(query);
    url
}

/// RFC 6749, section 6, as Docker's `oauth.md` has it.
fn oauth_form(realm: &Url, service: &str, scopes: &[String], refresh_token: &str) -> String {
    // A URL's query and a form are encoded alike.
    let mut form = realm.clone();
    form.set_query(None);
    form.query_pairs_mut()
        .append_pair("grant_type", "refresh_token")
        .append_pair("service", service)
        .append_pair("client_id", CLIENT_ID)
        .append_pair("scope", &scopes.join(" "))
        .append_pair("refresh_token", refresh_token);
    form.query().unwrap_or_default().to_owned()
}
