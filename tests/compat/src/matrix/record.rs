//! Setting a scene up, asking everybody, and taking it down.

use std::collections::HashMap;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use super::World;
use super::probe::{Probe, SERVER, ask};
use super::scene::Scene;
use super::table::Table;
use super::town::{ADDRESSES, Town};

const FAMILIES: [(&str, usize); 2] = [("4", 0), ("6", 1)];
const HOST: [&str; 2] = ["198.51.100.1", "2001:db8:1::1"];
const LOOPBACK: [&str; 2] = ["127.0.0.1", "::1"];
const CLIENT: [&str; 2] = ["203.0.113.2", "2001:db8:2::2"];
const CLIENT_PORT: u16 = 9000;
const PROTOCOLS: [&str; 2] = ["tcp", "udp"];
/// A network that is none of the scenes'.
const OTHER: &str = "--ipv6 --subnet 10.91.0.0/24 --gateway 10.91.0.1 --subnet fd00:91::/64 --gateway fd00:91::1 other";

/// Tries a scene; nothing of it stays.
pub fn record(world: &World, town: &Town, scene: &Scene) -> Result<Table> {
    let play = Play { world, town, scene };
    play.clear();
    let result = play.all();
    play.clear();
    result
}

struct Play<'a> {
    world: &'a World,
    town: &'a Town,
    scene: &'a Scene,
}

/// What is up.
struct Cast {
    servers: Vec<Server>,
    /// Whose an address is.
    owners: HashMap<String, String>,
    /// The gateways of the scene's network and of the other one.
    gateways: [[String; 2]; 2],
    table: Table,
}

struct Server {
    name: String,
    /// Its forms and the host's port for each protocol.
    forms: Vec<(String, [u16; 2])>,
    addresses: [String; 2],
}

impl Play<'_> {
    fn docker(&self, words: &[&str]) -> Command {
        let mut command = Command::new("docker");
        let socket = format!("unix://{}", self.world.socket.display());
        command
            .args(words)
            .env("DOCKER_HOST", socket)
            .stdin(Stdio::null());
        command
    }

    fn said(&self, words: &[&str]) -> Result<String> {
        let output = self
            .docker(words)
            .output()
            .context("the stock docker client")?;
        if !output.status.success() {
            bail!("{words:?}: {}", String::from_utf8_lossy(&output.stderr));
        }
        Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    }

    fn clear(&self) {
        for name in ["same", "other", "server0", "server1", "server2", "server3"] {
            let _ = self.said(&["rm", "-f", name]);
        }
        let _ = self.said(&["network", "rm", "other"]);
        if !self.scene.create.is_empty() {
            let _ = self.said(&["network", "rm", self.scene.network]);
        }
    }

    fn all(&self) -> Result<Table> {
        let mut cast = self.set_up()?;
        let outside = self.serve_outside()?;
        for origin in ["host", "client", "same", "other", "self"] {
            let probes = self.probes(&cast, origin);
            self.ask(&mut cast, origin, &probes)?;
        }
        drop(outside);
        Ok(cast.table)
    }

    fn set_up(&self) -> Result<Cast> {
        let scene = self.scene;
        if !scene.create.is_empty() {
            let words = format!("network create {} {}", scene.create, scene.network);
            self.said(&split(&words))?;
        }
        self.said(&split(&format!("network create {OTHER}")))?;
        let mut cast = Cast {
            servers: Vec::new(),
            owners: ADDRESSES.map(|(a, b)| (a.to_owned(), b.to_owned())).into(),
            gateways: [self.gateways(scene.network)?, self.gateways("other")?],
            table: Table::default(),
        };
        for (number, name) in ["gateway", "other gateway"].into_iter().enumerate() {
            for gateway in cast.gateways[number].clone() {
                cast.owners
                    .entry(gateway)
                    .or_insert_with(|| name.to_owned());
            }
        }
        for (number, forms) in scene.servers.iter().enumerate() {
            self.start_server(&mut cast, number, forms)?;
        }
        // With a host's network there is no second server: the port is taken.
        if scene.network != "host" {
            self.start("same", scene.network, &[])?;
            self.note(&mut cast, "same", scene.network)?;
        }
        self.start("other", "other", &[])?;
        self.note(&mut cast, "other", "other")?;
        Ok(cast)
    }

    /// A server that an engine does not start is a finding, too.
    fn start_server(&self, cast: &mut Cast, number: usize, forms: &[&str]) -> Result<()> {
        let name = format!("server{number}");
        let protocols = |form: &&str| PROTOCOLS.map(|protocol| format!("{form}/{protocol}"));
        let ports: Vec<String> = forms.iter().flat_map(protocols).collect();
        if let Err(error) = self.start(&name, self.scene.network, &ports) {
            if number == 0 {
                return Err(error);
            }
            for form in forms {
                cast.table.put(&format!("run -p {form}"), "said", "refused");
            }
            let _ = self.said(&["rm", "-f", &name]);
            return Ok(());
        }
        let addresses = self.note(cast, &name, self.scene.network)?;
        let mut known = Vec::new();
        for form in forms {
            known.push(((*form).to_owned(), self.host_ports(&name, form)?));
        }
        cast.servers.push(Server {
            name,
            forms: known,
            addresses,
        });
        Ok(())
    }

    fn start(&self, name: &str, network: &str, ports: &[String]) -> Result<()> {
        let mut words = vec!["run", "-d", "--name", name, "--network", network];
        for port in ports {
            words.extend(["-p", port]);
        }
        words.extend(["python", "python3", "-uc", SERVER]);
        let own = self.scene.port.to_string();
        words.push(&own);
        if self.scene.port == 80 {
            words.extend(["81", "82"]);
        }
        self.said(&words)?;
        let until = Instant::now() + Duration::from_secs(60);
        while self.said(&["logs", name])? != "ready" {
            if Instant::now() > until {
                bail!("{name} does not serve");
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(())
    }

    /// Remembers whose a container's addresses are.
    fn note(&self, cast: &mut Cast, name: &str, network: &str) -> Result<[String; 2]> {
        let of = |field: &str| {
            let template =
                format!("{{{{(index .NetworkSettings.Networks \"{network}\").{field}}}}}");
            self.said(&["inspect", "-f", &template, name])
        };
        let addresses = [of("IPAddress")?, of("GlobalIPv6Address")?];
        for address in addresses.iter().filter(|a| !a.is_empty()) {
            let role = name.trim_end_matches(char::is_numeric).to_owned();
            cast.owners.insert(address.clone(), role);
        }
        Ok(addresses)
    }

    fn gateways(&self, network: &str) -> Result<[String; 2]> {
        let template = "{{range .IPAM.Config}}{{.Gateway}} {{end}}";
        let found = self.said(&["network", "inspect", "-f", template, network])?;
        let of = |six: bool| {
            let one = found.split_whitespace().find(|g| g.contains(':') == six);
            one.unwrap_or_default().to_owned()
        };
        Ok([of(false), of(true)])
    }

    /// Where a form ended up: with a fixed port there, with a range at the one that belongs to 81,
    /// else what `docker port` says.
    fn host_ports(&self, name: &str, form: &str) -> Result<[u16; 2]> {
        let parts: Vec<&str> = form.rsplitn(3, ':').collect();
        let host = parts.get(1).copied().unwrap_or_default();
        if let Ok(port) = host.parse() {
            return Ok([port, port]);
        }
        if parts[0].contains('-') {
            let (first, _) = host.split_once('-').context("a range")?;
            return Ok([first.parse::<u16>()? + 1; 2]);
        }
        let range = match host.split_once('-') {
            Some((first, last)) => first.parse()?..=last.parse()?,
            None => 32_768..=u16::MAX,
        };
        let of = |protocol: &str| -> Result<u16> {
            let said = self.said(&["port", name, &format!("80/{protocol}")])?;
            let ports = said
                .lines()
                .filter_map(|l| l.rsplit(':').next()?.parse().ok());
            let mut ours = ports.filter(|port| range.contains(port));
            ours.next().with_context(|| format!("{form} of {said}"))
        };
        Ok([of("tcp")?, of("udp")?])
    }

    /// The client serves too, for what goes out.
    fn serve_outside(&self) -> Result<Outside> {
        let mut command = self.town.at_client("/usr/bin/python3");
        command.args(["-uc", SERVER, &CLIENT_PORT.to_string()]);
        command.stdin(Stdio::null()).stdout(Stdio::piped());
        let mut child = command.spawn()?;
        let said = child.stdout.as_mut().context("it has one")?;
        std::io::Read::read_exact(said, &mut [0])?;
        Ok(Outside(child))
    }

    fn probes(&self, cast: &Cast, origin: &str) -> Vec<Probe> {
        let mut probes = Vec::new();
        for (at, protocol) in PROTOCOLS.into_iter().enumerate() {
            let mut add = |what: &str, column: String, address: &str, port: u16| {
                if !address.is_empty() {
                    probes.push(Probe {
                        row: format!("{origin} | {protocol} | {what}"),
                        column,
                        protocol,
                        address: address.to_owned(),
                        port,
                    });
                }
            };
            for (family, of) in FAMILIES {
                if origin != "host" && origin != "client" {
                    add(
                        "going out",
                        format!("client{family}"),
                        CLIENT[of],
                        CLIENT_PORT,
                    );
                }
                for server in asked_by(cast, origin) {
                    if origin != "self" {
                        let own = &server.addresses[of];
                        add(
                            "its own address",
                            format!("server{family}"),
                            own,
                            self.scene.port,
                        );
                    }
                    let fixed = [(String::from("no -p"), [self.scene.port; 2])];
                    let at_host = self.scene.network == "host";
                    let forms = if at_host { &fixed[..] } else { &server.forms };
                    for (form, ports) in forms {
                        for (name, address) in self.targets(cast, origin, of) {
                            add(form, format!("{name}{family}"), &address, ports[at]);
                        }
                    }
                }
            }
        }
        probes
    }

    /// The addresses of the host that an origin knows, of a family.
    fn targets(&self, cast: &Cast, origin: &str, of: usize) -> Vec<(&'static str, String)> {
        let mut all = vec![("host", HOST[of].to_owned())];
        if origin == "host" {
            all.push(("loopback", LOOPBACK[of].to_owned()));
        }
        let own = usize::from(origin == "other");
        // An address of the wire's network that is no bridge's is somebody else's.
        let has_bridge = own == 1 || !self.scene.create.starts_with("-d");
        if origin != "client" && has_bridge {
            all.push(("gateway", cast.gateways[own][of].clone()));
        }
        all
    }

    fn ask(&self, cast: &mut Cast, origin: &str, probes: &[Probe]) -> Result<()> {
        let container = match origin {
            "self" => "server0",
            other => other,
        };
        let nobody = origin == "same" && self.scene.network == "host";
        if nobody || probes.is_empty() {
            return Ok(());
        }
        let command = match origin {
            "host" => self.town.at_host("/usr/bin/python3"),
            "client" => self.town.at_client("/usr/bin/python3"),
            _ => self.docker(&["exec", container, "python3"]),
        };
        for (probe, found) in probes.iter().zip(ask(command, probes)?) {
            let found = cast.owners.get(&found).unwrap_or(&found).clone();
            cast.table.put(&probe.row, &probe.column, &found);
        }
        Ok(())
    }
}

/// Itself asks only itself.
fn asked_by<'a>(cast: &'a Cast, origin: &'a str) -> impl Iterator<Item = &'a Server> {
    let servers = cast.servers.iter();
    servers.filter(move |server| origin != "self" || server.name == "server0")
}

struct Outside(Child);

impl Drop for Outside {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn split(words: &str) -> Vec<&str> {
    words.split(' ').collect()
}
