//! The side that gets the files.

use std::collections::HashMap;
use std::fs::File;
use std::io::Write as _;
use std::os::fd::{AsFd as _, OwnedFd};
use std::vec::IntoIter;

use gantry_archive::Digester;
use gantry_builder::Digests;
use gantry_reference::Algorithm;
use tokio::sync::mpsc;

use super::tree::{Tree, complete};
use super::{Packet, PacketKind, Stat, TransferError, mode};

/// What came.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Received {
    /// How much travelled.
    pub(crate) bytes: u64,
    /// Whether the folder is different now, but for times.
    pub(crate) changed: bool,
}

/// Makes a folder equal to what comes in `packets`; `answers` go to the sender, `progress` is told the bytes so far.
///
/// Only what changed is asked for; `digests` learns what it is. Waits for the disk: not for threads that must not.
pub(crate) fn receive(
    root: OwnedFd,
    digests: Option<&Digests>,
    mut packets: mpsc::Receiver<Vec<Packet>>,
    answers: &mpsc::UnboundedSender<Packet>,
    progress: &(dyn Fn(u64) + Send + Sync),
) -> Result<Received, TransferError> {
    let mut receiver = Receiver {
        tree: Tree::new(root)?,
        wanted: HashMap::new(),
        open: HashMap::new(),
        digests,
        next: 0,
        bytes: 0,
    };
    let received = receiver.all(&mut packets, answers, progress);
    // Those that are not whole, if it ended early.
    for arriving in receiver.open.values() {
        receiver.tree.discard(&arriving.stat.path);
    }
    received
}

/// The next packet. They come in batches: waking a thread takes longer than handling a packet.
fn next(packets: &mut mpsc::Receiver<Vec<Packet>>, batch: &mut IntoIter<Packet>) -> Option<Packet> {
    loop {
        if let Some(packet) = batch.next() {
            return Some(packet);
        }
        *batch = packets.blocking_recv()?.into_iter();
    }
}

struct Receiver<'a> {
    tree: Tree,
    /// Files that were asked for.
    wanted: HashMap<u32, Stat>,
    /// Files whose content is coming.
    open: HashMap<u32, Arriving>,
    digests: Option<&'a Digests>,
    next: u32,
    bytes: u64,
}

/// A file whose content is coming.
struct Arriving {
    file: File,
    stat: Stat,
    /// Of what has come, where somebody wants to know.
    digester: Option<Digester>,
}

impl Arriving {
    fn write(&mut self, data: &[u8]) -> Result<(), TransferError> {
        if let Some(digester) = &mut self.digester {
            digester.update(data);
        }
        self.file
            .write_all(data)
            .map_err(TransferError::file("write", &self.stat.path))
    }

    fn complete(self, digests: Option<&Digests>) -> Result<(), TransferError> {
        complete(self.file.as_fd(), &self.stat)?;
        if let (Some(digests), Some(digester)) = (digests, self.digester)
            && let Ok(stat) = rustix::fs::fstat(&self.file)
        {
            digests.learn(&stat, &digester.finish());
        }
        Ok(())
    }
}

impl Receiver<'_> {
    fn all(
        &mut self,
        packets: &mut mpsc::Receiver<Vec<Packet>>,
        answers: &mpsc::UnboundedSender<Packet>,
        progress: &(dyn Fn(u64) + Send + Sync),
    ) -> Result<Received, TransferError> {
        let mut all_told = false;
        let mut batch = Vec::new().into_iter();
        while let Some(packet) = next(packets, &mut batch) {
            self.bytes += prost::Message::encoded_len(&packet) as u64;
            progress(self.bytes);
            match PacketKind::try_from(packet.kind) {
                Ok(PacketKind::Stat) => match packet.stat {
                    Some(stat) => self.told(stat, answers)?,
                    None => all_told = true,
                },
                Ok(PacketKind::Data) => self.data(packet.id, &packet.data)?,
                Ok(PacketKind::Error) => {
                    let text = String::from_utf8_lossy(&packet.data).into_owned();
                    return Err(TransferError::Told(text));
                }
                Ok(PacketKind::Finished) => break,
                Ok(PacketKind::Request) | Err(_) => {
                    return Err(TransferError::Protocol("an unexpected packet".to_owned()));
                }
            }
            if all_told && self.wanted.is_empty() && self.open.is_empty() {
                let changed = self.tree.finish()?;
                // Whether the sender still listens shows in the packets.
                let _ = answers.send(Packet::of(PacketKind::Finished));
                while next(packets, &mut batch).is_some() {}
                let bytes = self.bytes;
                return Ok(Received { bytes, changed });
            }
        }
        Err(TransferError::Gone)
    }

    fn told(
        &mut self,
        stat: Stat,
        answers: &mpsc::UnboundedSender<Packet>,
    ) -> Result<(), TransferError> {
        let id = self.next;
        self.next += 1;
        if self.tree.entry(&stat)? {
            debug_assert_eq!(mode::kind(stat.mode), rustix::fs::FileType::RegularFile);
            self.wanted.insert(id, stat);
            let request = Packet {
                id,
                ..Packet::of(PacketKind::Request)
            };
            let _ = answers.send(request);
        }
        Ok(())
    }

    fn data(&mut self, id: u32, data: &[u8]) -> Result<(), TransferError> {
        if let Some(stat) = self.wanted.remove(&id) {
            let arriving = Arriving {
                file: self.tree.create(&stat.path)?.into(),
                stat,
                digester: self.digests.map(|_| Digester::new(Algorithm::Sha256)),
            };
            self.open.insert(id, arriving);
        }
        if data.is_empty() {
            let arrived = self.open.remove(&id).ok_or_else(|| unasked(id))?;
            return arrived.complete(self.digests);
        }
        let arriving = self.open.get_mut(&id).ok_or_else(|| unasked(id))?;
        arriving.write(data)
    }
}

fn unasked(id: u32) -> TransferError {
    TransferError::Protocol(format!("content of file {id}, which was not asked for"))
}
