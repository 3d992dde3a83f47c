//! One repository, on whichever registry has it.

use std::sync::atomic::{AtomicUsize, Ordering};

use gantry_reference::{Digest, Reference};
use reqwest::header::HeaderMap;
use reqwest::{Method, Response, StatusCode};

use crate::answer::known_message;
use crate::endpoint::Endpoint;
use crate::request::{Call, Failure, Payload, Refusal};
use crate::{Answer, Client, Credentials, Error, Kind};

/// One repository; shared by all who fetch from it for one pull.
#[derive(Debug)]
pub struct Repository {
    client: Client,
    reference: Reference,
    credentials: Credentials,
    scope: String,
    endpoints: Vec<Endpoint>,
    /// The first endpoint that is worth asking: those before it failed.
    first: AtomicUsize,
}

/// What a path asks for, so that a refusal can be put into words.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Wanted<'a> {
    Manifest,
    Blob(&'a Digest),
    /// To be allowed to write.
    Push,
}

impl Repository {
    pub(crate) fn new(
        client: Client,
        reference: Reference,
        credentials: Credentials,
        endpoints: Vec<Endpoint>,
        actions: &str,
    ) -> Self {
        let scope = format!("repository:{}:{actions}", reference.path());
        let first = AtomicUsize::new(0);
        Self {
            client,
            reference,
            credentials,
            scope,
            endpoints,
            first,
        }
    }

    /// The reference it was made for.
    pub const fn reference(&self) -> &Reference {
        &self.reference
    }

    /// Asks one endpoint after the other until one gives an answer.
    ///
    /// An insecure registry is asked by plain HTTP if TLS fails, and the registry itself if its
    /// mirrors fail. If all do, an answer in words ("not found") is told rather than that the last
    /// one cannot be reached.
    pub(crate) async fn ask(
        &self,
        wanted: Wanted<'_>,
        method: Method,
        path: &str,
        headers: HeaderMap,
    ) -> Result<Response, Error> {
        self.send(wanted, method, path, headers, None, &self.scope)
            .await
    }

    /// What the repository's tokens must allow.
    pub(crate) fn scope(&self) -> &str {
        &self.scope
    }

    /// As [`Self::ask`], with a body and for a scope.
    pub(crate) async fn send(
        &self,
        wanted: Wanted<'_>,
        method: Method,
        path: &str,
        headers: HeaderMap,
        payload: Option<Payload<'_>>,
        scope: &str,
    ) -> Result<Response, Error> {
        let first = self.first.load(Ordering::Relaxed);
        let mut told: Option<Error> = None;
        let mut mirrors: Vec<String> = Vec::new();
        for (at, endpoint) in self.endpoints.iter().enumerate().skip(first) {
            let call = Call {
                endpoint,
                method: method.clone(),
                path,
                headers: headers.clone(),
                payload,
                scope,
                credentials: &self.credentials,
            };
            let error = match self.client.context().call(&call).await {
                Ok(response) => {
                    self.first.store(at, Ordering::Relaxed);
                    return Ok(response);
                }
                Err(Failure::Refused(refusal)) => self.refused(wanted, refusal),
                Err(Failure::Other(error)) => error,
            };
            tracing::debug!(endpoint = endpoint.base, %error, "the registry gave nothing");
            if endpoint.mirror {
                mirrors.push(error.to_string());
            }
            let reached = !matches!(error, Error::Request { .. });
            let telling = error.kind() != Kind::Unavailable;
            if telling
                || told
                    .as_ref()
                    .is_none_or(|told| told.kind() == Kind::Unavailable)
            {
                told = Some(error);
            }
            // A registry that was reached will not say anything else by plain HTTP.
            if reached && !endpoint.mirror {
                break;
            }
        }
        let told = told.unwrap_or_else(|| Error::Config(format!("nowhere to ask for {path}")));
        Err(with_mirrors(told, &mirrors))
    }

    fn refused(&self, wanted: Wanted<'_>, refusal: Refusal) -> Error {
        let Refusal {
            url,
            status,
            answer,
        } = refusal;
        let code = answer.as_ref().map(|answer| answer.code.as_str());
        let or_known = |known: &str, answer: Option<Answer>| {
            answer.unwrap_or_else(|| Answer::new(known, known_message(known)))
        };
        let repository = self.reference.familiar_repository();
        match (code, status, wanted) {
            (Some("DENIED"), ..) | (None, StatusCode::FORBIDDEN, _)
                if matches!(wanted, Wanted::Push) =>
            {
                Error::PushDenied(or_known("DENIED", answer))
            }
            (Some("UNAUTHORIZED"), ..) | (None, StatusCode::UNAUTHORIZED, _)
                if matches!(wanted, Wanted::Push) =>
            {
                Error::PushDenied(or_known("UNAUTHORIZED", answer))
            }
            (Some("DENIED"), ..) => Error::Denied {
                repository,
                answer: or_known("DENIED", answer),
            },
            (Some("NAME_UNKNOWN"), ..) => Error::RepositoryUnknown {
                repository,
                answer: or_known("NAME_UNKNOWN", answer),
            },
            (Some("UNAUTHORIZED"), ..) | (None, StatusCode::UNAUTHORIZED, _) => {
                // Registries that hide what exists answer so for what does not exist.
                Error::Denied {
                    repository,
                    answer: or_known("UNAUTHORIZED", answer),
                }
            }
            (_, StatusCode::FORBIDDEN, _) => Error::Denied {
                repository,
                answer: or_known("DENIED", answer),
            },
            (_, StatusCode::NOT_FOUND, Wanted::Manifest) => Error::ManifestUnknown {
                reference: self.reference.familiar(),
                answer: or_known("MANIFEST_UNKNOWN", answer),
            },
            (_, StatusCode::NOT_FOUND, Wanted::Blob(digest)) => Error::BlobUnknown {
                repository,
                digest: digest.clone(),
                answer: or_known("BLOB_UNKNOWN", answer),
            },
            _ => Error::Status {
                url,
                status: status.to_string(),
                answer,
            },
        }
    }
}

/// Where the registry itself cannot be reached either, the mirrors' reasons are worth telling.
fn with_mirrors(error: Error, mirrors: &[String]) -> Error {
    match error {
        Error::Request {
            method,
            url,
            reason,
        } if !mirrors.is_empty() && !mirrors.iter().any(|mirror| mirror.contains(&url)) => {
            Error::Request {
                method,
                url,
                reason: format!(
                    "{reason} (its mirror failed before: {})",
                    mirrors.join("; ")
                ),
            }
        }
        other => other,
    }
}
