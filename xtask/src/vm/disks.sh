# Volumes on real file systems: btrfs, ext4, XFS. Sourced by guest.sh.

# disk NAME MKFS...: a file with a file system, on a loop device whose name is in $device
disk() {
  file=/srv/$1.img; shift
  truncate -s 400M "$file"
  check "$* $file" "$@" "$file"
  device=$(losetup -f); losetup "$device" "$file"
}
mounted() { grep -q " $1 " /proc/mounts; }
not_mounted() { ! mounted "$1"; }
data() { echo "/var/lib/gantry/volumes/$1/_data"; }

# What driver options mount.
drivers() {
  for kind in ext4 xfs btrfs; do
    case $kind in ext4) make="mkfs.ext4 -q -F" ;; xfs) make="mkfs.xfs -q" ;; btrfs) make="mkfs.btrfs -q" ;; esac
    disk "plain-$kind" $make
    check "$kind: volume" $G volume create -o type=$kind -o device="$device" -o o=noatime disk
    check "$kind: written" $G run --rm -v disk:/d busybox sh -c 'echo text > /d/file'
    check "$kind: unmounted after the last container" until_true not_mounted "$(data disk)"
    check "$kind: keeper" $G run -d --name keeper -v disk:/d busybox sleep 1000
    contains "$kind: mounted as asked" "$kind rw,noatime" "$(grep " $(data disk) " /proc/mounts)"
    equal "$kind: it kept the data" text "$($G run --rm -v disk:/d:ro busybox cat /d/file)"
    refused "$kind: in use" "volume is in use" $G volume rm disk
    check "$kind: rm of keeper" $G rm -f keeper
    check "$kind: unmounted" until_true not_mounted "$(data disk)"
    check "$kind: volume rm" $G volume rm disk
    [ $kind = btrfs ] || { losetup -d "$device"; rm "/srv/plain-$kind.img"; }
  done
  mkdir -p /mnt/b
  mount -t btrfs "$device" /mnt/b
  check "btrfs: subvolume" btrfs subvolume create /mnt/b/part
  echo "of the part" > /mnt/b/part/file
  umount /mnt/b
  check "btrfs: volume of a subvolume" $G volume create -o type=btrfs -o device="$device" -o o=subvol=part,compress=zstd part
  equal "btrfs: the subvolume's file" "of the part" "$($G run --rm -v part:/d busybox cat /d/file)"
  until_true not_mounted "$(data part)"
  check "btrfs: rm of the part" $G volume rm part
  check "btrfs: volume of a subvolume that is not there" $G volume create -o type=btrfs -o device="$device" -o o=subvol=none none
  refused "btrfs: no such subvolume" "failed to mount local volume" $G run --rm -v none:/d busybox true
  check "btrfs: rm of none" $G volume rm none
  losetup -d "$device"; rm /srv/plain-btrfs.img
}

used_kib() { df -k /mnt/d | awk 'END {print $3}'; }

# A data root on another file system, with a daemon of its own.
data_root() {
  kind=$1 options=$2; shift 2
  disk "root-$kind" "$@"
  mkdir -p /mnt/d
  check "$kind: data root" mount -t "$kind" -o "$options" "$device" /mnt/d
  gantry daemon --data-root /mnt/d/g --exec-root /run/second > /run/second.log 2>&1 &
  second=$!
  G="gantry -H unix:///run/second/gantry.sock"
  check "$kind: its daemon" until_true $G version
  said=$($G load -i /work/busybox.tar 2>&1)
  case $said in *sha256:*) $G tag "sha256:${said##*sha256:}" busybox ;; *) $G tag "${said##*: }" busybox ;; esac
  if [ "$kind" = xfs ]; then
    check "xfs: volume with a size" $G volume create --opt size=8m little
    fill='dd if=/dev/zero of=$1/f bs=1M count=24 2>&1; stat -c %s $1/f; df -k $1 | tail -n 1'
    said=$($G run --rm -v little:/v busybox sh -c "$fill" sh /v 2>&1)
    within "xfs: what went into the volume" 6000000 8388608 "$(echo "$said" | grep -E '^[0-9]+$')"
    contains "xfs: df shows the size" " 8192 " "$said"
    said=$($G run --rm --storage-opt size=8m busybox sh -c "$fill" sh /root 2>&1)
    within "xfs: what a container could write" 6000000 8388608 "$(echo "$said" | grep -E '^[0-9]+$')"
    check "xfs: rm of little" $G volume rm little
  else
    refused "btrfs: no sizes" "quota" $G volume create --opt size=8m little
  fi
  check "$kind: large volume" $G run --rm -v large:/v busybox dd if=/dev/urandom of=/v/f bs=1M count=40
  sync; before=$(used_kib)
  check "$kind: clone" $G volume clone large copy
  check "$kind: snapshot" $G volume snapshot large then
  sync
  within "$kind: they share its blocks (KiB)" 0 8000 $(($(used_kib) - before))
  check "$kind: the volume is changed" $G run --rm -v large:/v busybox sh -c 'echo other > /v/f'
  equal "$kind: the clone is not" 41943040 "$($G run --rm -v copy:/v busybox stat -c %s /v/f)"
  check "$kind: restore" $G volume restore large then
  equal "$kind: as it was then" 41943040 "$($G run --rm -v large:/v busybox stat -c %s /v/f)"
  check "$kind: somebody's volume" $G run --rm -v own:/v busybox chown 7:8 /v
  equal "$kind: its owner is mapped" 0:0 "$($G run --rm --mount type=volume,source=own,target=/v,uid=0,gid=0 busybox stat -c %u:%g /v)"
  check "$kind: daemon stop" gantry daemon stop --data-root /mnt/d/g --exec-root /run/second
  until_true gone $second
  G=gantry
  until_true umount /mnt/d
  losetup -d "$device"; rm "/srv/root-$kind.img"
}

disks() {
  drivers
  data_root xfs prjquota mkfs.xfs -q
  data_root btrfs rw mkfs.btrfs -q
}
