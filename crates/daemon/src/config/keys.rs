//! The table of all keys of `daemon.json`, which are the daemon's flags as well.
//!
//! It holds every key that Docker 28 knows and our own. What Docker's users may have in their file
//! is answered here, key by key: it works, it is accepted and a line of the log says what it means
//! here, or it is refused with the reason.

use serde_json::Value;

/// How a key's value is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// A text.
    Text,
    /// `true` or `false`.
    Switch,
    /// A whole number.
    Number,
    /// Texts; the flag is given once for each.
    List,
    /// Texts by name; the flag takes `name=value`.
    Map,
    /// A flag that takes `name=true`.
    Features,
    /// `base=10.0.0.0/8,size=24`
    Pools,
    /// `nofile=1024:2048`
    Ulimits,
    /// Only in the file.
    Object,
}

/// What becomes of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// It has its effect.
    Works,
    /// It is accepted and changes nothing; why, a line of the log says.
    Noted(&'static str),
    /// These values (as JSON) are what is done anyway; others are refused for this reason.
    Only(&'static [&'static str], &'static str),
    /// It is refused for this reason.
    Refused(&'static str),
}

/// A key.
#[derive(Debug, Clone, Copy)]
pub struct Key {
    /// In the file; an inner key of an object has a dot.
    pub name: &'static str,
    /// The flag's name where it is another one.
    pub flag: Option<&'static str>,
    /// The flag's letter.
    pub short: Option<char>,
    /// How its value is written.
    pub form: Form,
    /// What becomes of it.
    pub answer: Answer,
    /// A reload takes its new value over.
    pub reloads: bool,
    /// One line of help.
    pub help: &'static str,
}

impl Key {
    const fn new(name: &'static str, form: Form, help: &'static str) -> Self {
        Self {
            name,
            flag: None,
            short: None,
            form,
            answer: Answer::Works,
            reloads: false,
            help,
        }
    }

    const fn flag(mut self, flag: &'static str) -> Self {
        self.flag = Some(flag);
        self
    }

    const fn short(mut self, letter: char) -> Self {
        self.short = Some(letter);
        self
    }

    const fn reloads(mut self) -> Self {
        self.reloads = true;
        self
    }

    const fn is(mut self, answer: Answer) -> Self {
        self.answer = answer;
        self
    }

    const fn refused(self, reason: &'static str) -> Self {
        self.is(Answer::Refused(reason))
    }

    const fn only(self, values: &'static [&'static str], reason: &'static str) -> Self {
        self.is(Answer::Only(values, reason))
    }

    /// The flag, without dashes; `None` for what only the file has.
    pub fn flag_name(&self) -> Option<&'static str> {
        (!matches!(self.form, Object)).then_some(self.flag.unwrap_or(self.name))
    }

    /// Why a value is refused, if it is.
    pub fn refusal(&self, value: &Value) -> Option<&'static str> {
        match self.answer {
            Answer::Works | Answer::Noted(_) => None,
            Answer::Only(values, reason) => {
                let text = value.to_string();
                (!values.contains(&text.as_str())).then_some(reason)
            }
            Answer::Refused(reason) => Some(reason),
        }
    }
}

/// Finds a key by its name in the file.
pub fn find(name: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.name == name)
}

const NO_SWARM: &str = "there is no swarm mode";
const NO_CONTAINERD: &str = "there is no containerd: images and containers are this daemon's own";
const OFF: &[&str] = &["false"];
const ON: &[&str] = &["true"];
const EMPTY: &[&str] = &["\"\"", "[]", "{}"];

use Form::{Features, List, Map, Number, Object, Pools, Switch, Text, Ulimits};

/// All keys, by name.
pub const KEYS: &[Key] = &[
    Key::new("allow-direct-routing", Switch, "Allow other hosts to reach published ports at the containers' addresses"),
    Key::new("allow-nondistributable-artifacts", List, "Registries to push foreign layers to")
        .flag("allow-nondistributable-artifact")
        .only(EMPTY, "layers with foreign URLs are never pushed"),
    Key::new("authorization-plugins", List, "Authorization plugins to load")
        .flag("authorization-plugin")
        .only(EMPTY, "there are no plugins; restrict access by the socket's group or by TLS client certificates"),
    Key::new("bip", Text, "IPv4 address and prefix of the default bridge"),
    Key::new("bip6", Text, "IPv6 address and prefix of the default bridge"),
    Key::new("bridge", Text, "Name of the default bridge").short('b'),
    Key::new("builder", Object, "Bounds of the build cache, and what builds may be granted"),
    Key::new("cdi-spec-dirs", List, "Where CDI describes devices")
        .flag("cdi-spec-dir"),
    Key::new("cgroup-parent", Text, "The cgroup below which containers are put"),
    Key::new("containerd", Text, "containerd's address").refused(NO_CONTAINERD),
    Key::new("containerd-namespace", Text, "containerd's namespace").refused(NO_CONTAINERD),
    Key::new("containerd-plugin-namespace", Text, "containerd's namespace for plugins")
        .flag("containerd-plugins-namespace")
        .refused(NO_CONTAINERD),
    Key::new("cpu-rt-period", Number, "Real-time CPU period of the parent cgroup, microseconds"),
    Key::new("cpu-rt-runtime", Number, "Real-time CPU time of the parent cgroup, microseconds"),
    Key::new("cri-containerd", Switch, "Start containerd with its CRI plugin").refused(NO_CONTAINERD),
    Key::new("data-root", Text, "Where images, containers and volumes are kept (default /var/lib/gantry)"),
    Key::new("debug", Switch, "Debug output").short('D').reloads(),
    Key::new("default-address-pools", Pools, "Ranges that networks get their subnets from")
        .flag("default-address-pool"),
    Key::new("default-cgroupns-mode", Text, "Cgroup namespace of containers: host or private").reloads(),
    Key::new("default-gateway", Text, "Gateway of containers on the default bridge"),
    Key::new("default-gateway-v6", Text, "IPv6 gateway of containers on the default bridge"),
    Key::new("default-ipc-mode", Text, "IPC namespace of containers: private or shareable").reloads(),
    Key::new("default-network-opts", Object, "Options of new networks by driver"),
    Key::new("default-runtime", Text, "Runtime of containers").reloads(),
    Key::new("default-shm-size", Text, "Size of /dev/shm in containers (default 64MiB)").reloads(),
    Key::new("default-ulimits", Ulimits, "Limits of containers that set none").flag("default-ulimit"),
    Key::new("dns", List, "Name servers of containers"),
    Key::new("dns-opts", List, "Resolver options of containers").flag("dns-opt"),
    Key::new("dns-search", List, "Search domains of containers"),
    Key::new("exec-opts", List, "native.cgroupdriver=cgroupfs").flag("exec-opt"),
    Key::new("exec-root", Text, "Where run-time state is kept (default /run/gantry)"),
    Key::new("experimental", Switch, "Experimental features")
        .only(OFF, "there are no experimental features"),
    Key::new("features", Features, "Features by name").flag("feature").reloads(),
    Key::new("firewall", Text, "honor-input: published ports are reached by whom the host's INPUT chains let in"),
    Key::new("firewall-backend", Text, "What sets up the firewall")
        .only(&["\"\"", "\"nftables\""], "rules are always made with nf_tables"),
    Key::new("fixed-cidr", Text, "Part of the default bridge's subnet that containers' addresses come from"),
    Key::new("fixed-cidr-v6", Text, "IPv6 subnet of the default bridge"),
    Key::new("group", Text, "Group that may use the socket").short('G'),
    Key::new("host-gateway-ip", Text, "Address that host-gateway stands for in --add-host"),
    Key::new("host-gateway-ips", List, "Addresses that host-gateway stands for in --add-host")
        .flag("host-gateway-ips"),
    Key::new("hosts", List, "Where to listen: unix:///path, tcp://address:port, fd://")
        .flag("host")
        .short('H'),
    Key::new("icc", Switch, "Containers on the default bridge may talk to each other (default true)"),
    Key::new("init", Switch, "Run the reaping init in front of containers' programs"),
    Key::new("init-path", Text, "The init program")
        .only(&["\"\""], "the init is built into Gantry"),
    Key::new("insecure-registries", List, "Registry that may speak HTTP or show an unknown certificate")
        .flag("insecure-registry")
        .reloads(),
    Key::new("ip", Text, "Address that published ports listen on when none is given"),
    Key::new("ip-forward", Switch, "Switch the host's forwarding on (default true)"),
    Key::new("ip-forward-no-drop", Switch, "Leave the policy of forwarding alone")
        .only(ON, "the policy of other firewalls is never changed: this is what is always done"),
    Key::new("ip-masq", Switch, "Containers' connections leave with the host's address (default true)"),
    Key::new("ip6tables", Switch, "Make IPv6 rules")
        .only(ON, "rules are put into a table of our own in nf_tables, which published ports need; no other rules are touched"),
    Key::new("iptables", Switch, "Make rules")
        .only(ON, "rules are put into a table of our own in nf_tables, which published ports need; no other rules are touched"),
    Key::new("ipv6", Switch, "IPv6 on the default bridge"),
    Key::new("labels", List, "Label of this daemon, shown by info").flag("label").reloads(),
    Key::new("live-restore", Switch, "Containers go on when the daemon ends (default true)").reloads(),
    Key::new("log-driver", Text, "Log driver of containers that name none"),
    Key::new("log-format", Text, "Format of the daemon's own log: text or json"),
    Key::new("log-level", Text, "debug, info, warn, error or fatal (default info)").short('l'),
    Key::new("log-opts", Map, "Options of the log driver").flag("log-opt"),
    Key::new("max-concurrent-downloads", Number, "Layers downloaded at once (default 3)").reloads(),
    Key::new("max-concurrent-uploads", Number, "Layers uploaded at once (default 5)").reloads(),
    Key::new("max-download-attempts", Number, "Attempts at a download (default 5)").reloads(),
    Key::new("metrics-addr", Text, "Where to serve metrics")
        .only(&["\"\""], "metrics are not supported by this version of Gantry"),
    Key::new("min-api-version", Text, "Oldest version of the API to serve (default 1.24)"),
    Key::new("mtu", Number, "Largest packet on the default bridge, bytes"),
    Key::new("network-control-plane-mtu", Number, "Largest packet of swarm's control").refused(NO_SWARM),
    Key::new("network-diagnostic-port", Number, "Port of swarm's diagnosis").refused(NO_SWARM),
    Key::new("no-new-privileges", Switch, "Programs in containers gain no rights by executing others"),
    Key::new("node-generic-resources", List, "Resources that swarm may give out")
        .flag("node-generic-resource")
        .refused(NO_SWARM),
    Key::new("oom-score-adjust", Number, "The daemon's score when memory is short")
        .only(&["0"], "set OOMScoreAdjust= in the daemon's systemd unit"),
    Key::new("pidfile", Text, "File to write the daemon's process number to").short('p'),
    Key::new("proxies", Object, "Proxies through which registries are reached"),
    Key::new("proxies.http-proxy", Text, "Proxy for registries that speak HTTP").flag("http-proxy"),
    Key::new("proxies.https-proxy", Text, "Proxy for registries").flag("https-proxy"),
    Key::new("proxies.no-proxy", Text, "Hosts that are reached without a proxy").flag("no-proxy"),
    Key::new("raw-logs", Switch, "No colours in the daemon's log")
        .is(Answer::Noted("the daemon's log never has colours")),
    Key::new("registry-mirrors", List, "Registry to ask before Docker Hub")
        .flag("registry-mirror")
        .reloads(),
    Key::new("rootless", Switch, "Run without root rights")
        .only(OFF, "running without root rights is not supported by this version of Gantry"),
    Key::new("runtimes", Map, "OCI runtimes by name")
        .flag("add-runtime")
        .only(EMPTY, "containers run on the runtime inside Gantry; for NVIDIA devices use CDI (--device nvidia.com/gpu=all)"),
    Key::new("seccomp-profile", Text, "Default system-call filter: builtin, unconfined or a file"),
    Key::new("secrets-key-file", Text, "File with the key that secrets are encrypted with (default <data-root>/secrets.key)"),
    Key::new("selinux-enabled", Switch, "SELinux labels on containers")
        .only(OFF, "SELinux labels are not supported by this version of Gantry"),
    Key::new("shutdown-timeout", Number, "Seconds that a daemon which stops its containers gives them (default 15)").reloads(),
    Key::new("storage-driver", Text, "erofs or overlay").short('s'),
    Key::new("storage-opts", List, "size=10G: the most that a container may write to its own layer")
        .flag("storage-opt"),
    Key::new("swarm-default-advertise-addr", Text, "Address that swarm tells others").refused(NO_SWARM),
    Key::new("swarm-raft-election-tick", Number, "Swarm's elections").refused(NO_SWARM),
    Key::new("swarm-raft-heartbeat-tick", Number, "Swarm's heartbeat").refused(NO_SWARM),
    Key::new("tls", Switch, "TLS on tcp:// addresses; implied by tlsverify"),
    Key::new("tlscacert", Text, "Clients must have a certificate of this CA (default ~/.docker/ca.pem)"),
    Key::new("tlscert", Text, "The daemon's certificate (default ~/.docker/cert.pem)"),
    Key::new("tlskey", Text, "The certificate's key (default ~/.docker/key.pem)"),
    Key::new("tlsverify", Switch, "TLS, and clients must have a certificate"),
    Key::new("userland-proxy", Switch, "Relay published ports to containers that lack the client's family of addresses (default true)"),
    Key::new("userland-proxy-path", Text, "The proxy program")
        .is(Answer::Noted("published ports need no proxy process")),
    Key::new("userns-remap", Text, "User and group that containers' root becomes")
        .only(EMPTY, "all containers of a daemon in one user namespace is not supported; a container of this version has the user namespace of its host"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_sorted_and_flags_are_unique() {
        let names: Vec<&str> = KEYS.iter().map(|key| key.name).collect();
        let mut sorted = names.clone();
        sorted.sort_unstable();
        assert_eq!(names, sorted);
        let mut flags: Vec<&str> = KEYS.iter().filter_map(Key::flag_name).collect();
        let count = flags.len();
        flags.sort_unstable();
        flags.dedup();
        assert_eq!(flags.len(), count);
    }

    #[test]
    fn a_value_that_is_done_anyway_is_accepted() {
        let key = find("iptables").unwrap();
        assert_eq!(key.refusal(&Value::Bool(true)), None);
        assert!(key.refusal(&Value::Bool(false)).is_some());
        assert!(
            find("swarm-raft-election-tick")
                .unwrap()
                .refusal(&Value::from(3))
                .is_some()
        );
    }
}
