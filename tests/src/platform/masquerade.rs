//! `ip-masq` of the default bridge, seen from a host outside.

use serde_json::json;

use crate::harness::{Daemon, eventually};

/// Who a container's connection comes from, for a host beyond this one's gateway.
fn seen_outside(masquerade: Option<bool>) -> String {
    let mut keys = json!({"bip": "10.44.0.1/16"});
    if let Some(on) = masquerade {
        keys["ip-masq"] = on.into();
    }
    let daemon = Daemon::with_registry_and(&keys);
    let folder = daemon.world.folder().display().to_string();
    // The other host knows the way back to the containers, so that both kinds of answer arrive.
    let script = format!(
        "unshare --net sleep 1000 >/dev/null 2>&1 & far=$!; \
         until [ \"$(readlink /proc/$far/ns/net)\" != \"$(readlink /proc/self/ns/net)\" ]; do sleep 0.02; done; \
         set -e; ip link add near type veth peer name far netns $far; ip addr add 10.98.0.1/24 dev near; \
         ip link set near up; in=\"nsenter --net --target $far\"; $in ip addr add 10.98.0.2/24 dev far; \
         $in ip link set far up; $in ip link set lo up; $in ip route add 10.44.0.0/16 via 10.98.0.1; \
         $in python3 -c '\n\
import socket\n\
server = socket.create_server((\"10.98.0.2\", 7777))\n\
open(\"{folder}/listens\", \"w\")\n\
client, address = server.accept()\n\
client.sendall(address[0].encode())\n\
client.close()\n' >/dev/null 2>&1 &"
    );
    daemon.world.sh(&script).ok();
    let listens = daemon.world.folder().join("listens");
    eventually("the host outside listens", || listens.exists());
    let run = daemon.gantry("run --rm busybox nc 10.98.0.2 7777");
    run.ok().trim().to_owned()
}

#[test]
fn connections_leave_with_the_hosts_address_unless_told_otherwise() {
    assert_eq!(seen_outside(None), "10.98.0.1");
    assert_eq!(seen_outside(Some(false)), "10.44.0.2");
}
