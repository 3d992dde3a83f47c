//! Joining and leaving namespaces (setns(2), unshare(2)). Work in a network namespace: [`crate::netns`].

use std::os::fd::{AsFd, AsRawFd};
use std::thread;

use crate::{Errno, Result, checked};

/// Which namespaces, as the kernel's `CLONE_NEW*` bits.
pub mod bits {
    /// Mounts.
    pub const MOUNT: u64 = libc::CLONE_NEWNS as u64;
    /// Control groups.
    pub const CGROUP: u64 = libc::CLONE_NEWCGROUP as u64;
    /// Host and domain name.
    pub const UTS: u64 = libc::CLONE_NEWUTS as u64;
    /// System V IPC and message queues.
    pub const IPC: u64 = libc::CLONE_NEWIPC as u64;
    /// Users.
    pub const USER: u64 = libc::CLONE_NEWUSER as u64;
    /// Process IDs.
    pub const PID: u64 = libc::CLONE_NEWPID as u64;
    /// Network.
    pub const NETWORK: u64 = libc::CLONE_NEWNET as u64;
    /// Clocks (5.6 and later). It holds for children, and is entered by joining
    /// `/proc/self/ns/time_for_children`.
    pub const TIME: u64 = 0x80;
}

/// Moves the calling thread into a namespace, or into several of the process that a pidfd means
/// (5.8 and later). `PID` holds for children only.
pub fn join(namespace: impl AsFd, kinds: u64) -> Result<()> {
    // SAFETY: setns touches no memory of ours. What it changes is the calling thread's alone:
    // the kernel refuses mount and user namespaces while the file system state is shared with
    // other threads.
    checked(unsafe {
        libc::syscall(
            libc::SYS_setns,
            namespace.as_fd().as_raw_fd(),
            kinds as libc::c_int,
        )
    })?;
    Ok(())
}

/// Moves the calling thread into new namespaces.
pub fn unshare(kinds: u64) -> Result<()> {
    // SAFETY: only CLONE_NEW* bits and CLONE_FS are passed on; neither unshares memory or
    // descriptors, which is what makes unshare(2) unsafe.
    let allowed = bits::MOUNT
        | bits::CGROUP
        | bits::UTS
        | bits::IPC
        | bits::USER
        | bits::PID
        | bits::NETWORK
        | bits::TIME
        | libc::CLONE_FS as u64;
    if kinds & !allowed != 0 {
        return Err(Errno::INVAL);
    }
    // SAFETY: see above.
    checked(unsafe { libc::syscall(libc::SYS_unshare, kinds) })?;
    Ok(())
}

/// Runs `work` on a thread of its own in a new mount namespace whose changes reach nobody else.
/// What it mounts is gone when the thread ends, unless it keeps descriptors.
pub fn in_private_mounts<T: Send>(work: impl FnOnce() -> T + Send) -> Result<T> {
    use rustix::mount::{MountPropagationFlags, mount_change};
    on_thread(|| {
        unshare(bits::MOUNT)?;
        mount_change(
            c"/",
            MountPropagationFlags::PRIVATE | MountPropagationFlags::REC,
        )?;
        Ok(work())
    })
}

/// Runs `work` on a thread of its own whose root is that of another mount namespace: what it opens
/// or clones (open_tree(2)) is that one's, and its links lead nowhere else.
pub fn in_mounts_of<T: Send>(
    namespace: impl AsFd + Send + Sync,
    work: impl FnOnce() -> T + Send,
) -> Result<T> {
    on_thread(|| {
        // A mount namespace is joined together with its root, which threads share.
        unshare(libc::CLONE_FS as u64)?;
        join(&namespace, bits::MOUNT)?;
        Ok(work())
    })
}

fn on_thread<T: Send>(work: impl FnOnce() -> Result<T> + Send) -> Result<T> {
    thread::scope(|scope| {
        let thread = thread::Builder::new()
            .spawn_scoped(scope, work)
            .map_err(|e| Errno::from_io_error(&e).unwrap_or(Errno::AGAIN))?;
        match thread.join() {
            Ok(result) => result,
            Err(panic) => std::panic::resume_unwind(panic),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn own(kind: &str) -> std::path::PathBuf {
        std::fs::read_link(format!("/proc/thread-self/ns/{kind}")).unwrap()
    }

    #[test]
    fn work_among_private_mounts_leaves_the_caller_where_it_was() {
        let before = own("mnt");
        let inside = in_private_mounts(|| own("mnt")).unwrap();
        assert_ne!(inside, before);
        assert_eq!(own("mnt"), before);
    }

    #[test]
    fn memory_is_never_unshared() {
        assert_eq!(unshare(libc::CLONE_FILES as u64).unwrap_err(), Errno::INVAL);
    }
}
