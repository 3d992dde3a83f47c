//! Certificates for tests of TLS.

use std::fs;
use std::path::PathBuf;

use crate::harness::Daemon;

/// A CA with a certificate for 127.0.0.1 and one for a client, and a stranger's.
pub(super) struct Certificates(PathBuf);

impl Certificates {
    /// Makes them in the daemon's folder.
    pub(super) fn make(daemon: &Daemon) -> Self {
        let folder = daemon.world.folder().join("tls");
        fs::create_dir_all(&folder).unwrap();
        let script = format!(
            "cd {} && \
             ca() {{ openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 \
               -subj /CN=$1 -keyout $1.key -out $1.pem -addext basicConstraints=critical,CA:TRUE; }} && \
             leaf() {{ openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=$2 -keyout $2.key -out $2.csr && \
               printf \"$3\" > $2.ext && \
               openssl x509 -req -in $2.csr -CA $1.pem -CAkey $1.key -CAcreateserial -days 2 -extfile $2.ext -out $2.pem; }} && \
             ca ca && ca stranger && \
             leaf ca server 'subjectAltName=IP:127.0.0.1,DNS:localhost\\nextendedKeyUsage=serverAuth' && \
             leaf ca client 'extendedKeyUsage=clientAuth' && leaf stranger bad 'extendedKeyUsage=clientAuth'",
            folder.display()
        );
        daemon.world.sh(&format!("({script}) 2>&1")).ok();
        Self(folder)
    }

    /// `ca.pem`, `server.key`, ...
    pub(super) fn path(&self, name: &str) -> String {
        self.0.join(name).display().to_string()
    }
}
