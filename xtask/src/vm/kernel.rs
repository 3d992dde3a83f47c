//! Debian's cloud kernels, from Debian's packages.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::Suite;
use crate::{cache, shell};

/// What is needed of a kernel to boot it.
pub(crate) struct Kernel {
    /// Below it: `vmlinuz`, and `modules` with plain modules and their `order` of loading,
    /// `apparmor_parser`.
    pub(crate) folder: PathBuf,
}

impl Kernel {
    pub(crate) fn image(&self) -> PathBuf {
        self.folder.join("vmlinuz")
    }

    /// The program that loads AppArmor's profiles.
    pub(crate) fn apparmor_parser(&self) -> PathBuf {
        self.folder.join("apparmor_parser")
    }

    pub(crate) fn modules(&self) -> PathBuf {
        self.folder.join("modules")
    }
}

/// What a host of containers has loaded; modules that they need come along.
const MODULES: &str = "virtio_pci virtio_blk crc32c_generic quota_v2 ext4 overlay erofs loop veth bridge \
    br_netfilter nf_tables nf_conntrack nf_nat nft_chain_nat nft_ct nft_nat nft_masq nft_redir \
    nft_fib_inet nft_reject_inet nft_limit nft_log nft_numgen tun";

/// Downloads and unpacks the kernel of a suite, once.
pub(crate) fn fetch(suite: Suite) -> Result<Kernel> {
    // The number is that of what is fetched: another set of modules is another folder.
    let folder = cache::dir().join("vm").join(format!("{}-2", suite.name()));
    if !folder.exists() {
        eprintln!("fetching the cloud kernel of {}", suite.name());
        let half = folder.with_extension("half");
        if half.exists() {
            fs::remove_dir_all(&half)?;
        }
        fs::create_dir_all(&half)?;
        shell::script(
            FETCH,
            &[
                ("SUITE", suite.name()),
                ("FOLDER", text(&half)?),
                ("MODULES", MODULES),
            ],
        )?;
        fs::rename(&half, &folder)?;
    }
    Ok(Kernel { folder })
}

/// A private apt with one suite, from the mirror of the machine's own configuration: what it can
/// reach, we can use. The modules come out plain, as busybox's insmod wants them.
const FETCH: &str = r#"
cd "$FOLDER"
mirror=$(sed -n 's/^URIs: *//p' /etc/apt/sources.list.d/*.sources 2>/dev/null | head -n 1)
[ -n "$mirror" ] || mirror=$(awk '$1=="deb"{for(i=2;i<=NF;i++) if($i ~ /^http/){print $i; exit}}' /etc/apt/sources.list 2>/dev/null) || true
[ -n "$mirror" ] || { echo "no Debian mirror in /etc/apt: the kernels come from Debian's packages" >&2; exit 1; }
mkdir -p apt/lists/partial apt/cache/archives/partial tree
echo "deb [arch=amd64 signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror $SUITE main" > apt/sources.list
private=(-q -o Dir::Etc::SourceList="$PWD/apt/sources.list" -o Dir::Etc::SourceParts=- -o Dir::State::Lists="$PWD/apt/lists"
  -o Dir::Cache="$PWD/apt/cache" -o APT::Sandbox::User=root -o Acquire::Check-Valid-Until=false -o Acquire::Languages=none)
apt-get "${private[@]}" update
package=$(apt-cache "${private[@]}" depends --important linux-image-cloud-amd64 | awk '$1=="Depends:"{print $2; exit}')
apt-get "${private[@]}" download "$package"
dpkg-deb -x "$package"_*.deb tree
[ -e tree/lib ] || ln -s usr/lib tree/lib
version=$(ls tree/lib/modules)
depmod -b tree "$version"
cp tree/boot/vmlinuz-"$version" vmlinuz
mkdir modules
for wanted in $MODULES; do
  modprobe -d "$PWD/tree" -S "$version" --show-depends "$wanted"
done | awk '$1=="insmod" && !seen[$2]++ {print $2}' | while read -r file; do
  name=$(basename "$file" .xz)
  case $file in *.xz) busybox xz -dc "$file" > "modules/$name" ;; *) cp "$file" "modules/$name" ;; esac
  echo "$name" >> modules/order
done
# What loads AppArmor's profiles, from the machine's own release: it runs on the machine's libraries.
apt-get -q -o APT::Sandbox::User=root download apparmor
dpkg-deb -x apparmor_*.deb parser
cp "$(find parser -name apparmor_parser -type f)" apparmor_parser
rm -rf tree apt parser ./*.deb
"#;

fn text(path: &Path) -> Result<&str> {
    path.to_str()
        .with_context(|| format!("{} is not UTF-8", path.display()))
}
