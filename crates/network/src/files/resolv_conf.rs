//! `/etc/resolv.conf` from the host's own and the options asked for: resolv.conf(5).

use std::fmt::Write as _;
use std::fs;
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::{Attachment, DnsOptions, FilesRequest};
use crate::door;

/// Where systemd-resolved listens; from within a container that is the container itself.
const RESOLVED_STUB: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 53));
/// The servers that systemd-resolved asks.
const RESOLVED_SERVERS: &str = "run/systemd/resolve/resolv.conf";
/// Docker's servers for when the host names none that a container could reach.
const FALLBACK: [IpAddr; 2] = [
    IpAddr::V4(Ipv4Addr::new(8, 8, 8, 8)),
    IpAddr::V4(Ipv4Addr::new(8, 8, 4, 4)),
];
/// `--dns-search .`: no search domain, also none of the host's.
const NO_SEARCH: &str = ".";

/// Renders the file; `root` is the host's root directory.
pub(super) fn render(request: &FilesRequest<'_>, daemon: &DnsOptions, root: &Path) -> String {
    let asked = merge(request.dns, daemon);
    let own = fs::read_to_string(root.join("etc/resolv.conf")).unwrap_or_default();
    if request.attachment == Attachment::Host {
        if asked == DnsOptions::default() {
            return own;
        }
        return write(&overridden(parse(&own), asked));
    }
    let host = match parse(&own) {
        stub if stub.servers == [RESOLVED_STUB] => {
            fs::read_to_string(root.join(RESOLVED_SERVERS)).map_or(stub, |text| parse(&text))
        }
        host => host,
    };
    if matches!(request.attachment, Attachment::Named(_)) {
        return write(&behind_our_server(host, asked));
    }
    write(&overridden(reachable(host), asked))
}

/// Our own server is asked, and asks those that were asked for or the host's. A name without a
/// dot is tried as it is first, for it may be a container's (Docker's `ndots:0`).
fn behind_our_server(host: DnsOptions, asked: DnsOptions) -> DnsOptions {
    let mut result = overridden(host, asked);
    result.servers = vec![IpAddr::V4(door::ADDRESS)];
    if !result
        .options
        .iter()
        .any(|option| option.starts_with("ndots:"))
    {
        result.options.push("ndots:0".to_owned());
    }
    result
}

/// The host's own name servers, read again when a while has passed.
#[derive(Debug)]
pub(crate) struct HostServers {
    file: PathBuf,
    read: Mutex<Option<(Instant, Vec<IpAddr>)>>,
}

impl HostServers {
    pub(crate) fn new() -> Self {
        Self {
            file: PathBuf::from("/etc/resolv.conf"),
            read: Mutex::default(),
        }
    }

    /// The servers, those on the host's loopback too: they are asked from the host.
    pub(crate) fn get(&self) -> Vec<IpAddr> {
        const FRESH: Duration = Duration::from_secs(2);
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        match &*read {
            Some((since, servers)) if since.elapsed() < FRESH => servers.clone(),
            _ => {
                let text = fs::read_to_string(&self.file).unwrap_or_default();
                let mut servers = parse(&text).servers;
                if servers.is_empty() {
                    servers = FALLBACK.to_vec();
                }
                *read = Some((Instant::now(), servers.clone()));
                servers
            }
        }
    }
}

/// Each kind of option by itself: the container's own, else the daemon's.
fn merge(container: &DnsOptions, daemon: &DnsOptions) -> DnsOptions {
    fn first<T: Clone>(own: &[T], other: &[T]) -> Vec<T> {
        if own.is_empty() {
            other.to_vec()
        } else {
            own.to_vec()
        }
    }
    DnsOptions {
        servers: first(&container.servers, &daemon.servers),
        search: first(&container.search, &daemon.search),
        options: first(&container.options, &daemon.options),
    }
}

fn overridden(host: DnsOptions, asked: DnsOptions) -> DnsOptions {
    let mut result = merge(&asked, &host);
    if result.search == [NO_SEARCH] {
        result.search.clear();
    }
    result
}

/// Without servers on the host's loopback, and without IPv6 ones: our networks have none.
fn reachable(mut host: DnsOptions) -> DnsOptions {
    host.servers
        .retain(|server| server.is_ipv4() && !server.is_loopback());
    if host.servers.is_empty() {
        host.servers = FALLBACK.to_vec();
    }
    host
}

/// The last `search` or `domain` line counts; unknown lines are left out.
fn parse(text: &str) -> DnsOptions {
    let mut found = DnsOptions::default();
    for line in text.lines() {
        let line = line.split(['#', ';']).next().unwrap_or_default();
        let mut words = line.split_whitespace();
        match words.next() {
            Some("nameserver") => {
                found
                    .servers
                    .extend(words.next().and_then(|word| word.parse::<IpAddr>().ok()));
            }
            Some("search" | "domain") => found.search = words.map(str::to_owned).collect(),
            Some("options") => found.options.extend(words.map(str::to_owned)),
            _ => {}
        }
    }
    found
}

fn write(dns: &DnsOptions) -> String {
    let mut text = "# Made by Gantry for this container; edits here stay.\n".to_owned();
    for server in &dns.servers {
        let _ = writeln!(text, "nameserver {server}");
    }
    if !dns.search.is_empty() {
        let _ = writeln!(text, "search {}", dns.search.join(" "));
    }
    if !dns.options.is_empty() {
        let _ = writeln!(text, "options {}", dns.options.join(" "));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A host whose resolv.conf, and whose systemd-resolved's, have these texts.
    fn render_on(
        host: &str,
        resolved: Option<&str>,
        attachment: Attachment<'_>,
        dns: &DnsOptions,
    ) -> String {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir(root.path().join("etc")).unwrap();
        fs::write(root.path().join("etc/resolv.conf"), host).unwrap();
        if let Some(text) = resolved {
            fs::create_dir_all(root.path().join("run/systemd/resolve")).unwrap();
            fs::write(root.path().join(RESOLVED_SERVERS), text).unwrap();
        }
        let request = FilesRequest {
            hostname: "web",
            domainname: "",
            attachment,
            dns,
            extra_hosts: &[],
        };
        let text = render(&request, &DnsOptions::default(), root.path());
        text.lines()
            .filter(|line| !line.starts_with('#'))
            .fold(String::new(), |text, line| text + line + "\n")
    }

    const OWN: &[IpAddr] = &[IpAddr::V4(Ipv4Addr::new(172, 17, 0, 2))];
    const BRIDGE: Attachment<'_> = Attachment::Bridge(OWN);

    fn none() -> DnsOptions {
        DnsOptions::default()
    }

    #[test]
    fn the_hosts_servers_are_taken_over() {
        let host = "domain old\nnameserver 10.0.0.53 # main\nsearch a.example b.example\noptions ndots:2\n";
        assert_eq!(
            render_on(host, None, BRIDGE, &none()),
            "nameserver 10.0.0.53\nsearch a.example b.example\noptions ndots:2\n"
        );
    }

    #[test]
    fn behind_systemd_resolved_its_own_servers_are_taken() {
        let stub = "nameserver 127.0.0.53\noptions edns0 trust-ad\nsearch x\n";
        let text = render_on(stub, Some("nameserver 192.0.2.1\n"), BRIDGE, &none());
        assert_eq!(text, "nameserver 192.0.2.1\n");
        let text = render_on(stub, None, BRIDGE, &none());
        assert!(
            text.starts_with("nameserver 8.8.8.8\nnameserver 8.8.4.4\n"),
            "{text}"
        );
    }

    #[test]
    fn servers_that_cannot_be_reached_are_left_out() {
        let host =
            "nameserver 127.0.0.1\nnameserver ::1\nnameserver 2001:db8::1\nnameserver 9.9.9.9\n";
        assert_eq!(
            render_on(host, None, BRIDGE, &none()),
            "nameserver 9.9.9.9\n"
        );
    }

    #[test]
    fn what_is_asked_wins() {
        let dns = DnsOptions {
            servers: vec!["1.1.1.1".parse().unwrap()],
            search: vec![".".to_owned()],
            options: vec!["rotate".to_owned()],
        };
        let host = "nameserver 9.9.9.9\nsearch a\noptions ndots:2\n";
        assert_eq!(
            render_on(host, None, BRIDGE, &dns),
            "nameserver 1.1.1.1\noptions rotate\n"
        );
    }

    #[test]
    fn host_mode_keeps_the_hosts_file() {
        let host = "nameserver 127.0.0.53\nsearch a\n";
        let resolved = Some("nameserver 192.0.2.1\n");
        assert_eq!(render_on(host, resolved, Attachment::Host, &none()), host);
        let dns = DnsOptions {
            search: vec!["b".to_owned()],
            ..none()
        };
        let text = render_on(host, resolved, Attachment::Host, &dns);
        assert_eq!(text, "nameserver 127.0.0.53\nsearch b\n");
    }

    #[test]
    fn on_networks_with_names_our_server_is_asked() {
        let host = "nameserver 127.0.0.53\nsearch a\noptions edns0\n";
        let own = Attachment::Named(OWN);
        assert_eq!(
            render_on(host, None, own, &none()),
            "nameserver 127.0.0.11\nsearch a\noptions edns0 ndots:0\n"
        );
        let dns = DnsOptions {
            servers: vec!["1.1.1.1".parse().unwrap()],
            search: vec!["b".to_owned()],
            options: vec!["ndots:2".to_owned()],
        };
        assert_eq!(
            render_on(host, None, own, &dns),
            "nameserver 127.0.0.11\nsearch b\noptions ndots:2\n"
        );
    }
}
