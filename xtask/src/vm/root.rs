//! The guest's root: what a Debian host has installed that serves files, has a firewall and looks
//! at its network. Made once for each release; a guest's changes are its own.

use std::path::{Path, PathBuf};

use anyhow::Result;

use super::{Suite, kept, packages, text};

/// Servers of files, file systems, a firewall with its bus, and what looks at all that.
const PACKAGES: &str = "nfs-kernel-server samba samba-common-bin rpcbind netbase btrfs-progs xfsprogs e2fsprogs firewalld dbus \
    nftables iproute2 socat apparmor";

/// The image of a release's root, an ext4 that keeps project quotas.
pub(crate) fn image(suite: Suite) -> Result<PathBuf> {
    // The number is that of the script and of the list above.
    let folder = kept(&format!("{}-root-1", suite.name()), |half: &Path| {
        eprintln!("making the guest's root of {}", suite.name());
        packages::script(suite, text(half)?, BUILD, &[("PACKAGES", PACKAGES)])
    })?;
    Ok(folder.join("root.img"))
}

/// Packages are unpacked and not installed: nothing of them is to start by itself. Busybox does what
/// no package is there for.
const BUILD: &str = r#"
apt-get "${private[@]}" install --yes --download-only $PACKAGES
mkdir -p root/usr/{bin,sbin,lib,lib64} root/{dev,etc,proc,root,run,sys,tmp,srv,work,mnt,var/lib/gantry,var/log/samba}
for name in bin sbin lib lib64; do ln -s usr/$name root/$name; done
for package in apt/cache/archives/*.deb; do
  dpkg-deb --fsys-tarfile "$package" |
    tar -x -C root --keep-directory-symlink --exclude='./usr/share/doc' --exclude='./usr/share/man' --exclude='./usr/share/locale'
done
busybox=$(dpkg -L busybox-static | grep -m1 '/busybox$')
cp "$busybox" root/usr/bin/busybox
for applet in $("$busybox" --list); do
  [ -e "root/usr/bin/$applet" ] || [ -e "root/usr/sbin/$applet" ] || ln -s busybox "root/usr/bin/$applet"
done
cat > root/etc/passwd <<'USERS'
root:x:0:0:root:/root:/bin/sh
messagebus:x:100:100::/nonexistent:/bin/false
_rpc:x:101:65534::/run/rpcbind:/bin/false
statd:x:102:65534::/var/lib/nfs:/bin/false
polkitd:x:103:103::/:/bin/false
nobody:x:65534:65534::/nonexistent:/bin/false
USERS
printf '%s\n' root:x:0: messagebus:x:100: polkitd:x:103: nogroup:x:65534: > root/etc/group
printf '%s\n' '127.0.0.1 localhost' '127.0.0.1 files.test' > root/etc/hosts
echo 'nameserver 192.0.2.53' > root/etc/resolv.conf
mkdir -p root/var/lib/nfs/{sm,sm.bak,v4recovery} root/var/lib/samba/private root/var/cache/samba root/etc/samba
touch root/var/lib/nfs/{etab,rmtab}
ldconfig -r root
# Without the processor's own speed, firewalld would take a minute to be read.
for folder in root/usr/lib/python3*; do
  chroot root /usr/bin/python3 -m compileall -q -x '/(test|tests|idlelib)/' "${folder#root}" > /dev/null
done
truncate -s 4G root.img
mkfs.ext4 -q -F -O quota,project -E quotatype=prjquota -d root root.img
rm -rf root apt
"#;
