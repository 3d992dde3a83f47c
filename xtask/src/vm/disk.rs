//! What a run brings into the guest: an initramfs, which loads modules, and a disk with the program
//! and the checks.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::kernel::Kernel;
use super::{folder, text};
use crate::{cache, shell};

/// The checks, by the names under which the guest finds them.
const SCRIPTS: [(&str, &str); 6] = [
    ("init", include_str!("init.sh")),
    ("guest.sh", include_str!("guest.sh")),
    ("wires.sh", include_str!("wires.sh")),
    ("disks.sh", include_str!("disks.sh")),
    ("servers.sh", include_str!("servers.sh")),
    ("firewalld.sh", include_str!("firewalld.sh")),
];

/// What qemu is given besides the kernel and the root. The files go with it.
pub(crate) struct Disk {
    folder: PathBuf,
}

impl Disk {
    pub(crate) fn initramfs(&self) -> PathBuf {
        self.folder.join("initramfs")
    }

    pub(crate) fn image(&self) -> PathBuf {
        self.folder.join("disk")
    }

    /// Where what the guest changes on its root may be put.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // What stays, `remove_left_behind` finds.
        drop(fs::remove_dir_all(&self.folder));
    }
}

/// Makes both for one run.
pub(crate) fn make(kernel: &Kernel, gantry: &Path) -> Result<Disk> {
    remove_left_behind()?;
    let disk = Disk {
        folder: folder().join(format!("guest.run-{}", std::process::id())),
    };
    let work = disk.folder.join("work");
    fs::create_dir_all(&work)?;
    for (name, script) in SCRIPTS {
        fs::write(work.join(name), script)?;
    }
    fs::copy(gantry, work.join("gantry"))
        .with_context(|| format!("cannot read {}", gantry.display()))?;
    let layout = cache::dir().join("layouts/busybox");
    let mut tar = tar::Builder::new(File::create(work.join("busybox.tar"))?);
    tar.append_dir_all(".", &layout).with_context(|| {
        format!(
            "cannot pack {}; `cargo xtask images` makes it",
            layout.display()
        )
    })?;
    tar.into_inner()?;
    let modules = kernel.modules();
    let vars = [
        ("FOLDER", text(&disk.folder)?),
        ("MODULES", text(&modules)?),
    ];
    shell::script(BUILD, &vars)?;
    Ok(disk)
}

/// Folders of runs that were killed; the name ends with the process that made them.
fn remove_left_behind() -> Result<()> {
    for entry in fs::read_dir(folder())? {
        let path = entry?.path();
        let maker = path
            .extension()
            .and_then(|e| e.to_str()?.strip_prefix("run-"));
        if maker.is_some_and(|pid| !Path::new("/proc").join(pid).exists()) {
            fs::remove_dir_all(&path)?;
        }
    }
    Ok(())
}

/// The root is a real ext4 and not the initramfs: nothing can pivot away from that one.
const BUILD: &str = r#"
cd "$FOLDER"
mkdir -p early/bin early/new early/modules
cp "$(dpkg -L busybox-static | grep -m1 '/busybox$')" early/bin/busybox
cp "$MODULES"/* early/modules/
cat > early/init <<'INIT'
#!/bin/busybox sh
/bin/busybox mkdir -p /bin /proc /dev; /bin/busybox --install -s /bin; export PATH=/bin
mount -t proc proc /proc; mount -t devtmpfs dev /dev
while read -r m; do insmod "/modules/$m" || echo "guest: module $m does not load"; done < /modules/order
mount -t ext4 -o prjquota /dev/vda /new && mount -t ext4 -o ro /dev/vdb /new/work || { echo "guest: the disks cannot be mounted"; poweroff -f; }
cp /proc/cmdline /new/cmdline; umount /proc /dev
exec switch_root /new /work/init
INIT
chmod 755 early/init work/init work/gantry
(cd early && find . | cpio --quiet -o -H newc) > initramfs
truncate -s 1G disk
mkfs.ext4 -q -F -d work disk
rm -rf early work
"#;
