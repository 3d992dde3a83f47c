//! `/etc/hosts`, with Docker's lines in Docker's order: hosts(5).

use std::fmt::Write as _;
use std::fs;
use std::net::IpAddr;
use std::path::Path;

use super::{Attachment, FilesRequest};
use crate::error::{Error, Result};

const DEFAULT: &str = "\
127.0.0.1\tlocalhost
::1\tlocalhost ip6-localhost ip6-loopback
fe00::\tip6-localnet
ff00::\tip6-mcastprefix
ff02::1\tip6-allnodes
ff02::2\tip6-allrouters
";

/// The word that stands for the host's address.
const HOST_GATEWAY: &str = "host-gateway";

/// Renders the file; `root` is the host's root directory.
pub(super) fn render(
    request: &FilesRequest<'_>,
    host_gateway: IpAddr,
    root: &Path,
) -> Result<String> {
    if request.attachment == Attachment::Host && request.extra_hosts.is_empty() {
        // The container shares the host's names as it shares its addresses.
        return Ok(fs::read_to_string(root.join("etc/hosts")).unwrap_or(DEFAULT.to_owned()));
    }
    let mut text = DEFAULT.to_owned();
    for extra in request.extra_hosts {
        let (name, address) = parse_extra(extra, host_gateway)?;
        let _ = writeln!(text, "{address}\t{name}");
    }
    if let Attachment::Bridge(addresses) | Attachment::Named(addresses) = request.attachment {
        text = with_addresses(&text, addresses, &own_names(request));
    }
    Ok(text)
}

/// A hosts file with a line for each address of the container's own.
pub fn with_addresses(text: &str, addresses: &[IpAddr], names: &str) -> String {
    let mut text = text.to_owned();
    if !text.is_empty() && !text.ends_with('\n') {
        text.push('\n');
    }
    for address in addresses {
        let _ = writeln!(text, "{address}\t{names}");
    }
    text
}

/// A hosts file without the lines of these addresses; all others stay as they are.
pub fn without_addresses(text: &str, addresses: &[IpAddr]) -> String {
    let stays = |line: &&str| {
        let first = line
            .split_whitespace()
            .next()
            .and_then(|word| word.parse().ok());
        !first.is_some_and(|address: IpAddr| addresses.contains(&address))
    };
    text.split_inclusive('\n').filter(stays).collect()
}

fn own_names(request: &FilesRequest<'_>) -> String {
    let FilesRequest {
        hostname,
        domainname,
        ..
    } = request;
    if domainname.is_empty() {
        (*hostname).to_owned()
    } else {
        format!("{hostname}.{domainname} {hostname}")
    }
}

/// `name:address`, `name=address`, `name:[address]`; the name ends at the first separator.
fn parse_extra(text: &str, host_gateway: IpAddr) -> Result<(&str, IpAddr)> {
    let invalid = || Error::InvalidExtraHost {
        text: text.to_owned(),
    };
    let (name, address) = text.split_once([':', '=']).ok_or_else(invalid)?;
    if name.is_empty() || name.contains(char::is_whitespace) {
        return Err(invalid());
    }
    if address == HOST_GATEWAY {
        return Ok((name, host_gateway));
    }
    let bare = address
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'));
    Ok((
        name,
        bare.unwrap_or(address).parse().map_err(|_| invalid())?,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::DnsOptions;
    use std::net::Ipv4Addr;

    const GATEWAY: IpAddr = IpAddr::V4(Ipv4Addr::new(172, 17, 0, 1));
    const OWN: &[IpAddr] = &[IpAddr::V4(Ipv4Addr::new(172, 17, 0, 2))];

    fn hosts(attachment: Attachment<'_>, domainname: &str, extra: &[&str]) -> Result<String> {
        let extra: Vec<String> = extra.iter().map(|&text| text.to_owned()).collect();
        let request = FilesRequest {
            hostname: "web",
            domainname,
            attachment,
            dns: &DnsOptions::default(),
            extra_hosts: &extra,
        };
        let root = tempfile::tempdir().unwrap();
        fs::create_dir(root.path().join("etc")).unwrap();
        fs::write(root.path().join("etc/hosts"), "10.0.0.9 host\n").unwrap();
        render(&request, GATEWAY, root.path())
    }

    #[test]
    fn a_container_on_a_bridge_finds_itself_and_the_host() {
        let own = Attachment::Bridge(OWN);
        let text = hosts(
            own,
            "",
            &["db:10.1.2.3", "up:host-gateway", "six=[fd00::1]"],
        )
        .unwrap();
        let expected = "10.1.2.3\tdb\n172.17.0.1\tup\nfd00::1\tsix\n172.17.0.2\tweb\n";
        assert_eq!(text, format!("{DEFAULT}{expected}"));
        let text = hosts(own, "example.org", &[]).unwrap();
        assert!(
            text.ends_with("172.17.0.2\tweb.example.org web\n"),
            "{text}"
        );
    }

    #[test]
    fn host_mode_has_the_hosts_file_unless_more_is_asked() {
        assert_eq!(hosts(Attachment::Host, "", &[]).unwrap(), "10.0.0.9 host\n");
        let text = hosts(Attachment::Host, "", &["db:10.1.2.3"]).unwrap();
        assert_eq!(text, format!("{DEFAULT}10.1.2.3\tdb\n"));
        assert_eq!(hosts(Attachment::None, "", &[]).unwrap(), DEFAULT);
    }

    #[test]
    fn a_malformed_extra_host_is_named() {
        for bad in [
            "db",
            "db:",
            ":10.0.0.1",
            "db:nowhere",
            "a b:10.0.0.1",
            "db:10.0.0.1\n6.6.6.6 x",
        ] {
            let error = hosts(Attachment::None, "", &[bad]).unwrap_err();
            assert!(error.to_string().contains(&format!("{bad:?}")), "{error}");
        }
    }

    #[test]
    fn lines_come_and_go_and_others_stay() {
        let text = with_addresses("127.0.0.1\tlocalhost", OWN, "web");
        assert_eq!(text, "127.0.0.1\tlocalhost\n172.17.0.2\tweb\n");
        let edited = format!("{text}# mine\n10.0.0.1 x");
        let without = without_addresses(&edited, OWN);
        assert_eq!(without, "127.0.0.1\tlocalhost\n# mine\n10.0.0.1 x");
    }
}
