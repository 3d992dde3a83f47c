//! Layers as tar files: Debian's bootstrap, then packages in an overlay on it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::recipe::{Recipe, Source};
use crate::shell;

/// Makes the recipe's layers and returns their tar files, the lowest first.
pub(crate) fn make(recipe: &Recipe, root: &Path) -> Result<Vec<PathBuf>> {
    let layers = root.join("layers");
    fs::create_dir_all(&layers)?;
    match &recipe.source {
        Source::Busybox => {
            let tar = layers.join("busybox.tar");
            busybox(&tar)?;
            Ok(vec![tar])
        }
        Source::Base => Ok(vec![base(&layers)?]),
        Source::Packages { packages, script } => {
            let base = base(&layers)?;
            let tar = layers.join(format!("{}.tar", recipe.name));
            on_base(&layers, packages, script, &tar)?;
            Ok(vec![base, tar])
        }
    }
}

fn busybox(tar: &Path) -> Result<()> {
    shell::script(
        r#"d=$(mktemp -d); trap 'rm -rf "$d"' EXIT
           mkdir -p "$d"/{bin,dev,etc,home,proc,root,sys,tmp,usr/bin,usr/sbin,sbin,var/spool/mail,var/www}
           chmod 1777 "$d/tmp"; chmod 700 "$d/root"
           cp "$(dpkg -L busybox-static | grep -m1 '/busybox$')" "$d/bin/busybox"; chmod 755 "$d/bin/busybox"
           for a in $("$d/bin/busybox" --list); do [ "$a" = busybox ] || ln "$d/bin/busybox" "$d/bin/$a"; done
           printf 'root:x:0:0:root:/root:/bin/sh\ndaemon:x:1:1:daemon:/usr/sbin:/bin/false\nwww-data:x:33:33:www-data:/var/www:/bin/false\nnobody:x:65534:65534:nobody:/home:/bin/false\n' > "$d/etc/passwd"
           printf 'root:x:0:\ndaemon:x:1:\nwww-data:x:33:\nusers:x:100:nobody\nnogroup:x:65534:\n' > "$d/etc/group"
           tar -C "$d" --numeric-owner --owner=0 --group=0 --sort=name --mtime=@0 -cf "$TAR" ."#,
        &[("TAR", path(tar)?)],
    )?;
    Ok(())
}

/// Debian's smallest root, as a folder for overlays and as a tar.
fn base(layers: &Path) -> Result<PathBuf> {
    let (folder, tar) = (layers.join("base"), layers.join("base.tar"));
    if tar.exists() {
        return Ok(tar);
    }
    let (suite, mirror) = apt_source()?;
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    shell::run(
        Command::new("mmdebstrap")
            .args([
                "--variant=minbase",
                "--aptopt=Acquire::Check-Valid-Until \"false\"",
            ])
            // Documentation and translations are not what tests are about.
            .args([
                "--dpkgopt=path-exclude=/usr/share/doc/*",
                "--dpkgopt=path-exclude=/usr/share/man/*",
            ])
            .args([
                "--dpkgopt=path-exclude=/usr/share/locale/*",
                "--include=ca-certificates",
            ])
            .args([&suite, path(&folder)?, &mirror]),
    )?;
    let half = tar.with_extension("half");
    shell::script(
        r#"tar -C "$FOLDER" --numeric-owner --xattrs --exclude=./dev/* --exclude=./var/cache/apt/archives/*.deb -cf "$TAR" ."#,
        &[("FOLDER", path(&folder)?), ("TAR", path(&half)?)],
    )?;
    fs::rename(half, &tar)?;
    Ok(tar)
}

/// Installs packages into an overlay on the base and packs what changed, deletions as OCI
/// whiteouts. The mounts live in a namespace of their own and end with it.
fn on_base(layers: &Path, packages: &[&str], script: &str, tar: &Path) -> Result<()> {
    let work = tar.with_extension("work");
    if work.exists() {
        fs::remove_dir_all(&work)?;
    }
    fs::create_dir_all(&work)?;
    let half = tar.with_extension("half");
    let mut command = Command::new("unshare");
    command
        .args([
            "--mount",
            "--propagation",
            "private",
            "bash",
            "-euc",
            INSTALL,
        ])
        .env("BASE", layers.join("base"))
        .env("WORK", &work)
        .env("PACKAGES", packages.join(" "))
        .env("SCRIPT", script)
        .env("TAR", &half);
    shell::run(&mut command)?;
    fs::rename(half, tar)?;
    fs::remove_dir_all(&work).with_context(|| format!("cannot remove {}", work.display()))
}

const INSTALL: &str = r#"
cd "$WORK"; mkdir upper work root
mount -t overlay overlay -o "lowerdir=$BASE,upperdir=upper,workdir=work,index=off,metacopy=off,redirect_dir=nofollow" root
mount -t tmpfs tmpfs root/dev; for n in null zero full random urandom tty; do touch root/dev/$n; mount --bind /dev/$n root/dev/$n; done
mount -t proc proc root/proc
cp /etc/resolv.conf root/etc/resolv.conf 2>/dev/null || true
printf '#!/bin/sh\nexit 101\n' > root/usr/sbin/policy-rc.d; chmod +x root/usr/sbin/policy-rc.d
export DEBIAN_FRONTEND=noninteractive LC_ALL=C
for f in /etc/apt/apt.conf.d/*; do [ ! -f "$f" ] || cp "$f" root/etc/apt/apt.conf.d/; done
chroot root apt-get -q -o Acquire::Check-Valid-Until=false update
chroot root apt-get -q -y -o APT::Sandbox::User=root install --no-install-recommends $PACKAGES
chroot root apt-get clean
chroot root bash -euc "$SCRIPT"
rm -rf root/usr/sbin/policy-rc.d root/var/lib/apt/lists/* root/etc/resolv.conf root/tmp/*
umount root/proc; umount -R root/dev; umount root
cd upper
rm -rf dev/* proc/*
find . -type c -printf '%T@ %p\n' | while read -r _ p; do
  [ "$(stat -c %t,%T "$p")" = 0,0 ] || continue
  rm "$p"; touch "$(dirname "$p")/.wh.$(basename "$p")"
done
tar --numeric-owner --xattrs --xattrs-exclude='trusted.*' -cf "$TAR" .
"#;

/// Suite and mirror of the machine's own apt configuration: what it can reach, we can use.
fn apt_source() -> Result<(String, String)> {
    let found = shell::script(
        r#"awk -F'[=" ]+' '$1=="VERSION_CODENAME"{print $2}' /etc/os-release
           mirror=$(sed -n 's/^URIs: *//p' /etc/apt/sources.list.d/*.sources 2>/dev/null | head -n 1)
           [ -n "$mirror" ] || mirror=$(awk '$1=="deb"{for(i=2;i<=NF;i++) if($i ~ /^http/){print $i; exit}}' /etc/apt/sources.list)
           echo "$mirror""#,
        &[],
    )?;
    let mut lines = found.lines().map(str::to_owned);
    match (lines.next(), lines.next()) {
        (Some(suite), Some(mirror)) if !suite.is_empty() && !mirror.is_empty() => {
            Ok((suite, mirror))
        }
        _ => bail!(
            "cannot find a Debian mirror in /etc/apt: the test images are made from Debian's packages"
        ),
    }
}

fn path(path: &Path) -> Result<&str> {
    path.to_str()
        .with_context(|| format!("{} is not UTF-8", path.display()))
}
