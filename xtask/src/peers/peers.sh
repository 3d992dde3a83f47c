# A Debian sid root with Docker, Podman and their tools. ROOT is where; needs root rights, and only Debian's packages.
# It pivots into the root instead of chrooting: below a mere chroot, an engine's exec would enter the machine's own root.
set -euo pipefail
verb=$1; shift
state=$ROOT/run/peer
packages=ca-certificates,iproute2,iptables,nftables,procps,docker.io,docker-cli,containerd,runc,crun,podman,buildah,skopeo,docker-compose,docker-buildx,docker-registry,netavark,aardvark-dns,conmon,busybox-static,erofs-utils,curl,jq

enter() { # CMD...: in new mount and network namespaces with ROOT as the root
  unshare --mount --net --propagation private bash -euc '
    root=$1; shift
    chroot "$root" ip link set lo up
    for d in proc dev; do mount --rbind /$d "$root/$d"; done
    mount -t sysfs sysfs "$root/sys"; mount --rbind /sys/fs/cgroup "$root/sys/fs/cgroup"
    mkdir -p "$root/.old"; cd "$root"; pivot_root . .old; umount -l /.old; cd /
    mount --make-rshared /
    exec "$@"' enter "$ROOT" "$@"
}
mounts() {
  mountpoint -q "$ROOT" || mount --bind "$ROOT" "$ROOT"
  mountpoint -q "$ROOT/run" || mount -t tmpfs tmpfs "$ROOT/run"
  mkdir -p "$ROOT/peerdata" "$state"
}
answers() { curl -fs --unix-socket "$state/docker.sock" http://d/_ping >/dev/null 2>&1; }

case $verb in
make)
  if [ ! -x "$ROOT/usr/sbin/dockerd" ]; then
    command -v mmdebstrap >/dev/null || { apt-get update -q; apt-get install -y -q mmdebstrap; }
    mirror=$(sed -n 's/^URIs: *//p' /etc/apt/sources.list.d/*.sources 2>/dev/null | head -n 1)
    [ -n "$mirror" ] || mirror=$(awk '$1=="deb"{for(i=2;i<=NF;i++) if($i ~ /^http/){print $i; exit}}' /etc/apt/sources.list)
    mkdir -p "$(dirname "$ROOT")"
    mmdebstrap --aptopt='Acquire::Check-Valid-Until "false"' --variant=minbase --include=$packages sid "$ROOT" "$mirror"
  fi
  echo "$ROOT" ;;
up)
  [ -x "$ROOT/usr/sbin/dockerd" ] || { echo "no peers in $ROOT: cargo xtask peers make" >&2; exit 1; }
  mounts
  if ! answers; then
    enter setsid /usr/sbin/dockerd --data-root /peerdata/docker --exec-root /run/docker --pidfile /run/peer/dockerd.pid \
      -H unix:///run/peer/docker.sock --bip "${BIP:-172.30.0.1/16}" --registry-mirror http://127.0.0.1:5000 \
      >"$state/dockerd.log" 2>&1 </dev/null &
    for _ in $(seq 200); do answers && break; sleep 0.1; done
    answers || { tail -n 5 "$state/dockerd.log" >&2; exit 1; }
  fi
  echo "export DOCKER_HOST=unix://$state/docker.sock" ;;
in)
  mounts
  if [ -s "$state/dockerd.pid" ]; then
    exec nsenter --mount --net --target "$(cat "$state/dockerd.pid")" -- "$@"
  fi
  enter "$@" ;;
down)
  if [ -s "$state/dockerd.pid" ]; then
    pid=$(cat "$state/dockerd.pid"); kill "$pid" || true
    for _ in $(seq 300); do [ -d "/proc/$pid" ] || break; sleep 0.1; done
  fi
  for d in run ""; do if mountpoint -q "$ROOT/$d"; then umount "$ROOT/$d"; fi; done ;;
esac
