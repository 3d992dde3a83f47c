# docker compose (the plugin): three services that wait for each other, and what one does with them.
is() { [ "$2" = "$3" ] || { echo "$1: expected '$3', got '$2'" >&2; docker compose ps -a >&2; docker compose logs >&2; exit 1; }; }
has() { case $2 in *"$3"*) ;; *) echo "$1: no '$3' in '$2'" >&2; exit 1;; esac; }
mkdir -p "$DOCKER_CONFIG/cli-plugins" "$WORK/shop"
cp "$CLIENTS/compose/docker-compose" "$DOCKER_CONFIG/cli-plugins/"
cd "$WORK/shop"
echo "from the host" > page
cat > compose.yaml <<'END'
services:
  cache:
    image: redis
    volumes: [cache:/data]
    healthcheck:
      test: ["CMD", "redis-cli", "ping"]
      interval: 300ms
      retries: 30
  web:
    image: nginx
    depends_on: {cache: {condition: service_healthy}}
    ports: ["127.0.0.1:18080:80"]
    volumes: ["./page:/var/www/html/page:ro"]
    stop_signal: SIGTERM
    healthcheck:
      test: ["CMD-SHELL", "test -e /run/nginx.pid"]
      interval: 300ms
      retries: 30
  worker:
    image: busybox
    init: true
    command: ["sh", "-c", "echo working; sleep 1000"]
    environment: {ROLE: worker, OTHER: "${OTHER:-default}"}
    depends_on: {web: {condition: service_healthy}}
    networks: {default: {aliases: [hand]}, back: {}}
    healthcheck: {test: ["CMD", "true"], interval: 300ms}
networks: {back: {internal: true}}
volumes: {cache: {}}
END
docker compose config -q
docker compose up -d --wait --quiet-pull
is "services" "$(docker compose ps --format '{{.Service}} {{.State}} {{.Health}}' | sort | tr '\n' ',')" \
  "cache running healthy,web running healthy,worker running healthy,"
has "the published port" "$(curl -fs http://127.0.0.1:18080/page)" "from the host"
has "a name" "$(docker compose exec -T worker wget -qO- http://web/page)" "from the host"
has "another name" "$(docker compose exec -T worker sh -c 'ping -c1 -w5 cache')" "1 packets received"
is "environment" "$(docker compose exec -T worker sh -c 'echo $ROLE $OTHER')" "worker default"
has "logs" "$(docker compose logs worker)" "working"
is "exec's code" "$(docker compose exec -T worker sh -c 'exit 4' >/dev/null 2>&1; echo $?)" 4 || true
is "run" "$(docker compose run --rm -T --no-deps worker echo once 2>/dev/null)" once
is "run's code" "$(docker compose run --rm -T --no-deps worker sh -c 'exit 5' >/dev/null 2>&1; echo $?)" 5
docker compose cp page worker:/tmp/page 2>/dev/null
is "cp" "$(docker compose exec -T worker cat /tmp/page)" "from the host"
docker compose up -d --no-recreate --scale worker=3 2>/dev/null
is "scale" "$(docker compose ps -q worker | wc -l)" 3
docker compose up -d --scale worker=1 2>/dev/null
is "scale down" "$(docker compose ps -q worker | wc -l)" 1
before=$(docker compose ps -q web)
docker compose up -d 2>/dev/null
is "nothing is made again" "$(docker compose ps -q web)" "$before"
OTHER=changed docker compose up -d --wait 2>/dev/null
is "what changed is made again" "$(docker compose exec -T worker sh -c 'echo $OTHER')" changed
is "port" "$(docker compose port web 80)" 127.0.0.1:18080
has "top" "$(docker compose top cache)" redis-server
has "ls" "$(docker compose ls)" "shop"
docker compose restart -t 1 worker 2>/dev/null
docker compose pause worker 2>/dev/null
docker compose unpause worker 2>/dev/null
docker compose stop -t 1 2>/dev/null
is "stopped" "$(docker compose ps -q)" ""
docker compose start 2>/dev/null
docker compose kill -s KILL worker 2>/dev/null
docker compose rm -f worker 2>/dev/null >&2
docker compose down -v -t 1 2>/dev/null
is "no container is left" "$(docker ps -aq)" ""
is "no volume is left" "$(docker volume ls -q --filter label=com.docker.compose.project=shop)" ""
is "no network is left" "$(docker network ls -q --filter label=com.docker.compose.project=shop)" ""
