//! What is to be done to links, addresses, routes and neighbours, in one send.

use std::net::Ipv4Addr;
use std::os::fd::{AsRawFd, BorrowedFd};

use gantry_sys::netlink::{Attributes, Messages, flags};

use crate::abi::{
    AF_INET, AF_UNSPEC, IFA_ADDRESS, IFA_BROADCAST, IFA_LOCAL, IFLA_ADDRESS, IFLA_BR_FORWARD_DELAY,
    IFLA_BRPORT_MODE, IFLA_IFNAME, IFLA_INFO_DATA, IFLA_INFO_KIND, IFLA_INFO_SLAVE_DATA,
    IFLA_INFO_SLAVE_KIND, IFLA_LINKINFO, IFLA_MASTER, IFLA_MTU, IFLA_NET_NS_FD, NDA_DST,
    NDA_LLADDR, NUD_STALE, RT_TABLE_MAIN, RTA_GATEWAY, RTA_OIF, RTM_DELADDR, RTM_DELLINK,
    RTM_NEWADDR, RTM_NEWLINK, RTM_NEWNEIGH, RTM_NEWROUTE, RTN_UNICAST, RTPROT_BOOT, VETH_INFO_PEER,
    ifinfomsg,
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

    /// Gives an interface an address; fine when it has it.
    pub fn add_address(&mut self, index: u32, address: Ipv4Addr, prefix: u8) {
        let what = format!("give address {address}/{prefix} to interface {index}");
        let header = ifaddrmsg(index, prefix);
        self.push(
            RTM_NEWADDR,
            flags::CREATE | flags::REPLACE,
            &header,
            what,
            |out| {
                out.bytes(IFA_LOCAL, &address.octets());
                out.bytes(IFA_ADDRESS, &address.octets());
                // In a /31 or /32 there is no address left for broadcasts.
                if prefix < 31 {
                    let hosts = u32::MAX >> prefix;
                    out.bytes(IFA_BROADCAST, &(u32::from(address) | hosts).to_be_bytes());
                }
            },
        );
    }

    /// Takes an address from an interface.
    pub fn delete_address(&mut self, index: u32, address: Ipv4Addr, prefix: u8) {
        let what = format!("take address {address}/{prefix} from interface {index}");
        self.push(RTM_DELADDR, 0, &ifaddrmsg(index, prefix), what, |out| {
            out.bytes(IFA_LOCAL, &address.octets());
        });
    }

    /// Adds the default route; refused when there is one.
    pub fn add_default_route(&mut self, index: u32, gateway: Ipv4Addr) {
        let what = format!("add the default route by {gateway}");
        // struct rtmsg
        let header = [
            AF_INET,
            0,
            0,
            0,
            RT_TABLE_MAIN,
            RTPROT_BOOT,
            0,
            RTN_UNICAST,
            0,
            0,
            0,
            0,
        ];
        self.push(RTM_NEWROUTE, CREATE, &header, what, |out| {
            out.bytes(RTA_GATEWAY, &gateway.octets());
            out.u32(RTA_OIF, index);
        });
    }

    /// Tells which hardware address an address has, so that nobody asks its last owner.
    pub fn set_neighbour(&mut self, index: u32, address: Ipv4Addr, mac: [u8; 6]) {
        let what = format!("note the hardware address of {address}");
        // struct ndmsg
        let mut header = [0; 12];
        header[0] = AF_INET;
        header[4..8].copy_from_slice(&index.to_ne_bytes());
        header[8..10].copy_from_slice(&NUD_STALE.to_ne_bytes());
        self.push(
            RTM_NEWNEIGH,
            flags::CREATE | flags::REPLACE,
            &header,
            what,
            |out| {
                out.bytes(NDA_DST, &address.octets());
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
fn ifaddrmsg(index: u32, prefix: u8) -> [u8; 8] {
    let [a, b, c, d] = index.to_ne_bytes();
    [AF_INET, prefix, 0, AF_UNSPEC, a, b, c, d]
}
