//! Networks and a container's endpoints in them.

use std::collections::BTreeMap;

use crate::json::body;

body! {
    /// Networks to join at creation.
    pub struct NetworkingConfig {
        /// By network name; `null` is "no wishes". Boxed, since a map makes room for eleven values at
        /// once, and a daemon keeps one map a container.
        endpoints_config: Option<BTreeMap<String, Option<Box<EndpointSettings>>>> => "EndpointsConfig",
    }

    /// Addresses that the user wishes.
    pub struct EndpointIpamConfig {
        /// IPv4.
        ipv4_address: String => "IPv4Address" omitempty,
        /// IPv6.
        ipv6_address: String => "IPv6Address" omitempty,
        /// More addresses.
        link_local_ips: Vec<String> => "LinkLocalIPs" omitempty,
    }

    /// A container in a network.
    pub struct EndpointSettings {
        /// Addresses wished.
        ipam_config: Option<EndpointIpamConfig> => "IPAMConfig",
        /// Links.
        links: Option<Vec<String>> => "Links",
        /// Other names.
        aliases: Option<Vec<String>> => "Aliases",
        /// MAC address.
        mac_address: String => "MacAddress",
        /// Driver's options.
        driver_opts: Option<BTreeMap<String, String>> => "DriverOpts",
        /// Which network gives the default route; higher wins.
        gw_priority: i64 => "GwPriority",
        /// Network.
        network_id: String => "NetworkID",
        /// Endpoint.
        endpoint_id: String => "EndpointID",
        /// IPv4 gateway.
        gateway: String => "Gateway",
        /// IPv4 address.
        ip_address: String => "IPAddress",
        /// IPv4 prefix bits.
        ip_prefix_len: i64 => "IPPrefixLen",
        /// IPv6 gateway.
        ipv6_gateway: String => "IPv6Gateway",
        /// IPv6 address.
        global_ipv6_address: String => "GlobalIPv6Address",
        /// IPv6 prefix bits.
        global_ipv6_prefix_len: i64 => "GlobalIPv6PrefixLen",
        /// Names that resolve to it.
        dns_names: Option<Vec<String>> => "DNSNames",
    }

    /// One address pool of a network.
    pub struct IpamConfig {
        /// Subnet.
        subnet: String => "Subnet" omitempty,
        /// Part of the subnet for containers.
        ip_range: String => "IPRange" omitempty,
        /// Gateway.
        gateway: String => "Gateway" omitempty,
        /// Addresses in use by others.
        auxiliary_addresses: BTreeMap<String, String> => "AuxiliaryAddresses" omitempty,
    }

    /// Address management of a network.
    pub struct Ipam {
        /// Driver.
        driver: String => "Driver",
        /// Driver's options.
        options: Option<BTreeMap<String, String>> => "Options",
        /// Pools.
        config: Option<Vec<IpamConfig>> => "Config",
    }

    /// Where a network's configuration comes from.
    pub struct ConfigReference {
        /// Name of a config-only network.
        network: String => "Network",
    }

    /// A container in a network's inspect.
    pub struct NetworkContainer {
        /// Container's name.
        name: String => "Name",
        /// Endpoint.
        endpoint_id: String => "EndpointID",
        /// MAC address.
        mac_address: String => "MacAddress",
        /// IPv4 with prefix.
        ipv4_address: String => "IPv4Address",
        /// IPv6 with prefix.
        ipv6_address: String => "IPv6Address",
    }

    /// `GET /networks` (one entry) and `GET /networks/{id}`.
    pub struct NetworkResource {
        /// Name.
        name: String => "Name",
        /// 64 hex digits.
        id: String => "Id",
        /// RFC 3339.
        created: String => "Created",
        /// `local`, `global` or `swarm`.
        scope: String => "Scope",
        /// Driver.
        driver: String => "Driver",
        /// IPv4 on.
        enable_ipv4: bool => "EnableIPv4",
        /// IPv6 on.
        enable_ipv6: bool => "EnableIPv6",
        /// Addresses.
        ipam: Ipam => "IPAM",
        /// No way out.
        internal: bool => "Internal",
        /// Any container may join a swarm network.
        attachable: bool => "Attachable",
        /// Swarm's routing mesh.
        ingress: bool => "Ingress",
        /// Configuration from.
        config_from: ConfigReference => "ConfigFrom",
        /// A template for others.
        config_only: bool => "ConfigOnly",
        /// Containers by id.
        containers: Option<BTreeMap<String, NetworkContainer>> => "Containers",
        /// Driver's options.
        options: Option<BTreeMap<String, String>> => "Options",
        /// Labels.
        labels: Option<BTreeMap<String, String>> => "Labels",
    }

    /// `POST /networks/create`.
    pub struct NetworkCreateRequest {
        /// Name.
        name: String => "Name",
        /// Ignored; names are always unique.
        check_duplicate: Option<bool> => "CheckDuplicate" omitempty,
        /// Driver; empty is `bridge`.
        driver: String => "Driver",
        /// Scope.
        scope: String => "Scope",
        /// IPv4; on unless said.
        enable_ipv4: Option<bool> => "EnableIPv4" omitempty,
        /// IPv6.
        enable_ipv6: Option<bool> => "EnableIPv6" omitempty,
        /// Addresses.
        ipam: Option<Ipam> => "IPAM",
        /// No way out.
        internal: bool => "Internal",
        /// Swarm.
        attachable: bool => "Attachable",
        /// Swarm.
        ingress: bool => "Ingress",
        /// A template.
        config_only: bool => "ConfigOnly",
        /// Configuration from.
        config_from: Option<ConfigReference> => "ConfigFrom",
        /// Driver's options.
        options: Option<BTreeMap<String, String>> => "Options",
        /// Labels.
        labels: Option<BTreeMap<String, String>> => "Labels",
    }

    /// `POST /networks/create`'s answer.
    pub struct NetworkCreateResponse {
        /// The new network.
        id: String => "Id",
        /// What the user should know.
        warning: String => "Warning",
    }

    /// `POST /networks/{id}/connect`.
    pub struct NetworkConnectRequest {
        /// Container.
        container: String => "Container",
        /// Wishes.
        endpoint_config: Option<EndpointSettings> => "EndpointConfig" omitempty,
    }

    /// `POST /networks/{id}/disconnect`.
    pub struct NetworkDisconnectRequest {
        /// Container.
        container: String => "Container",
        /// Even if it is not well.
        force: bool => "Force",
    }
}
