//! Commands that were built for another kind of machine.

use std::io::Read as _;
use std::os::fd::{AsFd, BorrowedFd};

use gantry_dockerfile::Platform;
use rustix::fs::{Dir, Mode, OFlags};
use rustix::io::Errno;
use rustix::mount::{FsMountFlags, FsOpenFlags, MountAttrFlags, fsconfig_create, fsmount, fsopen};

use super::blocking;
use crate::Error;
use crate::build::Work;
use crate::files::{open, resolve};
use crate::stage::Stage;

/// How much of a program says what it runs on (elf(5)).
const HEADER: usize = 20;
/// Machines by the names of platforms, and what their programs say (`e_machine`).
const MACHINES: [(&str, u16); 9] = [
    ("amd64", 62),
    ("386", 3),
    ("arm64", 183),
    ("arm", 40),
    ("ppc64le", 21),
    ("s390x", 22),
    ("riscv64", 243),
    ("mips64le", 8),
    ("loong64", 258),
];

impl Work {
    /// Refuses a program that neither this machine runs nor a handler of the kernel's binfmt_misc.
    pub(super) async fn runs_here(&self, stage: &Stage, arguments: &[String]) -> Result<(), Error> {
        let host = Platform::default();
        if stage.config.architecture == host.architecture {
            return Ok(());
        }
        let Some(program) = arguments.first().cloned() else {
            return Ok(());
        };
        let path = stage.scope.env.get("PATH").unwrap_or_default().to_owned();
        let root = self.view(&stage.layers)?;
        let header = blocking(move || Ok(header_of(root.as_fd(), &program, &path))).await?;
        let Some((program, header)) = header else {
            // What is no program is told by whoever tries to run it.
            return Ok(());
        };
        let Some(machine) = machine(&header).filter(|of| !is_own(of, &host.architecture)) else {
            return Ok(());
        };
        match handled(&header) {
            Ok(false) => {}
            // Nobody knows: the command is tried.
            Err(error) => {
                tracing::debug!("binfmt_misc cannot be read: {error}");
                return Ok(());
            }
            Ok(true) => return Ok(()),
        }
        let own = &host.architecture;
        Err(Error::Invalid(format!(
            "{program} is a program for linux/{machine}, this machine is linux/{own}, and the kernel's binfmt_misc has \
             no handler for it: install one (on Debian the package qemu-user-static, elsewhere \
             `run --privileged --rm tonistiigi/binfmt --install {machine}`), or let the stage that runs commands be \
             built for this machine (FROM --platform=$BUILDPLATFORM)"
        )))
    }
}

/// The first bytes of the program that a word means, and its path.
fn header_of(root: BorrowedFd<'_>, program: &str, path: &str) -> Option<(String, [u8; HEADER])> {
    let places: Vec<String> = if program.contains('/') {
        vec![program.to_owned()]
    } else {
        path.split(':')
            .map(|at| format!("{at}/{program}"))
            .collect()
    };
    places.into_iter().find_map(|place| {
        let found = resolve(Some(root), place.as_bytes()).ok()?;
        found.at?;
        let mut header = [0; HEADER];
        open(root, &found.path).ok()?.read_exact(&mut header).ok()?;
        Some((place, header))
    })
}

/// What a program runs on; `None` of what is no program, or of a machine without a name.
fn machine(header: &[u8; HEADER]) -> Option<&'static str> {
    if !header.starts_with(b"\x7fELF") {
        return None;
    }
    let bytes = [header[18], header[19]];
    let number = if header[5] == 2 {
        u16::from_be_bytes(bytes)
    } else {
        u16::from_le_bytes(bytes)
    };
    let known = MACHINES.iter().find(|(_, known)| *known == number);
    known.map(|(name, _)| *name)
}

/// Kernels run the older machine of their family, too.
fn is_own(machine: &str, host: &str) -> bool {
    machine == host || matches!((host, machine), ("amd64", "386") | ("arm64", "arm"))
}

/// Whether the kernel hands such a program to another one. It is asked by a mount that nobody sees.
fn handled(header: &[u8; HEADER]) -> Result<bool, Errno> {
    let context = match fsopen("binfmt_misc", FsOpenFlags::FSOPEN_CLOEXEC) {
        // A kernel without it.
        Err(Errno::NODEV) => return Ok(false),
        context => context?,
    };
    fsconfig_create(&context)?;
    let flags = FsMountFlags::FSMOUNT_CLOEXEC;
    let mount = fsmount(&context, flags, MountAttrFlags::empty())?;
    // What fsmount gives cannot be read itself.
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let folder = rustix::fs::openat(&mount, c".", flags, Mode::empty())?;
    for entry in Dir::read_from(&folder)? {
        let entry = entry?;
        let name = entry.file_name();
        if matches!(name.to_bytes(), b"." | b".." | b"register" | b"status") {
            continue;
        }
        let flags = OFlags::RDONLY | OFlags::CLOEXEC;
        let file = rustix::fs::openat(&mount, name, flags, Mode::empty())?;
        let mut text = String::new();
        let read = std::fs::File::from(file).read_to_string(&mut text);
        if read.is_ok() && fits(&text, header) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whether a handler, as the kernel describes it, takes such a program.
fn fits(handler: &str, header: &[u8]) -> bool {
    let value = |key: &str| {
        let mut lines = handler.lines();
        lines.find_map(|line| line.strip_prefix(key)?.strip_prefix(' '))
    };
    let hex = |text: &str| -> Vec<u8> {
        let digits = text.as_bytes().chunks(2);
        let bytes = digits.map(|pair| u8::from_str_radix(str::from_utf8(pair).ok()?, 16).ok());
        bytes.map(Option::unwrap_or_default).collect()
    };
    let (Some(magic), Some("0")) = (value("magic").map(hex), value("offset")) else {
        return false;
    };
    let mask = value("mask").map_or_else(|| vec![0xff; magic.len()], hex);
    let mut bytes = magic.iter().zip(&mask).zip(header);
    handler.starts_with("enabled") && bytes.all(|((magic, mask), byte)| magic & mask == byte & mask)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As qemu-user-static registers it.
    const ARM64: &str = "enabled\ninterpreter /usr/bin/qemu-aarch64-static\nflags: OCF\noffset 0\n\
        magic 7f454c460201010000000000000000000200b700\n\
        mask ffffffffffffff00fffffffffffffffffeffffff\n";

    fn header(machine: u16) -> [u8; HEADER] {
        let mut header = [0; HEADER];
        header[..8].copy_from_slice(b"\x7fELF\x02\x01\x01\x03");
        header[16] = 3;
        header[18..].copy_from_slice(&machine.to_le_bytes());
        header
    }

    #[test]
    fn a_handler_takes_the_programs_of_its_machine() {
        assert!(fits(ARM64, &header(183)));
        assert!(!fits(ARM64, &header(62)));
        assert!(!fits(&ARM64.replace("enabled", "disabled"), &header(183)));
        assert!(!fits(
            "enabled\ninterpreter /x\nextension .py\n",
            &header(183)
        ));
    }

    #[test]
    fn programs_say_what_they_run_on() {
        assert_eq!(machine(&header(183)), Some("arm64"));
        assert_eq!(machine(b"#!/bin/sh\n0000000000"), None);
        assert!(is_own("386", "amd64") && !is_own("arm64", "amd64"));
    }
}
