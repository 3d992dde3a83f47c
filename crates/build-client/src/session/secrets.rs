//! `Secrets`: read at the moment that a step needs them.

use std::collections::HashMap;
use std::path::PathBuf;

use bollard_buildkit_proto::moby::buildkit::secrets::v1 as proto;
use tonic::{Request, Response, Status};

/// No secret may be larger, as in BuildKit.
const LARGEST: u64 = 500 << 10;

/// Where a secret is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Secret {
    /// In a file.
    File(PathBuf),
    /// In a variable of our environment.
    Variable(String),
}

pub(super) struct Secrets {
    known: HashMap<String, Secret>,
}

impl Secrets {
    pub(super) fn new(known: HashMap<String, Secret>) -> Self {
        Self { known }
    }
}

impl Secret {
    fn read(&self, id: &str) -> Result<Vec<u8>, Status> {
        match self {
            Self::Variable(name) => {
                use std::os::unix::ffi::OsStringExt as _;
                Ok(std::env::var_os(name).unwrap_or_default().into_vec())
            }
            Self::File(path) => {
                let failed = |error: std::io::Error| {
                    let reason = format!("failed to read secret {id}: {error}");
                    match error.kind() {
                        std::io::ErrorKind::NotFound => Status::not_found(reason),
                        _ => Status::internal(reason),
                    }
                };
                if std::fs::metadata(path).map_err(failed)?.len() > LARGEST {
                    return Err(Status::invalid_argument(format!(
                        "secret {id} is larger than 500 KiB"
                    )));
                }
                std::fs::read(path).map_err(failed)
            }
        }
    }
}

#[tonic::async_trait]
impl proto::secrets_server::Secrets for Secrets {
    async fn get_secret(
        &self,
        request: Request<proto::GetSecretRequest>,
    ) -> Result<Response<proto::GetSecretResponse>, Status> {
        let id = request.into_inner().id;
        let secret = self
            .known
            .get(&id)
            .ok_or_else(|| Status::not_found(format!("secret {id} not found")))?;
        let data = secret.read(&id)?;
        Ok(Response::new(proto::GetSecretResponse { data }))
    }
}
