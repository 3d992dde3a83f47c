# The stock command line: what people and scripts type, with what they then read.
is() { [ "$2" = "$3" ] || { echo "$1: expected '$3', got '$2'" >&2; exit 1; }; }
has() { case $2 in *"$3"*) ;; *) echo "$1: no '$3' in '$2'" >&2; exit 1;; esac; }
exits() { want=$1; shift; set +e; "$@" >"$WORK/out" 2>"$WORK/err"; code=$?; set -e; is "$*" $code "$want"; }

docker pull -q busybox >/dev/null
is "images" "$(docker images busybox --format '{{.Repository}}:{{.Tag}}')" busybox:latest
is "run's output" "$(docker run --rm busybox echo hello)" hello
exits 7 docker run --rm busybox sh -c 'exit 7'
exits 127 docker run --rm busybox none-such
exits 126 docker run --rm busybox /etc
exits 125 docker run --rm --name /bad/ busybox true
has "a bad name" "$(cat "$WORK/err")" "Invalid container name (/bad/), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed"

id=$(docker run -d --name web --label tier=front -e A=1 busybox sh -c 'trap "exit 0" TERM; echo up; while :; do sleep 0.1; done')
is "the id" ${#id} 64
is "ps" "$(docker ps --format '{{.Names}} {{.Image}} {{.State}} {{.Label "tier"}}')" "web busybox running front"
is "ps -q" "$(docker ps -q)" "${id:0:12}"
is "ps --filter" "$(docker ps -q --filter label=tier=back)" ""
has "ps" "$(docker ps)" "CONTAINER ID   IMAGE     COMMAND"
is "inspect" "$(docker inspect -f '{{.State.Status}} {{.Config.Image}} {{.HostConfig.NetworkMode}}' web)" "running busybox bridge"
is "inspect json" "$(docker inspect -f '{{json .Config.Labels}}' web)" '{"tier":"front"}'
is "exec" "$(docker exec web sh -c 'echo $A')" 1
exits 3 docker exec web sh -c 'exit 3'
is "exec -i" "$(echo given | docker exec -i web cat)" given
exits 1 docker exec none-such true
has "exec" "$(cat "$WORK/err")" "No such container: none-such"
is "logs" "$(docker logs web)" up
echo content > "$WORK/file"
docker cp "$WORK/file" web:/tmp/ 2>/dev/null
is "cp" "$(docker exec web cat /tmp/file)" content
docker cp web:/tmp/file "$WORK/back" 2>/dev/null
is "cp back" "$(cat "$WORK/back")" content
has "top" "$(docker top web)" "sleep"
docker rename web renamed
docker pause renamed >/dev/null
is "paused" "$(docker inspect -f '{{.State.Status}}' renamed)" paused
docker unpause renamed >/dev/null
is "stop" "$(docker stop renamed)" renamed
is "exit code" "$(docker inspect -f '{{.State.ExitCode}}' renamed)" 0
docker start renamed >/dev/null
exits 1 docker rm renamed
has "rm" "$(cat "$WORK/err")" "container is running: stop the container before removing or force remove"
is "rm -f" "$(docker rm -f renamed)" renamed

is "volume" "$(docker volume create data)" data
docker run --rm -v data:/v busybox sh -c 'echo kept > /v/f'
is "volume's content" "$(docker run --rm -v data:/v:ro busybox cat /v/f)" kept
exits 1 docker run --rm -v data:/v:ro busybox sh -c 'echo > /v/f'
docker volume rm data >/dev/null

docker tag busybox mine:1
is "tag" "$(docker images -q mine)" "$(docker images -q busybox)"
docker save mine:1 -o "$WORK/mine.tar"
docker rmi mine:1 >/dev/null
has "load" "$(docker load -i "$WORK/mine.tar")" "Loaded image: mine:1"
docker rmi mine:1 >/dev/null
exits 1 docker rmi none-such
has "rmi" "$(cat "$WORK/err")" "No such image: none-such:latest"

container=$(docker create --cidfile "$WORK/cid" busybox true)
is "cidfile" "$(cat "$WORK/cid")" "$container"
is "start -a" "$(docker start -a "$container"; docker wait "$container")" 0
docker container prune -f >/dev/null
is "nothing is left" "$(docker ps -aq)" ""
has "info" "$(docker info --format '{{.OSType}} {{.Containers}}')" "linux 0"
has "version" "$(docker version --format '{{.Server.APIVersion}}')" "1."
exits 1 docker network inspect none-such
has "network" "$(cat "$WORK/err")" "network none-such not found"
