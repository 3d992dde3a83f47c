//! The client: a daemon's address, the negotiated version and idle connections.

use std::sync::{Arc, Mutex, PoisonError};

use http::{HeaderMap, Method};

use crate::connection::{self, Sender};
use crate::patience;
use crate::request::Request;
use crate::{AUTOSTARTED_HEADER, ApiVersion, BUILD_HEADER, Endpoint, Error};

/// Speaks to one daemon. Clones share their connections.
#[derive(Clone)]
pub struct Client {
    pub(crate) shared: Arc<Shared>,
}

/// What `/_ping` tells of a daemon.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ping {
    /// The newest API version that it serves.
    pub api_version: Option<ApiVersion>,
    /// `linux`.
    pub os: String,
    /// Its build, if it is one of ours.
    pub build: Option<String>,
    /// A command line started it.
    pub autostarted: bool,
}

pub(crate) struct Shared {
    pub(crate) endpoint: Endpoint,
    pub(crate) version: ApiVersion,
    pub(crate) user_agent: String,
    /// Of every request.
    pub(crate) headers: HeaderMap,
    idle: Mutex<Vec<Sender>>,
}

impl Client {
    /// Connects and agrees on an API version.
    pub async fn connect(endpoint: &Endpoint) -> Result<Self, Error> {
        Ok(Self::connect_with_ping(endpoint, &HeaderMap::new())
            .await?
            .0)
    }

    /// Connects; every request has these headers as well.
    pub async fn connect_with_headers(
        endpoint: &Endpoint,
        headers: &HeaderMap,
    ) -> Result<Self, Error> {
        Ok(Self::connect_with_ping(endpoint, headers).await?.0)
    }

    /// As [`Client::connect`], and tells what the daemon said about itself.
    pub async fn connect_with_ping(
        endpoint: &Endpoint,
        headers: &HeaderMap,
    ) -> Result<(Self, Ping), Error> {
        let unversioned = Self::with_version(endpoint.clone(), ApiVersion::NEWEST, headers.clone());
        let pinging = unversioned
            .request(Method::HEAD, "/_ping")
            .unversioned()
            .send();
        let response = patience::answer(endpoint, pinging).await?;
        let header = |name: &str| response.header(name).map(str::to_owned);
        let ping = Ping {
            api_version: header("api-version").as_deref().and_then(ApiVersion::parse),
            os: header("ostype").unwrap_or_default(),
            build: header(BUILD_HEADER),
            autostarted: header(AUTOSTARTED_HEADER).is_some(),
        };
        response.finish().await;
        let version = match std::env::var("DOCKER_API_VERSION")
            .ok()
            .as_deref()
            .map(ApiVersion::parse)
        {
            Some(Some(wanted)) => wanted,
            _ => ping
                .api_version
                .map_or(ApiVersion::OLDEST, |theirs| theirs.min(ApiVersion::NEWEST)),
        };
        let client = Self::with_version(endpoint.clone(), version, headers.clone());
        if let Some(sender) = unversioned.shared.take_idle() {
            client.shared.give_back(sender);
        }
        Ok((client, ping))
    }

    fn with_version(endpoint: Endpoint, version: ApiVersion, headers: HeaderMap) -> Self {
        let user_agent = format!("Gantry-Client/{} (linux)", env!("CARGO_PKG_VERSION"));
        let idle = Mutex::new(Vec::new());
        Self {
            shared: Arc::new(Shared {
                endpoint,
                version,
                user_agent,
                headers,
                idle,
            }),
        }
    }

    /// Where the daemon listens.
    pub fn endpoint(&self) -> &Endpoint {
        &self.shared.endpoint
    }

    /// The API version in use.
    pub fn version(&self) -> ApiVersion {
        self.shared.version
    }

    /// Starts a request; `path` begins with `/` and has no version in front.
    pub fn request(&self, method: Method, path: impl Into<String>) -> Request {
        Request::new(self.clone(), method, path.into())
    }

    /// Starts a `GET`.
    pub fn get(&self, path: impl Into<String>) -> Request {
        self.request(Method::GET, path)
    }

    /// Starts a `POST`.
    pub fn post(&self, path: impl Into<String>) -> Request {
        self.request(Method::POST, path)
    }

    /// Starts a `DELETE`.
    pub fn delete(&self, path: impl Into<String>) -> Request {
        self.request(Method::DELETE, path)
    }
}

impl Shared {
    /// A connection that is ready: an idle one or a new one.
    pub(crate) async fn sender(&self) -> Result<(Sender, bool), Error> {
        while let Some(mut sender) = self.take_idle() {
            if sender.ready().await.is_ok() {
                return Ok((sender, true));
            }
        }
        connection::open(&self.endpoint)
            .await
            .map(|sender| (sender, false))
    }

    pub(crate) fn take_idle(&self) -> Option<Sender> {
        self.idle
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .pop()
    }

    pub(crate) fn give_back(&self, sender: Sender) {
        if !sender.is_closed() {
            self.idle
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(sender);
        }
    }
}
