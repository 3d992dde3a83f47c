# Interfaces that containers have on a wire of the host's: macvlan, ipvlan, virtual LANs; SCTP.
# Sourced by guest.sh. The wire is a pair of interfaces; at its far end another host is, in a
# namespace, which routes to what ipvlan's l3 modes have behind this one.

# Busybox's shell would take its own, which knows less.
ip=/usr/bin/ip

elsewhere() { [ "$(readlink "/proc/$1/ns/net")" != "$(readlink /proc/self/ns/net)" ]; }
far() { nsenter -t "$far_pid" -n "$@"; }
pings() { ping -c 1 -W 2 "$1" > /dev/null 2>&1; }
far_pings() { far ping -c 1 -W 2 "$1" > /dev/null 2>&1; }
# reaches CONTAINER ADDRESS
reaches() { $G exec "$1" ping -c 1 -W "${3:-2}" "$2" > /dev/null 2>&1; }
# refused NAME WORDS COMMAND...: it fails, and says these words.
refused() {
  name=$1 words=$2; shift 2
  if said=$("$@" 2>&1); then bad "$name" "it succeeds: $said"; else contains "$name" "$words" "$said"; fi
}
# inside CONTAINER COMMAND...: in its network, with the host's programs
inside() { c=$1; shift; nsenter -t "$(field "$c" .State.Pid)" -n "$@"; }
# on_wire NAME NETWORK ADDRESS: a container with that address
on_wire() { check "$1 starts on $2" $G run -d --name "$1" --network "$2" --ip "$3" busybox sleep 1000; }

wire() {
  unshare -n sleep 10000 &
  far_pid=$!
  $ip link add wire0 type veth peer name far0
  until_true elsewhere "$far_pid"
  $ip link set far0 netns "$far_pid"
  $ip address add 10.50.0.2/24 dev wire0; $ip link set wire0 up
  far $ip link set lo up
  far $ip address add 10.50.0.1/24 dev far0; far $ip link set far0 up
  far $ip route add 10.60.0.0/24 via 10.50.0.2
  check "the wire carries" until_true pings 10.50.0.1
}

macvlan() {
  for mode in bridge private vepa passthru; do
    check "macvlan $mode: network" $G network create -d macvlan -o parent=wire0 -o macvlan_mode=$mode --subnet 10.50.0.0/24 --gateway 10.50.0.1 lan
    on_wire "mac-$mode" lan 10.50.0.11
    contains "macvlan $mode: its mode" "macvlan mode $mode" "$(inside "mac-$mode" $ip -d link show eth0)"
    check "macvlan $mode: to the far host" reaches "mac-$mode" 10.50.0.1
    check "macvlan $mode: from the far host" far_pings 10.50.0.11
    if [ $mode = passthru ]; then
      refused "macvlan passthru: one only" "passed through" $G run --name other --network lan busybox true
      refused "macvlan passthru: one network" "passed through" $G network create -d macvlan -o parent=wire0 more
    else
      on_wire other lan 10.50.0.12
      if [ $mode = bridge ]; then check "macvlan bridge: to each other" reaches other 10.50.0.11
      else refused "macvlan $mode: not to each other" "" reaches other 10.50.0.11 1; fi
    fi
    check "macvlan $mode: rm" $G rm -f "mac-$mode" other
    check "macvlan $mode: network rm" $G network rm lan
  done
  check "the parent is as it was" until_true pings 10.50.0.1
}

subnets() {
  check "several subnets" $G network create -d macvlan -o parent=wire0 --subnet 10.51.0.0/30 --subnet 10.50.0.0/24 --gateway 10.50.0.1 two
  check "the first subnet is full" $G run -d --name full --network two busybox sleep 1000
  check "so the next one is taken" $G run -d --name next --network two busybox sleep 1000
  equal "an address of each" "10.51.0.2 10.50.0.2" "$(field full .NetworkSettings.Networks.two.IPAddress) $(field next .NetworkSettings.Networks.two.IPAddress)"
  equal "and its gateway" 10.50.0.1 "$(field next .NetworkSettings.Networks.two.Gateway)"
  check "rm of both" $G rm -f full next
  check "rm of two" $G network rm two
}

ipvlan() {
  for mode in l2 l3 l3s; do
    net=10.50.0 && [ $mode = l2 ] || net=10.60.0
    check "ipvlan $mode: network" $G network create -d ipvlan -o parent=wire0 -o ipvlan_mode=$mode --subnet $net.0/24 lan
    on_wire "ip-$mode" lan $net.21
    contains "ipvlan $mode: its mode" "ipvlan mode $mode " "$(inside "ip-$mode" $ip -d link show eth0 | tr -s ' ')"
    check "ipvlan $mode: to the far host" reaches "ip-$mode" 10.50.0.1
    check "ipvlan $mode: from the far host" far_pings $net.21
    on_wire other lan $net.22
    check "ipvlan $mode: to each other" reaches other $net.21
    equal "ipvlan $mode: the parent's hardware address" "$(cat /sys/class/net/wire0/address)" "$($G exec other cat /sys/class/net/eth0/address)"
    refused "ipvlan $mode: one mode on a parent" "another ipvlan_mode" $G network create -d ipvlan -o parent=wire0 -o ipvlan_mode=l2 -o ipvlan_flag=private more
    check "ipvlan $mode: rm" $G rm -f "ip-$mode" other
    check "ipvlan $mode: network rm" $G network rm lan
  done
  check "ipvlan beside macvlan: network" $G network create -d ipvlan -o parent=wire0 --subnet 10.50.0.0/24 ips
  check "ipvlan beside macvlan: the other network" $G network create -d macvlan -o parent=wire0 --subnet 10.61.0.0/24 macs
  on_wire first ips 10.50.0.21
  refused "one parent is not shared by both" "used in another way" $G run --name second --network macs busybox true
  check "rm of first" $G rm -f first second
  check "then the other one's turn is" $G run --rm --network macs busybox true
  check "rm of both networks" $G network rm ips macs
}

vlans() {
  far $ip link add far0.42 link far0 type vlan id 42
  far $ip address add 10.42.0.1/24 dev far0.42; far $ip link set far0.42 up
  check "network on a virtual LAN" $G network create -d macvlan -o parent=wire0.42 --subnet 10.42.0.0/24 --gateway 10.42.0.1 tagged
  contains "the virtual LAN is made" "protocol 802.1Q id 42" "$($ip -d link show wire0.42 2>&1)"
  on_wire vlan tagged 10.42.0.11
  check "it reaches the virtual LAN" reaches vlan 10.42.0.1
  check "another network on it" $G network create -d macvlan -o parent=wire0.42 --subnet 10.43.0.0/24 also
  check "rm of its container" $G rm -f vlan
  check "rm of the network that made it" $G network rm tagged
  check "it stays with the last network" test -e /sys/class/net/wire0.42
  check "rm of the last network" $G network rm also
  check "it is gone with that" test ! -e /sys/class/net/wire0.42
  check "its number is free at once" $G network create -d ipvlan -o parent=wire0.42 --subnet 10.42.0.0/24 again
  check "rm of again" $G network rm again
  $ip link add wire0.43 link wire0 type vlan id 43
  check "network on somebody's virtual LAN" $G network create -d macvlan -o parent=wire0.43 --subnet 10.42.0.0/24 theirs
  check "rm of that network" $G network rm theirs
  check "somebody's virtual LAN stays" $ip link delete wire0.43
  refused "no virtual LAN on nothing" "no such interface" $G network create -d macvlan -o parent=wire9.42 x

  check "network without a parent" $G network create -d macvlan --subnet 10.42.0.0/24 alone
  on_wire one alone 10.42.0.11; on_wire two alone 10.42.0.12
  check "containers on it reach each other" reaches one 10.42.0.12
  check "a killed daemon" kill -9 "$(daemon_pid)"
  check "macvlan outlives it" reaches one 10.42.0.12
  check "disconnect" $G network disconnect alone two
  check "connect" $G network connect --ip 10.42.0.13 alone two
  check "at another address" reaches one 10.42.0.13
  check "rm of one and two" $G rm -f one two
  check "rm of alone" $G network rm alone
  equal "its dummy is gone" "" "$(ls /sys/class/net | grep '^dm-')"
}

# told WHO COMMAND...: a client hears something, which is then in $said
told() { said=$("$@" 2>/dev/null); [ -n "$said" ]; }
sctp() {
  [ -e /proc/net/sctp ] || { bad "the kernel has SCTP"; return; }
  check "talk starts" $G run -d --name talk -p 6000:80/sctp busybox sleep 1000
  nsenter -t "$(field talk .State.Pid)" -n socat SCTP4-LISTEN:80,fork SYSTEM:'echo you are $SOCAT_PEERADDR' &
  server=$!
  until_true told far timeout 5 socat -u SCTP4:10.50.0.2:6000 -
  contains "SCTP from the far host, under its own address" "you are 10.50.0.1" "$said"
  until_true told timeout 5 socat -u SCTP4:127.0.0.1:6000 -
  contains "SCTP from loopback" "you are " "$said"
  refused "a taken SCTP port" "held by container" $G run --rm -p 6000:80/sctp busybox true
  kill $server
  check "rm of talk" $G rm -f talk
}

unwire() {
  kill "$far_pid"
  until_true test ! -e /sys/class/net/wire0
}
