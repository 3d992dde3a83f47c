//! A thread in a mount namespace of its own.
//!
//! For kernels that stack only what is attached somewhere, or know mount(2) only. The thread sees
//! what the host mounts and unmounts (its namespace is a slave of the host's) while what it mounts
//! is seen by nobody else, and the kernel unmounts all of it when the process ends, however it
//! ends. Overlays made here keep working then: they hold private clones of their layers.

use std::fs;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};
use std::thread;

use gantry_sys::namespaces::{bits, unshare};
use rustix::fs::CWD;
use rustix::mount::{
    MountFlags, MountPropagationFlags, MoveMountFlags, UnmountFlags, mount, mount_change,
    move_mount, unmount,
};

use super::context::{MountFailure, failed};
use super::layer::through_proc;
use super::overlay::{Stack, Way};

type Job = Box<dyn FnOnce(&mut Inside) + Send>;

/// A handle to the thread; it ends with the last one.
#[derive(Debug, Clone)]
pub(super) struct Annex {
    jobs: Sender<Job>,
}

/// What the thread knows.
struct Inside {
    /// Its own tmpfs.
    directory: PathBuf,
    attached: u64,
}

impl Annex {
    /// Starts the thread; `directory` is made if missing, and covered in the thread's eyes only.
    pub(super) fn start(directory: &Path) -> Result<Self, MountFailure> {
        fs::create_dir_all(directory).map_err(failed("create the annex's directory"))?;
        let (jobs, queue) = channel::<Job>();
        let (ready, started) = channel();
        let directory = directory.to_owned();
        let work = move || match enter(&directory) {
            Err(failure) => {
                let _ = ready.send(Err(failure));
            }
            Ok(()) => {
                let _ = ready.send(Ok(()));
                let mut inside = Inside {
                    directory,
                    attached: 0,
                };
                for job in queue {
                    job(&mut inside);
                }
            }
        };
        let builder = thread::Builder::new().name("mount-annex".to_owned());
        builder.spawn(work).map_err(failed("start a thread"))?;
        started.recv().map_err(|_| ended())??;
        Ok(Self { jobs })
    }

    /// Attaches a detached mount, so that it may be stacked. Its descriptor stays good.
    pub(super) fn attach(&self, mount: Arc<OwnedFd>) -> Result<(), MountFailure> {
        self.run(move |inside| {
            inside.attached += 1;
            let place = inside
                .directory
                .join("layers")
                .join(inside.attached.to_string());
            fs::create_dir_all(&place).map_err(failed("mkdir"))?;
            let flags = MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH;
            move_mount(&*mount, c"", CWD, &place, flags).map_err(failed("move_mount"))
        })
    }

    /// Takes an attached mount out again.
    pub(super) fn detach(&self, mount: Arc<OwnedFd>) -> Result<(), MountFailure> {
        self.run(move |_| {
            unmount(through_proc(&*mount), UnmountFlags::DETACH).map_err(failed("umount"))
        })
    }

    /// Makes an overlay mount, detached.
    pub(super) fn mount(&self, stack: Stack, way: Way) -> Result<OwnedFd, MountFailure> {
        self.run(move |inside| stack.mount(way, Some(&inside.directory)))
    }

    fn run<T: Send + 'static>(
        &self,
        job: impl FnOnce(&mut Inside) -> Result<T, MountFailure> + Send + 'static,
    ) -> Result<T, MountFailure> {
        let (reply, result) = channel();
        let job = Box::new(move |inside: &mut Inside| {
            let _ = reply.send(job(inside));
        });
        self.jobs.send(job).map_err(|_| ended())?;
        result.recv().map_err(|_| ended())?
    }
}

fn ended() -> MountFailure {
    let error = std::io::Error::from(std::io::ErrorKind::BrokenPipe);
    MountFailure::new("the mounting thread has ended", error)
}

fn enter(directory: &Path) -> Result<(), MountFailure> {
    unshare(bits::MOUNT).map_err(failed("unshare the mount namespace"))?;
    let slave = MountPropagationFlags::DOWNSTREAM | MountPropagationFlags::REC;
    mount_change(c"/", slave).map_err(failed("make / a slave"))?;
    let flags = MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC;
    mount("tmpfs", directory, "tmpfs", flags, None).map_err(failed("mount tmpfs"))?;
    let private = MountPropagationFlags::PRIVATE;
    mount_change(directory, private).map_err(failed("make the tmpfs private"))
}
