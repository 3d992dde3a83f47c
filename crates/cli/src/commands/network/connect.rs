//! `gantry network connect`

use gantry_api_types::{EndpointIpamConfig, EndpointSettings, NetworkConnectRequest};
use gantry_client::Client;

use crate::command::{Arity, Command};
use crate::create::pairs;
use crate::failure::Failure;
use crate::flags::{List, Strings, flags};
use crate::session::Session;

flags! {
    /// `gantry network connect`
    pub(crate) struct Connect {
        /// Add network-scoped alias for the container
        "alias" => alias: Strings,
        /// driver options for the network
        "driver-opt" => driver_opt: Strings,
        /// Highest gw-priority provides the default gateway. Accepts positive and negative values.
        "gw-priority" => gw_priority: i64,
        /// IPv4 address (e.g., "172.30.100.104")
        "ip" => ip: String,
        /// IPv6 address (e.g., "2001:db8::33")
        "ip6" => ip6: String,
        /// Add link to another container
        "link" => link: List,
        /// Add a link-local address for the container
        "link-local-ip" => link_local_ip: Strings,
    }
}

impl Command for Connect {
    const USAGE: &'static str = "[OPTIONS] NETWORK CONTAINER";
    const ABOUT: &'static str = "Connect a container to a network";
    const WORDS: Arity = Arity::Exactly(2);

    async fn run(self, session: &Session, words: Vec<String>) -> Result<(), Failure> {
        let [network, container] = &words[..] else {
            return Ok(());
        };
        let addresses = EndpointIpamConfig {
            ipv4_address: self.ip,
            ipv6_address: self.ip6,
            link_local_ips: self.link_local_ip.to_vec(),
        };
        let list = |list: &[String]| Some(list.to_vec()).filter(|list| !list.is_empty());
        let body = NetworkConnectRequest {
            container: container.clone(),
            endpoint_config: Some(EndpointSettings {
                ipam_config: Some(addresses),
                links: list(&self.link),
                aliases: list(&self.alias),
                driver_opts: Some(pairs(&self.driver_opt)).filter(|opts| !opts.is_empty()),
                gw_priority: self.gw_priority,
                ..EndpointSettings::default()
            }),
        };
        let client = session.client().await?;
        let request = client.post(Client::path("/networks/", network, "/connect"));
        request.json(&body).send().await?.finish().await;
        Ok(())
    }
}
