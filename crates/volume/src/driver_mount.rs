//! Mounting what a volume's driver options ask for, on its data folder.

use std::ffi::CString;
use std::path::Path;

use rustix::fs::{AtFlags, CWD, StatxAttributes, StatxFlags};
use rustix::mount::{MountFlags, MountPropagationFlags, UnmountFlags};

use crate::{Error, Options};

/// Whether something is mounted there.
pub(crate) fn is_mounted(path: &Path) -> bool {
    let flags = AtFlags::SYMLINK_NOFOLLOW | AtFlags::NO_AUTOMOUNT;
    rustix::fs::statx(CWD, path, flags, StatxFlags::TYPE)
        .is_ok_and(|found| found.stx_attributes.contains(StatxAttributes::MOUNT_ROOT))
}

/// Mounts it; `resolve` finds the address of a server by its name.
pub(crate) fn mount(
    options: &Options,
    path: &Path,
    resolve: &dyn Fn(&str) -> Result<std::net::IpAddr, String>,
) -> Result<(), Error> {
    let failed = |reason: String| Error::Mount {
        device: options.device.clone(),
        path: path.to_owned(),
        reason: hide_password(&options.words, &reason),
    };
    let (device, words) = with_addresses(options, resolve).map_err(failed)?;
    let parsed = Words::parse(&words);
    let c = |text: &str| CString::new(text).map_err(|_| failed("a NUL byte".to_owned()));
    let (device, kind, data) = (c(&device)?, c(&options.kind)?, c(&parsed.data)?);
    let result = if parsed.flags.contains(MountFlags::BIND) {
        bind(&device, path, &parsed)
    } else {
        rustix::mount::mount(&device, path, &kind, parsed.flags, Some(data.as_c_str()))
    };
    result
        .and_then(|()| {
            parsed
                .propagation
                .map_or(Ok(()), |p| rustix::mount::mount_change(path, p))
        })
        .map_err(|e| {
            let _ = rustix::mount::unmount(path, UnmountFlags::empty());
            let flags = parsed.flags.bits();
            let reason = std::io::Error::from(e).to_string();
            let reason = reason.split(" (os error").next().unwrap_or_default();
            failed(format!(
                "flags: {flags:#x}, data: {}: {}",
                parsed.data,
                reason.to_lowercase()
            ))
        })
}

/// The flags of a bind mount take a second call.
fn bind(device: &CString, path: &Path, words: &Words) -> rustix::io::Result<()> {
    if words.flags.contains(MountFlags::REC) {
        rustix::mount::mount_bind_recursive(device, path)?;
    } else {
        rustix::mount::mount_bind(device, path)?;
    }
    let own = words.flags & !(MountFlags::BIND | MountFlags::REC);
    if own.is_empty() {
        return Ok(());
    }
    rustix::mount::mount_remount(path, MountFlags::BIND | own, c"")
}

/// Unmounts it.
pub(crate) fn unmount(path: &Path) -> Result<(), Error> {
    rustix::mount::unmount(path, UnmountFlags::NOFOLLOW)
        .map_err(|e| Error::file("unmount", path)(e.into()))
}

/// Words of mount(8), sorted.
#[derive(Debug, PartialEq, Eq)]
struct Words {
    flags: MountFlags,
    propagation: Option<MountPropagationFlags>,
    /// What only the file system understands.
    data: String,
}

impl Words {
    fn parse(text: &str) -> Self {
        let mut words = Self {
            flags: MountFlags::empty(),
            propagation: None,
            data: String::new(),
        };
        let mut data = Vec::new();
        for word in text.split(',').filter(|w| !w.is_empty()) {
            if let Some((flag, set)) = flag(word) {
                words.flags.set(flag, set);
            } else if let Some(propagation) = propagation(word) {
                words.propagation = Some(propagation);
            } else if word != "defaults" {
                data.push(word);
            }
        }
        words.data = data.join(",");
        words
    }
}

fn flag(word: &str) -> Option<(MountFlags, bool)> {
    use MountFlags as F;
    Some(match word {
        "ro" => (F::RDONLY, true),
        "rw" => (F::RDONLY, false),
        "nosuid" => (F::NOSUID, true),
        "suid" => (F::NOSUID, false),
        "nodev" => (F::NODEV, true),
        "dev" => (F::NODEV, false),
        "noexec" => (F::NOEXEC, true),
        "exec" => (F::NOEXEC, false),
        "sync" => (F::SYNCHRONOUS, true),
        "async" => (F::SYNCHRONOUS, false),
        "dirsync" => (F::DIRSYNC, true),
        "mand" => (F::PERMIT_MANDATORY_FILE_LOCKING, true),
        "nomand" => (F::PERMIT_MANDATORY_FILE_LOCKING, false),
        "noatime" => (F::NOATIME, true),
        "atime" => (F::NOATIME, false),
        "nodiratime" => (F::NODIRATIME, true),
        "diratime" => (F::NODIRATIME, false),
        "relatime" => (F::RELATIME, true),
        "norelatime" => (F::RELATIME, false),
        "strictatime" => (F::STRICTATIME, true),
        "nostrictatime" => (F::STRICTATIME, false),
        "bind" => (F::BIND, true),
        "rbind" => (F::BIND | F::REC, true),
        _ => return None,
    })
}

fn propagation(word: &str) -> Option<MountPropagationFlags> {
    use MountPropagationFlags as P;
    Some(match word {
        "private" => P::PRIVATE,
        "rprivate" => P::PRIVATE | P::REC,
        "slave" => P::DOWNSTREAM,
        "rslave" => P::DOWNSTREAM | P::REC,
        "shared" => P::SHARED,
        "rshared" => P::SHARED | P::REC,
        "unbindable" => P::UNBINDABLE,
        "runbindable" => P::UNBINDABLE | P::REC,
        _ => return None,
    })
}

/// The kernel takes addresses, not names: `addr=` of NFS and CIFS, and the host of a CIFS device.
fn with_addresses(
    options: &Options,
    resolve: &dyn Fn(&str) -> Result<std::net::IpAddr, String>,
) -> Result<(String, String), String> {
    let (device, words) = (options.device.clone(), options.words.clone());
    if !matches!(options.kind.as_str(), "nfs" | "nfs4" | "cifs") {
        return Ok((device, words));
    }
    let found = |name: &str| {
        resolve(name)
            .map(|address| address.to_string())
            .map_err(|e| format!("error resolving passed in network volume address: {e}"))
    };
    let is_address = |text: &str| text.parse::<std::net::IpAddr>().is_ok();
    let given = words.split(',').find_map(|w| w.strip_prefix("addr="));
    if let Some(name) = given.filter(|name| !name.is_empty()) {
        if is_address(name) {
            return Ok((device, words));
        }
        let address = found(name)?;
        let words = words.replacen(&format!("addr={name}"), &format!("addr={address}"), 1);
        return Ok((device, words));
    }
    if options.kind == "cifs"
        && let Some(host) = device.strip_prefix("//").and_then(|d| d.split('/').next())
        && !host.is_empty()
        && !is_address(host)
    {
        let address = found(host)?;
        let device = device.replacen(host, &address, 1);
        return Ok((device, words));
    }
    Ok((device, words))
}

fn hide_password(words: &str, text: &str) -> String {
    let secret = words.split(',').find_map(|w| w.strip_prefix("password="));
    match secret.filter(|secret| !secret.is_empty()) {
        Some(secret) => text.replace(&format!("password={secret}"), "password=********"),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(kind: &str, device: &str, words: &str) -> Options {
        Options {
            kind: kind.into(),
            device: device.into(),
            words: words.into(),
            size: 0,
        }
    }

    fn resolve(name: &str) -> Result<std::net::IpAddr, String> {
        match name {
            "server" => Ok("10.0.0.7".parse().unwrap()),
            name => Err(format!("lookup {name}: no such host")),
        }
    }

    #[test]
    fn names_of_servers_become_addresses() {
        let nfs = options("nfs", ":/export", "addr=server,vers=4");
        let (device, words) = with_addresses(&nfs, &resolve).unwrap();
        assert_eq!(
            (device.as_str(), words.as_str()),
            (":/export", "addr=10.0.0.7,vers=4")
        );
        let cifs = options("cifs", "//server/share", "username=u");
        assert_eq!(
            with_addresses(&cifs, &resolve).unwrap().0,
            "//10.0.0.7/share"
        );
        let dead = options("nfs", ":/x", "addr=nowhere");
        let error = with_addresses(&dead, &resolve).unwrap_err();
        assert!(error.contains("lookup nowhere: no such host"), "{error}");
        let tmpfs = options("tmpfs", "tmpfs", "addr=server");
        assert_eq!(with_addresses(&tmpfs, &resolve).unwrap().1, "addr=server");
    }

    #[test]
    fn words_are_flags_propagation_or_the_file_systems() {
        let words = Words::parse("size=1m,ro,nosuid,rw,rshared,uid=3,defaults");
        assert_eq!(words.flags, MountFlags::NOSUID);
        assert_eq!(words.data, "size=1m,uid=3");
        let shared = MountPropagationFlags::SHARED | MountPropagationFlags::REC;
        assert_eq!(words.propagation, Some(shared));
    }

    #[test]
    fn a_password_is_not_told() {
        let told = hide_password("username=u,password=secret", "data: password=secret: no");
        assert_eq!(told, "data: password=********: no");
    }
}
