//! Commands.

use gantry_api_types::Ulimit;
use gantry_builder::Error;
use gantry_builder::operations::{Exec, ExecMount, SecretVariable};
use gantry_dockerfile::{Mount, MountType, Network, Security, Sharing};

use super::number;
use crate::proto::pb::{self, CacheSharingOpt, ExecOp, NetMode, ProxyEnv, SecurityMode};

/// Reads a command that has so many inputs.
pub(super) fn read(op: ExecOp, inputs: usize) -> Result<Exec, Error> {
    let network = match op.network() {
        NetMode::Unset => Network::Default,
        NetMode::Host => Network::Host,
        NetMode::None => Network::None,
    };
    let security = match op.security() {
        SecurityMode::Sandbox => Security::Sandbox,
        SecurityMode::Insecure => Security::Insecure,
    };
    let mounts = op.mounts.iter().map(|mount| read_mount(mount, inputs));
    let mounts = mounts.collect::<Result<_, _>>()?;
    let meta = op
        .meta
        .ok_or_else(|| Error::Invalid("a command does not say what is run".to_owned()))?;
    Ok(Exec {
        arguments: meta.args,
        env: meta.env,
        proxies: meta.proxy_env.as_ref().map(proxies).unwrap_or_default(),
        working_dir: meta.cwd,
        user: meta.user,
        hostname: meta.hostname,
        hosts: meta
            .extra_hosts
            .iter()
            .map(|host| format!("{}:{}", host.host, host.ip))
            .collect(),
        ulimits: meta
            .ulimit
            .into_iter()
            .map(|limit| Ulimit {
                name: limit.name,
                hard: limit.hard,
                soft: limit.soft,
            })
            .collect(),
        cgroup_parent: meta.cgroup_parent,
        network,
        security,
        devices: op
            .cdi_devices
            .into_iter()
            .map(|device| (device.name, !device.optional))
            .collect(),
        mounts,
        secrets: op
            .secretenv
            .into_iter()
            .map(|secret| SecretVariable {
                id: secret.id,
                name: secret.name,
                optional: secret.optional,
            })
            .collect(),
        codes: meta.valid_exit_codes.into_iter().map(i64::from).collect(),
    })
}

fn proxies(of: &ProxyEnv) -> Vec<String> {
    let all = [
        ("http_proxy", &of.http_proxy),
        ("https_proxy", &of.https_proxy),
        ("ftp_proxy", &of.ftp_proxy),
        ("no_proxy", &of.no_proxy),
        ("all_proxy", &of.all_proxy),
    ];
    let given = all.into_iter().filter(|(_, value)| !value.is_empty());
    given
        .flat_map(|(name, value)| {
            // Programs look for one or the other.
            [name.to_owned(), name.to_uppercase()].map(|name| format!("{name}={value}"))
        })
        .collect()
}

fn read_mount(mount: &pb::Mount, inputs: usize) -> Result<ExecMount, Error> {
    let given = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
    let mut own = Mount {
        kind: match mount.mount_type() {
            pb::MountType::Bind => MountType::Bind,
            pb::MountType::Secret => MountType::Secret,
            pb::MountType::Ssh => MountType::Ssh,
            pb::MountType::Cache => MountType::Cache,
            pb::MountType::Tmpfs => MountType::Tmpfs,
        },
        source: given(&mount.selector),
        target: given(&mount.dest),
        read_only: mount.readonly,
        ..Mount::default()
    };
    if let Some(options) = mount.tmpfs_opt.filter(|options| options.size > 0) {
        own.size = Some(options.size);
    }
    if let Some(options) = &mount.cache_opt {
        own.id = given(&options.id);
        own.sharing = Some(match options.sharing() {
            CacheSharingOpt::Shared => Sharing::Shared,
            CacheSharingOpt::Private => Sharing::Private,
            CacheSharingOpt::Locked => Sharing::Locked,
        });
    }
    if let Some(options) = &mount.secret_opt {
        own.id = given(&options.id);
        own.required = !options.optional;
        (own.uid, own.gid) = (Some(options.uid), Some(options.gid));
        own.mode = Some(options.mode);
        own.read_only = true;
    }
    if let Some(options) = &mount.ssh_opt {
        own.id = given(&options.id);
        own.required = !options.optional;
        (own.uid, own.gid) = (Some(options.uid), Some(options.gid));
        own.mode = Some(options.mode);
    }
    Ok(ExecMount {
        mount: own,
        input: number(mount.input, inputs)?,
        output: usize::try_from(mount.output).ok(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_read_with_its_mounts() {
        let op = ExecOp {
            meta: Some(pb::Meta {
                args: vec!["/bin/true".to_owned()],
                proxy_env: Some(ProxyEnv {
                    no_proxy: "x".to_owned(),
                    ..ProxyEnv::default()
                }),
                ..pb::Meta::default()
            }),
            mounts: vec![
                pb::Mount {
                    dest: "/".to_owned(),
                    ..pb::Mount::default()
                },
                pb::Mount {
                    input: -1,
                    output: -1,
                    dest: "/cache".to_owned(),
                    mount_type: pb::MountType::Cache as i32,
                    cache_opt: Some(pb::CacheOpt {
                        id: "c".to_owned(),
                        sharing: CacheSharingOpt::Locked as i32,
                    }),
                    ..pb::Mount::default()
                },
            ],
            ..ExecOp::default()
        };
        let read_exec = read(op.clone(), 1).unwrap();
        assert_eq!(read_exec.proxies, ["no_proxy=x", "NO_PROXY=x"]);
        let root = &read_exec.mounts[0];
        assert_eq!((root.input, root.output), (Some(0), Some(0)));
        let cache = &read_exec.mounts[1];
        assert_eq!((cache.input, cache.output), (None, None));
        assert_eq!(cache.mount.sharing, Some(Sharing::Locked));
        assert!(read(op, 0).is_err(), "the mount at / has no input");
    }
}
