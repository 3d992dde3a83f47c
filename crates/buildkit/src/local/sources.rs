//! Where a Dockerfile, its ignore file and its context come from.

use std::fs;
use std::sync::Arc;

use gantry_builder::{Definition, Error};
use gantry_dockerfile::Ignore;
use gantry_sys::in_root;
use rustix::fs::OFlags;
use tokio_util::io::{StreamReader, SyncIoBridge};

use super::files::LocalFiles;
use crate::session::{Session, SessionError, Sync};

/// The patterns of a folder's own `.dockerignore`.
pub(super) async fn ignored(
    server: &crate::Server,
    session: &Session,
    name: &str,
) -> Result<(Vec<String>, Ignore), Error> {
    let text = small(server, session, name, &[".dockerignore"]).await?;
    let text = text.into_iter().next().flatten().unwrap_or_default();
    patterns(&text)
}

/// Reads an ignore file.
fn patterns(text: &[u8]) -> Result<(Vec<String>, Ignore), Error> {
    let ignore = Ignore::parse(text)
        .map_err(|problem| Error::Invalid(format!("the .dockerignore: {problem}")))?;
    Ok((Ignore::lines(text), ignore))
}

/// Small files of a client's folder, by their names.
async fn small(
    server: &crate::Server,
    session: &Session,
    folder: &str,
    names: &[&str],
) -> Result<Vec<Option<Vec<u8>>>, Error> {
    let failed = |error: std::io::Error| Error::Asker(format!("cannot make a folder: {error}"));
    let place = tempfile::Builder::new()
        .prefix("definition-")
        .tempdir_in(server.builder.folder())
        .map_err(failed)?;
    let wanted = Sync {
        name: folder.to_owned(),
        follow: names.iter().map(|name| (*name).to_owned()).collect(),
        ..Sync::default()
    };
    let root = fs::File::open(place.path()).map_err(failed)?;
    session
        .sync(
            &wanted,
            root.try_clone().map_err(failed)?.into(),
            None,
            |_| {},
        )
        .await?;
    names.iter().map(|name| read(&root, name)).collect()
}

/// A regular file below a folder, links followed within it.
fn read(root: &fs::File, name: &str) -> Result<Option<Vec<u8>>, Error> {
    let problem = |what: &str| Error::Invalid(format!("{name} {what}"));
    let path = std::ffi::CString::new(name).map_err(|_| problem("has a zero byte in its name"))?;
    let open = |flags| in_root::open(std::os::fd::AsFd::as_fd(root), &path, flags);
    // Looked at before it is opened: a pipe would wait for ever.
    let known = match open(OFlags::PATH) {
        Ok(fd) => rustix::fs::fstat(&fd),
        Err(rustix::io::Errno::NOENT | rustix::io::Errno::NOTDIR) => return Ok(None),
        Err(error) => Err(error),
    };
    let known = known.map_err(|error| problem(&format!("cannot be read: {error}")))?;
    if rustix::fs::FileType::from_raw_mode(known.st_mode) != rustix::fs::FileType::RegularFile {
        return Err(problem("is no regular file"));
    }
    if known.st_size > DOCKERFILE_MAX {
        return Err(problem("is larger than 16 MiB"));
    }
    let file = open(OFlags::RDONLY)
        .map(fs::File::from)
        .map_err(std::io::Error::from);
    let text = file.and_then(|mut file| {
        let mut text = Vec::new();
        std::io::Read::read_to_end(&mut file, &mut text)?;
        Ok(text)
    });
    text.map(Some)
        .map_err(|error| problem(&format!("cannot be read: {error}")))
}

/// A Dockerfile larger than this is refused.
const DOCKERFILE_MAX: i64 = 16 << 20;

/// Where the Dockerfile and the context are.
pub(crate) struct Sources {
    /// The Dockerfile's name.
    pub filename: String,
    /// The client's folder with the Dockerfile.
    pub dockerfile: (Session, String),
    /// The client's folder with the context.
    pub context: (Session, String),
}

impl Sources {
    /// Brings the Dockerfile; the context comes when the builder asks for it.
    pub(crate) async fn definition(&self, server: &crate::Server) -> Result<Definition, Error> {
        let own = format!("{}.dockerignore", self.filename);
        let (session, folder) = &self.dockerfile;
        let names = [self.filename.as_str(), &own];
        let mut found = small(server, session, folder, &names).await?.into_iter();
        let (dockerfile, ignore) = (found.next().flatten(), found.next().flatten());
        let Some(dockerfile) = dockerfile else {
            return Err(Error::Invalid(format!(
                "failed to read dockerfile: open {}: no such file or directory",
                self.filename
            )));
        };
        let (context, name) = &self.context;
        let known = match ignore {
            Some(text) => Some(patterns(&text)?),
            None if context.offers("/moby.filesync.v1.FileSync/DiffCopy") => {
                // A build without a context has no folder of that name; what is wrong with a context's own file is told
                // when the context is needed.
                ignored(server, context, name).await.ok()
            }
            None => Some(Default::default()),
        };
        Ok(Definition {
            name: self.filename.clone(),
            dockerfile,
            ignore: known.as_ref().map(|(_, i)| i.clone()).unwrap_or_default(),
            files: Arc::new(LocalFiles {
                server: server.clone(),
                session: context.clone(),
                name: name.clone(),
                ignore: known,
            }),
        })
    }
}

/// A context that the client uploads as an archive, with the Dockerfile in it.
pub(crate) async fn uploaded(
    server: &crate::Server,
    session: &Session,
    address: &str,
    filename: &str,
) -> Result<Definition, Error> {
    let stream = session.upload(address).map_err(Error::from)?;
    let archive = SyncIoBridge::new(StreamReader::new(stream));
    let (place, name) = (server.builder.folder().to_owned(), filename.to_owned());
    let unpacked =
        tokio::task::spawn_blocking(move || Definition::from_archive(archive, &place, &name, None));
    unpacked
        .await
        .map_err(|error| SessionError::CutOff(error.to_string()))?
}
