//! Networks: what passes through them, and what making them costs.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use super::contender::{Arena, Contender, ENGINES, printed, shared};
use super::surroundings::HOST_ADDRESS;
use super::turns::{Measured, Unit, milliseconds};

/// All cases.
pub(super) fn all(runs: usize) -> Vec<Box<dyn Measured>> {
    let few = (runs / 3).max(3);
    let mut all: Vec<Box<dyn Measured>> = Vec::new();
    for from in [From::Loopback, From::Host, From::Outside, From::Container] {
        all.push(Box::new(Traffic::new(few, from, What::Throughput)));
    }
    for from in [From::Loopback, From::Host, From::Outside, From::Container] {
        all.push(Box::new(Traffic::new(few, from, What::Connections)));
    }
    for clients in [1, 8] {
        all.push(Box::new(Names::new(few, clients)));
    }
    all.push(Box::new(Made { runs }));
    all.push(Box::new(Range {
        runs: 2,
        ports: 1000,
    }));
    all
}

/// Who connects to the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum From {
    Loopback,
    Host,
    Outside,
    Container,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum What {
    Throughput,
    Connections,
}

/// Traffic to a container with a published port, from somewhere.
struct Traffic {
    name: String,
    shown: String,
    runs: usize,
    from: From,
    what: What,
}

const PORT: u16 = 5201;
/// That of a server without a container.
const BARE_PORT: u16 = 5202;
const TIMES: u32 = 4000;

impl Traffic {
    fn new(runs: usize, from: From, what: What) -> Self {
        let way = match from {
            From::Loopback => "published port, loopback",
            From::Host => "published port, the host's address",
            From::Outside => "published port, from another host",
            From::Container => "container to container",
        };
        let (kind, shown) = match what {
            What::Throughput => ("throughput", "one TCP connection, 2 s".to_owned()),
            What::Connections => (
                "connections",
                format!("{TIMES} TCP connections, 4 at a time, a byte each way"),
            ),
        };
        Self {
            name: format!("{kind}, {way}"),
            shown,
            runs,
            from,
            what,
        }
    }

    fn command(&self, arena: &Arena, contender: Contender, port: u16) -> Result<Command> {
        let program = tool()?;
        let mut command = match self.from {
            From::Loopback | From::Host => arena.at_host(contender, &program)?,
            From::Outside => arena.outside(contender, &program),
            From::Container => {
                let words = ["exec", "bench-client", "/xtask"];
                arena.command(contender, &words)
            }
        };
        let address = match self.from {
            From::Loopback => "127.0.0.1".to_owned(),
            From::Host | From::Outside => HOST_ADDRESS.to_owned(),
            From::Container => address_of_server(arena, contender)?,
        };
        let verb = match self.what {
            What::Throughput => ("send", "2".to_owned()),
            What::Connections => ("connect", TIMES.to_string()),
        };
        let to = format!("{address}:{port}");
        command.args(["load", verb.0, &to, &verb.1]);
        Ok(command)
    }

    /// To a server that the host itself runs.
    fn without_containers(&self, arena: &Arena) -> Result<f64> {
        let engine = ENGINES[0];
        let mut server = arena.at_host(engine, &tool()?)?;
        let server = server.args(["load", "serve", &BARE_PORT.to_string()]);
        let _server = Ended(server.spawn()?);
        let measure = || figure(&mut self.command(arena, engine, BARE_PORT)?);
        patiently(measure)?;
        measure()
    }
}

/// A process that ends with its owner.
struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Measured for Traffic {
    fn name(&self) -> &str {
        &self.name
    }

    fn shown(&self) -> &str {
        &self.shown
    }

    fn unit(&self) -> Unit {
        match self.what {
            What::Throughput => Unit::GigabitsPerSecond,
            What::Connections => Unit::PerSecond,
        }
    }

    fn runs(&self) -> usize {
        self.runs
    }

    fn prepare(&self, arena: &Arena, engine: Contender) -> Result<()> {
        make_pair(arena, engine)
    }

    fn once(&self, arena: &Arena, contender: Contender) -> Result<f64> {
        figure(&mut self.command(arena, contender, PORT)?)
    }

    fn bare(&self, arena: &Arena) -> Option<Result<f64>> {
        (self.from != From::Container).then(|| self.without_containers(arena))
    }
}

/// Questions for a container's name.
struct Names {
    name: String,
    shown: String,
    runs: usize,
    clients: u32,
}

impl Names {
    fn new(runs: usize, clients: u32) -> Self {
        Self {
            name: format!("name lookups, {clients} at a time"),
            shown: "A queries for another container's name over UDP, 2 s".to_owned(),
            runs,
            clients,
        }
    }
}

impl Measured for Names {
    fn name(&self) -> &str {
        &self.name
    }

    fn shown(&self) -> &str {
        &self.shown
    }

    fn unit(&self) -> Unit {
        Unit::PerSecond
    }

    fn runs(&self) -> usize {
        self.runs
    }

    fn prepare(&self, arena: &Arena, engine: Contender) -> Result<()> {
        make_pair(arena, engine)
    }

    fn once(&self, arena: &Arena, contender: Contender) -> Result<f64> {
        let clients = self.clients.to_string();
        let words = ["exec", "bench-client", "/xtask", "load", "resolve"];
        let mut command = arena.command(contender, &words);
        figure(command.args(["bench-server", "2", &clients]))
    }
}

/// A network that comes, is joined and left by a running container, and goes.
struct Made {
    runs: usize,
}

impl Measured for Made {
    fn name(&self) -> &'static str {
        "network create, connect, disconnect, rm"
    }

    fn shown(&self) -> &'static str {
        "network create n; network connect n box; network disconnect n box; network rm n"
    }

    fn unit(&self) -> Unit {
        Unit::Milliseconds
    }

    fn runs(&self) -> usize {
        self.runs
    }

    fn prepare(&self, arena: &Arena, engine: Contender) -> Result<()> {
        // Podman's first network knows no others.
        arena.run(engine, &["network", "create", "bench-first"])?;
        let run = "run -d --name bench-box --network bench-first busybox sleep 3600";
        arena.run(engine, &split(run)).map(drop)
    }

    fn once(&self, arena: &Arena, contender: Contender) -> Result<f64> {
        let mut took = Duration::ZERO;
        for words in [
            "network create bench-made",
            "network connect bench-made bench-box",
            "network disconnect bench-made bench-box",
            "network rm bench-made",
        ] {
            took += arena.run(contender, &split(words))?;
        }
        Ok(milliseconds(took))
    }

    fn tidy(&self, arena: &Arena, engine: Contender) {
        let _ = arena.run(engine, &["rm", "-f", "bench-box"]);
        let _ = arena.run(engine, &["network", "rm", "bench-first"]);
    }
}

/// A container with a whole range of published ports.
struct Range {
    runs: usize,
    ports: u16,
}

impl Measured for Range {
    fn name(&self) -> &'static str {
        "publishing 1,000 ports"
    }

    fn shown(&self) -> &'static str {
        "run -d -p 10000-10999:10000-10999 busybox sleep 3600"
    }

    fn unit(&self) -> Unit {
        Unit::Milliseconds
    }

    fn runs(&self) -> usize {
        self.runs
    }

    fn once(&self, arena: &Arena, contender: Contender) -> Result<f64> {
        let last = 10_000 + self.ports - 1;
        let run =
            format!("run -d --name bench-range -p 10000-{last}:10000-{last} busybox sleep 3600");
        let took = arena.run(contender, &split(&run))?;
        arena.run(contender, &["rm", "-f", "bench-range"])?;
        Ok(milliseconds(took))
    }
}

/// Two containers on a network of their own, one of which serves; the cases share them.
fn make_pair(arena: &Arena, engine: Contender) -> Result<()> {
    if arena.run(engine, &["exec", "bench-client", "true"]).is_ok() {
        return Ok(());
    }
    remove_pair(arena, engine);
    arena.run(engine, &["network", "create", "bench-net"])?;
    let tool = tool()?.display().to_string();
    for (name, more, does) in [
        (
            "bench-server",
            format!("-p {PORT}:{PORT}"),
            format!("/xtask load serve {PORT}"),
        ),
        (
            "bench-client",
            "--init=false".to_owned(),
            "sleep 3600".to_owned(),
        ),
    ] {
        let create = format!("create --name {name} --network bench-net {more} busybox {does}");
        arena.run(engine, &split(&create))?;
        arena.run(engine, &["cp", &tool, &format!("{name}:/xtask")])?;
        arena.run(engine, &["start", name])?;
    }
    wait_for_server(arena, engine)
}

/// Removes what the cases share.
pub(super) fn clear(arena: &Arena) {
    for engine in ENGINES {
        remove_pair(arena, engine);
    }
}

fn remove_pair(arena: &Arena, engine: Contender) {
    for name in ["bench-server", "bench-client"] {
        let _ = arena.run(engine, &["rm", "-f", name]);
    }
    let _ = arena.run(engine, &["network", "rm", "bench-net"]);
}

fn wait_for_server(arena: &Arena, engine: Contender) -> Result<()> {
    let probe = Traffic::new(1, From::Loopback, What::Connections);
    patiently(|| figure(&mut probe.command(arena, engine, PORT)?)).map(drop)
}

/// Tries until a server that was just started answers.
fn patiently(mut attempt: impl FnMut() -> Result<f64>) -> Result<f64> {
    let until = Instant::now() + Duration::from_secs(20);
    loop {
        match attempt() {
            Err(error) if Instant::now() > until => bail!("the server does not answer: {error:#}"),
            Err(_) => std::thread::sleep(Duration::from_millis(50)),
            Ok(figure) => return Ok(figure),
        }
    }
}

fn address_of_server(arena: &Arena, contender: Contender) -> Result<String> {
    let template = "{{(index .NetworkSettings.Networks \"bench-net\").IPAddress}}";
    arena.output(contender, &["inspect", "-f", template, "bench-server"])
}

/// This program where every contender sees it; it is static, so that it runs in any container.
fn tool() -> Result<PathBuf> {
    let to = shared().join("xtask");
    if !is_current(&to)? {
        let fresh = to.with_extension("new");
        fs::copy(std::env::current_exe()?, &fresh)?;
        fs::rename(&fresh, &to)?;
    }
    Ok(to)
}

fn is_current(copy: &Path) -> Result<bool> {
    let own = fs::metadata(std::env::current_exe()?)?;
    Ok(fs::metadata(copy)
        .is_ok_and(|copy| copy.len() == own.len() && copy.modified().ok() >= own.modified().ok()))
}

/// The one number that a command prints.
fn figure(command: &mut Command) -> Result<f64> {
    let said = printed(command.stdout(std::process::Stdio::piped()))?;
    said.parse()
        .with_context(|| format!("{said:?} is no number"))
}

fn split(words: &str) -> Vec<&str> {
    words.split(' ').collect()
}
