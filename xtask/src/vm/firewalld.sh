# Beside the release's own firewalld, on a real bus. From version 2.1 on it owns its table, so that no
# rule of ours can be put into it. Sourced by guest.sh, after the wire of wires.sh is there.

asks() { dbus-send --system --print-reply --reply-timeout=120000 --dest=org.fedoraproject.FirewallD1 /org/fedoraproject/FirewallD1 "$@" 2>&1; }
runs() { asks org.freedesktop.DBus.Properties.Get string:org.fedoraproject.FirewallD1 string:state | grep -q RUNNING; }
trusted() { asks org.fedoraproject.FirewallD1.zone.getInterfaces string:trusted; }
trusts() { trusted | grep -q "\"$1\""; }
# Whether the default bridge was seen to, in one way or the other.
settled() { trusts gantry0 || nft list ruleset | grep -q 'by table ip'; }
distrusts() { ! trusts "$1"; }
# Others' rules, without what they counted and without handles.
others() { nft -s list ruleset | awk '/^table ip6? gantry/ {ours = 1} !ours && !/by table ip/ {print} /^}/ {ours = 0}'; }
far_page() { far sh -c 'printf "GET / HTTP/1.0\r\n\r\n" | timeout 5 nc 10.50.0.2 8082' | grep -q "behind firewalld"; }
peer_page() { $G exec peer timeout 5 wget -qO- "http://$1/" 2>/dev/null | grep -q "$2"; }

all_passes() {
  check "$1: published, from the far host" until_true far_page
  check "$1: published, from loopback" until_true page 8082 /
  check "$1: container to container" until_true peer_page fw "behind firewalld"
  check "$1: container through the host" until_true peer_page 10.50.0.2:8082 "behind firewalld"
  check "$1: container to outside" until_true peer_page 10.50.0.1:9000 "the far host"
}

firewalld() {
  mkdir -p /run/dbus /tmp/far; echo "the far host" > /tmp/far/index.html
  far httpd -p 9000 -h /tmp/far
  check "the bus" dbus-daemon --system --fork
  command firewalld --nofork --nopid > /run/firewalld.log 2>&1 &
  firewall=$!
  until_true runs || until_true runs || until_true runs
  check "firewalld runs" runs
  check "our bridge is let through" until_true settled
  before=$(others)
  contains "its rules are there" "table inet firewalld" "$before"
  case $(uname -r) in
    6.1.*) ;;
    *) contains "it owns its table" "flags owner" "$(nft list table inet firewalld)" ;;
  esac
  check "network beside firewalld" $G network create -o com.docker.network.bridge.name=walled walled
  check "fw starts" $G run -d --name fw --network walled -p 8082:80 busybox sh -c 'echo behind firewalld > /var/www/index.html; exec httpd -f -p 80 -h /var/www'
  check "peer starts" $G run -d --name peer --network walled busybox sleep 1000
  all_passes "beside firewalld"
  check "firewalld reloads" asks org.fedoraproject.FirewallD1.reload
  all_passes "after its reload"
  check "a killed daemon" kill -9 "$(daemon_pid)"
  all_passes "after our restart"
  refused "nothing of ours is shut" "" sh -c "$G info 2>&1 | grep 'cannot be opened'"
  check "rm of fw and peer" $G rm -f fw peer
  check "rm of walled" $G network rm walled
  check "it trusts the bridge no more" until_true distrusts walled
  equal "its rules are as they were" "$before" "$(others)"
  # Taking its rules down by itself takes it many seconds.
  kill -9 $firewall
  nft delete table inet firewalld 2> /dev/null
  killall dbus-daemon httpd
}
