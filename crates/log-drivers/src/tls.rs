//! TLS to a collector, as the syslog options ask for it.

use std::io;
use std::path::Path;
use std::sync::Arc;

use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};

use crate::options::{Options, text};

/// Reads the certificates that the options name, each time anew: they may have been renewed.
pub(crate) fn client(options: &Options) -> io::Result<Arc<ClientConfig>> {
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?;
    // As in Docker, the option's presence counts.
    let builder = if options.contains_key("syslog-tls-skip-verify") {
        builder
            .dangerous()
            .with_custom_certificate_verifier(gantry_registry_client::any_certificate())
    } else {
        builder.with_root_certificates(roots(text(options, "syslog-tls-ca-cert"))?)
    };
    let (cert, key) = (
        text(options, "syslog-tls-cert"),
        text(options, "syslog-tls-key"),
    );
    let config = if cert.is_empty() && key.is_empty() {
        builder.with_no_client_auth()
    } else {
        let key = PrivateKeyDer::from_pem_file(key).map_err(|e| unreadable(key, &e))?;
        builder
            .with_client_auth_cert(certificates(cert)?, key)
            .map_err(io::Error::other)?
    };
    Ok(Arc::new(config))
}

fn roots(file: &str) -> io::Result<RootCertStore> {
    let mut roots = RootCertStore::empty();
    if file.is_empty() {
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    } else {
        roots.add_parsable_certificates(certificates(file)?);
    }
    Ok(roots)
}

fn certificates(file: &str) -> io::Result<Vec<CertificateDer<'static>>> {
    CertificateDer::pem_file_iter(Path::new(file))
        .and_then(Iterator::collect)
        .map_err(|e| unreadable(file, &e))
}

fn unreadable(file: &str, error: &dyn std::fmt::Display) -> io::Error {
    io::Error::other(format!("could not load {file:?}: {error}"))
}
