//! Whom to trust.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{WebPkiServerVerifier, verify_server_name};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};

use crate::Error;

/// A client's own certificate chain and its key.
type Identity = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

/// TLS that accepts what the machine trusts, and the registry's own directory of certificates.
pub(crate) fn verifying(registry_dir: &Path) -> Result<ClientConfig, Error> {
    let mut roots = RootCertStore::empty();
    // Certificates that cannot be read are left out, as everybody does.
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    let files = files_in(registry_dir);
    let mut own = Vec::new();
    for path in files.iter().filter(|path| has_extension(path, "crt")) {
        own.extend(certificates(path)?);
    }
    roots.add_parsable_certificates(own.iter().cloned());
    let provider = Arc::new(ring::default_provider());
    let usual = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider)
        .build()
        .map_err(|error| Error::Config(format!("the machine's trusted certificates: {error}")))?;
    let verifier = Arc::new(OrSelfSigned { usual, own });
    let builder = protocols()?
        .dangerous()
        .with_custom_certificate_verifier(verifier);
    match identity(&files)? {
        Some((chain, key)) => builder
            .with_client_auth_cert(chain, key)
            .map_err(|error| config_error(registry_dir, &error)),
        None => Ok(builder.with_no_client_auth()),
    }
}

/// TLS that accepts any certificate, for registries that the user calls insecure.
pub(crate) fn trusting() -> Result<ClientConfig, Error> {
    let verifier = Arc::new(AnyCertificate(ring::default_provider()));
    Ok(protocols()?
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_no_client_auth())
}

/// A verifier that accepts any certificate, where a user asks for that.
pub fn any_certificate() -> Arc<dyn ServerCertVerifier> {
    Arc::new(AnyCertificate(ring::default_provider()))
}

fn protocols() -> Result<rustls::ConfigBuilder<ClientConfig, rustls::WantsVerifier>, Error> {
    ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| Error::Config(format!("TLS: {error}")))
}

fn files_in(dir: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(dir).into_iter().flatten();
    let mut files: Vec<PathBuf> = entries.filter_map(|e| Some(e.ok()?.path())).collect();
    files.sort();
    files
}

fn has_extension(path: &Path, extension: &str) -> bool {
    path.extension().is_some_and(|found| found == extension)
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, Error> {
    CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect)
        .map_err(|error| config_error(path, &error))
}

/// Docker's convention: `x.cert` goes with `x.key`.
fn identity(files: &[PathBuf]) -> Result<Option<Identity>, Error> {
    let Some(certificate) = files.iter().find(|path| has_extension(path, "cert")) else {
        return Ok(None);
    };
    let key = certificate.with_extension("key");
    let chain = certificates(certificate)?;
    let key = PrivateKeyDer::from_pem_file(&key).map_err(|error| config_error(&key, &error))?;
    Ok(Some((chain, key)))
}

fn config_error(path: &Path, error: &dyn std::fmt::Display) -> Error {
    Error::Config(format!("{}: {error}", path.display()))
}

/// The usual rules, and a certificate that is its own authority.
///
/// `openssl req -x509`, which Docker's documentation shows, makes such a certificate; webpki takes
/// no authority for a server (RFC 5280 has it otherwise only by usage), Go does.
#[derive(Debug)]
struct OrSelfSigned {
    usual: Arc<WebPkiServerVerifier>,
    /// What lies in the registry's directory.
    own: Vec<CertificateDer<'static>>,
}

impl ServerCertVerifier for OrSelfSigned {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        if self.own.iter().any(|own| own == certificate) {
            verify_server_name(&ParsedCertificate::try_from(certificate)?, name)?;
            return Ok(ServerCertVerified::assertion());
        }
        self.usual
            .verify_server_cert(certificate, intermediates, name, ocsp, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.usual
            .verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.usual
            .verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.usual.supported_verify_schemes()
    }
}

/// No rules, for registries that the user calls insecure.
#[derive(Debug)]
struct AnyCertificate(CryptoProvider);

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
