//! `ps`.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use gantry_api_types::{
    ContainerSummary, EndpointSettings, Filters, Port, SummaryHostConfig, SummaryNetworkSettings,
};
use gantry_network::BoundPort;
use gantry_reference::ImageId;

use super::phase::Phase;
use super::record::Record;
use super::{Containers, inspect};
use crate::health::Status;
use crate::{Error, clock};

/// Which containers to list.
#[derive(Debug, Clone, Default)]
pub struct ListOptions {
    /// Stopped ones too.
    pub all: bool,
    /// At most this many, the newest first; implies `all`.
    pub limit: Option<usize>,
    /// Count their files.
    pub size: bool,
    /// Docker's filters.
    pub filters: Filters,
}

/// What images are called: of each, the name that was asked for and the one to show.
type Names = HashMap<ImageId, Vec<(String, String)>>;

/// The filters of `ps` that are understood.
const FILTERS: [&str; 15] = [
    "ancestor",
    "before",
    "exited",
    "expose",
    "health",
    "id",
    "is-task",
    "isolation",
    "label",
    "name",
    "network",
    "publish",
    "since",
    "status",
    "volume",
];

impl Containers {
    /// Lists containers, the newest first.
    pub async fn list(&self, options: &ListOptions) -> Result<Vec<ContainerSummary>, Error> {
        let filters = Checked::new(self, &options.filters)?;
        let stopped_too = options.all || options.limit.is_some() || filters.about_stopped();
        let mut all = self.registry.all();
        all.sort_by_cached_key(|c| (Reverse(c.record().created), c.id.clone()));
        let mut list = Vec::new();
        // Many containers of few images: each name is looked up once.
        let mut names = HashMap::new();
        for container in all {
            if options.limit.is_some_and(|limit| list.len() >= limit) {
                break;
            }
            // Read where it lies: a copy of every record is what would take the time.
            let shown = {
                let record = container.record();
                let shown = (stopped_too || record.state.shown().is_running_for_ps())
                    && filters.pass(self, &record);
                shown.then(|| {
                    let image = self.image_name(&record, &mut names);
                    (self.summary(&record, image), record.image_id.clone())
                })
            };
            let Some((mut summary, image)) = shown else {
                continue;
            };
            if options.size {
                summary.size_rw = self.written_bytes(&container.id).await?;
                summary.size_root_fs = summary.size_rw + self.images.size_of(&image);
            }
            list.push(summary);
        }
        Ok(list)
    }

    /// How many containers each image has.
    pub fn of_images(&self) -> HashMap<String, i64> {
        let mut counts = HashMap::new();
        for container in self.registry.all() {
            let image = container.record().image_id.to_string();
            *counts.entry(image).or_default() += 1;
        }
        counts
    }

    /// The image as its user named it, if that still is its name.
    fn image_name(&self, record: &Record, known: &mut Names) -> String {
        let (name, id) = (&record.config.image, &record.image_id);
        let known = known.entry(id.clone()).or_default();
        if let Some((_, shown)) = known.iter().find(|(asked, _)| asked == name) {
            return shown.clone();
        }
        let shown = self.images.name_now(name, id);
        known.push((name.clone(), shown.clone()));
        shown
    }

    fn summary(&self, record: &Record, image: String) -> ContainerSummary {
        let (path, args) = inspect::command(record);
        let mut words = vec![path];
        words.extend(args);
        ContainerSummary {
            id: record.id.clone(),
            names: Some(vec![format!("/{}", record.name)]),
            image,
            image_id: record.image_id.to_string(),
            command: quoted(&words),
            created: record.created / 1_000_000_000,
            ports: listed_ports(record),
            labels: Some(record.config.labels.clone().unwrap_or_default()),
            state: record.state.shown().as_docker().to_owned(),
            status: status(record, clock::now_nanos()),
            host_config: SummaryHostConfig {
                network_mode: record.host_config.network_mode.clone(),
                annotations: record.host_config.annotations.clone(),
            },
            network_settings: SummaryNetworkSettings {
                networks: Some(self.endpoints(record).into_iter().map(plain).collect()),
            },
            mounts: record.mounts.clone(),
            ..ContainerSummary::default()
        }
    }
}

/// A list tells what a network gave, not what was asked of it.
fn plain((name, settings): (String, EndpointSettings)) -> (String, EndpointSettings) {
    let plain = EndpointSettings {
        ipam_config: None,
        links: None,
        aliases: None,
        driver_opts: None,
        dns_names: None,
        ..settings
    };
    (name, plain)
}

/// Docker's `strings.Join` of words, those with spaces in single quotes.
fn quoted(words: &[String]) -> String {
    let word = |w: &String| {
        if w.contains(' ') {
            format!("'{w}'")
        } else {
            w.clone()
        }
    };
    words.iter().map(word).collect::<Vec<_>>().join(" ")
}

fn listed_ports(record: &Record) -> Vec<Port> {
    if !record.state.phase.is_live() {
        return Vec::new();
    }
    let bound = record.state.ports();
    // One that is reached at the container's own addresses of both families is one port.
    let twice = |(index, port): (usize, &BoundPort)| {
        port.is_open()
            && bound[..index].iter().any(|other| {
                other.is_open()
                    && (other.container_port, other.protocol)
                        == (port.container_port, port.protocol)
            })
    };
    let mut ports: Vec<Port> = bound
        .iter()
        .enumerate()
        .filter(|(index, port)| !twice((*index, *port)))
        .map(|(_, p)| Port {
            ip: if p.is_open() {
                String::new()
            } else {
                p.host_ip.to_string()
            },
            private_port: p.container_port,
            public_port: p.host_port,
            kind: p.protocol.to_string(),
        })
        .collect();
    for exposed in record.config.exposed_ports.keys() {
        let Ok((private_port, protocol)) = super::ports::container_port(exposed) else {
            continue;
        };
        if !bound
            .iter()
            .any(|b| b.container_port == private_port && b.protocol == protocol)
        {
            let kind = protocol.to_string();
            ports.push(Port {
                private_port,
                kind,
                ..Port::default()
            });
        }
    }
    ports
}

/// `Up 5 minutes`, `Exited (0) 2 hours ago`.
fn status(record: &Record, now: i64) -> String {
    let state = &record.state;
    let since = |at: i64| age(now, at);
    match state.shown() {
        Phase::Running => format!("Up {}{}", since(state.started_at), health(record)),
        Phase::Paused => format!("Up {} (Paused)", since(state.started_at)),
        Phase::Restarting => format!(
            "Restarting ({}) {} ago",
            state.exit_code,
            since(state.finished_at)
        ),
        Phase::Exited if state.finished_at == 0 => "Created".to_owned(),
        Phase::Exited => format!(
            "Exited ({}) {} ago",
            state.exit_code,
            since(state.finished_at)
        ),
        Phase::Created | Phase::Starting => "Created".to_owned(),
        Phase::Removing => "Removal In Progress".to_owned(),
        Phase::Dead => "Dead".to_owned(),
    }
}

/// How long ago that was, in Docker's words.
fn age(now: i64, at: i64) -> String {
    let nanos = now.saturating_sub(at).max(0);
    gantry_units::human_duration(Duration::from_nanos(nanos as u64))
}

/// ` (healthy)`, as it stands behind the time.
fn health(record: &Record) -> &'static str {
    match record.state.health.as_ref().map(|health| health.status) {
        None => "",
        Some(Status::Starting) => " (health: starting)",
        Some(Status::Healthy) => " (healthy)",
        Some(Status::Unhealthy) => " (unhealthy)",
    }
}

/// `80`, `8000-8010/udp`: ports that a filter asks for.
struct PortRange<'a> {
    first: u16,
    last: u16,
    protocol: &'a str,
}

impl<'a> PortRange<'a> {
    fn parse(text: &'a str) -> Option<Self> {
        let (ports, protocol) = text.split_once('/').unwrap_or((text, "tcp"));
        let (first, last) = ports.split_once('-').unwrap_or((ports, ports));
        Some(Self {
            first: first.parse().ok()?,
            last: last.parse().ok()?,
            protocol,
        })
    }

    fn has(&self, port: u16, protocol: &str) -> bool {
        (self.first..=self.last).contains(&port) && protocol == self.protocol
    }
}

/// Filters whose values have been looked at once.
struct Checked<'a> {
    filters: &'a Filters,
    exit_codes: Vec<i32>,
    before: Option<i64>,
    since: Option<i64>,
    /// Only tasks of a swarm, of which there are none.
    tasks: bool,
}

impl<'a> Checked<'a> {
    fn new(service: &Containers, filters: &'a Filters) -> Result<Self, Error> {
        let invalid = |e: &dyn std::fmt::Display| Error::Invalid(e.to_string());
        filters.accept(&FILTERS).map_err(|e| invalid(&e))?;
        for status in filters.values("status") {
            const KNOWN: [&str; 7] = [
                "created",
                "running",
                "paused",
                "restarting",
                "removing",
                "exited",
                "dead",
            ];
            if !KNOWN.contains(&status) {
                return Err(Error::Invalid(format!(
                    "invalid filter 'status={status}': invalid value for state ({status}): must be one of created, running, paused, restarting, removing, exited, dead"
                )));
            }
        }
        for health in filters.values("health") {
            if !["none", "starting", "healthy", "unhealthy"].contains(&health) {
                return Err(Error::Invalid(format!(
                    "invalid filter 'health={health}': invalid value for health ({health}): must be one of none, starting, healthy, unhealthy"
                )));
            }
        }
        let exit_codes = filters
            .values("exited")
            .map(|code| {
                code.parse()
                    .map_err(|_| Error::Invalid(format!("invalid filter 'exited={code}'")))
            })
            .collect::<Result<_, _>>()?;
        for port in filters.values("publish").chain(filters.values("expose")) {
            if PortRange::parse(port).is_none() {
                return Err(Error::Invalid(format!(
                    "invalid filter: {port:?} is neither a port nor a range of ports"
                )));
            }
        }
        let created = |key: &str| -> Result<Option<i64>, Error> {
            let of = |name: &str| Ok::<_, Error>(service.registry.find(name)?.record().created);
            filters.values(key).next().map(of).transpose()
        };
        Ok(Self {
            filters,
            exit_codes,
            before: created("before")?,
            since: created("since")?,
            tasks: filters.truth("is-task").map_err(|e| invalid(&e))? == Some(true),
        })
    }

    /// Whether the filters themselves ask for stopped containers.
    fn about_stopped(&self) -> bool {
        self.filters.values("status").any(|s| s != "running")
    }

    fn pass(&self, service: &Containers, record: &Record) -> bool {
        let f = self.filters;
        let state = &record.state;
        let none = BTreeMap::new();
        let labels = record.config.labels.as_ref().unwrap_or(&none);
        f.prefix("id", &record.id)
            && self.name(&record.name)
            && f.exact("status", state.shown().as_docker())
            && f.pairs("label", labels)
            && f.exact(
                "health",
                state.health.as_ref().map_or("none", |h| h.status.word()),
            )
            && (self.exit_codes.is_empty()
                || (self.exit_codes.contains(&state.exit_code)
                    && state.finished_at != 0
                    && !state.phase.is_live()))
            && self.before.is_none_or(|at| record.created < at)
            && self.since.is_none_or(|at| record.created > at)
            && self.network(service, record)
            && self.volume(record)
            && self.ports(record)
            && self.ancestor(service, record)
            && !self.tasks
    }

    /// A name filter is a piece of the name, or `^name$`.
    fn name(&self, name: &str) -> bool {
        let mut wanted = self.filters.values("name").peekable();
        if wanted.peek().is_none() {
            return true;
        }
        let slashed = format!("/{name}");
        wanted.any(|pattern| {
            let (start, rest) = pattern
                .strip_prefix('^')
                .map_or((false, pattern), |r| (true, r));
            let (end, text) = rest.strip_suffix('$').map_or((false, rest), |t| (true, t));
            let subject = if text.starts_with('/') {
                slashed.as_str()
            } else {
                name
            };
            match (start, end) {
                (true, true) => subject == text,
                (true, false) => subject.starts_with(text),
                (false, true) => subject.ends_with(text),
                (false, false) => subject.contains(text),
            }
        })
    }

    /// A network filter is a network's name or ID, or a part of that from the start.
    fn network(&self, service: &Containers, record: &Record) -> bool {
        if !self.filters.has("network") {
            return true;
        }
        let networks = service.endpoints(record);
        self.filters.values("network").any(|wanted| {
            networks.iter().any(|(name, endpoint)| {
                name == wanted
                    || (!endpoint.network_id.is_empty() && endpoint.network_id.starts_with(wanted))
            })
        })
    }

    fn volume(&self, record: &Record) -> bool {
        let mut wanted = self.filters.values("volume").peekable();
        wanted.peek().is_none()
            || wanted.any(|w| {
                record
                    .mounts
                    .iter()
                    .any(|m| m.name == w || m.destination == w || m.source == w)
            })
    }

    fn ports(&self, record: &Record) -> bool {
        let bound = record.state.ports();
        let ranges = |name: &'static str| self.filters.values(name).filter_map(PortRange::parse);
        let mut published = ranges("publish").peekable();
        let mut exposed = ranges("expose").peekable();
        let own = record.config.exposed_ports.keys();
        let own: Vec<_> = own
            .filter_map(|port| super::ports::container_port(port).ok())
            .collect();
        (published.peek().is_none()
            || published.any(|range| {
                bound
                    .iter()
                    .any(|b| range.has(b.host_port, &b.protocol.to_string()))
            }))
            && (exposed.peek().is_none()
                || exposed.any(|range| {
                    own.iter()
                        .any(|(port, protocol)| range.has(*port, &protocol.to_string()))
                }))
    }

    fn ancestor(&self, service: &Containers, record: &Record) -> bool {
        let mut wanted = self.filters.values("ancestor").peekable();
        wanted.peek().is_none()
            || wanted.any(|name| {
                service
                    .images
                    .is_from(&record.image_id, &record.layers, name)
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_was_set_back_shows_an_odd_age_and_no_worse() {
        const DAY: i64 = 24 * 3_600 * 1_000_000_000;
        assert_eq!(age(5 * DAY, 3 * DAY), "2 days");
        assert_eq!(age(3 * DAY, 5 * DAY), age(5 * DAY, 5 * DAY));
        for (now, at) in [(i64::MIN, i64::MAX), (i64::MAX, i64::MIN)] {
            assert!(!age(now, at).is_empty());
        }
    }
}
