//! Where a registry's API is.

use gantry_reference::{DEFAULT_DOMAIN, Reference};

use crate::Error;
use crate::config::{Insecure, split_port};
use crate::hosts::known_addresses;
use crate::transport::Trust;

/// Docker Hub's API is not under its name.
const HUB_API: &str = "registry-1.docker.io";

/// One place to ask.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Endpoint {
    /// `https://host[:port]`, without a slash at the end; `http` where TLS was not spoken.
    pub base: String,
    /// How connections are protected.
    pub trust: Trust,
    /// Whether it only repeats what another has; it gets no credentials.
    pub mirror: bool,
}

/// The places to ask for a reference, in order.
pub(crate) fn endpoints(
    reference: &Reference,
    mirrors: &[String],
    insecure: &Insecure,
) -> Vec<Endpoint> {
    let domain = reference.domain();
    if domain != DEFAULT_DOMAIN {
        return of_domain(domain, insecure);
    }
    let mut found: Vec<Endpoint> = mirrors
        .iter()
        .filter_map(|base| of_mirror(base, insecure))
        .collect();
    found.extend(of_domain(HUB_API, insecure));
    found
}

/// The places to ask for a registry by its name, without mirrors.
pub(crate) fn of_domain(domain: &str, insecure: &Insecure) -> Vec<Endpoint> {
    let domain = if domain == DEFAULT_DOMAIN {
        HUB_API
    } else {
        domain
    };
    let secure = format!("https://{domain}");
    if !is_insecure(domain, insecure) {
        let trust = Trust::Verify {
            registry: domain.to_owned(),
        };
        return vec![Endpoint {
            base: secure,
            trust,
            mirror: false,
        }];
    }
    [secure, format!("http://{domain}")]
        .map(|base| Endpoint {
            base,
            trust: Trust::Any,
            mirror: false,
        })
        .into()
}

fn of_mirror(base: &str, insecure: &Insecure) -> Option<Endpoint> {
    let domain = base
        .strip_prefix("https://")
        .or_else(|| base.strip_prefix("http://"))?;
    let trust = if base.starts_with("http://") || is_insecure(domain, insecure) {
        Trust::Any
    } else {
        Trust::Verify {
            registry: domain.to_owned(),
        }
    };
    Some(Endpoint {
        base: base.to_owned(),
        trust,
        mirror: true,
    })
}

/// Docker's rule: those of the configuration, and whatever is on this machine.
fn is_insecure(domain: &str, insecure: &Insecure) -> bool {
    let addresses = known_addresses(split_port(domain).0);
    addresses.iter().any(std::net::IpAddr::is_loopback) || insecure.covers(domain, &addresses)
}

/// Checks a mirror's URL and takes the slash off its end.
pub(crate) fn mirror_base(url: &str) -> Result<String, Error> {
    let wrong = |why: &str| Error::Config(format!("registry mirror {url:?}: {why}"));
    let parsed = reqwest::Url::parse(url).map_err(|error| wrong(&error.to_string()))?;
    if !matches!(parsed.scheme(), "http" | "https") {
        return Err(wrong("the URL must begin with http:// or https://"));
    }
    if parsed.query().is_some() || parsed.fragment().is_some() {
        return Err(wrong("the URL must have no query and no fragment"));
    }
    if !parsed.username().is_empty() || parsed.password().is_some() {
        return Err(wrong("the URL must have no user and no password"));
    }
    Ok(url.trim_end_matches('/').to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bases(reference: &str, mirrors: &[&str], insecure: &[&str]) -> Vec<String> {
        let own = |list: &[&str]| list.iter().map(ToString::to_string).collect::<Vec<_>>();
        let insecure = Insecure::parse(&own(insecure)).unwrap();
        endpoints(
            &Reference::parse(reference).unwrap(),
            &own(mirrors),
            &insecure,
        )
        .into_iter()
        .map(|endpoint| endpoint.base)
        .collect()
    }

    #[test]
    fn docker_hub_has_mirrors_and_another_name() {
        assert_eq!(
            bases("nginx", &["http://mirror:1"], &[]),
            ["http://mirror:1", "https://registry-1.docker.io"]
        );
    }

    #[test]
    fn plain_http_only_for_insecure_and_local_registries() {
        assert_eq!(
            bases("reg.test/a", &["http://mirror:1"], &[]),
            ["https://reg.test"]
        );
        assert_eq!(
            bases("reg.test/a", &[], &["reg.test"]),
            ["https://reg.test", "http://reg.test"]
        );
        assert_eq!(
            bases("127.0.0.1:5000/a", &[], &[]),
            ["https://127.0.0.1:5000", "http://127.0.0.1:5000"]
        );
        assert_eq!(bases("localhost:5000/a", &[], &[]).len(), 2);
    }

    #[test]
    fn mirrors_are_checked() {
        assert_eq!(mirror_base("https://m.test/").unwrap(), "https://m.test");
        assert!(mirror_base("m.test").is_err());
        assert!(mirror_base("https://u:p@m.test").is_err());
    }
}
