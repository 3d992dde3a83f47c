//! The sockets on which the daemon listens.
//!
//! A socket that is mounted into a container is the inode, not the path: a new daemon that made a
//! new one would leave that container with a dead file. So every monitor keeps a duplicate of the
//! listening sockets, and a new daemon goes on with those. While no daemon is there, a connection
//! waits in the socket's queue; after a clean stop the path is moved aside ([`Door::set_aside`]), so
//! that a client outside is told at once that nobody serves.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{FileTypeExt, PermissionsExt, chown};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

use crate::Error;

/// One listening socket.
#[derive(Debug)]
pub struct Door {
    /// Where clients find it.
    pub path: PathBuf,
    /// The socket.
    pub listener: UnixListener,
}

impl Door {
    /// Opens a socket: a kept one for this path if there is one, else a new one.
    pub fn open(path: &Path, kept: &mut Vec<OwnedFd>, group: Option<u32>) -> Result<Self, Error> {
        let fail = |source| Error::Listen {
            address: format!("unix://{}", path.display()),
            source,
        };
        if let Some(listener) = take_kept(path, kept) {
            match fs::rename(aside(path), path) {
                Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(fail(e)),
                _ => {}
            }
            if path.exists() {
                return Ok(Self {
                    path: path.to_owned(),
                    listener,
                });
            }
            // Somebody removed the path: the kept socket can be reached by nobody new.
        }
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(fail)?;
        }
        remove_stale(path).map_err(fail)?;
        let listener = UnixListener::bind(path).map_err(fail)?;
        fs::set_permissions(path, fs::Permissions::from_mode(0o660)).map_err(fail)?;
        chown(path, None, group).map_err(fail)?;
        Ok(Self {
            path: path.to_owned(),
            listener,
        })
    }

    /// Whether nobody else listens on a path.
    pub fn is_free(path: &Path, kept: &[OwnedFd]) -> bool {
        kept.iter().any(|fd| path_of(fd).is_some_and(|p| p == path))
            || UnixStream::connect(path).is_err()
    }

    /// A duplicate for the monitors to keep.
    pub fn duplicate(&self) -> io::Result<OwnedFd> {
        self.listener.try_clone().map(OwnedFd::from)
    }

    /// Moves the path aside, where the next daemon finds it.
    pub fn set_aside(path: &Path) {
        if let Err(e) = fs::rename(path, aside(path)) {
            tracing::debug!("cannot set {} aside: {e}", path.display());
        }
    }

    /// Removes the path: nothing keeps this socket.
    pub fn remove(path: &Path) {
        let _ = fs::remove_file(path);
    }
}

fn take_kept(path: &Path, kept: &mut Vec<OwnedFd>) -> Option<UnixListener> {
    let at = kept
        .iter()
        .position(|fd| path_of(fd).is_some_and(|p| p == path))?;
    let listener = UnixListener::from(kept.swap_remove(at));
    // A queue of connections, not a connection: only a listening socket can be served on.
    rustix::net::sockopt::socket_acceptconn(&listener)
        .unwrap_or(false)
        .then_some(listener)
}

/// The path that a unix socket is bound to; `None` for any other descriptor.
fn path_of(fd: &OwnedFd) -> Option<PathBuf> {
    let address = rustix::net::getsockname(fd).ok()?;
    let address = rustix::net::SocketAddrUnix::try_from(address).ok()?;
    let bytes = address.path_bytes()?.to_vec();
    Some(PathBuf::from(
        <OsString as std::os::unix::ffi::OsStringExt>::from_vec(bytes),
    ))
}

fn aside(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".kept");
    path.with_file_name(name)
}

/// Removes a socket file on which nobody listens; refuses anything else.
fn remove_stale(path: &Path) -> io::Result<()> {
    let kind = match fs::symlink_metadata(path) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(()),
        found => found?.file_type(),
    };
    if !kind.is_socket() {
        return Err(io::Error::new(
            io::ErrorKind::AlreadyExists,
            "it is there and is no socket",
        ));
    }
    if UnixStream::connect(path).is_ok() {
        return Err(io::Error::new(
            io::ErrorKind::AddrInUse,
            "another program listens on it",
        ));
    }
    fs::remove_file(path)
}

/// The number of the group that may use the socket: the configured one, else `gantry` or `docker`
/// where there is such a group.
pub fn group(configured: Option<&str>) -> Result<Option<u32>, Error> {
    let text = fs::read_to_string("/etc/group").unwrap_or_default();
    let number = |name: &str| {
        text.lines().find_map(|line| {
            let mut fields = line.split(':');
            (fields.next() == Some(name)).then(|| fields.nth(1)?.parse().ok())?
        })
    };
    match configured {
        Some(name) => name
            .parse()
            .ok()
            .or_else(|| number(name))
            .map(Some)
            .ok_or_else(|| Error::Setting {
                setting: "group",
                value: name.to_owned(),
                reason: "there is no such group".to_owned(),
            }),
        None => Ok(number("gantry").or_else(|| number("docker"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stale_socket_is_replaced_and_a_live_one_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("s");
        let first = Door::open(&path, &mut Vec::new(), None).unwrap();
        assert!(!Door::is_free(&path, &[]));
        let refused = Door::open(&path, &mut Vec::new(), None)
            .unwrap_err()
            .to_string();
        assert!(
            refused.contains("another program listens on it"),
            "{refused}"
        );
        drop(first);
        assert!(Door::is_free(&path, &[]));
        Door::open(&path, &mut Vec::new(), None).unwrap();
    }

    #[test]
    fn a_file_that_is_no_socket_stays() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("s");
        fs::write(&path, "precious").unwrap();
        assert!(Door::open(&path, &mut Vec::new(), None).is_err());
        assert_eq!(fs::read_to_string(&path).unwrap(), "precious");
    }

    #[test]
    fn a_kept_socket_goes_on_under_its_old_inode() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("s");
        let first = Door::open(&path, &mut Vec::new(), None).unwrap();
        let mut kept = vec![first.duplicate().unwrap()];
        let inode = |p: &Path| std::os::unix::fs::MetadataExt::ino(&fs::metadata(p).unwrap());
        let before = inode(&path);
        drop(first);
        Door::set_aside(&path);
        assert!(UnixStream::connect(&path).is_err());
        let second = Door::open(&path, &mut kept, None).unwrap();
        assert!(kept.is_empty());
        assert_eq!(inode(&path), before);
        UnixStream::connect(&path).unwrap();
        second.listener.accept().unwrap();
    }
}
