//! Choosing a subnet that overlaps nothing that is in use.

use std::net::Ipv4Addr;

use crate::address::{AddressPool, Cidr};

/// Docker's default pools: sixteen /16 from 172.17.0.0 on, then 192.168.0.0, cut to a size.
fn default_pools(sizes: (u8, u8)) -> Vec<AddressPool> {
    let pool = |address: [u8; 4], prefix, size| {
        Cidr::new(Ipv4Addr::from(address), prefix).map(|base| AddressPool { base, size })
    };
    let pools = [
        pool([172, 17, 0, 0], 16, sizes.0),
        pool([172, 18, 0, 0], 16, sizes.0),
        pool([172, 19, 0, 0], 16, sizes.0),
        pool([172, 20, 0, 0], 14, sizes.0),
        pool([172, 24, 0, 0], 14, sizes.0),
        pool([172, 28, 0, 0], 14, sizes.0),
        pool([192, 168, 0, 0], 16, sizes.1),
    ];
    pools.into_iter().flatten().collect()
}

/// The first subnet of the pools (Docker's when there are none) that overlaps nothing in use, for
/// the default bridge.
///
/// What comes back is the gateway: the subnet's first host address with its prefix.
pub(crate) fn choose(pools: &[AddressPool], in_use: &[Cidr]) -> Option<Cidr> {
    if pools.iter().any(|pool| pool.base.is_ipv4()) {
        first_free(pools, in_use, true)
    } else {
        first_free(&default_pools((16, 20)), in_use, true)
    }
}

/// The same for a user's network: of Docker's pools it gets a /24, so that 4,000 networks find room
/// instead of 31. The first /16 is left to the default bridge.
pub(crate) fn choose_small(pools: &[AddressPool], in_use: &[Cidr]) -> Option<Cidr> {
    if pools.iter().any(|pool| pool.base.is_ipv4()) {
        first_free(pools, in_use, true)
    } else {
        first_free(&default_pools((24, 24))[1..], in_use, true)
    }
}

/// A /64 of the configured IPv6 pools, else of this machine's own prefix (RFC 4193).
pub(crate) fn choose_ipv6(pools: &[AddressPool], own: Cidr, in_use: &[Cidr]) -> Option<Cidr> {
    if pools.iter().any(|pool| !pool.base.is_ipv4()) {
        return first_free(pools, in_use, false);
    }
    let own = AddressPool {
        base: own,
        size: 64,
    };
    first_free(&[own], in_use, false)
}

fn first_free(pools: &[AddressPool], in_use: &[Cidr], ipv4: bool) -> Option<Cidr> {
    pools
        .iter()
        .filter(|pool| pool.base.is_ipv4() == ipv4)
        .flat_map(|pool| subnets(*pool))
        .find(|subnet| !in_use.iter().any(|used| used.overlaps(*subnet)))
        .and_then(|subnet| Cidr::new(subnet.at(subnet.first() + 1), subnet.prefix()))
}

fn subnets(pool: AddressPool) -> impl Iterator<Item = Cidr> + use<> {
    let AddressPool { base, size } = pool;
    let (bits, largest) = if base.is_ipv4() { (32, 30) } else { (128, 126) };
    let valid = size >= base.prefix() && size <= largest;
    let step = if valid {
        1_u128.checked_shl(u32::from(bits - size)).unwrap_or(0)
    } else {
        0
    };
    let count = if valid {
        // More than anybody can look through.
        1_u128 << u32::from(size - base.prefix()).min(20)
    } else {
        0
    };
    (0..count).filter_map(move |index| Cidr::new(base.at(base.first() + index * step), size))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cidr(text: &str) -> Cidr {
        text.parse().unwrap()
    }

    #[test]
    fn the_first_default_is_dockers() {
        assert_eq!(choose(&[], &[]), Some(cidr("172.17.0.1/16")));
        assert_eq!(
            choose(&[], &[cidr("172.17.42.0/24")]),
            Some(cidr("172.18.0.1/16"))
        );
        assert_eq!(
            choose(&[], &[cidr("172.16.0.0/12")]),
            Some(cidr("192.168.0.1/20"))
        );
        assert_eq!(choose(&[], &[cidr("128.0.0.0/1")]), None);
        assert_eq!(choose_small(&[], &[]), Some(cidr("172.18.0.1/24")));
        assert_eq!(
            choose_small(&[], &[cidr("172.18.0.0/23")]),
            Some(cidr("172.18.2.1/24"))
        );
    }

    #[test]
    fn configured_pools_are_cut_to_size() {
        let pool = AddressPool {
            base: cidr("10.9.0.0/16"),
            size: 24,
        };
        assert_eq!(
            choose(&[pool], &[cidr("10.9.0.0/23")]),
            Some(cidr("10.9.2.1/24"))
        );
        let nonsense = AddressPool {
            base: cidr("10.9.0.0/16"),
            size: 8,
        };
        assert_eq!(choose(&[nonsense], &[]), None);
        let own = cidr("fd12:3456:789a::/48");
        assert_eq!(
            choose_ipv6(&[pool], own, &[cidr("fd12:3456:789a::/64")]),
            Some(cidr("fd12:3456:789a:1::1/64"))
        );
    }
}
