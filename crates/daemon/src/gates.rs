//! All sockets that the daemon listens on: its own, those of `tcp://`, those that systemd opened.

use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use gantry_api::Listener;
use rustix::net::AddressFamily;
use rustls::ServerConfig;

use crate::address::Address;
use crate::doors::{self, Door};
use crate::{Error, Resolved};

/// A socket that the daemon listens on.
pub(crate) struct Gate {
    /// As `-H` says it.
    pub(crate) name: String,
    pub(crate) listener: Listener,
    /// The file of a unix socket that is ours to move and remove.
    pub(crate) path: Option<PathBuf>,
    /// For monitors to keep.
    pub(crate) duplicate: Option<OwnedFd>,
}

/// Opens all of them; `kept` are those that monitors kept, `activated` those that systemd opened.
pub(crate) fn open(
    resolved: &Resolved,
    mut kept: Vec<OwnedFd>,
    mut activated: Vec<(u32, OwnedFd)>,
) -> Result<Vec<Gate>, Error> {
    let group = doors::group(resolved.group.as_deref())?;
    let tls = resolved
        .tls
        .as_ref()
        .map(super::tls::TlsFiles::load)
        .transpose()?;
    let mut gates = Vec::new();
    for address in &resolved.addresses {
        match address {
            Address::Unix(path) => gates.push(unix(Door::open(path, &mut kept, group)?)?),
            Address::Tcp(at) => gates.push(tcp(*at, tls.clone(), resolved)?),
            Address::Activated(number) => {
                gates.extend(take(*number, &mut activated, tls.as_ref(), resolved)?);
            }
        }
    }
    if let Some(path) = &resolved.docker_socket {
        if Door::is_free(path, &kept) {
            gates.push(unix(Door::open(path, &mut kept, group)?)?);
        } else {
            tracing::info!(
                "{} belongs to another program; not listening there",
                path.display()
            );
        }
    }
    Ok(gates)
}

fn unix(door: Door) -> Result<Gate, Error> {
    let path = door.path.clone();
    Ok(Gate {
        name: format!("unix://{}", path.display()),
        duplicate: Some(door.duplicate().map_err(Error::file("duplicate", &path))?),
        listener: Listener::unix(door.listener).map_err(Error::file("listen on", &path))?,
        path: Some(path),
    })
}

fn tcp(
    at: std::net::SocketAddr,
    tls: Option<Arc<ServerConfig>>,
    resolved: &Resolved,
) -> Result<Gate, Error> {
    let name = format!("tcp://{at}");
    let fail = |source| Error::Listen {
        address: name.clone(),
        source,
    };
    warn_of_open_door(&name, resolved);
    let listener = TcpListener::bind(at)
        .and_then(|listener| Listener::tcp(listener, tls))
        .map_err(fail)?;
    Ok(Gate {
        name,
        listener,
        path: None,
        duplicate: None,
    })
}

fn warn_of_open_door(name: &str, resolved: &Resolved) {
    match &resolved.tls {
        None => tracing::warn!(
            host = %name,
            "Binding to IP address without --tlsverify is insecure and gives root access on this \
             machine to everyone who has access to your network."
        ),
        Some(tls) if tls.ca.is_none() => tracing::warn!(
            host = %name,
            "without --tlsverify everyone who reaches this address has root access on this machine"
        ),
        Some(_) => {}
    }
}

/// The sockets of `fd://`: their files are systemd's, and it keeps them open.
fn take(
    number: Option<u32>,
    activated: &mut Vec<(u32, OwnedFd)>,
    tls: Option<&Arc<ServerConfig>>,
    resolved: &Resolved,
) -> Result<Vec<Gate>, Error> {
    let (chosen, rest): (Vec<_>, Vec<_>) = std::mem::take(activated)
        .into_iter()
        .partition(|(given, _)| number.is_none_or(|wanted| wanted == *given));
    *activated = rest;
    if chosen.is_empty() {
        return Err(Error::Setting {
            setting: "hosts",
            value: Address::Activated(number).to_string(),
            reason: "no sockets found via socket activation: make sure the service was started by systemd"
                .to_owned(),
        });
    }
    chosen
        .into_iter()
        .map(|(number, fd)| {
            let name = format!("fd://{number}");
            let family = rustix::net::getsockname(&fd)
                .map(|address| address.address_family())
                .map_err(|e| Error::file("look at", &name)(e.into()))?;
            let listener = if family == AddressFamily::UNIX {
                Listener::unix(UnixListener::from(fd))
            } else {
                warn_of_open_door(&name, resolved);
                Listener::tcp(TcpListener::from(fd), tls.cloned())
            };
            Ok(Gate {
                listener: listener.map_err(Error::file("listen on", &name))?,
                name,
                path: None,
                duplicate: None,
            })
        })
        .collect()
}

/// What happens to a socket's file when the daemon ends.
pub(crate) fn leave(paths: &[PathBuf], busy: bool) {
    let part: fn(&Path) = if busy { Door::set_aside } else { Door::remove };
    for path in paths {
        part(path);
    }
}

/// Sends a datagram as `sd_notify(3)` does; a name with `@` in front has no file.
pub(crate) fn notify(path: &std::ffi::OsStr, state: &str) -> std::io::Result<()> {
    use std::os::linux::net::SocketAddrExt as _;
    use std::os::unix::ffi::OsStrExt as _;
    use std::os::unix::net::{SocketAddr, UnixDatagram};
    let address = match path.as_bytes().strip_prefix(b"@") {
        Some(name) => SocketAddr::from_abstract_name(name)?,
        None => SocketAddr::from_pathname(path)?,
    };
    UnixDatagram::unbound()?.send_to_addr(state.as_bytes(), &address)?;
    Ok(())
}
