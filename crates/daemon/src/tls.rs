//! TLS on `tcp://`: certificates from files.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};

use crate::Error;
use crate::config::Config;

/// Where the certificates are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// Clients must have a certificate of this CA; `None` lets everybody in.
    pub ca: Option<PathBuf>,
    /// The daemon's certificate, and those between it and its CA.
    pub cert: PathBuf,
    /// Its key.
    pub key: PathBuf,
}

impl TlsFiles {
    /// What the configuration says; `None` without TLS.
    pub(crate) fn of(config: &Config) -> Result<Option<Self>, Error> {
        let verify = config.tlsverify.unwrap_or(false);
        // As with Docker, naming a file switches TLS on as well.
        let named =
            config.tlscacert.is_some() || config.tlscert.is_some() || config.tlskey.is_some();
        if !verify && !config.tls.unwrap_or(named) {
            return Ok(None);
        }
        if config.tls == Some(false) {
            return Err(Error::Setting {
                setting: "tls",
                value: "false".to_owned(),
                reason: "tlsverify is on, which needs TLS".to_owned(),
            });
        }
        let folder = default_folder();
        let file = |given: &Option<PathBuf>, name: &str| {
            given.clone().unwrap_or_else(|| folder.join(name))
        };
        Ok(Some(Self {
            ca: verify.then(|| file(&config.tlscacert, "ca.pem")),
            cert: file(&config.tlscert, "cert.pem"),
            key: file(&config.tlskey, "key.pem"),
        }))
    }

    /// Reads the files.
    pub(crate) fn load(&self) -> Result<Arc<ServerConfig>, Error> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(|e| refuse("tls", &self.cert, e))?;
        let builder = match &self.ca {
            None => builder.with_no_client_auth(),
            Some(ca) => {
                let mut roots = RootCertStore::empty();
                for certificate in certificates("tlscacert", ca)? {
                    roots
                        .add(certificate)
                        .map_err(|e| refuse("tlscacert", ca, e))?;
                }
                let verifier =
                    WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
                        .build()
                        .map_err(|e| refuse("tlscacert", ca, e))?;
                builder.with_client_cert_verifier(verifier)
            }
        };
        let chain = certificates("tlscert", &self.cert)?;
        let key =
            PrivateKeyDer::from_pem_file(&self.key).map_err(|e| refuse("tlskey", &self.key, e))?;
        let mut config = builder
            .with_single_cert(chain, key)
            .map_err(|e| refuse("tlscert", &self.cert, e))?;
        // Attach takes a connection over, which HTTP/2 does not have.
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Arc::new(config))
    }
}

fn certificates(setting: &'static str, path: &Path) -> Result<Vec<CertificateDer<'static>>, Error> {
    let certificates: Vec<_> = CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect)
        .map_err(|e| refuse(setting, path, e))?;
    if certificates.is_empty() {
        return Err(refuse(setting, path, "there is no certificate in it"));
    }
    Ok(certificates)
}

fn refuse(setting: &'static str, path: &Path, reason: impl std::fmt::Display) -> Error {
    Error::Setting {
        setting,
        value: path.display().to_string(),
        reason: reason.to_string(),
    }
}

/// Where Docker looks when no files are named.
fn default_folder() -> PathBuf {
    let variable = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
    match variable("DOCKER_CERT_PATH").or_else(|| variable("DOCKER_CONFIG")) {
        Some(path) => path.into(),
        None => variable("HOME")
            .map_or_else(|| "/root".into(), PathBuf::from)
            .join(".docker"),
    }
}
