//! The networks that are tried.

/// A network and how its servers publish their ports.
#[derive(Debug, Clone, Copy)]
pub struct Scene {
    /// Its name, and its golden file's.
    pub name: &'static str,
    /// The arguments of `network create`, empty for a network that is always there.
    pub(super) create: &'static str,
    /// The network's name.
    pub(super) network: &'static str,
    /// Each a server's published ports.
    pub(super) servers: &'static [&'static [&'static str]],
    /// The port that servers listen on.
    pub(super) port: u16,
}

/// Every form of publishing. Those of IPv4 are one server's; an engine may refuse the others.
const FORMS: &[&[&str]] = &[
    &[
        "8001:80",
        "0.0.0.0:8002:80",
        "127.0.0.1:8003:80",
        "198.51.100.1:8004:80",
        "80",
        "8010-8012:80-82",
        "8020-8029:80",
    ],
    &["[::]:8005:80"],
    &["[::1]:8006:80"],
    &["[2001:db8:1::1]:8007:80"],
];
const ONE: &[&[&str]] = &[&["8001:80"]];

/// All scenes.
pub const SCENES: &[Scene] = &[
    Scene {
        name: "bridge",
        create: "",
        network: "bridge",
        servers: FORMS,
        port: 80,
    },
    Scene {
        name: "user",
        create: "--ipv6 --subnet 10.90.0.0/24 --gateway 10.90.0.1 --subnet fd00:90::/64 --gateway fd00:90::1",
        network: "user",
        servers: FORMS,
        port: 80,
    },
    Scene {
        name: "internal",
        create: "--internal --ipv6 --subnet 10.90.0.0/24 --gateway 10.90.0.1 --subnet fd00:90::/64 --gateway fd00:90::1",
        network: "inner",
        servers: ONE,
        port: 80,
    },
    Scene {
        name: "icc-off",
        create: "--ipv6 --subnet 10.90.0.0/24 --gateway 10.90.0.1 --subnet fd00:90::/64 --gateway fd00:90::1 -o com.docker.network.bridge.enable_icc=false",
        network: "apart",
        servers: ONE,
        port: 80,
    },
    Scene {
        name: "host",
        create: "",
        network: "host",
        servers: &[&[]],
        port: 8100,
    },
    Scene {
        name: "macvlan",
        create: "-d macvlan -o parent=wan0 --ipv6 --subnet 198.51.100.0/24 --ip-range 198.51.100.128/28 --gateway 198.51.100.254 --subnet 2001:db8:1::/64 --ip-range 2001:db8:1::8000/113 --gateway 2001:db8:1::fe",
        network: "lan",
        servers: ONE,
        port: 80,
    },
];

impl Scene {
    /// The scene of this name.
    pub fn named(name: &str) -> Option<Self> {
        SCENES.iter().copied().find(|scene| scene.name == name)
    }
}
