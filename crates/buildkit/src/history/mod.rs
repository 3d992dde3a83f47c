//! Records of builds: what was asked for, how it went, what it told.
//!
//! One file a build, written when it has ended; the oldest go when there are too many. What records refer to by digests
//! (`blobs`) lies in the same files and is read by containerd's content service.

mod blobs;
mod filter;

use std::collections::HashMap;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::{Stream, StreamExt as _, stream};
use gantry_builder::Error;
use prost::Message as _;
use tokio::sync::broadcast;
use tonic::Status;

use crate::builds::Job;
use crate::control::Finished;
use crate::proto::google::rpc::Status as RpcStatus;
use crate::proto::moby::buildkit::v1::{
    BuildHistoryEvent, BuildHistoryEventType, BuildHistoryRecord, BuildHistoryRequest,
    BuildResultInfo, Descriptor, StatusResponse, UpdateBuildHistoryRequest,
};
use crate::status::now;
use blobs::Blob;
use filter::Filter;

/// How many builds are remembered, but for those that are pinned: BuildKit's own figure.
const KEPT: usize = 50;
/// Events that a slow listener may be behind.
const QUEUE: usize = 256;

/// A build as it lies there.
#[derive(Clone, PartialEq, prost::Message)]
struct Kept {
    #[prost(message, optional, tag = "1")]
    record: Option<BuildHistoryRecord>,
    #[prost(message, repeated, tag = "2")]
    log: Vec<StatusResponse>,
    /// What the record refers to, but for the log.
    #[prost(bytes = "vec", repeated, tag = "3")]
    blobs: Vec<Vec<u8>>,
}

/// All records.
pub(crate) struct History {
    folder: PathBuf,
    records: Mutex<HashMap<String, BuildHistoryRecord>>,
    events: broadcast::Sender<BuildHistoryEvent>,
}

impl History {
    /// Opens the folder of records.
    pub(crate) fn open(folder: PathBuf) -> Result<Self, Error> {
        let failed = |error| Error::Asker(format!("cannot create {}: {error}", folder.display()));
        fs::create_dir_all(&folder).map_err(failed)?;
        let mut records = HashMap::new();
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            // A file that cannot be read is no record, and no reason to fail.
            if let Some(record) = read(&entry.path()).and_then(|kept| kept.record) {
                records.insert(record.r#ref.clone(), record);
            }
        }
        Ok(Self {
            folder,
            records: Mutex::new(records),
            events: broadcast::Sender::new(QUEUE),
        })
    }

    fn path(&self, reference: &str) -> PathBuf {
        // References are the client's: not every one is a file's name.
        let name = gantry_archive::Digester::sha256(reference.as_bytes());
        self.folder.join(name.hex())
    }

    fn with<T>(&self, look: impl FnOnce(&mut HashMap<String, BuildHistoryRecord>) -> T) -> T {
        look(&mut self.records.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn tell(&self, kind: BuildHistoryEventType, record: &BuildHistoryRecord) {
        let _ = self.events.send(BuildHistoryEvent {
            r#type: kind as i32,
            record: Some(record.clone()),
        });
    }

    /// A build begins.
    pub(crate) fn begin(&self, job: &Arc<Job>) -> Open<'_> {
        let request = &job.request;
        let record = BuildHistoryRecord {
            r#ref: job.reference.clone(),
            frontend: request.frontend.clone(),
            frontend_attrs: request.frontend_attrs.clone(),
            exporters: request.exporters.clone(),
            created_at: Some(now()),
            generation: 1,
            ..BuildHistoryRecord::default()
        };
        self.tell(BuildHistoryEventType::Started, &record);
        self.with(|all| all.insert(record.r#ref.clone(), record));
        Open {
            history: self,
            reference: job.reference.clone(),
            ended: false,
        }
    }

    /// What a build that has ended told.
    pub(crate) fn log(&self, reference: &str) -> Option<Vec<StatusResponse>> {
        let ended = self.with(|all| all.get(reference)?.completed_at);
        ended
            .and_then(|_| read(&self.path(reference)))
            .map(|kept| kept.log)
    }

    /// What a record refers to by this digest.
    pub(crate) fn blob(&self, digest: &str) -> Option<Vec<u8>> {
        let named = self.with(|all| {
            let mut all = all.values();
            let record = all.find(|record| referred(record).any(|of| of.digest == digest));
            record.map(|record| record.r#ref.clone())
        });
        let kept = read(&self.path(&named?))?;
        let is = |bytes: &[u8]| gantry_archive::Digester::sha256(bytes).as_str() == digest;
        let mut blobs = kept.blobs.into_iter();
        blobs.find(|bytes| is(bytes)).or_else(|| {
            let log = Blob::logs(&kept.log).bytes;
            is(&log).then_some(log)
        })
    }

    /// The records that there are, and, unless the client wants no more, what changes.
    pub(crate) fn listen(
        &self,
        request: BuildHistoryRequest,
    ) -> Result<impl Stream<Item = BuildHistoryEvent> + Send + 'static, Status> {
        let filter = Filter::parse(&request.filter)?;
        let chosen = filter.clone();
        let events = self.events.subscribe();
        let (reference, early) = (request.r#ref.clone(), request.early_exit);
        let limit = usize::try_from(request.limit);
        let wanted = move |record: &BuildHistoryRecord| {
            let named = request.r#ref.is_empty() || request.r#ref == record.r#ref;
            named && !(request.active_only && record.completed_at.is_some()) && chosen.wants(record)
        };
        let mut known: Vec<BuildHistoryRecord> = self.with(|all| {
            all.values()
                .filter(|record| wanted(record))
                .cloned()
                .collect()
        });
        known.sort_by_key(|record| {
            let created = record.created_at.unwrap_or_default();
            std::cmp::Reverse((created.seconds, created.nanos))
        });
        if let Ok(limit @ 1..) = limit {
            known.truncate(limit);
        }
        let known = stream::iter(known).map(|record| BuildHistoryEvent {
            r#type: if record.completed_at.is_some() {
                BuildHistoryEventType::Complete as i32
            } else {
                BuildHistoryEventType::Started as i32
            },
            record: Some(record),
        });
        let later = stream::unfold(events, |mut events| async move {
            loop {
                match events.recv().await {
                    Ok(event) => return Some((event, events)),
                    Err(broadcast::error::RecvError::Lagged(_)) => {}
                    Err(broadcast::error::RecvError::Closed) => return None,
                }
            }
        });
        let later = later.filter(move |event: &BuildHistoryEvent| {
            let wanted = event.record.as_ref().is_some_and(|record| {
                (reference.is_empty() || reference == record.r#ref) && filter.wants(record)
            });
            std::future::ready(wanted)
        });
        Ok(known.chain(later.take(if early { 0 } else { usize::MAX })))
    }

    /// Pins or removes a record.
    pub(crate) fn update(&self, request: &UpdateBuildHistoryRequest) -> Result<(), Status> {
        let reference = &request.r#ref;
        let missing = || Status::not_found(format!("no record of the build {reference}"));
        if request.finalize {
            // A record is whole as soon as its build has ended.
            let known = self.with(|all| all.contains_key(reference));
            return if known { Ok(()) } else { Err(missing()) };
        }
        if request.delete {
            let record = self.with(|all| all.remove(reference)).ok_or_else(missing)?;
            let _ = fs::remove_file(self.path(reference));
            self.tell(BuildHistoryEventType::Deleted, &record);
            return Ok(());
        }
        let record = self.with(|all| {
            let record = all.get_mut(reference)?;
            record.pinned = request.pinned;
            record.generation += 1;
            Some(record.clone())
        });
        let record = record.ok_or_else(missing)?;
        if let Some(mut kept) = read(&self.path(reference)) {
            kept.record = Some(record.clone());
            self.write(reference, &kept);
        }
        self.tell(BuildHistoryEventType::Complete, &record);
        Ok(())
    }

    /// A build does not fail because its record cannot be written.
    fn write(&self, reference: &str, kept: &Kept) {
        let written = tempfile::NamedTempFile::new_in(&self.folder).and_then(|mut file| {
            file.write_all(&kept.encode_to_vec())?;
            Ok(file.persist(self.path(reference))?)
        });
        if let Err(error) = written {
            tracing::warn!("cannot keep the record of a build: {error}");
        }
    }

    /// Removes the oldest records that are too many.
    fn trim(&self) {
        let surplus: Vec<String> = self.with(|all| {
            let ended =
                |record: &&BuildHistoryRecord| record.completed_at.is_some() && !record.pinned;
            let mut old: Vec<_> = all.values().filter(ended).collect();
            old.sort_by_key(|record| {
                let ended = record.completed_at.unwrap_or_default();
                (ended.seconds, ended.nanos)
            });
            let count = old.len().saturating_sub(KEPT);
            old.iter()
                .take(count)
                .map(|record| record.r#ref.clone())
                .collect()
        });
        for reference in surplus {
            self.with(|all| all.remove(&reference));
            let _ = fs::remove_file(self.path(&reference));
        }
    }
}

fn read(path: &Path) -> Option<Kept> {
    Kept::decode(fs::read(path).ok()?.as_slice()).ok()
}

/// The record of a build under way; one that is given up is recorded as such.
pub(crate) struct Open<'a> {
    history: &'a History,
    reference: String,
    ended: bool,
}

impl Open<'_> {
    /// The build has ended.
    pub(crate) fn end(mut self, job: &Job, end: Result<&Finished, &Status>) {
        self.ended = true;
        let log: Vec<StatusResponse> = job.log.all().iter().map(|told| (**told).clone()).collect();
        let mut blobs = Vec::new();
        let record = self.history.with(|all| {
            let record = all.get_mut(&self.reference)?;
            finish(record, &log, end, &mut blobs);
            Some(record.clone())
        });
        if let Some(record) = record {
            let kept = Kept {
                record: Some(record.clone()),
                log,
                blobs,
            };
            self.history.write(&self.reference, &kept);
            self.history.tell(BuildHistoryEventType::Complete, &record);
            self.history.trim();
        }
    }
}

/// Writes into a record how its build went, and into `blobs` what it refers to but for the log.
fn finish(
    record: &mut BuildHistoryRecord,
    log: &[StatusResponse],
    end: Result<&Finished, &Status>,
    blobs: &mut Vec<Vec<u8>>,
) {
    let ended = now();
    let mut keep = |blob: Blob| {
        blobs.push(blob.bytes);
        blob.descriptor
    };
    record.completed_at = Some(ended);
    count_steps(record, log);
    record.logs = Some(Blob::logs(log).descriptor);
    let began = record.created_at.unwrap_or(ended);
    record.trace = Some(keep(Blob::trace(&record.r#ref, log, (began, ended))));
    match end {
        Ok(finished) => {
            record.exporter_response.clone_from(&finished.answer);
            let mut made = finished.provenance.iter().map(|(platform, predicate)| {
                let attestation = keep(Blob::provenance(predicate.clone()));
                let info = BuildResultInfo {
                    attestations: vec![attestation],
                    ..BuildResultInfo::default()
                };
                (platform.clone(), info)
            });
            match finished.provenance.len() {
                1 => record.result = made.next().map(|(_, info)| info),
                _ => record.results = made.collect(),
            }
        }
        Err(status) => {
            record.external_error = Some(keep(Blob::error(status, log)));
            record.error = Some(RpcStatus {
                code: status.code() as i32,
                message: status.message().to_owned(),
                ..RpcStatus::default()
            });
        }
    }
}

fn count_steps(record: &mut BuildHistoryRecord, log: &[StatusResponse]) {
    let mut steps: HashMap<&str, (bool, bool)> = HashMap::new();
    for vertex in log.iter().flat_map(|told| &told.vertexes) {
        let step = steps.entry(&vertex.digest).or_default();
        step.0 |= vertex.cached;
        step.1 |= vertex.completed.is_some();
    }
    let count = |n: usize| i32::try_from(n).unwrap_or(i32::MAX);
    record.num_total_steps = count(steps.len());
    record.num_cached_steps = count(steps.values().filter(|step| step.0).count());
    record.num_completed_steps = count(steps.values().filter(|step| step.1).count());
    record.num_warnings = count(log.iter().map(|told| told.warnings.len()).sum());
}

/// All that a record names by digests.
fn referred(record: &BuildHistoryRecord) -> impl Iterator<Item = &Descriptor> {
    let results = record.result.iter().chain(record.results.values());
    let attestations = results.flat_map(|result| &result.attestations);
    let own = [&record.logs, &record.trace, &record.external_error];
    own.into_iter().flatten().chain(attestations)
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        if !self.ended {
            let record = self.history.with(|all| all.remove(&self.reference));
            if let Some(record) = record {
                self.history.tell(BuildHistoryEventType::Deleted, &record);
            }
        }
    }
}
