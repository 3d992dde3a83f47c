//! What is left of a container: its exit record, and nothing else.

use std::io::{self, Write};
use std::path::Path;

use gantry_cgroups::Cgroup;

use crate::protocol::{EXIT_FILE, ExitRecord, SOCKET_FILE};

/// Writes the exit record, all or nothing: readers see the whole file or none.
pub(crate) fn write_record(run_dir: &Path, record: &ExitRecord) {
    if let Err(error) = try_write(run_dir, record) {
        crate::say(&format!(
            "write {EXIT_FILE} in {}: {error}",
            run_dir.display()
        ));
    }
}

fn try_write(run_dir: &Path, record: &ExitRecord) -> io::Result<()> {
    let temporary = run_dir.join(format!(".{EXIT_FILE}.new"));
    let mut file = std::fs::File::create(&temporary)?;
    file.write_all(&serde_json::to_vec(record)?)?;
    std::fs::rename(&temporary, run_dir.join(EXIT_FILE))
}

/// Removes the door for daemons.
pub(crate) fn remove_socket(run_dir: &Path) {
    // Whoever is to be launched here next removes what could not be removed now.
    let _ = std::fs::remove_file(run_dir.join(SOCKET_FILE));
}

/// Removes the container's cgroup, whose processes are killed or dead already.
pub(crate) fn remove_cgroup(cgroup: &Cgroup) {
    if let Err(error) = cgroup.remove() {
        crate::say(&format!("remove the container's cgroup: {error}"));
    }
}
