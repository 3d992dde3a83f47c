//! What goes over the wire, a protocol a file.

mod fluentd;
mod gelf;
mod journald;
pub(crate) mod msgpack;
mod syslog;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use rustls::ClientConfig;

use crate::address::Address;
use crate::connection::{Connection, Packets};
use crate::message::Message;
use crate::options::Options;
use crate::{Driver, Error, Info, tls};

/// Priorities of syslog and what follows it.
const ERROR: u8 = 3;
const INFORMATION: u8 = 6;

fn severity(message: &Message<'_>) -> u8 {
    match message.stream {
        gantry_logs::StreamKind::Stdout => INFORMATION,
        gantry_logs::StreamKind::Stderr => ERROR,
    }
}

/// A collector's language.
pub(crate) trait Sink: Send + Sync {
    /// Appends a message.
    fn push(&mut self, message: &Message<'_>, packets: &mut Packets);

    /// Completes what was appended; what the collector is to confirm, if it does that.
    fn finish(&mut self, packets: &mut Packets) -> Option<String> {
        let _ = packets;
        None
    }
}

/// How a collector is reached and spoken to.
pub(crate) struct Target {
    pub(crate) sink: Box<dyn Sink>,
    /// Where it is; the first that can be connected to is taken.
    pub(crate) addresses: Vec<Address>,
    pub(crate) manners: Manners,
}

/// What to do when things go wrong.
#[derive(Debug, Clone)]
pub(crate) struct Manners {
    /// The first pause after a failure.
    pub(crate) wait: Duration,
    /// Failures in a row after which what waits is given up.
    pub(crate) retries: Option<u32>,
    /// How many bytes the collector may be behind.
    pub(crate) lag: Option<u64>,
    /// How long the collector may take nothing.
    pub(crate) patience: Duration,
    /// How long a confirmation may take.
    pub(crate) answer: Duration,
    /// When a connection is too old.
    pub(crate) renew: Option<Duration>,
}

impl Default for Manners {
    fn default() -> Self {
        Self {
            wait: Duration::from_millis(250),
            retries: None,
            lag: None,
            patience: Duration::from_secs(30),
            answer: Duration::from_secs(30),
            renew: None,
        }
    }
}

impl Target {
    /// `None` for a driver that sends nothing.
    pub(crate) fn new(
        driver: Driver,
        options: &Options,
        info: &Info,
    ) -> Result<Option<Self>, Error> {
        let mut target = match driver {
            Driver::None | Driver::JsonFile | Driver::Local => return Ok(None),
            Driver::Journald => journald::target(options, info)?,
            Driver::Syslog => syslog::target(options, info)?,
            Driver::Fluentd => fluentd::target(options, info)?,
            Driver::Gelf => gelf::target(options, info)?,
        };
        let asked = crate::options::lag_limit(options)?;
        target.manners.lag = match (target.manners.lag, asked) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
        Ok(Some(target))
    }

    pub(crate) async fn connect(&self, options: &Options) -> io::Result<Connection> {
        let mut failed = io::Error::other("no address");
        for address in &self.addresses {
            match Connection::open(address, tls_for(address, options)?).await {
                Ok(connection) => return Ok(connection),
                Err(error) => failed = error,
            }
        }
        Err(failed)
    }
}

fn tls_for(address: &Address, options: &Options) -> io::Result<Option<Arc<ClientConfig>>> {
    match address {
        Address::Tls(_) => tls::client(options).map(Some),
        _ => Ok(None),
    }
}

/// Refuses what a driver cannot be made of.
pub(crate) fn check(driver: Driver, options: &Options, info: &Info) -> Result<(), Error> {
    let target = Target::new(driver, options, info)?;
    if let Some(Address::Tls(_)) = target.as_ref().and_then(|t| t.addresses.first()) {
        tls::client(options).map_err(|e| Error::option(e.to_string()))?;
    }
    Ok(())
}
