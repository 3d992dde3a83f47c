//! What is to be done to links, addresses, routes and neighbours, in one send.

use std::net::IpAddr;
use std::os::fd::{AsRawFd, BorrowedFd};

use gantry_sys::netlink::{Attributes, Messages, flags};

use crate::abi::{
    AF_INET, AF_INET6, AF_UNSPEC, IFA_ADDRESS, IFA_BROADCAST, IFA_F_NODAD, IFA_FLAGS, IFA_LOCAL,
    IFLA_ADDRESS, IFLA_BR_FORWARD_DELAY, IFLA_BRPORT_ISOLATED, IFLA_BRPORT_MODE, IFLA_GROUP,
    IFLA_IFNAME, IFLA_INFO_DATA, IFLA_INFO_KIND, IFLA_INFO_SLAVE_DATA, IFLA_INFO_SLAVE_KIND,
    IFLA_LINK, IFLA_LINKINFO, IFLA_MASTER, IFLA_MTU, IFLA_NET_NS_FD, NDA_DST, NDA_LLADDR,
    NUD_PERMANENT, NUD_STALE, RT_SCOPE_LINK, RT_TABLE_MAIN, RTA_GATEWAY, RTA_OIF, RTM_DELADDR,
    RTM_DELLINK, RTM_DELROUTE, RTM_NEWADDR, RTM_NEWLINK, RTM_NEWNEIGH, RTM_NEWROUTE, RTN_UNICAST,
    RTPROT_BOOT, VETH_INFO_PEER, ifinfomsg,
};

const CREATE: u16 = flags::CREATE | flags::EXCL;

/// A bridge to create.
#[derive(Debug, Clone, Copy)]
pub struct Bridge<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its hardware address. A given one stays the same whatever joins or leaves the bridge.
    pub mac: [u8; 6],
    /// Its MTU; the kernel's default when `None`.
    pub mtu: Option<u32>,
}

/// A veth pair to create: one end here and up, the other one in another namespace.
#[derive(Debug, Clone, Copy)]
pub struct VethPair<'a> {
    /// The near end's name.
    pub name: &'a str,
    /// The near end's hardware address. Without one, the kernel draws one, and udev's default
    /// policy then replaces it a moment later.
    pub mac: Option<[u8; 6]>,
    /// The interface index of the bridge that the near end joins.
    pub master: Option<u32>,
    /// The far end's name.
    pub peer_name: &'a str,
    /// The far end's hardware address.
    pub peer_mac: [u8; 6],
    /// The far end's network namespace; it is created right there.
    pub peer_netns: BorrowedFd<'a>,
    /// The MTU of both ends; the kernel's default when `None`.
    pub mtu: Option<u32>,
}

/// What an interface over a parent is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChildKind {
    /// A tagged virtual LAN (802.1Q) of this number.
    Vlan(u16),
    /// A hardware address of its own on the parent's wire, in a mode of `if_link.h`
    /// (`MACVLAN_MODE_*`).
    Macvlan(u32),
    /// The parent's hardware address; a mode (`IPVLAN_MODE_*`) and flags (`IPVLAN_F_*`).
    Ipvlan(u16, u16),
}

impl ChildKind {
    /// The kernel's name of it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Vlan(_) => "vlan",
            Self::Macvlan(_) => "macvlan",
            Self::Ipvlan(..) => "ipvlan",
        }
    }

    /// The attributes' numbers are those of `IFLA_VLAN_*`, `IFLA_MACVLAN_*` and `IFLA_IPVLAN_*`.
    fn write(self, data: &mut Attributes<'_>) {
        match self {
            Self::Vlan(id) => data.bytes(1, &id.to_ne_bytes()),
            Self::Macvlan(mode) => data.u32(1, mode),
            Self::Ipvlan(mode, flags) => {
                data.bytes(1, &mode.to_ne_bytes());
                data.bytes(2, &flags.to_ne_bytes());
            }
        }
    }
}

/// An interface to create over a parent.
#[derive(Debug, Clone, Copy)]
pub struct ChildLink<'a> {
    /// Its name.
    pub name: &'a str,
    /// What it is.
    pub kind: ChildKind,
    /// The interface index of its parent.
    pub parent: u32,
    /// The namespace in which it is made; the parent's when `None`.
    pub netns: Option<BorrowedFd<'a>>,
    /// Its hardware address; the kernel's choice when `None`.
    pub mac: Option<[u8; 6]>,
    /// Its MTU; the parent's when `None`.
    pub mtu: Option<u32>,
}

/// Changes in their order.
#[derive(Debug, Default)]
pub struct Changes {
    pub(crate) messages: Messages,
    /// What each message is to do, for errors.
    pub(crate) descriptions: Vec<String>,
}

impl Changes {
    /// No changes yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Creates a bridge and sets it up; refused when the name is taken.
    pub fn add_bridge(&mut self, bridge: &Bridge<'_>) {
        let what = format!("create bridge {}", bridge.name);
        self.push(
            RTM_NEWLINK,
            CREATE,
            &ifinfomsg(0, Some(true)),
            what,
            |out| {
                out.string(IFLA_IFNAME, bridge.name);
                out.bytes(IFLA_ADDRESS, &bridge.mac);
                if let Some(mtu) = bridge.mtu {
                    out.u32(IFLA_MTU, mtu);
                }
                out.nested(IFLA_LINKINFO, |info| {
                    info.string(IFLA_INFO_KIND, "bridge");
                    info.nested(IFLA_INFO_DATA, |data| data.u32(IFLA_BR_FORWARD_DELAY, 0));
                });
            },
        );
    }

    /// Creates a veth pair; refused when a name is taken.
    pub fn add_veth(&mut self, pair: &VethPair<'_>) {
        let what = format!("create veth pair {} and {}", pair.name, pair.peer_name);
        self.push(
            RTM_NEWLINK,
            CREATE,
            &ifinfomsg(0, Some(true)),
            what,
            |out| {
                out.string(IFLA_IFNAME, pair.name);
                if let Some(mac) = &pair.mac {
                    out.bytes(IFLA_ADDRESS, mac);
                }
                if let Some(master) = pair.master {
                    out.u32(IFLA_MASTER, master);
                }
                if let Some(mtu) = pair.mtu {
                    out.u32(IFLA_MTU, mtu);
                }
                out.nested(IFLA_LINKINFO, |info| {
                    info.string(IFLA_INFO_KIND, "veth");
                    info.nested(IFLA_INFO_DATA, |data| {
                        data.nested(VETH_INFO_PEER, |peer| write_peer(peer, pair));
                    });
                });
            },
        );
    }

    /// Lets a bridge's port, found by name, have its own frames sent back to it.
    pub fn set_hairpin(&mut self, name: &str) {
        let what = format!("switch hairpin mode on for {name}");
        self.push(RTM_NEWLINK, 0, &ifinfomsg(0, None), what, |out| {
            out.string(IFLA_IFNAME, name);
            out.nested(IFLA_LINKINFO, |info| {
                info.string(IFLA_INFO_SLAVE_KIND, "bridge");
                info.nested(IFLA_INFO_SLAVE_DATA, |data| {
                    data.bytes(IFLA_BRPORT_MODE, &[1]);
                });
            });
        });
    }

    /// Keeps a bridge's port, found by name, from exchanging frames with other such ports.
    pub fn set_isolated(&mut self, name: &str) {
        let what = format!("isolate {name} from its neighbours");
        self.push(RTM_NEWLINK, 0, &ifinfomsg(0, None), what, |out| {
            out.string(IFLA_IFNAME, name);
            out.nested(IFLA_LINKINFO, |info| {
                info.string(IFLA_INFO_SLAVE_KIND, "bridge");
                info.nested(IFLA_INFO_SLAVE_DATA, |data| {
                    data.bytes(IFLA_BRPORT_ISOLATED, &[1]);
                });
            });
        });
    }

    /// Creates an interface that shares a parent's hardware, right in another namespace.
    pub fn add_child(&mut self, child: &ChildLink<'_>) {
        let what = format!(
            "create {} {} over its parent",
            child.kind.name(),
            child.name
        );
        self.push(RTM_NEWLINK, CREATE, &ifinfomsg(0, None), what, |out| {
            out.string(IFLA_IFNAME, child.name);
            out.u32(IFLA_LINK, child.parent);
            if let Some(netns) = child.netns {
                out.u32(IFLA_NET_NS_FD, netns.as_raw_fd() as u32);
            }
            if let Some(mac) = &child.mac {
                out.bytes(IFLA_ADDRESS, mac);
            }
            if let Some(mtu) = child.mtu {
                out.u32(IFLA_MTU, mtu);
            }
            out.nested(IFLA_LINKINFO, |info| {
                info.string(IFLA_INFO_KIND, child.kind.name());
                info.nested(IFLA_INFO_DATA, |data| child.kind.write(data));
            });
        });
    }

    /// Creates an interface without a wire; refused when the name is taken.
    pub fn add_dummy(&mut self, name: &str) {
        let what = format!("create dummy interface {name}");
        self.push(
            RTM_NEWLINK,
            CREATE,
            &ifinfomsg(0, Some(true)),
            what,
            |out| {
                out.string(IFLA_IFNAME, name);
                out.nested(IFLA_LINKINFO, |info| info.string(IFLA_INFO_KIND, "dummy"));
            },
        );
    }

    /// Takes an interface, found by name, out of its bridge.
    pub fn leave_bridge(&mut self, name: &str) {
        let what = format!("take {name} out of its bridge");
        self.push(RTM_NEWLINK, 0, &ifinfomsg(0, None), what, |out| {
            out.string(IFLA_IFNAME, name);
            out.u32(IFLA_MASTER, 0);
        });
    }

    /// Sets an interface up or down.
    pub fn set_up(&mut self, index: u32, up: bool) {
        let what = format!("set interface {index} {}", if up { "up" } else { "down" });
        self.push(RTM_NEWLINK, 0, &ifinfomsg(index, Some(up)), what, |_| {});
    }

    /// Sets an interface's MTU.
    pub fn set_mtu(&mut self, index: u32, mtu: u32) {
        let what = format!("set the MTU of interface {index} to {mtu}");
        self.push(RTM_NEWLINK, 0, &ifinfomsg(index, None), what, |out| {
            out.u32(IFLA_MTU, mtu);
        });
    }

    /// Deletes an interface by name; a veth's other end goes with it.
    pub fn delete_link(&mut self, name: &str) {
        let what = format!("delete interface {name}");
        self.push(RTM_DELLINK, 0, &ifinfomsg(0, None), what, |out| {
            out.string(IFLA_IFNAME, name);
        });
    }

    /// Sets an interface, found by name, down and puts it into a group, if one is given.
    pub fn retire(&mut self, name: &str, group: Option<u32>) {
        let what = format!("take interface {name} out of use");
        self.push(RTM_NEWLINK, 0, &ifinfomsg(0, Some(false)), what, |out| {
            out.string(IFLA_IFNAME, name);
            if let Some(group) = group {
                out.u32(IFLA_GROUP, group);
            }
        });
    }

    /// Gives an interface that is down another name.
    pub fn rename(&mut self, index: u32, name: &str) {
        let what = format!("rename interface {index} to {name}");
        self.push(RTM_NEWLINK, 0, &ifinfomsg(index, None), what, |out| {
            out.string(IFLA_IFNAME, name);
        });
    }

    /// Deletes all interfaces of a group; refused when it has none.
    pub fn delete_group(&mut self, group: u32) {
        let what = format!("delete the interfaces of group {group}");
        self.push(RTM_DELLINK, 0, &ifinfomsg(0, None), what, |out| {
            out.u32(IFLA_GROUP, group);
        });
    }

    /// Gives an interface an address; fine when it has it.
    ///
    /// An IPv6 address is usable at once: nobody else can have it, so nobody is asked (RFC 4862's
    /// duplicate address detection is left out).
    pub fn add_address(&mut self, index: u32, address: impl Into<IpAddr>, prefix: u8) {
        let address = address.into();
        let what = format!("give address {address}/{prefix} to interface {index}");
        let header = ifaddrmsg(index, address, prefix);
        self.push(
            RTM_NEWADDR,
            flags::CREATE | flags::REPLACE,
            &header,
            what,
            |out| {
                with_octets(address, |octets| {
                    out.bytes(IFA_LOCAL, octets);
                    out.bytes(IFA_ADDRESS, octets);
                });
                match address {
                    // In a /31 or /32 there is no address left for broadcasts.
                    IpAddr::V4(address) if prefix < 31 => {
                        let hosts = u32::MAX >> prefix;
                        out.bytes(IFA_BROADCAST, &(u32::from(address) | hosts).to_be_bytes());
                    }
                    IpAddr::V4(_) => {}
                    IpAddr::V6(_) => out.u32(IFA_FLAGS, IFA_F_NODAD),
                }
            },
        );
    }

    /// Takes an address from an interface.
    pub fn delete_address(&mut self, index: u32, address: impl Into<IpAddr>, prefix: u8) {
        let address = address.into();
        let what = format!("take address {address}/{prefix} from interface {index}");
        let header = ifaddrmsg(index, address, prefix);
        self.push(RTM_DELADDR, 0, &header, what, |out| {
            with_octets(address, |octets| out.bytes(IFA_LOCAL, octets));
        });
    }

    /// Adds the default route; refused when there is one.
    pub fn add_default_route(&mut self, index: u32, gateway: impl Into<IpAddr>) {
        self.default_route(CREATE, index, gateway.into());
    }

    /// Sets the default route of the gateway's family, in place of the one that there is.
    pub fn set_default_route(&mut self, index: u32, gateway: impl Into<IpAddr>) {
        self.default_route(flags::CREATE | flags::REPLACE, index, gateway.into());
    }

    fn default_route(&mut self, flags: u16, index: u32, gateway: IpAddr) {
        let what = format!("add the default route by {gateway}");
        self.push(
            RTM_NEWROUTE,
            flags,
            &rtmsg(family(gateway), 0),
            what,
            |out| {
                with_octets(gateway, |octets| out.bytes(RTA_GATEWAY, octets));
                out.u32(RTA_OIF, index);
            },
        );
    }

    /// Sets the default route to an interface without a gateway, in place of the one that there is.
    pub fn set_default_interface(&mut self, index: u32, ipv6: bool) {
        let what = format!("add the default route by interface {index}");
        let family = if ipv6 { AF_INET6 } else { AF_INET };
        let header = rtmsg(family, RT_SCOPE_LINK);
        let flags = flags::CREATE | flags::REPLACE;
        self.push(RTM_NEWROUTE, flags, &header, what, |out| {
            out.u32(RTA_OIF, index);
        });
    }

    /// Deletes the default route of a family; refused when there is none.
    pub fn delete_default_route(&mut self, ipv6: bool) {
        let what = "delete the default route".to_owned();
        let mut header = rtmsg(if ipv6 { AF_INET6 } else { AF_INET }, 0);
        // Any scope, protocol and kind (RT_SCOPE_NOWHERE, RTPROT_UNSPEC, RTN_UNSPEC).
        (header[5], header[6], header[7]) = (0, 255, 0);
        self.push(RTM_DELROUTE, 0, &header, what, |_| {});
    }

    /// Tells which hardware address an address has, so that nobody asks its last owner.
    pub fn set_neighbour(&mut self, index: u32, address: impl Into<IpAddr>, mac: [u8; 6]) {
        self.neighbour(index, address.into(), mac, NUD_STALE);
    }

    /// The same for good: nobody is ever asked.
    pub fn set_permanent_neighbour(
        &mut self,
        index: u32,
        address: impl Into<IpAddr>,
        mac: [u8; 6],
    ) {
        self.neighbour(index, address.into(), mac, NUD_PERMANENT);
    }

    fn neighbour(&mut self, index: u32, address: IpAddr, mac: [u8; 6], state: u16) {
        let what = format!("note the hardware address of {address}");
        // struct ndmsg
        let mut header = [0; 12];
        header[0] = family(address);
        header[4..8].copy_from_slice(&index.to_ne_bytes());
        header[8..10].copy_from_slice(&state.to_ne_bytes());
        self.push(
            RTM_NEWNEIGH,
            flags::CREATE | flags::REPLACE,
            &header,
            what,
            |out| {
                with_octets(address, |octets| out.bytes(NDA_DST, octets));
                out.bytes(NDA_LLADDR, &mac);
            },
        );
    }

    fn push(
        &mut self,
        kind: u16,
        flags: u16,
        header: &[u8],
        what: String,
        write: impl FnOnce(&mut Attributes<'_>),
    ) {
        self.messages.push(kind, flags, header, write);
        self.descriptions.push(what);
    }
}

fn write_peer(peer: &mut Attributes<'_>, pair: &VethPair<'_>) {
    // Not up: the kernel refuses that for a pair's first end (veth_open, ENOTCONN).
    peer.raw(&ifinfomsg(0, None));
    peer.string(IFLA_IFNAME, pair.peer_name);
    peer.bytes(IFLA_ADDRESS, &pair.peer_mac);
    if let Some(mtu) = pair.mtu {
        peer.u32(IFLA_MTU, mtu);
    }
    peer.u32(IFLA_NET_NS_FD, pair.peer_netns.as_raw_fd() as u32);
}

/// `struct ifaddrmsg`
fn ifaddrmsg(index: u32, address: IpAddr, prefix: u8) -> [u8; 8] {
    let [a, b, c, d] = index.to_ne_bytes();
    [family(address), prefix, 0, AF_UNSPEC, a, b, c, d]
}

/// `struct rtmsg` of a unicast default route in the main table.
fn rtmsg(family: u8, scope: u8) -> [u8; 12] {
    [
        family,
        0,
        0,
        0,
        RT_TABLE_MAIN,
        RTPROT_BOOT,
        scope,
        RTN_UNICAST,
        0,
        0,
        0,
        0,
    ]
}

fn family(address: IpAddr) -> u8 {
    if address.is_ipv4() { AF_INET } else { AF_INET6 }
}

fn with_octets(address: IpAddr, mut write: impl FnMut(&[u8])) {
    match address {
        IpAddr::V4(address) => write(&address.octets()),
        IpAddr::V6(address) => write(&address.octets()),
    }
}
