//! Commands about contexts.

pub(crate) mod create;
pub(crate) mod export;
pub(crate) mod import;
pub(crate) mod inspect;
pub(crate) mod ls;
pub(crate) mod rm;
pub(crate) mod show;
pub(crate) mod update;
pub(crate) mod use_;

use std::fs;

use gantry_client::Endpoint;

use crate::contexts::{Context, Store};
use crate::failure::Failure;

/// The long help of the commands that take `--docker`.
macro_rules! long {
    ($about:literal, $verb:literal) => {
        concat!(
            $about,
            "\n\nDocker endpoint config:\n\n\
            NAME                DESCRIPTION\n\
            from                Copy named context's Docker endpoint configuration\n\
            host                Docker endpoint on which to connect\n\
            ca                  Trust certs signed only by this CA\n\
            cert                Path to TLS certificate file\n\
            key                 Path to TLS key file\n\
            skip-tls-verify     Skip TLS certificate validation\n\n\
            Example:\n\n\
            $ docker context ",
            $verb,
            " my-context --description \"some description\" --docker \"host=tcp://myserver:2376,ca=~/ca-file,cert=~/cert-file,key=~/key-file\""
        )
    };
}
use long;

/// What `--docker` says: `host=...,ca=...,cert=...,key=...,skip-tls-verify=true,from=...`.
#[derive(Debug, Default)]
struct Described {
    host: Option<String>,
    skip_verify: Option<bool>,
    /// File of the context, file to read.
    tls: Vec<(String, String)>,
    from: Option<String>,
}

impl Described {
    fn parse(text: &str) -> Result<Self, Failure> {
        let mut described = Self::default();
        for field in text.split(',').filter(|field| !field.is_empty()) {
            let (key, value) = field.split_once('=').ok_or_else(|| {
                Failure::new(format!("invalid field {field:?}: expected key=value"))
            })?;
            match key {
                "host" => described.host = Some(value.to_owned()),
                "from" => described.from = Some(value.to_owned()),
                "ca" | "cert" | "key" => {
                    described.tls.push((format!("{key}.pem"), value.to_owned()));
                }
                "skip-tls-verify" => {
                    described.skip_verify = Some(value.parse().map_err(|_| {
                        Failure::new(format!("invalid value for skip-tls-verify: {value:?}"))
                    })?);
                }
                other => {
                    return Err(Failure::new(format!("{other}: unrecognized config key")));
                }
            }
        }
        Ok(described)
    }

    /// Writes it into a context; files are those that the context has, then those that are given.
    fn apply(
        &self,
        store: &Store,
        context: &mut Context,
        mut files: Vec<(String, Vec<u8>)>,
    ) -> Result<Vec<(String, Vec<u8>)>, Failure> {
        let (mut host, mut skip) = (context.host().to_owned(), context.skips_verification());
        if let Some(from) = &self.from {
            let other = store.get(from)?;
            (host, skip) = (other.host().to_owned(), other.skips_verification());
            files = store.tls_files(from);
        }
        host = self.host.clone().unwrap_or(host);
        skip = self.skip_verify.unwrap_or(skip);
        if !host.is_empty() {
            Endpoint::parse(&host).map_err(|e| {
                Failure::new(format!("unable to create docker endpoint config: {e}"))
            })?;
        }
        for (name, path) in &self.tls {
            let content = fs::read(path).map_err(|e| {
                Failure::new(format!(
                    "unable to create docker endpoint config: open {path}: {e}"
                ))
            })?;
            files.retain(|(known, _)| known != name);
            files.push((name.clone(), content));
        }
        context.set_endpoint(&host, skip);
        Ok(files)
    }
}
