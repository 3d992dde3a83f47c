# bollard's own tests, as its crate has them. They want images of these names in a registry that can be pushed to.
registry=127.0.0.1:5001
cat > "$WORK/bollard.yml" <<END
version: 0.1
log: {level: error}
storage: {filesystem: {rootdirectory: $WORK/bollard-registry}}
http: {addr: $registry}
END
docker-registry serve "$WORK/bollard.yml" >/dev/null 2>&1 &
server=$!
trap 'kill $server' EXIT
until (exec 3<>/dev/tcp/127.0.0.1/5001) 2>/dev/null; do sleep 0.05; done

docker pull -q busybox >/dev/null
make() { # NAME COMMAND: an image of busybox with what a shell command leaves there
  docker run --name make busybox sh -c "$2"
  docker commit -c 'CMD ["sh"]' make "$registry/$1" >/dev/null
  docker rm make >/dev/null
  docker push -q "$registry/$1" >/dev/null
  docker rmi "$registry/$1" >/dev/null
}
make hello-world:linux 'printf "#!/bin/sh\nprintf \"\\\\nHello from Docker!\\\\n\"\n" > /hello; chmod +x /hello'
make alpine:latest 'touch /etc/alpine-release'
make fussybeaver/uhttpd:latest \
  'mkdir -p /usr/sbin /www /etc/config; printf "\nconfig uhttpd main\n" > /etc/config/uhttpd; printf "#!/bin/sh\nexec httpd \"\$@\"\n" > /usr/sbin/run_uhttpd; chmod +x /usr/sbin/run_uhttpd'

tests() { # FILE [OPTIONS]: one file of its tests; some look for Docker's socket in its usual place
  unshare --mount --propagation private bash -euc '
    mount -t tmpfs tmpfs /run; touch /run/docker.sock; mount --bind "$SOCKET" /run/docker.sock
    program=$CLIENTS/bollard/tests/$1; shift
    exec "$program" --test-threads 1 "$@"' tests "$@"
}
export REGISTRY_HTTP_ADDR=$registry
for file in container_test distribution exec_test network_test race_test system_test version_test volume_test; do
  tests $file
done
# Left out: what asks Docker Hub or installs packages from the Internet.
tests image_test --skip search_images --skip create_image_wasm --skip issue_55
# Docker has secrets only in a swarm.
[ "${DAEMON:-}" != docker ] || docker swarm init --advertise-addr 127.0.0.1 >/dev/null
tests secret_test
