//! The listening socket.

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::Path;

use tokio::net::{UnixListener, UnixStream};

/// Groups whose members may use the socket, the first that exists.
const GROUPS: [&str; 2] = ["gantry", "docker"];

/// Opens a unix socket at `path`, mode 0660 and for group `gantry` or `docker`.
///
/// A socket that nobody listens on any more is replaced; one that answers is not, nor is a file of
/// another kind.
pub async fn bind(path: &Path) -> io::Result<UnixListener> {
    match fs::symlink_metadata(path) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => {}
        Err(e) => return Err(e),
        Ok(found) if !found.file_type().is_socket() => {
            return Err(io::Error::new(
                io::ErrorKind::AlreadyExists,
                "a file that is no socket is there",
            ));
        }
        Ok(_) => {
            if UnixStream::connect(path).await.is_ok() {
                return Err(io::Error::new(
                    io::ErrorKind::AddrInUse,
                    "a daemon listens there already",
                ));
            }
            fs::remove_file(path)?;
        }
    }
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)?;
    }
    let listener = bind_private(path)?;
    if let Some(group) = GROUPS.iter().find_map(|name| group_id(name)) {
        std::os::unix::fs::chown(path, None, Some(group))?;
    }
    fs::set_permissions(path, Permissions::from_mode(0o660))?;
    Ok(listener)
}

/// Binds so that nobody else can connect before owner and mode are set.
fn bind_private(path: &Path) -> io::Result<UnixListener> {
    let listener = UnixListener::bind(path)?;
    fs::set_permissions(path, Permissions::from_mode(0o600))?;
    Ok(listener)
}

/// Looks a group up in /etc/group; libc's lookup must not be used in a static program.
fn group_id(name: &str) -> Option<u32> {
    fs::read_to_string("/etc/group")
        .ok()?
        .lines()
        .find_map(|line| {
            let mut fields = line.split(':');
            (fields.next()? == name).then(|| fields.nth(1)?.parse().ok())?
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn replaces_only_what_is_dead() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("run/a.sock");
        let first = bind(&path).await.unwrap();
        assert_eq!(
            fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o660
        );
        assert_eq!(
            bind(&path).await.unwrap_err().kind(),
            io::ErrorKind::AddrInUse
        );
        drop(first);
        bind(&path).await.unwrap();
        let file = dir.path().join("file");
        fs::write(&file, "kept").unwrap();
        assert!(bind(&file).await.is_err());
        assert_eq!(fs::read(&file).unwrap(), b"kept");
    }
}
