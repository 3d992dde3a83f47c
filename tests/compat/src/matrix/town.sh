# A host (HOST: a process in its network namespace), a ROUTER, and a CLIENT behind it.
at() { nsenter --net --target "$@"; }
wire() { # NAMESPACE NAME NAMESPACE NAME
  at "$1" ip link add "$2" type veth peer name "$4" netns "$3"
  at "$1" ip link set "$2" up
  at "$3" ip link set "$4" up
}
for n in "$ROUTER" "$CLIENT"; do at "$n" ip link set lo up; done
wire "$HOST" wan0 "$ROUTER" wan0
wire "$ROUTER" lan0 "$CLIENT" eth0
at "$HOST" ip addr add 198.51.100.1/24 dev wan0
at "$HOST" ip addr add 2001:db8:1::1/64 dev wan0 nodad
at "$HOST" ip route add default via 198.51.100.254
at "$HOST" ip route add default via 2001:db8:1::fe
at "$ROUTER" ip addr add 198.51.100.254/24 dev wan0
at "$ROUTER" ip addr add 2001:db8:1::fe/64 dev wan0 nodad
at "$ROUTER" ip addr add 203.0.113.1/24 dev lan0
at "$ROUTER" ip addr add 2001:db8:2::1/64 dev lan0 nodad
at "$ROUTER" sh -c 'echo 1 > /proc/sys/net/ipv4/ip_forward; echo 1 > /proc/sys/net/ipv6/conf/all/forwarding'
# The network's owner has even told the router where the containers are.
for net in 172.30.0.0/16 10.90.0.0/16 10.91.0.0/16; do at "$ROUTER" ip route add $net via 198.51.100.1; done
for net in fd00:90::/64 fd00:91::/64; do at "$ROUTER" ip route add $net via 2001:db8:1::1; done
at "$CLIENT" ip addr add 203.0.113.2/24 dev eth0
at "$CLIENT" ip addr add 2001:db8:2::2/64 dev eth0 nodad
at "$CLIENT" ip route add default via 203.0.113.1
at "$CLIENT" ip route add default via 2001:db8:2::1
