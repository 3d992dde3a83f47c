//! A host whose name server is systemd-resolved on loopback, where no container can reach it.

use crate::harness::Daemon;

#[test]
fn a_container_asks_the_servers_behind_systemd_resolved() {
    let daemon = Daemon::with_registry();
    let folder = daemon.world.folder().display();
    let host = format!(
        "cd {folder} && mkdir -p resolve/resolve && \
         printf 'nameserver 127.0.0.53\\noptions edns0 trust-ad\\nsearch example.test\\n' > stub && \
         printf 'nameserver 192.0.2.7\\nsearch example.test\\n' > resolve/resolve/resolv.conf && \
         mkdir -p /run/systemd && mount --bind resolve /run/systemd && \
         mount --bind stub $(readlink -f /etc/resolv.conf)"
    );
    daemon.world.sh(&host).ok();
    let inside = daemon.gantry("run --rm busybox cat /etc/resolv.conf");
    let text = inside.ok();
    assert!(text.contains("nameserver 192.0.2.7"), "{text}");
    assert!(text.contains("search example.test"), "{text}");
    assert!(!text.contains("127.0.0.53"), "{text}");
    // Where the host's own stack is shared, its server on loopback is within reach.
    let shared = daemon.gantry("run --rm --network host busybox cat /etc/resolv.conf");
    assert!(shared.ok().contains("nameserver 127.0.0.53"));
}
