//! Which address of a subnet belongs to which endpoint.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use crate::address::Cidr;
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
    pub(crate) address: Ipv4Addr,
    /// The ended endpoint of the same container whose interface may still have the address.
    pub(crate) leaving: Option<String>,
}

/// The addresses of one network.
#[derive(Debug)]
pub(crate) struct Addresses {
    network: String,
    gateway: Cidr,
    owners: BTreeMap<u32, Owner>,
    /// All addresses below are taken.
    lowest: u32,
}

impl Addresses {
    /// The subnet of a gateway, with nothing but the gateway taken.
    pub(crate) fn new(network: &str, gateway: Cidr) -> Self {
        let lowest = gateway.first();
        Self {
            network: network.to_owned(),
            gateway,
            owners: BTreeMap::new(),
            lowest,
        }
    }

    /// Takes the asked address, else the one this container is just leaving, else the lowest.
    pub(crate) fn take(
        &mut self,
        wanted: Option<Ipv4Addr>,
        container: &str,
        endpoint: &str,
    ) -> Result<Taken> {
        let address = match wanted {
            Some(address) => self.check(address, container)?,
            None => match self.leaving(container) {
                Some(address) => address,
                None => self.lowest_free()?,
            },
        };
        let leaving = self
            .owners
            .get(&u32::from(address))
            .map(|owner| owner.endpoint.clone());
        self.mark(address, container, endpoint);
        Ok(Taken { address, leaving })
    }

    /// Notes an endpoint that is there already.
    pub(crate) fn mark(&mut self, address: Ipv4Addr, container: &str, endpoint: &str) {
        let owner = Owner {
            container: container.to_owned(),
            endpoint: endpoint.to_owned(),
            leaving: false,
        };
        self.owners.insert(u32::from(address), owner);
    }

    /// From now on only the same container may have the address.
    pub(crate) fn leave(&mut self, address: Ipv4Addr, endpoint: &str) {
        if let Some(owner) = self.owner_of(address, endpoint) {
            owner.leaving = true;
        }
    }

    /// Frees the address if it is still this endpoint's.
    pub(crate) fn release(&mut self, address: Ipv4Addr, endpoint: &str) {
        if self.owner_of(address, endpoint).is_some() {
            self.owners.remove(&u32::from(address));
            self.lowest = self.lowest.min(u32::from(address));
        }
    }

    fn owner_of(&mut self, address: Ipv4Addr, endpoint: &str) -> Option<&mut Owner> {
        self.owners
            .get_mut(&u32::from(address))
            .filter(|owner| owner.endpoint == endpoint)
    }

    fn check(&self, address: Ipv4Addr, container: &str) -> Result<Ipv4Addr> {
        if !self.gateway.contains(address) || self.is_special(u32::from(address)) {
            return Err(Error::AddressOutside {
                ip: address,
                subnet: self.gateway.network().to_string(),
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
        if address == self.gateway.address {
            return taken("the gateway".to_owned());
        }
        match self.owners.get(&u32::from(address)) {
            Some(owner) if !owner.leaving || owner.container != container => {
                taken(format!("container {}", owner.container))
            }
            _ => Ok(address),
        }
    }

    fn leaving(&self, container: &str) -> Option<Ipv4Addr> {
        let mut leaving = self.owners.iter().filter(|(_, owner)| owner.leaving);
        leaving
            .find(|(_, owner)| owner.container == container)
            .map(|(address, _)| Ipv4Addr::from(*address))
    }

    fn lowest_free(&mut self) -> Result<Ipv4Addr> {
        for number in self.lowest..=self.gateway.last() {
            if self.is_free(number) {
                self.lowest = number.saturating_add(1);
                return Ok(Ipv4Addr::from(number));
            }
        }
        Err(Error::AddressesExhausted {
            network: self.network.clone(),
            subnet: self.gateway.network().to_string(),
        })
    }

    fn is_free(&self, number: u32) -> bool {
        !self.is_special(number)
            && number != u32::from(self.gateway.address)
            && !self.owners.contains_key(&number)
    }

    /// The network's own and the broadcast address; a /31 and a /32 have none (RFC 3021).
    fn is_special(&self, number: u32) -> bool {
        self.gateway.prefix() < 31
            && (number == self.gateway.first() || number == self.gateway.last())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addresses(gateway: &str) -> Addresses {
        Addresses::new("bridge", gateway.parse().unwrap())
    }

    fn take(addresses: &mut Addresses, container: &str, endpoint: &str) -> Ipv4Addr {
        addresses.take(None, container, endpoint).unwrap().address
    }

    fn ip(last: u8) -> Ipv4Addr {
        Ipv4Addr::new(10, 0, 0, last)
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
    fn a_leaving_address_goes_to_its_container_only() {
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
                .take(Some(Ipv4Addr::new(10, 0, 1, 2)), "b", "2")
                .is_err()
        );
    }

    #[test]
    fn a_full_subnet_is_named() {
        let mut addresses = addresses("10.0.0.1/30");
        take(&mut addresses, "a", "1");
        let error = addresses.take(None, "b", "2").unwrap_err();
        assert!(error.to_string().contains("10.0.0.0/30"), "{error}");
    }
}
