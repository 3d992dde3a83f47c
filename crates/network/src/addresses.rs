//! Which address of a subnet belongs to which endpoint.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use crate::address::{Cidr, number};
use crate::definition::Subnet;
use crate::error::{Error, Result};

/// Who has an address.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Owner {
    container: String,
    endpoint: String,
    /// The endpoint is gone for its users, but its interface may still answer.
    leaving: bool,
}

/// An address that was taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Taken {
    pub(crate) address: IpAddr,
    /// The ended endpoint of the same container whose interface may still have the address.
    pub(crate) leaving: Option<String>,
}

/// The addresses of one subnet of a network.
#[derive(Debug)]
pub(crate) struct Addresses {
    network: String,
    subnet: Cidr,
    /// Where addresses that nobody asked for come from: the subnet or a part of it.
    range: Cidr,
    gateway: Option<IpAddr>,
    /// Addresses that others use: never given out by themselves.
    others: BTreeSet<u128>,
    owners: BTreeMap<u128, Owner>,
    /// All addresses of the range below are taken.
    lowest: u128,
}

impl Addresses {
    /// A subnet with nothing but its gateway and its auxiliary addresses taken.
    pub(crate) fn new(network: &str, subnet: &Subnet) -> Self {
        let range = subnet.range.unwrap_or(subnet.subnet);
        Self {
            network: network.to_owned(),
            subnet: subnet.subnet,
            range,
            gateway: subnet.gateway,
            others: subnet.auxiliary.values().copied().map(number).collect(),
            owners: BTreeMap::new(),
            lowest: range.first(),
        }
    }

    /// Takes the asked address, else the one this container is just leaving, else the lowest.
    pub(crate) fn take(
        &mut self,
        wanted: Option<IpAddr>,
        container: &str,
        endpoint: &str,
    ) -> Result<Taken> {
        let address = match wanted {
            Some(address) => self.check(address)?,
            None => match self.leaving(container) {
                Some(address) => address,
                // Where none is free, one that is just being left.
                None => self
                    .lowest_free()
                    .or_else(|full| self.any_leaving().ok_or(full))?,
            },
        };
        let leaving = self
            .owners
            .get(&number(address))
            .map(|owner| owner.endpoint.clone());
        self.mark(address, container, endpoint);
        Ok(Taken { address, leaving })
    }

    /// Notes an endpoint that is there already.
    pub(crate) fn mark(&mut self, address: IpAddr, container: &str, endpoint: &str) {
        let owner = Owner {
            container: container.to_owned(),
            endpoint: endpoint.to_owned(),
            leaving: false,
        };
        self.owners.insert(number(address), owner);
    }

    /// From now on only the same container may have the address, and whoever asks for it by name.
    pub(crate) fn leave(&mut self, address: IpAddr, endpoint: &str) {
        if let Some(owner) = self.owner_of(address, endpoint) {
            owner.leaving = true;
        }
    }

    /// Frees the address if it is still this endpoint's.
    pub(crate) fn release(&mut self, address: IpAddr, endpoint: &str) {
        if self.owner_of(address, endpoint).is_some() {
            self.owners.remove(&number(address));
            if self.range.contains(address) {
                self.lowest = self.lowest.min(number(address));
            }
        }
    }

    fn owner_of(&mut self, address: IpAddr, endpoint: &str) -> Option<&mut Owner> {
        self.owners
            .get_mut(&number(address))
            .filter(|owner| owner.endpoint == endpoint)
    }

    fn check(&self, address: IpAddr) -> Result<IpAddr> {
        if !self.subnet.contains(address) || self.is_special(number(address)) {
            return Err(Error::AddressOutside {
                ip: address,
                subnet: self.subnet.to_string(),
                network: self.network.clone(),
            });
        }
        let taken = |owner: String| {
            Err(Error::AddressTaken {
                ip: address,
                owner,
                network: self.network.clone(),
            })
        };
        if Some(address) == self.gateway {
            return taken("the gateway".to_owned());
        }
        if self.others.contains(&number(address)) {
            return taken("an auxiliary address of the network".to_owned());
        }
        match self.owners.get(&number(address)) {
            Some(owner) if !owner.leaving => taken(format!("container {}", owner.container)),
            _ => Ok(address),
        }
    }

    fn leaving(&self, container: &str) -> Option<IpAddr> {
        let mut leaving = self.owners.iter().filter(|(_, owner)| owner.leaving);
        leaving
            .find(|(_, owner)| owner.container == container)
            .map(|(address, _)| self.subnet.at(*address))
    }

    fn any_leaving(&self) -> Option<IpAddr> {
        let mut owners = self.owners.iter();
        owners
            .find(|(_, owner)| owner.leaving)
            .map(|(address, _)| self.subnet.at(*address))
    }

    fn lowest_free(&mut self) -> Result<IpAddr> {
        for number in self.lowest..=self.range.last() {
            if self.is_free(number) {
                self.lowest = number.saturating_add(1);
                return Ok(self.subnet.at(number));
            }
        }
        self.lowest = self.range.last();
        Err(Error::AddressesExhausted {
            network: self.network.clone(),
            subnet: self.range.to_string(),
            hint: self.hint(),
        })
    }

    /// What the user of a full network can do.
    fn hint(&self) -> &'static str {
        if self.network == "bridge" {
            "stop containers that are not needed, use a network of your own (network create), or give the daemon a larger bip or fixed-cidr"
        } else if self.range == self.subnet {
            "stop or disconnect containers that are not needed, or make another network with a larger --subnet"
        } else {
            "stop or disconnect containers that are not needed, ask for an address outside of the ip-range (--ip), or make another network with a larger --ip-range"
        }
    }

    fn is_free(&self, candidate: u128) -> bool {
        !self.is_special(candidate)
            && Some(candidate) != self.gateway.map(number)
            && !self.others.contains(&candidate)
            && !self.owners.contains_key(&candidate)
    }

    /// The network's own and the broadcast address; a /31 and a /32 have none (RFC 3021). IPv6 has
    /// no broadcasts, but its lowest address is all routers' (RFC 4291, 2.6.1).
    fn is_special(&self, candidate: u128) -> bool {
        if self.subnet.is_ipv4() {
            self.subnet.prefix() < 31
                && (candidate == self.subnet.first() || candidate == self.subnet.last())
        } else {
            self.subnet.prefix() < 127 && candidate == self.subnet.first()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    fn addresses(gateway: &str) -> Addresses {
        let gateway: Cidr = gateway.parse().unwrap();
        Addresses::new("bridge", &Subnet::with_gateway(gateway))
    }

    fn take(addresses: &mut Addresses, container: &str, endpoint: &str) -> IpAddr {
        addresses.take(None, container, endpoint).unwrap().address
    }

    fn ip(last: u8) -> IpAddr {
        Ipv4Addr::new(10, 0, 0, last).into()
    }

    #[test]
    fn where_none_is_free_one_that_is_being_left_is_taken() {
        let mut addresses = addresses("10.0.0.1/30");
        assert_eq!(take(&mut addresses, "a", "1"), ip(2));
        assert!(addresses.take(None, "b", "2").is_err());
        addresses.leave(ip(2), "1");
        let taken = addresses.take(None, "b", "3").unwrap();
        assert_eq!(
            (taken.address, taken.leaving),
            (ip(2), Some("1".to_owned()))
        );
        addresses.release(ip(2), "1");
        assert!(addresses.take(None, "c", "4").is_err());
    }

    #[test]
    fn the_lowest_free_address_is_taken() {
        let mut addresses = addresses("10.0.0.1/24");
        assert_eq!(take(&mut addresses, "a", "1"), ip(2));
        assert_eq!(take(&mut addresses, "b", "2"), ip(3));
        addresses.release(ip(2), "1");
        assert_eq!(take(&mut addresses, "c", "3"), ip(2));
        assert_eq!(take(&mut addresses, "d", "4"), ip(4));
    }

    #[test]
    fn a_leaving_address_goes_to_its_container_or_to_who_asks_for_it() {
        let mut addresses = addresses("10.0.0.1/24");
        take(&mut addresses, "a", "1");
        addresses.leave(ip(2), "1");
        assert_eq!(take(&mut addresses, "b", "2"), ip(3));
        let taken = addresses.take(None, "a", "3").unwrap();
        assert_eq!(
            taken,
            Taken {
                address: ip(2),
                leaving: Some("1".to_owned())
            }
        );
        addresses.leave(ip(3), "2");
        let asked = addresses.take(Some(ip(3)), "z", "9").unwrap();
        assert_eq!(asked.leaving, Some("2".to_owned()));
        // The late release of the first endpoint does not touch the second one's address.
        addresses.release(ip(2), "1");
        assert_eq!(take(&mut addresses, "c", "4"), ip(4));
    }

    #[test]
    fn an_asked_address_must_be_free_and_inside() {
        let mut addresses = addresses("10.0.0.1/24");
        assert_eq!(
            addresses.take(Some(ip(9)), "a", "1").unwrap().address,
            ip(9)
        );
        let error = addresses.take(Some(ip(9)), "b", "2").unwrap_err();
        assert!(error.to_string().contains("container a"), "{error}");
        assert!(addresses.take(Some(ip(1)), "b", "2").is_err());
        assert!(addresses.take(Some(ip(0)), "b", "2").is_err());
        assert!(addresses.take(Some(ip(255)), "b", "2").is_err());
        assert!(
            addresses
                .take(Some(Ipv4Addr::new(10, 0, 1, 2).into()), "b", "2")
                .is_err()
        );
    }

    #[test]
    fn a_full_subnet_is_named() {
        let mut addresses = addresses("10.0.0.1/30");
        take(&mut addresses, "a", "1");
        let error = addresses.take(None, "b", "2").unwrap_err();
        assert!(error.to_string().contains("10.0.0.0/30"), "{error}");
        assert!(error.to_string().contains("bip"), "{error}");
    }

    /// Whoever has a network cannot change the daemon's configuration.
    #[test]
    fn the_user_of_a_full_network_is_told_what_he_can_do() {
        let whole = Subnet {
            chosen: true,
            ..Subnet::with_gateway("10.0.0.1/30".parse().unwrap())
        };
        let part = Subnet {
            range: Some("10.0.0.2/32".parse().unwrap()),
            ..whole.clone()
        };
        for (subnet, hint) in [
            (whole, "larger --subnet"),
            (part, "outside of the ip-range"),
        ] {
            let mut addresses = Addresses::new("shop", &subnet);
            take(&mut addresses, "a", "1");
            let error = addresses.take(None, "b", "2").unwrap_err().to_string();
            assert!(error.contains(hint) && !error.contains("bip"), "{error}");
        }
    }

    #[test]
    fn a_range_bounds_what_is_given_but_not_what_may_be_asked() {
        let subnet = Subnet {
            range: Some("10.0.0.128/25".parse().unwrap()),
            auxiliary: [("router".to_owned(), ip(129))].into(),
            ..Subnet::with_gateway("10.0.0.1/24".parse().unwrap())
        };
        let mut addresses = Addresses::new("ranged", &subnet);
        assert_eq!(take(&mut addresses, "a", "1"), ip(128));
        assert_eq!(take(&mut addresses, "b", "2"), ip(130));
        assert!(addresses.take(Some(ip(129)), "c", "3").is_err());
        assert!(addresses.take(Some(ip(9)), "c", "3").is_ok());
        addresses.release(ip(9), "3");
        assert_eq!(take(&mut addresses, "d", "4"), ip(131));
    }
}
