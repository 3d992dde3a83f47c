#!/bin/sh
# The guest's first process: a host as systemd would leave it, pure cgroup v2, then the checks.
export PATH=/work:/bin:/sbin HOME=/root
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t securityfs security /sys/kernel/security
mount -t devtmpfs dev /dev
mkdir -p /dev/pts /dev/shm
mount -t devpts -o gid=5,mode=620,ptmxmode=666 devpts /dev/pts
mount -t tmpfs -o mode=1777 shm /dev/shm
mount -t tmpfs -o mode=755 run /run
mount -t tmpfs -o mode=1777 tmp /tmp
mount -t cgroup2 -o nsdelegate cgroup2 /sys/fs/cgroup
mount --make-rshared /
hostname guest
ip link set lo up
# Older kernels make one when the module is loaded.
ip link delete dummy0 2>/dev/null
word() { sed -n "s/.*gantry\\.$1=\\([a-z_,]*\\).*/\\1/p" /cmdline | tr , ' '; }
driver=$(word driver) parts=$(word parts) sh /work/guest.sh < /dev/null 2>&1
sync
poweroff -f
