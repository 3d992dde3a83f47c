//! Notice of a log's growth and rotation (inotify(7)).
//!
//! One inotify instance serves the whole process: a user has only 128 of them by default, and a
//! log may have many followers.

use std::collections::HashMap;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use rustix::fs::inotify::{self, CreateFlags, Reader, WatchFlags};
use rustix::io::Errno;
use tokio::sync::watch;

/// Watches the directory of a log: its current file may be another one at any time.
#[derive(Debug)]
pub(crate) struct Watch {
    hub: Arc<Hub>,
    descriptor: i32,
    changes: watch::Receiver<u64>,
}

/// The one instance, and who waits for what.
#[derive(Debug)]
struct Hub {
    inotify: OwnedFd,
    directories: Mutex<HashMap<i32, Directory>>,
}

#[derive(Debug)]
struct Directory {
    changes: watch::Sender<u64>,
    watchers: usize,
}

static HUB: OnceLock<Arc<Hub>> = OnceLock::new();

impl Watch {
    pub(crate) fn new(path: &Path) -> io::Result<Self> {
        let hub = Hub::get()?;
        let directory = path.parent().unwrap_or(Path::new("/"));
        let events = WatchFlags::MODIFY | WatchFlags::CREATE | WatchFlags::MOVE;
        let mut directories = hub.directories();
        // The same directory has the same descriptor.
        let descriptor = inotify::add_watch(&hub.inotify, directory, events)?;
        let entry = directories.entry(descriptor).or_insert_with(|| Directory {
            changes: watch::Sender::new(0),
            watchers: 0,
        });
        entry.watchers += 1;
        let changes = entry.changes.subscribe();
        drop(directories);
        Ok(Self {
            hub,
            descriptor,
            changes,
        })
    }

    /// Waits for a change since the last call.
    pub(crate) async fn changed(&mut self) -> io::Result<()> {
        self.changes.changed().await.map_err(io::Error::other)
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let mut directories = self.hub.directories();
        let Some(directory) = directories.get_mut(&self.descriptor) else {
            return;
        };
        directory.watchers -= 1;
        if directory.watchers == 0 {
            directories.remove(&self.descriptor);
            // Fails if the directory is gone, and its watch with it.
            let _ = inotify::remove_watch(&self.hub.inotify, self.descriptor);
        }
    }
}

impl Hub {
    fn get() -> io::Result<Arc<Self>> {
        if let Some(hub) = HUB.get() {
            return Ok(Arc::clone(hub));
        }
        let hub = Arc::new(Self {
            inotify: inotify::init(CreateFlags::CLOEXEC)?,
            directories: Mutex::default(),
        });
        let mut is_new = false;
        let hub = HUB.get_or_init(|| {
            is_new = true;
            hub
        });
        if is_new {
            let listener = Arc::clone(hub);
            // Not a task: whichever runtime is the first to follow a log may end before others do.
            std::thread::Builder::new()
                .name("log-watch".to_owned())
                .spawn(move || listener.listen())?;
        }
        Ok(Arc::clone(hub))
    }

    fn directories(&self) -> MutexGuard<'_, HashMap<i32, Directory>> {
        self.directories
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn listen(&self) {
        let mut buffer = [MaybeUninit::uninit(); 16 * 1024];
        let mut reader = Reader::new(self.inotify.as_fd(), &mut buffer);
        loop {
            match reader.next() {
                Ok(event) => self.tell(event.wd(), event.events()),
                Err(Errno::INTR) => {}
                Err(_) => return,
            }
        }
    }

    fn tell(&self, descriptor: i32, events: inotify::ReadFlags) {
        let directories = self.directories();
        if events.contains(inotify::ReadFlags::QUEUE_OVERFLOW) {
            for directory in directories.values() {
                directory.changes.send_modify(|n| *n += 1);
            }
        } else if let Some(directory) = directories.get(&descriptor) {
            directory.changes.send_modify(|n| *n += 1);
        }
    }
}
