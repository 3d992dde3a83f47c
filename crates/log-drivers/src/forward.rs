//! Sending a log away, from its local files.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use gantry_logs::{Batch, Follow, Format, Options as ReadOptions, Position};
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};

use crate::connection::{Connection, Packets};
use crate::message::Pieces;
use crate::saved::Saved;
use crate::sinks::{Manners, Target, msgpack};
use crate::{Driver, Error, Info};

/// Messages that are sent and confirmed together.
const GROUP: usize = 256;
/// Bytes of lines after which a group is full.
const GROUP_BYTES: usize = 128 * 1024;
/// The longest pause between attempts.
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// Sends the log of one container to its collector.
pub struct Forwarder {
    /// For messages about it.
    name: String,
    path: PathBuf,
    format: Format,
    saved: PathBuf,
    options: BTreeMap<String, String>,
    target: Target,
    pieces: Pieces,
    connection: Option<(Connection, Instant)>,
    failures: u32,
}

/// How forwarding goes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Outlook {
    /// There may be something to send.
    #[default]
    Working,
    /// The collector cannot be reached at the moment.
    Failing,
    /// The collector has everything, and nothing more will come.
    Done,
}

impl Forwarder {
    /// `None` for a driver that keeps logs here. How far the collector has the log at `path` is
    /// kept in a file beside it.
    pub fn new(
        driver: Driver,
        options: &BTreeMap<String, String>,
        info: &Info,
        path: PathBuf,
        format: Format,
    ) -> Result<Option<Self>, Error> {
        let Some(target) = Target::new(driver, options, info)? else {
            return Ok(None);
        };
        let mut saved = path.as_os_str().to_owned();
        saved.push(".sent");
        Ok(Some(Self {
            name: info.name.clone(),
            path,
            format,
            saved: saved.into(),
            options: options.clone(),
            target,
            pieces: Pieces::default(),
            connection: None,
            failures: 0,
        }))
    }

    /// Whether something waits to be sent.
    pub fn is_behind(&self) -> bool {
        let saved = Saved::read(&self.saved);
        let position = saved.as_ref().map(Saved::position);
        // Entries that were sent but not yet passed over count as waiting.
        gantry_logs::lag(&self.path, self.format, position).is_ok_and(|(bytes, _)| bytes > 0)
    }

    /// Sends until `ended` is true, or its sender gone, and everything is sent.
    pub async fn run(mut self, ended: watch::Receiver<bool>, outlook: &watch::Sender<Outlook>) {
        outlook.send_replace(Outlook::Working);
        while let Err(error) = self.send_all(ended.clone(), outlook).await {
            tracing::warn!(container = %self.name, "cannot read its log to send it away: {error}");
            sleep(LONGEST_PAUSE).await;
        }
        outlook.send_replace(Outlook::Done);
    }

    async fn send_all(
        &mut self,
        ended: watch::Receiver<bool>,
        outlook: &watch::Sender<Outlook>,
    ) -> Result<(), gantry_logs::Error> {
        'open: loop {
            let saved = Saved::read(&self.saved);
            let options = ReadOptions {
                format: self.format,
                after: saved.as_ref().map(Saved::position),
                ..ReadOptions::default()
            };
            let mut skip = saved.map_or(0, |saved| saved.skip);
            let mut from = options.after.unwrap_or_default();
            let follow = Follow::Until(ended.clone());
            let mut reader = gantry_logs::open(&self.path, options, follow).await?;
            while let Some(batch) = reader.next().await? {
                if !self.send_batch(&batch, from, skip, outlook).await {
                    continue 'open;
                }
                (from, skip) = (batch.position(), 0);
            }
            return Ok(());
        }
    }

    /// Sends a batch, however long that takes; false when it was given up, and all that waited with
    /// it. What lies before the batch is at `from`.
    async fn send_batch(
        &mut self,
        batch: &Batch,
        from: Position,
        skip: usize,
        outlook: &watch::Sender<Outlook>,
    ) -> bool {
        let mut done = skip;
        while done < batch.len() {
            let (packets, confirm, count) = self.group(batch, done);
            while let Err(error) = self.deliver(&packets, confirm.as_deref()).await {
                self.connection = None;
                self.failures = self.failures.saturating_add(1);
                outlook.send_replace(Outlook::Failing);
                if self.failures == 1 {
                    tracing::warn!(container = %self.name, "its logs cannot be sent away, trying on: {error}");
                }
                if self.must_give_up(Saved::new(from, done)) {
                    return false;
                }
                sleep(self.pause()).await;
            }
            if self.failures > 0 {
                tracing::info!(container = %self.name, "its logs are sent away again");
                self.failures = 0;
            }
            outlook.send_if_modified(|now| {
                std::mem::replace(now, Outlook::Working) == Outlook::Failing
            });
            done += count;
            let saved = if done == batch.len() {
                Saved::new(batch.position(), 0)
            } else {
                Saved::new(from, done)
            };
            self.save(&saved);
        }
        true
    }

    fn save(&self, saved: &Saved) {
        if let Err(error) = saved.write(&self.saved) {
            // The disk may be full: after a restart some lines would be sent again.
            tracing::debug!(container = %self.name, "cannot save how far its logs are sent: {error}");
        }
    }

    /// The next messages of a batch, ready for the wire; what to wait for; how many they are.
    fn group(&mut self, batch: &Batch, done: usize) -> (Packets, Option<String>, usize) {
        let mut packets = Packets::default();
        let (mut count, mut bytes) = (0, 0);
        for entry in batch.iter().skip(done).take(GROUP) {
            let message = self.pieces.message(entry);
            self.target.sink.push(&message, &mut packets);
            count += 1;
            bytes += entry.line.len();
            if bytes >= GROUP_BYTES {
                break;
            }
        }
        let confirm = self.target.sink.finish(&mut packets);
        (packets, confirm, count)
    }

    async fn deliver(&mut self, packets: &Packets, confirm: Option<&str>) -> io::Result<()> {
        let manners = self.target.manners.clone();
        let too_old = |since: &Instant| manners.renew.is_some_and(|age| since.elapsed() > age);
        let (mut connection, since) = match self.connection.take() {
            Some((connection, since)) if !connection.is_gone() && !too_old(&since) => {
                (connection, since)
            }
            _ => (self.target.connect(&self.options).await?, Instant::now()),
        };
        connection.deliver(packets, manners.patience).await?;
        if let Some(chunk) = confirm {
            timeout(manners.answer, confirmed(&mut connection, chunk))
                .await
                .map_err(|_| io::Error::other("the collector does not confirm"))??;
        }
        self.connection = Some((connection, since));
        Ok(())
    }

    /// Whether what waits is to be forgotten; if so, that is done.
    fn must_give_up(&mut self, saved: Saved) -> bool {
        let Manners { retries, lag, .. } = self.target.manners;
        let Ok((bytes, end)) = gantry_logs::lag(&self.path, self.format, Some(saved.position()))
        else {
            return false;
        };
        let tired = retries.is_some_and(|retries| self.failures > retries);
        if !tired && lag.is_none_or(|lag| bytes <= lag) {
            return false;
        }
        tracing::warn!(container = %self.name, "{bytes} bytes of its log are not sent away");
        self.save(&Saved::new(end, 0));
        self.failures = 0;
        Saved::read(&self.saved) == Some(Saved::new(end, 0))
    }

    fn pause(&self) -> Duration {
        let exponent = self.failures.saturating_sub(1).min(16);
        let longer = 3_u32.saturating_pow(exponent);
        let wait = self.target.manners.wait.saturating_mul(longer);
        (wait / 2_u32.saturating_pow(exponent)).min(LONGEST_PAUSE)
    }
}

/// Waits for the answer that names this chunk.
async fn confirmed(connection: &mut Connection, chunk: &str) -> io::Result<()> {
    let mut bytes = Vec::new();
    let mut buffer = [0; 1024];
    loop {
        let count = connection.answer(&mut buffer).await?;
        if count == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        bytes.extend_from_slice(&buffer[..count]);
        match msgpack::string_of(&bytes, b"ack") {
            Ok(Some(ack)) if ack == chunk.as_bytes() => return Ok(()),
            Err(msgpack::Cut) if bytes.len() < 64 * 1024 => {}
            _ => return Err(io::Error::other("the collector confirms something else")),
        }
    }
}
