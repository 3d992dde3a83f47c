//! Network namespaces and threads.
//!
//! A thread that entered another namespace and cannot get back would do its next work in the
//! wrong place. So everything here happens on a thread of its own that ends afterwards.

use std::fs::File;
use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::panic::resume_unwind;
use std::thread;

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

/// Makes a network namespace and runs `inside` in it; returns the namespace too.
pub fn create<T: Send>(inside: impl FnOnce() -> io::Result<T> + Send) -> io::Result<(OwnedFd, T)> {
    on_own_thread(|| {
        // SAFETY: CLONE_NEWNET changes only this thread's view of the network; no memory,
        // file or file system state of other threads is affected.
        if unsafe { libc::unshare(libc::CLONE_NEWNET) } != 0 {
            return Err(io::Error::last_os_error());
        }
        let value = inside()?;
        Ok((current()?, value))
    })
}

/// Runs `inside` in the given network namespace.
pub fn run_in<T: Send>(
    netns: BorrowedFd<'_>,
    inside: impl FnOnce() -> io::Result<T> + Send,
) -> io::Result<T> {
    on_own_thread(|| {
        move_into_link_name_space(netns, Some(LinkNameSpaceType::Network))?;
        inside()
    })
}

/// The calling thread's network namespace.
pub fn current() -> io::Result<OwnedFd> {
    Ok(File::open("/proc/thread-self/ns/net")?.into())
}

fn on_own_thread<T: Send>(work: impl FnOnce() -> io::Result<T> + Send) -> io::Result<T> {
    thread::scope(|scope| {
        let worker = thread::Builder::new()
            .name("netns".to_owned())
            .stack_size(256 * 1024)
            .spawn_scoped(scope, work)?;
        worker.join().unwrap_or_else(|panic| resume_unwind(panic))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::AsFd;

    fn inode(fd: &OwnedFd) -> u64 {
        rustix::fs::fstat(fd).unwrap().st_ino
    }

    #[test]
    fn a_thread_of_its_own_enters_and_the_caller_stays() {
        let before = inode(&current().unwrap());
        let (made, seen) = create(|| Ok(inode(&current()?))).unwrap();
        assert_eq!(inode(&made), seen);
        assert_ne!(seen, before);
        assert_eq!(
            run_in(made.as_fd(), || Ok(inode(&current()?))).unwrap(),
            seen
        );
        assert_eq!(inode(&current().unwrap()), before);
    }
}
