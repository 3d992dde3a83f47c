//! The guest's initramfs, which loads modules, and its disk, which is a small Debian-like host.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::kernel::Kernel;
use crate::{cache, shell};

/// What qemu is given besides the kernel. The files go with it.
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
}

impl Drop for Disk {
    fn drop(&mut self) {
        // What stays, `remove_left_behind` finds.
        drop(fs::remove_dir_all(&self.folder));
    }
}

/// Makes both for one run.
pub(crate) fn make(kernel: &Kernel, gantry: &Path) -> Result<Disk> {
    remove_left_behind(&kernel.folder)?;
    let folder = kernel
        .folder
        .with_extension(format!("run-{}", std::process::id()));
    let disk = Disk { folder };
    let guest = disk.folder.join("root");
    fs::create_dir_all(&guest)?;
    fs::write(guest.join("guest.sh"), include_str!("guest.sh"))?;
    fs::write(guest.join("init"), include_str!("init.sh"))?;
    fs::copy(gantry, guest.join("gantry"))
        .with_context(|| format!("cannot read {}", gantry.display()))?;
    let layout = cache::dir().join("layouts/busybox");
    let mut tar = tar::Builder::new(File::create(guest.join("busybox.tar"))?);
    tar.append_dir_all(".", &layout).with_context(|| {
        format!(
            "cannot pack {}; `cargo xtask images` makes it",
            layout.display()
        )
    })?;
    tar.into_inner()?;
    let (folder, modules) = (text(&disk.folder)?, text(&kernel.modules())?);
    let parser = text(&kernel.apparmor_parser())?;
    shell::script(
        BUILD,
        &[
            ("FOLDER", &folder),
            ("MODULES", &modules),
            ("PARSER", &parser),
        ],
    )?;
    Ok(disk)
}

/// Folders of runs that were killed; the name ends with the process that made them.
fn remove_left_behind(kernel: &Path) -> Result<()> {
    let folder = kernel.parent().context("the kernel lies in no folder")?;
    for entry in fs::read_dir(folder)? {
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
busybox=$(dpkg -L busybox-static | grep -m1 '/busybox$')
mkdir -p early/bin early/new early/modules root/{bin,dev,etc,proc,root,run,sys,tmp,var/lib/gantry}
cp "$busybox" early/bin/busybox; cp "$busybox" root/bin/busybox
cp "$MODULES"/* early/modules/
for a in $("$busybox" --list); do [ "$a" = busybox ] || ln -s busybox "root/bin/$a"; done
mv root/gantry root/bin/gantry; chmod 755 root/bin/gantry root/init
echo 'root:x:0:0:root:/root:/bin/sh' > root/etc/passwd
echo 'root:x:0:' > root/etc/group
echo '127.0.0.1 localhost' > root/etc/hosts
echo 'nameserver 192.0.2.53' > root/etc/resolv.conf
with_libraries() {
  for f in $(ldd "$1" | grep -o '/[^ ]*'); do mkdir -p "root$(dirname "$f")"; cp -L "$f" "root$f"; done
}
cp "$PARSER" root/bin/apparmor_parser; chmod 755 root/bin/apparmor_parser
with_libraries "$PARSER"
if nft=$(command -v nft); then
  with_libraries "$nft"
  cp -L "$nft" root/bin/nft
fi
cat > early/init <<'INIT'
#!/bin/busybox sh
/bin/busybox mkdir -p /bin /proc /dev; /bin/busybox --install -s /bin; export PATH=/bin
mount -t proc proc /proc; mount -t devtmpfs dev /dev
while read -r m; do insmod "/modules/$m" || echo "guest: module $m does not load"; done < /modules/order
mount -t ext4 -o prjquota /dev/vda /new || { echo "guest: the disk cannot be mounted"; poweroff -f; }
cp /proc/cmdline /new/cmdline; umount /proc /dev
exec switch_root /new /init
INIT
chmod 755 early/init
(cd early && find . | cpio --quiet -o -H newc) > initramfs
truncate -s 1G disk
mkfs.ext4 -q -F -O quota,project -E quotatype=prjquota -d root disk
rm -rf early root
"#;

fn text(path: &Path) -> Result<String> {
    path.to_str()
        .map(str::to_owned)
        .with_context(|| format!("{} is not UTF-8", path.display()))
}
