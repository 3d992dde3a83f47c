//! What a reload cannot change.

use super::Resolved;

impl Resolved {
    /// Keys whose new value only a new start takes over.
    pub(crate) fn changed_for_good(&self, new: &Self) -> Vec<&'static str> {
        let (old, new) = (&self.config, &new.config);
        [
            (old.hosts != new.hosts, "hosts"),
            (old.data_root != new.data_root, "data-root"),
            (old.exec_root != new.exec_root, "exec-root"),
            (old.bip != new.bip, "bip"),
            (old.bridge != new.bridge, "bridge"),
            (old.mtu != new.mtu, "mtu"),
            (old.dns != new.dns, "dns"),
            (old.log_driver != new.log_driver, "log-driver"),
            (old.log_opts != new.log_opts, "log-opts"),
            (old.log_level != new.log_level, "log-level"),
            (old.storage_driver != new.storage_driver, "storage-driver"),
            (
                old.default_ulimits != new.default_ulimits,
                "default-ulimits",
            ),
            (old.proxies != new.proxies, "proxies"),
            (old.group != new.group, "group"),
            (old.cgroup_parent != new.cgroup_parent, "cgroup-parent"),
            (
                old.seccomp_profile != new.seccomp_profile,
                "seccomp-profile",
            ),
            (
                old.no_new_privileges != new.no_new_privileges,
                "no-new-privileges",
            ),
            (old.init != new.init, "init"),
            (old.storage_opts != new.storage_opts, "storage-opts"),
            (old.exec_opts != new.exec_opts, "exec-opts"),
            (old.cpu_rt_period != new.cpu_rt_period, "cpu-rt-period"),
            (old.cpu_rt_runtime != new.cpu_rt_runtime, "cpu-rt-runtime"),
            (old.ip != new.ip, "ip"),
            (old.fixed_cidr != new.fixed_cidr, "fixed-cidr"),
            (old.ipv6 != new.ipv6, "ipv6"),
            (old.bip6 != new.bip6, "bip6"),
            (old.fixed_cidr_v6 != new.fixed_cidr_v6, "fixed-cidr-v6"),
            (
                old.default_gateway_v6 != new.default_gateway_v6,
                "default-gateway-v6",
            ),
            (old.firewall != new.firewall, "firewall"),
            (old.userland_proxy != new.userland_proxy, "userland-proxy"),
            (
                old.allow_direct_routing != new.allow_direct_routing,
                "allow-direct-routing",
            ),
            (
                old.default_gateway != new.default_gateway,
                "default-gateway",
            ),
            (old.icc != new.icc, "icc"),
            (old.ip_masq != new.ip_masq, "ip-masq"),
            (
                old.default_network_opts != new.default_network_opts,
                "default-network-opts",
            ),
            (old.ip_forward != new.ip_forward, "ip-forward"),
            (
                old.default_address_pools != new.default_address_pools,
                "default-address-pools",
            ),
            (
                old.host_gateway_ip != new.host_gateway_ip,
                "host-gateway-ip",
            ),
            (
                old.host_gateway_ips != new.host_gateway_ips,
                "host-gateway-ips",
            ),
            (old.dns_search != new.dns_search, "dns-search"),
            (old.dns_opts != new.dns_opts, "dns-opts"),
            (old.cdi_spec_dirs != new.cdi_spec_dirs, "cdi-spec-dirs"),
            (
                old.min_api_version != new.min_api_version,
                "min-api-version",
            ),
            (old.builder != new.builder, "builder"),
            (old.pidfile != new.pidfile, "pidfile"),
            (
                old.secrets_key_file != new.secrets_key_file,
                "secrets-key-file",
            ),
            (old.log_format != new.log_format, "log-format"),
            (old.tls != new.tls, "tls"),
            (old.tlsverify != new.tlsverify, "tlsverify"),
            (old.tlscacert != new.tlscacert, "tlscacert"),
            (old.tlscert != new.tlscert, "tlscert"),
            (old.tlskey != new.tlskey, "tlskey"),
        ]
        .into_iter()
        .filter_map(|(changed, key)| changed.then_some(key))
        .collect()
    }
}
