# skopeo and buildah reach a daemon's images through "docker-daemon:", both ways.
is() { [ "$2" = "$3" ] || { echo "$1: expected '$3', got '$2'" >&2; exit 1; }; }
# Runs a program of $CLIENTS/root, which sees this folder and the daemon's socket.
sid() {
  unshare --mount --propagation private bash -euc '
    mkdir -p "$CLIENTS/root$WORK"; mount --rbind "$WORK" "$CLIENTS/root$WORK"
    mount -t tmpfs tmpfs "$CLIENTS/root/run"; touch "$CLIENTS/root/run/docker.sock"
    mount --bind "$SOCKET" "$CLIENTS/root/run/docker.sock" # buildah looks nowhere else
    mount --rbind /dev "$CLIENTS/root/dev"; mount --rbind /proc "$CLIENTS/root/proc"
    exec chroot "$CLIENTS/root" "$@"' sid "$@"
}
daemon() { sid skopeo --insecure-policy "$@"; }
mkdir -p "$DOCKER_CONFIG"; echo '{}' > "$DOCKER_CONFIG/config.json"
docker pull -q busybox >/dev/null
id=$(docker inspect -f '{{.Id}}' busybox)
daemon copy -q --src-daemon-host "$DOCKER_HOST" docker-daemon:busybox:latest "dir:$WORK/copied"
is "the configuration" "sha256:$(sha256sum "$WORK/copied/$(echo "${id#sha256:}")" | cut -d' ' -f1)" "$id"
daemon copy -q --dest-daemon-host "$DOCKER_HOST" "dir:$WORK/copied" docker-daemon:back:one
is "the image is the same" "$(docker inspect -f '{{.Id}}' back:one)" "$id"
is "it runs" "$(docker run --rm back:one echo hello)" hello
is "inspect" "$(daemon inspect --daemon-host "$DOCKER_HOST" --format '{{.Os}}' docker-daemon:busybox:latest)" linux
daemon copy -q --src-tls-verify=false --dest-daemon-host "$DOCKER_HOST" \
  docker://127.0.0.1:5000/library/busybox:latest docker-daemon:fetched:one
is "from a registry" "$(docker run --rm fetched:one echo hello)" hello

export CONTAINERS_STORAGE_CONF="$WORK/storage.conf"
printf '[storage]\ndriver = "vfs"\ngraphroot = "%s/graph"\nrunroot = "%s/runroot"\n' "$WORK" "$WORK" > "$CONTAINERS_STORAGE_CONF"
echo '{"default":[{"type":"insecureAcceptAnything"}]}' > "$WORK/policy.json"
name=$(sid buildah from -q --signature-policy "$WORK/policy.json" docker-daemon:busybox:latest)
sid buildah config --label made=here --cmd 'echo made' "$name"
sid buildah commit -q --signature-policy "$WORK/policy.json" "$name" docker-daemon:built:one >/dev/null
is "buildah's image" "$(docker run --rm built:one)" made
is "its label" "$(docker inspect -f '{{.Config.Labels.made}}' built:one)" here
sid buildah rm "$name" >/dev/null
