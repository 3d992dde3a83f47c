//! Mount options by name (runtime-spec, `config.md#linux-mount-options`).

use std::ffi::CString;

use gantry_sys::mount_attr::{MountAttr, bits};
use rustix::mount::MountPropagationFlags;

use super::c_string;
use crate::{Error, Result};

/// What the options of a mount mean.
#[derive(Debug, Default)]
pub(crate) struct MountOptions {
    /// Whether it is a bind mount, and with everything mounted below.
    pub(crate) bind: Option<bool>,
    /// For the mount itself.
    pub(crate) own: MountAttr,
    /// For it and everything mounted below.
    pub(crate) recursive: MountAttr,
    pub(crate) propagation: Option<MountPropagationFlags>,
    /// Owners are mapped, and with everything mounted below.
    pub(crate) idmap: Option<bool>,
    /// For the file system.
    pub(crate) data: Vec<(CString, Option<CString>)>,
}

impl MountOptions {
    pub(crate) fn parse(options: &[String]) -> Result<Self> {
        let mut parsed = Self::default();
        for option in options {
            parsed.add(option)?;
        }
        Ok(parsed)
    }

    fn add(&mut self, option: &str) -> Result<()> {
        if let Some(change) = flag(option) {
            change.apply(&mut self.own);
        } else if let Some(change) = option.strip_prefix('r').and_then(flag) {
            change.apply(&mut self.recursive);
        } else if let Some(propagation) = propagation(option) {
            self.propagation = Some(propagation);
        } else {
            match option {
                "" | "defaults" | "loud" | "silent" => {}
                "bind" => self.bind = Some(self.bind.unwrap_or(false)),
                "rbind" => self.bind = Some(true),
                "idmap" => self.idmap = Some(false),
                "ridmap" => self.idmap = Some(true),
                "remount" | "tmpcopyup" | "copy-symlink" => {
                    return Err(Error::Unsupported {
                        what: format!("mount option {option:?}"),
                    });
                }
                _ => self.data.push(key_and_value(option)?),
            }
        }
        Ok(())
    }
}

fn key_and_value(option: &str) -> Result<(CString, Option<CString>)> {
    Ok(match option.split_once('=') {
        Some((key, value)) => (c_string(key)?, Some(c_string(value)?)),
        None => (c_string(option)?, None),
    })
}

/// Bits that an option sets and clears.
struct Change {
    set: u64,
    clear: u64,
}

impl Change {
    /// The last word counts.
    fn apply(&self, attributes: &mut MountAttr) {
        attributes.set = attributes.set & !self.clear & !self.set | self.set;
        attributes.clear = attributes.clear & !self.set | self.clear;
    }
}

fn flag(option: &str) -> Option<Change> {
    let set = |bit| Some(Change { set: bit, clear: 0 });
    let clear = |bit| Some(Change { set: 0, clear: bit });
    // Access-time modes are values of one field, which is cleared whenever it is set.
    let atime = |value| {
        Some(Change {
            set: value,
            clear: bits::ATIME,
        })
    };
    match option {
        "ro" => set(bits::RDONLY),
        "rw" => clear(bits::RDONLY),
        "nosuid" => set(bits::NOSUID),
        "suid" => clear(bits::NOSUID),
        "nodev" => set(bits::NODEV),
        "dev" => clear(bits::NODEV),
        "noexec" => set(bits::NOEXEC),
        "exec" => clear(bits::NOEXEC),
        "nodiratime" => set(bits::NODIRATIME),
        "diratime" => clear(bits::NODIRATIME),
        "nosymfollow" => set(bits::NOSYMFOLLOW),
        "symfollow" => clear(bits::NOSYMFOLLOW),
        "noatime" => atime(bits::NOATIME),
        "strictatime" => atime(bits::STRICTATIME),
        "relatime" | "atime" | "norelatime" | "nostrictatime" => atime(bits::RELATIME),
        _ => None,
    }
}

fn propagation(option: &str) -> Option<MountPropagationFlags> {
    use MountPropagationFlags as P;
    Some(match option {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(options: &[&str]) -> MountOptions {
        let options: Vec<_> = options.iter().map(|&o| o.to_owned()).collect();
        MountOptions::parse(&options).unwrap()
    }

    #[test]
    fn the_last_word_counts() {
        let options = parse(&["ro", "nosuid", "rw", "noatime", "strictatime"]);
        assert_eq!(options.own.set, bits::NOSUID | bits::STRICTATIME);
        assert_eq!(options.own.clear, bits::RDONLY | bits::ATIME);
    }

    #[test]
    fn recursive_flags_bind_and_propagation() {
        let options = parse(&["rbind", "rro", "rprivate", "bind"]);
        assert_eq!(options.bind, Some(true));
        assert_eq!((options.own.set, options.recursive.set), (0, bits::RDONLY));
        assert!(
            options
                .propagation
                .unwrap()
                .contains(MountPropagationFlags::REC)
        );
        // "rw" must not be read as the recursive form of a flag "w", nor "relatime" of "elatime".
        assert_eq!(parse(&["relatime"]).own.clear, bits::ATIME);
    }

    #[test]
    fn the_rest_is_for_the_file_system() {
        let options = parse(&["size=64m", "mode=1777", "nr_inodes=5", "noswap"]);
        let data: Vec<_> = options
            .data
            .iter()
            .map(|(key, _)| key.to_str().unwrap())
            .collect();
        assert_eq!(data, ["size", "mode", "nr_inodes", "noswap"]);
        MountOptions::parse(&["tmpcopyup".into()]).unwrap_err();
    }
}
