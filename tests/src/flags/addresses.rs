//! Addresses beyond those that a network gives.

use crate::harness::{Client, through_both};

through_both!(link_local_addresses_are_added);

fn link_local_addresses_are_added(client: &Client) {
    client.ok("network create lan");
    let addresses = client.ok(
        "run --name box --network lan --link-local-ip 169.254.44.1 --link-local-ip fe80::44 \
         busybox ip -o addr show eth0",
    );
    for address in ["inet 169.254.44.1/", "inet6 fe80::44/"] {
        assert!(addresses.contains(address), "{address}: {addresses}");
    }
    assert_eq!(
        client.inspect(
            "box",
            ".NetworkSettings.Networks.lan.IPAMConfig.LinkLocalIPs"
        ),
        "[169.254.44.1 fe80::44]"
    );
    client
        .run("run --rm --network lan --link-local-ip 10.0.0.1x busybox true")
        .fails();
}
