//! One transfer of a folder's files.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, mpsc as std_mpsc};

use bollard_buildkit_proto::fsutil::types::{Packet, packet::PacketType};
use futures_util::{Stream, StreamExt as _, stream};
use tokio::sync::mpsc;
use tonic::Status;

use super::filter::Filter;
use super::walk::walk;

/// Packets go through the channel by the dozen: waking the other thread costs more than a packet.
const BATCH: usize = 64;
/// Batches that wait for the network.
const WAITING: usize = 8;
/// How much of a file goes into a packet.
const CHUNK: usize = 128 << 10;

type Batch = Vec<Packet>;

/// The files of which contents can be asked for, by number; `None` for what has none.
type Files = Arc<Mutex<Vec<Option<PathBuf>>>>;

/// Serves one request for a folder: reads what is asked on `requests`, gives what to answer.
pub fn send<S>(
    folder: PathBuf,
    filter: Filter,
    requests: S,
) -> impl Stream<Item = Result<Packet, Status>> + Send + 'static
where
    S: Stream<Item = Result<Packet, Status>> + Send + Unpin + 'static,
{
    let (out, packets) = mpsc::channel::<Batch>(WAITING);
    let files = Files::default();
    let (wanted, numbers) = std_mpsc::channel::<u32>();
    spawn_walk(folder.clone(), filter, &files, out.clone());
    spawn_reader(folder, &files, numbers, out.clone());
    tokio::spawn(answer(requests, wanted, out));
    stream::unfold(packets, |mut packets| async move {
        packets.recv().await.map(|batch| (batch, packets))
    })
    .flat_map(|batch| stream::iter(batch.into_iter().map(Ok)))
}

/// Takes requests until the other side is done; then says so too, and everything ends.
async fn answer<S>(mut requests: S, wanted: std_mpsc::Sender<u32>, out: mpsc::Sender<Batch>)
where
    S: Stream<Item = Result<Packet, Status>> + Send + Unpin,
{
    while let Some(Ok(packet)) = requests.next().await {
        match packet.r#type() {
            PacketType::PacketReq => {
                if wanted.send(packet.id).is_err() {
                    return;
                }
            }
            PacketType::PacketFin => {
                let _ = out.send(vec![of(PacketType::PacketFin)]).await;
                return;
            }
            // The other side tells its own caller why.
            PacketType::PacketErr => return,
            PacketType::PacketStat | PacketType::PacketData => {}
        }
    }
}

fn spawn_walk(folder: PathBuf, filter: Filter, files: &Files, out: mpsc::Sender<Batch>) {
    let files = Arc::clone(files);
    tokio::task::spawn_blocking(move || {
        let mut batch = Vec::with_capacity(BATCH);
        let walked = walk(&folder, &filter, &mut |entry| {
            let path = entry.has_data.then(|| PathBuf::from(&entry.stat.path));
            files
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(path);
            batch.push(Packet {
                stat: Some(entry.stat),
                ..of(PacketType::PacketStat)
            });
            batch.len() < BATCH || out.blocking_send(std::mem::take(&mut batch)).is_ok()
        });
        // A description of nothing says that there are no more.
        batch.push(match walked {
            Ok(()) => of(PacketType::PacketStat),
            Err(error) => Packet {
                data: error.to_string().into_bytes(),
                ..of(PacketType::PacketErr)
            },
        });
        let _ = out.blocking_send(batch);
    });
}

fn spawn_reader(
    folder: PathBuf,
    files: &Files,
    numbers: std_mpsc::Receiver<u32>,
    out: mpsc::Sender<Batch>,
) {
    let files = Arc::clone(files);
    tokio::task::spawn_blocking(move || {
        let mut batch: Batch = Vec::new();
        let mut size = 0;
        while let Ok(number) = numbers.recv() {
            let mut next = Some(number);
            while let Some(number) = next {
                let path = files
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .get(number as usize)
                    .cloned()
                    .flatten();
                if let Some(path) = path {
                    let sent = read(&folder, &path, number, &mut |packet| {
                        size += packet.data.len();
                        batch.push(packet);
                        if size < CHUNK && batch.len() < BATCH {
                            return true;
                        }
                        size = 0;
                        out.blocking_send(std::mem::take(&mut batch)).is_ok()
                    });
                    if !sent {
                        return;
                    }
                }
                next = numbers.try_recv().ok();
            }
            size = 0;
            if !batch.is_empty() && out.blocking_send(std::mem::take(&mut batch)).is_err() {
                return;
            }
        }
    });
}

/// A file's contents and an empty packet. What cannot be read is cut short: the file changed since
/// it was described, and the build sees what there is of it.
fn read(folder: &Path, path: &Path, number: u32, push: &mut dyn FnMut(Packet) -> bool) -> bool {
    let data = |bytes: Vec<u8>| Packet {
        id: number,
        data: bytes,
        ..of(PacketType::PacketData)
    };
    if let Ok(mut file) = File::open(folder.join(path)) {
        loop {
            let mut bytes = Vec::new();
            match (&mut file).take(CHUNK as u64).read_to_end(&mut bytes) {
                Ok(0) | Err(_) => break,
                Ok(_) if !push(data(bytes)) => return false,
                Ok(_) => {}
            }
        }
    }
    push(data(Vec::new()))
}

fn of(kind: PacketType) -> Packet {
    Packet {
        r#type: kind as i32,
        ..Packet::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    /// A side that has nothing and asks for everything.
    async fn fetch(folder: &Path) -> BTreeMap<String, String> {
        let (ask, requests) = mpsc::unbounded_channel();
        let requests = stream::unfold(requests, |mut requests| async move {
            requests.recv().await.map(|packet| (Ok(packet), requests))
        });
        let mut packets = Box::pin(send(
            folder.to_owned(),
            Filter::default(),
            Box::pin(requests),
        ));
        let (mut names, mut files, mut open) = (Vec::new(), BTreeMap::new(), 1);
        while let Some(packet) = packets.next().await {
            let packet = packet.unwrap();
            match (packet.r#type(), packet.stat) {
                (PacketType::PacketStat, Some(stat)) => {
                    let id = names.len() as u32;
                    if stat.mode & super::super::entry::KINDS == 0 {
                        open += 1;
                        let request = Packet {
                            id,
                            ..of(PacketType::PacketReq)
                        };
                        ask.send(request).unwrap();
                        files.insert(stat.path.clone(), String::new());
                    }
                    names.push(stat.path);
                }
                (PacketType::PacketStat, None) => open -= 1,
                (PacketType::PacketData, _) if packet.data.is_empty() => open -= 1,
                (PacketType::PacketData, _) => {
                    let text = String::from_utf8(packet.data).unwrap();
                    files
                        .get_mut(&names[packet.id as usize])
                        .unwrap()
                        .push_str(&text);
                }
                (PacketType::PacketFin, _) => return files,
                other => panic!("{other:?}"),
            }
            if open == 0 {
                ask.send(of(PacketType::PacketFin)).unwrap();
                open = -1;
            }
        }
        panic!("it ended without a word");
    }

    #[tokio::test]
    async fn every_file_arrives_whole() {
        let folder = tempfile::tempdir().unwrap();
        let large = "0123456789".repeat(100_000);
        std::fs::write(folder.path().join("large"), &large).unwrap();
        std::fs::write(folder.path().join("empty"), "").unwrap();
        std::fs::create_dir(folder.path().join("d")).unwrap();
        for i in 0..300 {
            std::fs::write(folder.path().join(format!("d/{i}")), i.to_string()).unwrap();
        }
        let files = fetch(folder.path()).await;
        assert_eq!(files.len(), 302);
        assert!(files["large"] == large);
        assert_eq!(
            (files["empty"].as_str(), files["d/77"].as_str()),
            ("", "77")
        );
    }
}
