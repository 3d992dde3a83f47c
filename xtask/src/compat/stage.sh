# A daemon in namespaces of its own. KIND is docker or gantry, F its folder (made by the caller), ROOT the peers' root.
# Runs as the first process of a PID namespace: when it is killed, all in it goes.
ip link set lo up
mount -t proc proc /proc
docker-registry serve "$F/registry.yml" >/dev/null 2>&1 &
cp -r "$SERVED" "$F/served"; find "$F/served" -exec touch -d @1400000000 {} +
python3 -m http.server 5001 --bind 127.0.0.1 --directory "$F/served" >/dev/null 2>&1 &
case $KIND in
gantry)
  "$GANTRY" daemon --config-file "$F/daemon.json" --data-root "$F/data" --exec-root "$F/run" \
    --cgroup-parent "$CGROUP" >"$F/log" 2>&1 & ;;
docker)
  # Docker sees the peers' root, the rest of the world the machine's: clients are run from there.
  unshare --mount --propagation private bash -euc '
    mount --bind "$ROOT" "$ROOT"
    mount -t tmpfs tmpfs "$ROOT/run"
    mkdir -p "$ROOT/run/stage" "$ROOT/peerdata" "$ROOT$F"
    mount --bind "$F" "$ROOT$F" # what clients mount from their folder
    mount --bind "$F/run" "$ROOT/run/stage"
    mount --bind "$F/data" "$ROOT/peerdata"
    mount --rbind /proc "$ROOT/proc"; mount --rbind /dev "$ROOT/dev"
    mount -t sysfs sysfs "$ROOT/sys"; mount --rbind /sys/fs/cgroup "$ROOT/sys/fs/cgroup"
    mkdir -p "$ROOT/.old"; cd "$ROOT"; pivot_root . .old; umount -l /.old; cd /
    mount --make-rshared /
    exec /usr/sbin/dockerd --data-root /peerdata --exec-root /run/docker --pidfile /run/stage/dockerd.pid \
      -H unix:///run/stage/gantry.sock --bip 172.30.0.1/16 --registry-mirror http://127.0.0.1:5000 \
      --cgroup-parent "$CGROUP"' >"$F/log" 2>&1 & ;;
esac
while :; do sleep 3600 & wait $!; done
