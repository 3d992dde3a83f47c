//! The client itself.

use std::sync::{Arc, PoisonError, RwLock};

use gantry_reference::Reference;
use reqwest::header::HeaderMap;
use reqwest::{Method, StatusCode};

use crate::auth::{self, Ask, Tokens};
use crate::challenge::parse_challenges;
use crate::config::Insecure;
use crate::endpoint::{Endpoint, endpoints, mirror_base, of_domain};
use crate::request::{Call, Context, Failure, Refusal};
use crate::transport::Transport;
use crate::{Answer, Config, Credentials, Error, Repository};

/// Reaches registries; cheap to clone.
#[derive(Debug, Clone)]
pub struct Client(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    context: Context,
    registries: RwLock<Arc<Registries>>,
}

/// What may change while the daemon runs.
#[derive(Debug)]
struct Registries {
    mirrors: Vec<String>,
    insecure: Insecure,
}

impl Registries {
    fn new(mirrors: &[String], insecure: &[String]) -> Result<Self, Error> {
        Ok(Self {
            mirrors: mirrors
                .iter()
                .map(|url| mirror_base(url))
                .collect::<Result<_, _>>()?,
            insecure: Insecure::parse(insecure)?,
        })
    }
}

impl Client {
    /// Checks the settings. Opens no connection and reads no certificates yet.
    pub fn new(config: &Config) -> Result<Self, Error> {
        let registries = Registries::new(&config.registry_mirrors, &config.insecure_registries)?;
        Ok(Self(Arc::new(Inner {
            context: Context {
                transport: Transport::new(config),
                tokens: Tokens::default(),
            },
            registries: RwLock::new(Arc::new(registries)),
        })))
    }

    /// Takes other mirrors and insecure registries, for requests from now on.
    pub fn reload(&self, mirrors: &[String], insecure: &[String]) -> Result<(), Error> {
        let new = Arc::new(Registries::new(mirrors, insecure)?);
        *self
            .0
            .registries
            .write()
            .unwrap_or_else(PoisonError::into_inner) = new;
        Ok(())
    }

    fn registries(&self) -> Arc<Registries> {
        Arc::clone(
            &self
                .0
                .registries
                .read()
                .unwrap_or_else(PoisonError::into_inner),
        )
    }

    /// The repository that a reference names.
    pub fn repository(&self, reference: &Reference, credentials: Credentials) -> Repository {
        let registries = self.registries();
        let endpoints = endpoints(reference, &registries.mirrors, &registries.insecure);
        Repository::new(
            self.clone(),
            reference.clone(),
            credentials,
            endpoints,
            "pull",
        )
    }

    /// The repository that a reference names, to be pushed to: never a mirror.
    pub fn repository_to_push(
        &self,
        reference: &Reference,
        credentials: Credentials,
    ) -> Repository {
        let endpoints = of_domain(reference.domain(), &self.registries().insecure);
        Repository::new(
            self.clone(),
            reference.clone(),
            credentials,
            endpoints,
            "pull,push",
        )
    }

    /// Where a registry's API is, without mirrors.
    pub(crate) fn endpoints_of(&self, domain: &str) -> Vec<Endpoint> {
        of_domain(domain, &self.registries().insecure)
    }

    /// Tries credentials on a registry; gives the identity token, if there is one, that is to be
    /// kept in place of the password.
    pub async fn login(
        &self,
        domain: &str,
        credentials: &Credentials,
    ) -> Result<Option<String>, Error> {
        let mut last = None;
        for endpoint in of_domain(domain, &self.registries().insecure) {
            match self.login_at(&endpoint, credentials).await {
                Err(error @ Error::Request { .. }) => last = Some(error),
                other => return other,
            }
        }
        Err(last.unwrap_or_else(|| Error::Config(format!("no way to reach {domain:?}"))))
    }

    async fn login_at(
        &self,
        endpoint: &Endpoint,
        credentials: &Credentials,
    ) -> Result<Option<String>, Error> {
        let transport = &self.context().transport;
        let url = format!("{}/v2/", endpoint.base);
        let client = transport.client(&endpoint.trust)?;
        let response = client.get(&url).send().await;
        let response =
            response.map_err(|error| crate::request::failed(&Method::GET, &url, &error))?;
        let header = response.headers().get("www-authenticate");
        let challenges = header
            .and_then(|value| value.to_str().ok())
            .map(parse_challenges);
        let ask = Ask {
            endpoint,
            scope: "",
            credentials,
        };
        let bearer = challenges.iter().flatten().find(|c| c.scheme == "bearer");
        let refresh = match bearer {
            Some(bearer) => {
                auth::fetch(transport, &ask, bearer, true)
                    .await?
                    .refresh_token
            }
            None => None,
        };
        let call = Call {
            endpoint,
            method: Method::GET,
            path: "",
            headers: HeaderMap::new(),
            payload: None,
            scope: "",
            credentials,
        };
        match self.context().call(&call).await {
            Ok(_) => Ok(refresh.filter(|token| !token.is_empty())),
            Err(Failure::Refused(refusal)) => Err(login_refused(refusal)),
            Err(Failure::Other(error)) => Err(error),
        }
    }

    pub(crate) fn context(&self) -> &Context {
        &self.0.context
    }
}

fn login_refused(refusal: Refusal) -> Error {
    let Refusal {
        url,
        status,
        answer,
    } = refusal;
    if status == StatusCode::UNAUTHORIZED || status == StatusCode::FORBIDDEN {
        let wrong = || Answer::new("UNAUTHORIZED", "incorrect username or password");
        return Error::Unauthorized(answer.unwrap_or_else(wrong));
    }
    Error::Status {
        url,
        status: status.to_string(),
        answer,
    }
}
