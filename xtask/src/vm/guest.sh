# Runs in the guest: the short form of the story and of the limits, on pure cgroup v2, and with the
# files beside it what the build machine's kernel and services cannot do.
# Each check prints "ok NAME", or "FAILED NAME" and why; the last line counts them.
passed=0 failed=0
G=gantry

ok() { passed=$((passed + 1)); echo "ok $1"; }
bad() { failed=$((failed + 1)); echo "FAILED $1${2:+: $2}"; }
# check NAME COMMAND...: the command succeeds; what it says is shown only if not.
check() {
  name=$1; shift
  if said=$("$@" 2>&1); then ok "$name"; else bad "$name" "status $?: $said"; fi
}
# equal NAME WANTED FOUND
equal() { if [ "$2" = "$3" ]; then ok "$1"; else bad "$1" "wanted '$2', found '$3'"; fi; }
# within NAME LOW HIGH FOUND
within() { if [ "$4" -ge "$2" ] 2>/dev/null && [ "$4" -le "$3" ]; then ok "$1"; else bad "$1" "wanted $2 to $3, found '$4'"; fi; }
# contains NAME WANTED FOUND
contains() { case $3 in *"$2"*) ok "$1" ;; *) bad "$1" "no '$2' in '$3'" ;; esac; }
# until COMMAND...: it succeeds within 20 s
until_true() { n=0; until "$@" > /dev/null 2>&1; do n=$((n + 1)); [ $n -lt 100 ] || return 1; sleep 0.2; done; }

field() { $G inspect -f "{{$2}}" "$1"; }
running() { [ "$(field "$1" .State.Running)" = true ]; }
ended() { [ "$(field "$1" .State.Running)" = false ]; }
cgroup() { find /sys/fs/cgroup -type d -name "*$(field "$1" .Id)*" | head -n 1; }
uptime_us() { awk '{printf "%d", $1 * 1000000}' /proc/uptime; }
used_us() { awk '$1 == "usage_usec" {print $2}' "$1/cpu.stat"; }
said() { $G logs "$1" 2>&1 | grep -q "$2"; }
daemon_pid() { for p in /proc/[0-9]*; do case $(tr '\0' ' ' < "$p/cmdline" 2>/dev/null) in *" daemon "*) echo "${p#/proc/}"; return ;; esac; done; return 1; }
# page PORT PATH: the body; busybox's wget (1.35) dies of a null pointer when given -T.
page() {
  answer=$(printf 'GET %s HTTP/1.0\r\n\r\n' "$2" | timeout 5 nc 127.0.0.1 "$1" | tr -d '\r') || return
  case $answer in "HTTP/1."?" 200 "*) echo "$answer" | sed '1,/^$/d' ;; *) return 1 ;; esac
}
gone() { [ ! -d "/proc/$1" ]; }

echo "guest: $(uname -r), up for $(cut -d' ' -f1 /proc/uptime) s"

# Without a daemon that answers there is nothing to try, and each command would wait for it.
check "the daemon starts" $G info
[ $failed = 0 ] || { cat /run/gantry/daemon.log; echo "guest: $passed passed, $failed failed"; exit 1; }

story() {
  contains "the first command greets" "Hello" "$($G run --rm gantry/hello 2>&1)"
  info=$($G info 2>&1)
  contains "info names the storage driver" "Storage Driver: $driver" "$info"
  contains "info knows cgroup v2" "Cgroup Version: 2" "$info"

  said=$($G load -i /work/busybox.tar 2>&1)
  contains "load" "Loaded image" "$said"
  case $said in *sha256:*) check "tag" $G tag "sha256:${said##*sha256:}" busybox ;; *) check "tag" $G tag "${said##*: }" busybox ;; esac

  check "run -d -p" $G run -d -p 8080:80 --name web busybox sh -c 'echo hello from web > /var/www/index.html; echo serving; exec httpd -f -p 80 -h /var/www'
  until_true page 8080 /
  equal "published port" "hello from web" "$(page 8080 / 2>&1)"
  equal "exec" "inside" "$($G exec web echo inside 2>&1)"
  $G exec web sh -c 'exit 42' > /dev/null 2>&1; equal "exec's status" 42 $?
  equal "logs" "serving" "$($G logs web 2>&1)"
  equal "own cgroup namespace" "0::/" "$($G exec web cat /proc/self/cgroup 2>&1)"
  check "stop" $G stop -t 1 web
  equal "stopped" false "$(field web .State.Running)"
  check "start" $G start web
  until_true page 8080 /
  equal "published port after start" "hello from web" "$(page 8080 / 2>&1)"
  check "rm -f" $G rm -f web
  $G run --rm busybox nosuchcommand > /dev/null 2>&1; equal "unknown command" 127 $?
}

memory() {
  check "neighbour starts" $G run -d --name neighbour busybox sleep 1000
  check "eater starts" $G run -d -m 64m --name eater busybox sh -c 'sleep 1; dd if=/dev/zero of=/dev/null bs=200M count=1; echo survived'
  equal "memory.max in force" 67108864 "$(cat "$(cgroup eater)/memory.max" 2>&1)"
  until_true ended eater
  contains "killed, and said so" "true" "$(field eater .State.OOMKilled)"
  $G run --name eater2 -m 64m busybox dd if=/dev/zero of=/dev/null bs=200M count=1 > /dev/null 2>&1
  equal "first process killed: status" 137 $?
  equal "first process killed: OOMKilled" true "$(field eater2 .State.OOMKilled)"
  equal "the neighbour lives" true "$(field neighbour .State.Running)"
  equal "the neighbour was not killed" false "$(field neighbour .State.OOMKilled)"
  check "rm of eaters" $G rm -f eater eater2
}

cpu() {
  check "busy starts" $G run -d --cpus 0.5 --name busy busybox sh -c 'while :; do :; done'
  c=$(cgroup busy)
  equal "cpu.max in force" "50000 100000" "$(cat "$c/cpu.max" 2>&1)"
  sleep 1
  t0=$(uptime_us) u0=$(used_us "$c"); sleep 5; t1=$(uptime_us) u1=$(used_us "$c")
  within "half a cpu (per mille)" 425 575 $(((u1 - u0) * 1000 / (t1 - t0)))
  check "rm of busy" $G rm -f busy
}

pids() {
  check "nest starts" $G run -d --pids-limit 100 --name nest busybox sleep 1000
  c=$(cgroup nest)
  equal "pids.max in force" 100 "$(cat "$c/pids.max" 2>&1)"
  # No bomb without a limit in force, and never more than 300 forks.
  [ "$(cat "$c/pids.max" 2>/dev/null)" = 100 ] || return
  $G exec -d nest sh -c 'for i in $(seq 300); do (sleep 100 &) ; done' > /dev/null 2>&1
  until_true grep -q '^max [1-9]' "$c/pids.events"
  within "forks stay inside" 90 100 "$(cat "$c/pids.peak" 2>/dev/null || cat "$c/pids.current")"
  check "the limit was hit" grep -q '^max [1-9]' "$c/pids.events"
  check "the host still forks" sh -c 'for i in 1 2 3 4 5; do /bin/true & done; wait'
  check "rm of nest" $G rm -f nest
}

pause() {
  c=$(cgroup neighbour)
  check "pause" $G pause neighbour
  equal "paused" true "$(field neighbour .State.Paused)"
  equal "frozen" "frozen 1" "$(grep frozen "$c/cgroup.events")"
  check "unpause" $G unpause neighbour
  equal "thawed" "frozen 0" "$(grep frozen "$c/cgroup.events")"
}

# The root is an ext4 with project quotas.
quotas() {
  fill='dd if=/dev/zero of=$1/f bs=1M count=24 2>&1; stat -c %s $1/f; df -k $1 | tail -n 1'
  said=$($G run --name small --storage-opt size=8m busybox sh -c "$fill" sh /root 2>&1)
  contains "a container's size is kept to" "Disk quota exceeded" "$said"
  within "what it could write" 6000000 8388608 "$(echo "$said" | grep -E '^[0-9]+$')"
  contains "df shows the size" " 8192 " "$said"
  equal "inspect has it" 8m "$(field small .HostConfig.StorageOpt.size)"
  check "start of the full container" $G start small
  check "rm of the full container" $G rm -f small
  contains "without a size there is none" 25165824 "$($G run --rm busybox sh -c "$fill" sh /root 2>&1)"
  contains "an unknown option" "unknown option speed" "$($G create --storage-opt speed=9 busybox 2>&1)"
  check "volume with a size" $G volume create --opt size=8m little
  said=$($G run --rm -v little:/v busybox sh -c "$fill" sh /v 2>&1)
  contains "a volume's size is kept to" "Disk quota exceeded" "$said"
  within "what went into the volume" 6000000 8388608 "$(echo "$said" | grep -E '^[0-9]+$')"
  check "volume rm" $G volume rm little
  check "volume without a size" $G volume create big
  contains "a volume without a size" 25165824 "$($G run --rm -v big:/v busybox sh -c "$fill" sh /v 2>&1)"
  check "rm of the volume without a size" $G volume rm big
}

apparmor() {
  [ "$(cat /sys/module/apparmor/parameters/enabled 2>&1)" = Y ] || { bad "the kernel has AppArmor"; return; }
  contains "the profile is loaded and applied" "gantry-default (enforce)" "$($G run --rm busybox cat /proc/self/attr/current 2>&1)"
  equal "exec is confined, too" "gantry-default (enforce)" "$($G exec neighbour cat /proc/self/attr/current 2>&1)"
  mount='mkdir /m && mount -t tmpfs none /m'
  said=$($G run --rm --cap-add SYS_ADMIN busybox sh -c "$mount" 2>&1)
  contains "mounting is denied" "ermission denied" "$said"
  check "unconfined may mount" $G run --rm --cap-add SYS_ADMIN --security-opt apparmor=unconfined busybox sh -c "$mount"
  equal "unconfined" unconfined "$($G run --rm --security-opt apparmor=unconfined busybox cat /proc/self/attr/current 2>&1)"
  check "privileged may mount" $G run --rm --privileged busybox sh -c "$mount"
  said=$($G run --rm --security-opt apparmor=no-such busybox true 2>&1); equal "an unknown profile fails" 127 "$?"
  contains "and says so" no-such "$said"
  contains "info" "apparmor" "$($G info 2>&1)"
  echo 'profile own flags=(attach_disconnected) { file, deny /etc/passwd r, }' | apparmor_parser -Kr
  said=$($G run --rm --security-opt apparmor=own busybox cat /etc/passwd 2>&1)
  contains "a profile of one's own" "ermission denied" "$said"
}

survive() {
  check "ticker starts" $G run -d --name ticker -p 8081:80 busybox sh -c 'httpd -p 80 -h /; echo before; while [ ! -e /go ]; do sleep 0.2; done; echo after; exec sleep 1000'
  until_true said ticker before
  pid=$(field ticker .State.Pid) daemon=$(daemon_pid)
  check "the daemon is there to be killed" kill -9 "$daemon"
  until_true gone "$daemon"
  equal "a new daemon knows the container" "true $pid" "$(field ticker .State.Running) $(field ticker .State.Pid)"
  check "its process lives" test -d "/proc/$pid"
  check "exec after the restart" $G exec ticker touch /go
  until_true said ticker after
  equal "logs over the restart" "before after" "$($G logs ticker 2>&1 | tr '\n' ' ' | sed 's/ $//')"
  check "published port over the restart" page 8081 /etc/passwd
  check "stop after the restart" $G stop -t 1 ticker
  equal "its status" 137 "$(field ticker .State.ExitCode)"
}

more_lines() { [ "$($G logs ticks 2>/dev/null | wc -l)" -gt "$lines" ]; }
checked_since() { [ "$(field ticks '(index .State.Health.Log 0).Start')" != "$first_check" ]; }
restarted() { [ "$(field ends .RestartCount)" -gt "$restarts" ]; }

# The wall clock is set, as no container or namespace could do it: a day on, two back, a day on.
clock() {
  check "ticks starts" $G run -d --name ticks --health-cmd true --health-interval 500ms busybox sh -c 'while :; do echo tick; sleep 0.5; done'
  check "ends starts" $G run -d --name ends --restart always busybox sleep 0.5
  until_true said ticks tick
  for jump in 86400 -172800 86400; do
    lines=$($G logs ticks 2>/dev/null | wc -l) restarts=$(field ends .RestartCount)
    check "the clock is set by $jump s" date -s @$(($(date +%s) + jump))
    first_check=$(field ticks '(index .State.Health.Log 0).Start')
    check "$jump: the log goes on" until_true more_lines
    check "$jump: health checks go on" until_true checked_since
    equal "$jump: healthy" healthy "$(field ticks .State.Health.Status)"
    check "$jump: restarts go on" until_true restarted
    check "$jump: exec" $G exec ticks true
    check "$jump: run" $G run --rm busybox true
    before=$(uptime_us)
    check "$jump: stop" $G stop -t 1 ticks
    within "$jump: stop takes its time and no more (ms)" 0 20000 $((($(uptime_us) - before) / 1000))
    check "$jump: start" $G start ticks
  done
  check "rm of ticks" $G rm -f ticks ends
}

clean() {
  all=$($G ps -aq)
  [ -z "$all" ] || check "rm -f of all" $G rm -f $all
  daemon=$(daemon_pid)
  check "daemon stop" $G daemon stop
  check "the daemon ended" until_true gone "$daemon"
  equal "no mount is left" "" "$(grep -E 'gantry|overlay|erofs|netns' /proc/mounts | cut -d' ' -f2 | tr '\n' ' ')"
  equal "no loop device is left" "" "$(cat /sys/block/loop*/loop/backing_file 2>/dev/null)"
  equal "no interface is left" "lo" "$(ls /sys/class/net | tr '\n' ' ' | sed 's/ $//')"
  equal "no cgroup is left" "" "$(find /sys/fs/cgroup -mindepth 1 -type d | tr '\n' ' ')"
  equal "no process is left" "" "$(for p in /proc/[0-9]*; do tr '\0' ' ' < "$p/cmdline" 2>/dev/null | grep gantry; done)"
  if tables=$(nft list tables 2>/dev/null); then equal "no nft table is left" "" "$tables"; fi
}

. /work/wires.sh; . /work/disks.sh; . /work/servers.sh; . /work/firewalld.sh

# Not firewalld, which takes minutes to be read here: --part wire --part firewalld --part unwire.
[ -n "$parts" ] || parts="memory cpu pids pause quotas apparmor survive wire macvlan subnets ipvlan vlans sctp unwire disks nfs_volumes cifs_volumes clock clean"
for part in story $parts; do
  $part
  echo "guest: $part done at $(cut -d' ' -f1 /proc/uptime) s"
done
[ "$failed" = 0 ] || { echo "guest: the kernel's last words:"; dmesg | tail -n 15; echo "guest: the daemon's:"; tail -n 30 /run/gantry/*.log /var/lib/gantry/*.log /var/log/gantry* 2>/dev/null; }
echo "guest: $passed passed, $failed failed"
