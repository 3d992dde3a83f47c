//! Looking into what a build has come to so far.

use gantry_builder::{Entry, Error, Filesystem, Kind};
use rustix::fs::{FileType, major, minor};
use tonic::{Request, Response, Status};

use crate::Server;
use crate::fsutil::mode;
use crate::proto::fsutil::types::Stat;
use crate::proto::moby::buildkit::v1::frontend::{
    ReadDirRequest, ReadDirResponse, ReadFileRequest, ReadFileResponse, StatFileRequest,
    StatFileResponse,
};

const NANOS: i64 = 1_000_000_000;

impl Server {
    pub(super) async fn file_of(
        &self,
        request: Request<ReadFileRequest>,
    ) -> Result<Response<ReadFileResponse>, Status> {
        let job = self.job(&request).await?;
        let request = request.into_inner();
        let files = job.files(&request.r#ref)?;
        let range = match request.range {
            None => None,
            Some(range) => Some((from_client(range.offset)?, from_client(range.length)?)),
        };
        let data = look(files, move |files| files.read(&request.file_path, range)).await?;
        Ok(Response::new(ReadFileResponse { data }))
    }

    pub(super) async fn files_in(
        &self,
        request: Request<ReadDirRequest>,
    ) -> Result<Response<ReadDirResponse>, Status> {
        let job = self.job(&request).await?;
        let request = request.into_inner();
        let files = job.files(&request.r#ref)?;
        let listed = look(files, move |files| {
            files.list(&request.dir_path, &request.include_pattern)
        });
        let entries = listed.await?.iter().map(told).collect();
        Ok(Response::new(ReadDirResponse { entries }))
    }

    pub(super) async fn told_of(
        &self,
        request: Request<StatFileRequest>,
    ) -> Result<Response<StatFileResponse>, Status> {
        let job = self.job(&request).await?;
        let request = request.into_inner();
        let files = job.files(&request.r#ref)?;
        let entry = look(files, move |files| files.stat(&request.path)).await?;
        let stat = Some(told(&entry));
        Ok(Response::new(StatFileResponse { stat }))
    }
}

fn from_client(number: i64) -> Result<u64, Status> {
    u64::try_from(number)
        .map_err(|_| Status::invalid_argument(format!("a range has the number {number}")))
}

async fn look<T: Send + 'static>(
    files: Filesystem,
    look: impl FnOnce(&Filesystem) -> Result<T, Error> + Send + 'static,
) -> Result<T, Status> {
    let looked = tokio::task::spawn_blocking(move || look(&files)).await;
    let looked = looked.map_err(|error| Status::internal(error.to_string()))?;
    looked.map_err(|error| match error.kind() {
        Kind::NotFound => Status::not_found(error.to_string()),
        Kind::Invalid => Status::invalid_argument(error.to_string()),
        _ => Status::unknown(error.to_string()),
    })
}

/// A file in fsutil's words.
fn told(entry: &Entry) -> Stat {
    let stat = &entry.stat;
    let kind = FileType::from_raw_mode(stat.st_mode);
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let device = matches!(kind, FileType::CharacterDevice | FileType::BlockDevice);
    let number = |of: fn(u64) -> u32| if device { of(stat.st_rdev).into() } else { 0 };
    Stat {
        path: text(&entry.name),
        mode: mode::of(kind, stat.st_mode & 0o7777),
        uid: stat.st_uid,
        gid: stat.st_gid,
        size: if kind == FileType::Directory {
            0
        } else {
            stat.st_size
        },
        mod_time: stat
            .st_mtime
            .saturating_mul(NANOS)
            .saturating_add(i64::try_from(stat.st_mtime_nsec).unwrap_or_default()),
        linkname: text(&entry.link),
        devmajor: number(major),
        devminor: number(minor),
        xattrs: std::collections::HashMap::new(),
    }
}
