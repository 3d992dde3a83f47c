//! Paths of the container that are made, hidden or protected, and kernel parameters.

use std::ffi::CStr;
use std::os::fd::{AsFd, OwnedFd};

use gantry_sys::mount_attr::{MountAttr, bits};
use gantry_sys::{Errno, in_root};
use rustix::fs::{FileType, Mode, OFlags, major, minor};

use super::root::NewRoot;
use super::{file_systems, mount_calls};
use crate::plan::ContainerPlan;
use crate::report::{At, Outcome, Step};

/// Makes the working directory where the image lacks it. That it cannot be made (a read-only
/// volume) shows when it is entered.
pub(super) fn make_working_directory(plan: &ContainerPlan, root: &NewRoot<'_>) -> Outcome {
    let cwd = plan.process.cwd.as_c_str();
    if cwd == c"/" {
        return Ok(());
    }
    match in_root::make_directory(root.as_fd(), cwd) {
        Ok(_) | Err(Errno::ROFS | Errno::LOOP | Errno::ACCESS | Errno::PERM) => Ok(()),
        Err(errno) => Err(errno).at(Step::CwdCreate),
    }
}

/// Writes the kernel parameters, which are those of our own namespaces by now. By the host's
/// /proc: the container's could be a trap.
pub(super) fn write_sysctls(plan: &ContainerPlan) -> Outcome {
    for (item, sysctl) in plan.sysctls.iter().enumerate() {
        let flags = OFlags::WRONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW;
        let file = rustix::fs::openat(&plan.process.procfs, &sysctl.path, flags, Mode::empty())
            .at_item(Step::Sysctl, item)?;
        rustix::io::write(&file, sysctl.value.as_bytes()).at_item(Step::Sysctl, item)?;
    }
    Ok(())
}

/// Hides the masked paths and makes the read-only ones so.
pub(super) fn protect(plan: &ContainerPlan, root: &NewRoot<'_>) -> Outcome {
    for (item, path) in plan.readonly.iter().enumerate() {
        read_only(path, root).at_item(Step::Readonly, item)?;
    }
    let mut cover = Cover::default();
    for (item, path) in plan.masked.iter().enumerate() {
        cover.hide(path, root, item)?;
    }
    Ok(())
}

/// Opens a path to be protected; nothing if it does not exist here.
fn existing(path: &CStr, root: &NewRoot<'_>) -> Result<Option<OwnedFd>, Errno> {
    match in_root::open(root.as_fd(), path, OFlags::PATH) {
        Err(Errno::NOENT | Errno::NOTDIR) => Ok(None),
        other => other.map(Some),
    }
}

fn read_only(path: &CStr, root: &NewRoot<'_>) -> Result<(), Errno> {
    let Some(target) = existing(path, root)? else {
        return Ok(());
    };
    let attributes = MountAttr {
        set: bits::RDONLY,
        ..MountAttr::default()
    };
    let copy = mount_calls::copy(&target, true)?;
    mount_calls::attach(&copy, &target)?;
    match mount_calls::set_flags(copy.as_fd(), &attributes, true) {
        // Before 5.12.
        Err(Errno::OPNOTSUPP) => mount_calls::set_flags(copy.as_fd(), &attributes, false),
        other => other,
    }
}

/// What masked paths are covered with: files by /dev/null, directories by one empty tmpfs.
#[derive(Default)]
struct Cover {
    null: Option<OwnedFd>,
    /// Attached on the first directory; copied for the others.
    empty: Option<OwnedFd>,
}

impl Cover {
    fn hide(&mut self, path: &CStr, root: &NewRoot<'_>, item: usize) -> Outcome {
        let Some(target) = existing(path, root).at_item(Step::Masked, item)? else {
            return Ok(());
        };
        let stat = rustix::fs::fstat(&target).at_item(Step::Masked, item)?;
        if FileType::from_raw_mode(stat.st_mode) == FileType::Directory {
            return self.hide_directory(&target, item);
        }
        if self.null.is_none() {
            self.null = Some(null(root).at_item(Step::Masked, item)?);
        }
        let Some(null) = &self.null else {
            return Ok(());
        };
        mount_calls::copy(null, false)
            .and_then(|copy| mount_calls::attach(copy, &target))
            .at_item(Step::Masked, item)
    }

    fn hide_directory(&mut self, target: &OwnedFd, item: usize) -> Outcome {
        if let Some(empty) = &self.empty {
            return mount_calls::copy(empty, false)
                .and_then(|copy| mount_calls::attach(copy, target))
                .at_item(Step::Masked, item);
        }
        let parameters = [(c"source", Some(c"tmpfs")), (c"nr_blocks", Some(c"1"))];
        let empty = file_systems::new(c"tmpfs", parameters.into_iter(), bits::RDONLY, item)?;
        mount_calls::attach(&empty, target).at_item(Step::Masked, item)?;
        self.empty = Some(empty);
        Ok(())
    }
}

/// The container's /dev/null, which must be that: a link in its place would put what an attacker
/// chose over the masked paths (CVE-2025-31133).
fn null(root: &NewRoot<'_>) -> Result<OwnedFd, Errno> {
    let null = in_root::open_no_links(root.as_fd(), c"/dev/null", OFlags::PATH)?;
    let stat = rustix::fs::fstat(&null)?;
    let character = FileType::from_raw_mode(stat.st_mode) == FileType::CharacterDevice;
    if character && (major(stat.st_rdev), minor(stat.st_rdev)) == (1, 3) {
        Ok(null)
    } else {
        Err(Errno::NXIO)
    }
}
