//! File systems made in the child, since they show its namespaces.

use std::ffi::{CStr, CString};
use std::os::fd::OwnedFd;

use gantry_sys::Errno;
use gantry_sys::mount_attr::bits;
use rustix::fs::{AtFlags, CWD, Mode};
use rustix::mount::{FsMountFlags, FsOpenFlags, MountAttrFlags, OpenTreeFlags};

use crate::plan::MountPlan;
use crate::report::{At, Outcome, Step};

/// A parameter of fsconfig(2) in a plan.
type Parameter = (CString, Option<CString>);

/// A detached mount.
pub(super) enum Made {
    /// Of a new file system, with its flags.
    New(OwnedFd),
    /// A copy of the host's mounts, with theirs.
    Copy(OwnedFd),
}

/// Makes a file system as a detached mount with its flags.
pub(super) fn make(
    kind: &CStr,
    parameters: &[Parameter],
    plan: &MountPlan,
    item: usize,
) -> Outcome<Made> {
    let attributes = plan.own.set;
    let made = match new(kind, borrowed(parameters), attributes, item) {
        Err(failure) if failure.errno == Errno::PERM && kind == c"sysfs" => {
            return host_sysfs(item).map(Made::Copy);
        }
        // Group 5 (tty) may not be mapped in a user namespace.
        Err(failure) if failure.errno == Errno::INVAL && kind == c"devpts" => {
            let without_group = borrowed(parameters).filter(|(key, _)| *key != c"gid");
            new(kind, without_group, attributes, item)
        }
        other => other,
    };
    made.map(Made::New)
}

/// The parameters of a plan as [`new`] takes them.
pub(super) fn borrowed(
    parameters: &[Parameter],
) -> impl Iterator<Item = (&CStr, Option<&CStr>)> + Clone {
    parameters
        .iter()
        .map(|(key, value)| (key.as_c_str(), value.as_deref()))
}

/// fsopen, fsconfig for each parameter, fsmount.
pub(super) fn new<'a>(
    kind: &CStr,
    parameters: impl Iterator<Item = (&'a CStr, Option<&'a CStr>)>,
    attributes: u64,
    item: usize,
) -> Outcome<OwnedFd> {
    let context =
        rustix::mount::fsopen(kind, FsOpenFlags::FSOPEN_CLOEXEC).at_item(Step::MountOpen, item)?;
    for (key, value) in parameters {
        match value {
            Some(value) => rustix::mount::fsconfig_set_string(&context, key, value),
            None => rustix::mount::fsconfig_set_flag(&context, key),
        }
        .at_item(Step::MountOption, item)?;
    }
    if attributes & bits::RDONLY != 0 && !is_virtual(kind) {
        rustix::mount::fsconfig_set_flag(&context, c"ro").at_item(Step::MountOption, item)?;
    }
    rustix::mount::fsconfig_create(&context).at_item(Step::MountCreate, item)?;
    let flags = MountAttrFlags::from_bits_retain(attributes as u32);
    rustix::mount::fsmount(&context, FsMountFlags::FSMOUNT_CLOEXEC, flags)
        .at_item(Step::MountCreate, item)
}

/// Whether read-only is a matter of the mount alone: there is no disk, and the file system may be
/// shared with others.
fn is_virtual(kind: &CStr) -> bool {
    [
        c"proc", c"sysfs", c"tmpfs", c"devpts", c"mqueue", c"cgroup", c"cgroup2",
    ]
    .contains(&kind)
}

/// Gives the top of a new tmpfs the mode of the directory it covers, as runc does: that shows
/// which mode the image's programs expect.
pub(super) fn keep_mode(mount: &OwnedFd, covered: &OwnedFd) -> Result<(), Errno> {
    let stat = rustix::fs::fstat(covered)?;
    let mode = Mode::from_bits_truncate(stat.st_mode & 0o7777);
    rustix::fs::chmodat(mount, c".", mode, AtFlags::empty())
}

/// A network namespace of somebody else forbids a sysfs of its own in a user namespace: the
/// host's is shown instead, as crun does. What it needs more than a new one comes after it is
/// attached.
fn host_sysfs(item: usize) -> Outcome<OwnedFd> {
    let flags = OpenTreeFlags::OPEN_TREE_CLONE
        | OpenTreeFlags::OPEN_TREE_CLOEXEC
        | OpenTreeFlags::AT_RECURSIVE;
    rustix::mount::open_tree(CWD, c"/sys", flags).at_item(Step::MountCreate, item)
}
