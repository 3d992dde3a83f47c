//! Choosing a subnet that no route of the host overlaps.

use std::net::Ipv4Addr;

use crate::address::{AddressPool, Cidr};

/// Docker's default pools: sixteen /16 from 172.17.0.0 on, then sixteen /20 of 192.168.0.0.
fn default_pools() -> Vec<AddressPool> {
    let pool = |address: [u8; 4], prefix, size| {
        Cidr::new(Ipv4Addr::from(address), prefix).map(|base| AddressPool { base, size })
    };
    let pools = [
        pool([172, 17, 0, 0], 16, 16),
        pool([172, 18, 0, 0], 16, 16),
        pool([172, 19, 0, 0], 16, 16),
        pool([172, 20, 0, 0], 14, 16),
        pool([172, 24, 0, 0], 14, 16),
        pool([172, 28, 0, 0], 14, 16),
        pool([192, 168, 0, 0], 16, 20),
    ];
    pools.into_iter().flatten().collect()
}

/// The first subnet of the pools (Docker's when there are none) that overlaps nothing in use.
///
/// What comes back is the gateway: the subnet's first host address with its prefix.
pub(crate) fn choose(pools: &[AddressPool], in_use: &[Cidr]) -> Option<Cidr> {
    let defaults;
    let pools = if pools.is_empty() {
        defaults = default_pools();
        &defaults
    } else {
        pools
    };
    pools
        .iter()
        .flat_map(|pool| subnets(*pool))
        .find(|subnet| !in_use.iter().any(|used| used.overlaps(*subnet)))
        .and_then(|subnet| Cidr::new(Ipv4Addr::from(subnet.first() + 1), subnet.prefix()))
}

fn subnets(pool: AddressPool) -> impl Iterator<Item = Cidr> + use<> {
    let AddressPool { base, size } = pool;
    let valid = size >= base.prefix() && size <= 30;
    let step = if valid { 1_u64 << (32 - size) } else { 1 };
    let count = if valid {
        1_u64 << (size - base.prefix())
    } else {
        0
    };
    (0..count).filter_map(move |index| {
        let first = u32::try_from(u64::from(base.first()) + index * step).ok()?;
        Cidr::new(Ipv4Addr::from(first), size)
    })
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
    }
}
