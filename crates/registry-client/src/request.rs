//! One request, and what became of it.

use std::error::Error as _;

use reqwest::header::{AUTHORIZATION, HeaderMap, WWW_AUTHENTICATE};
use reqwest::{Body, Method, Response, StatusCode};

use crate::answer::{known_message, parse_answer};
use crate::auth::{Ask, Tokens};
use crate::challenge::{Challenge, parse_challenges};
use crate::endpoint::Endpoint;
use crate::transport::Transport;
use crate::{Answer, Credentials, Error};

/// Error bodies are read up to here.
const ERROR_BODY_MAX: usize = 64 * 1024;

/// What every request needs.
#[derive(Debug)]
pub(crate) struct Context {
    pub transport: Transport,
    pub tokens: Tokens,
}

/// A request below an endpoint's `/v2/`.
#[derive(Debug, Clone)]
pub(crate) struct Call<'a> {
    pub endpoint: &'a Endpoint,
    pub method: Method,
    /// After `/v2/`, or a whole URL that the registry gave.
    pub path: &'a str,
    pub headers: HeaderMap,
    /// What goes with it.
    pub payload: Option<Payload<'a>>,
    /// What a token must allow, such as `repository:library/nginx:pull`.
    pub scope: &'a str,
    pub credentials: &'a Credentials,
}

/// Makes a request's body, once for every time that it is sent.
#[derive(Clone, Copy)]
pub(crate) struct Payload<'a>(pub &'a (dyn Fn() -> Body + Send + Sync));

impl std::fmt::Debug for Payload<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Payload")
    }
}

/// An answer that is not success, not yet put into the words of what was asked.
#[derive(Debug)]
pub(crate) struct Refusal {
    pub url: String,
    pub status: StatusCode,
    pub answer: Option<Answer>,
}

/// Why a call brought nothing.
#[derive(Debug)]
pub(crate) enum Failure {
    Refused(Refusal),
    Other(Error),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Other(error)
    }
}

impl Context {
    /// Sends a request, authenticates if it is asked to, and gives the answer if it is success.
    pub(crate) async fn call(&self, call: &Call<'_>) -> Result<Response, Failure> {
        let nobody = Credentials::Anonymous;
        let credentials = if call.endpoint.mirror {
            &nobody
        } else {
            call.credentials
        };
        let ask = Ask {
            endpoint: call.endpoint,
            scope: call.scope,
            credentials,
        };
        let known = self.tokens.known(&ask);
        let response = self.send(call, known.as_deref()).await?;
        if response.status() != StatusCode::UNAUTHORIZED {
            return checked(response).await;
        }
        let challenges = challenges(response.headers());
        if known.is_some() {
            self.tokens.forget(&ask);
        }
        if challenges.is_empty() {
            return checked(response).await;
        }
        // The body is read, so that the connection can be used again.
        drop(body(response).await);
        let authorization = self
            .tokens
            .obtain(&self.transport, &ask, &challenges)
            .await?;
        checked(self.send(call, Some(&authorization)).await?).await
    }

    async fn send(&self, call: &Call<'_>, authorization: Option<&str>) -> Result<Response, Error> {
        let client = self.transport.client(&call.endpoint.trust)?;
        let base = &call.endpoint.base;
        let url = if call.path.contains("://") {
            call.path.to_owned()
        } else {
            format!("{base}/v2/{}", call.path)
        };
        // A registry may send us elsewhere with the bytes, but not with the password.
        let is_own = url
            .strip_prefix(base.as_str())
            .is_some_and(|rest| rest.starts_with('/'));
        let mut request = client
            .request(call.method.clone(), &url)
            .headers(call.headers.clone());
        if let Some(payload) = &call.payload {
            request = request.body(payload.0());
        }
        if let Some(value) = authorization.filter(|_| is_own) {
            request = request.header(AUTHORIZATION, value);
        }
        request
            .send()
            .await
            .map_err(|error| failed(&call.method, &url, &error))
    }
}

async fn checked(response: Response) -> Result<Response, Failure> {
    let status = response.status();
    if status.is_success() {
        return Ok(response);
    }
    let url = response.url().to_string();
    let by_token = token_answer(&challenges(response.headers()));
    let answer = by_token.or(parse_answer(&body(response).await));
    Err(Failure::Refused(Refusal {
        url,
        status,
        answer,
    }))
}

/// A token that is not enough is told in the challenge (RFC 6750, section 3.1).
fn token_answer(challenges: &[Challenge]) -> Option<Answer> {
    let bearer = challenges
        .iter()
        .find(|challenge| challenge.scheme == "bearer")?;
    let code = match bearer.parameter("error")? {
        "insufficient_scope" => "DENIED",
        "invalid_token" => "UNAUTHORIZED",
        _ => return None,
    };
    let message = bearer
        .parameter("error_description")
        .unwrap_or(known_message(code));
    Some(Answer::new(code, message))
}

fn challenges(headers: &HeaderMap) -> Vec<Challenge> {
    let values = headers.get_all(WWW_AUTHENTICATE).iter();
    values
        .filter_map(|value| value.to_str().ok())
        .flat_map(parse_challenges)
        .collect()
}

/// The body of an error, as far as it is of interest.
pub(crate) async fn body(mut response: Response) -> Vec<u8> {
    let mut bytes = Vec::new();
    while let Ok(Some(chunk)) = response.chunk().await {
        bytes.extend_from_slice(&chunk);
        if bytes.len() > ERROR_BODY_MAX {
            break;
        }
    }
    bytes
}

/// A request that brought no answer.
pub(crate) fn failed(method: &Method, url: &str, error: &reqwest::Error) -> Error {
    let method = match *method {
        Method::HEAD => "Head",
        Method::POST => "Post",
        Method::PUT => "Put",
        Method::PATCH => "Patch",
        _ => "Get",
    };
    Error::Request {
        method,
        url: url.to_owned(),
        reason: reason(error),
    }
}

/// The telling part of an error's chain: reqwest and hyper wrap the system's reason several times.
pub(crate) fn reason(error: &reqwest::Error) -> String {
    let mut parts: Vec<String> = Vec::new();
    let mut next = error.source();
    while let Some(error) = next {
        parts.push(error.to_string());
        next = error.source();
    }
    parts.retain(|part| {
        !part.starts_with("client error (") && !part.starts_with("error sending request")
    });
    // Several layers repeat what is below them.
    let mut told: Vec<String> = Vec::new();
    for part in parts.into_iter().rev() {
        let part = without_errno(&part).to_owned();
        if !told
            .iter()
            .any(|known| part.contains(known.as_str()) || known.contains(&part))
        {
            told.insert(0, part);
        }
    }
    let told = told.join(": ");
    if told.contains("InvalidContentType") {
        return "http: server gave HTTP response to HTTPS client; if that is meant, name the \
                registry in insecure-registries"
            .into();
    }
    if told.is_empty() {
        error.to_string()
    } else {
        told
    }
}

fn without_errno(text: &str) -> &str {
    text.split(" (os error ").next().unwrap_or(text)
}
