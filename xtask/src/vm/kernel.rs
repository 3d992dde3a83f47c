//! Debian's cloud kernels, from Debian's packages.

use std::path::{Path, PathBuf};

use anyhow::Result;

use super::{Suite, kept, packages, text};

/// What is needed of a kernel to boot it.
pub(crate) struct Kernel {
    /// Below it: `vmlinuz`, and `modules` with plain modules and their `order` of loading.
    folder: PathBuf,
}

impl Kernel {
    pub(crate) fn image(&self) -> PathBuf {
        self.folder.join("vmlinuz")
    }

    pub(crate) fn modules(&self) -> PathBuf {
        self.folder.join("modules")
    }
}

/// What a host of containers has loaded; modules that they need come along. Then what drivers of
/// networks and volumes need, and what a host that serves files needs for that.
const MODULES: &str = "virtio_pci virtio_blk crc32c_generic quota_v2 ext4 overlay erofs loop veth bridge \
    br_netfilter nf_tables nf_conntrack nf_conntrack_netlink nf_nat nft_chain_nat nft_ct nft_nat nft_masq nft_redir \
    nft_fib_inet nft_reject_inet nft_limit nft_log nft_numgen tun \
    macvlan ipvlan 8021q dummy sctp btrfs xfs nfsv3 nfsv4 nfsd cifs cmac hmac md5 sha256_generic sha512_generic ecb ctr ghash_generic ccm gcm \
    nls_utf8";

/// Downloads and unpacks the kernel of a suite, once.
pub(crate) fn fetch(suite: Suite) -> Result<Kernel> {
    // The number is that of what is fetched: another set of modules is another folder.
    let folder = kept(&format!("{}-kernel-3", suite.name()), |half: &Path| {
        eprintln!("fetching the cloud kernel of {}", suite.name());
        packages::script(suite, text(half)?, FETCH, &[("MODULES", MODULES)])
    })?;
    Ok(Kernel { folder })
}

/// The modules come out plain, as busybox's insmod wants them. One that a kernel has built in is
/// nothing to load; one that it lacks is missed by the checks that need it.
const FETCH: &str = r#"
mkdir tree modules
package=$(apt-cache "${private[@]}" depends --important linux-image-cloud-amd64 | awk '$1=="Depends:"{print $2; exit}')
apt-get "${private[@]}" download "$package"
dpkg-deb -x "$package"_*.deb tree
[ -e tree/lib ] || ln -s usr/lib tree/lib
version=$(ls tree/lib/modules)
depmod -b tree "$version"
cp tree/boot/vmlinuz-"$version" vmlinuz
for wanted in $MODULES; do
  modprobe -d "$PWD/tree" -S "$version" --show-depends "$wanted" || echo "no module $wanted in $version" >&2
done | awk '$1=="insmod" && !seen[$2]++ {print $2}' | while read -r file; do
  name=$(basename "$file" .xz)
  case $file in *.xz) busybox xz -dc "$file" > "modules/$name" ;; *) cp "$file" "modules/$name" ;; esac
  echo "$name" >> modules/order
done
rm -rf tree apt ./*.deb
"#;
