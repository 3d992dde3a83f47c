//! What clients are told that we can do.

use std::collections::HashMap;

use crate::Server;
use crate::proto::moby::buildkit::v1::apicaps::ApiCap;
use crate::proto::moby::buildkit::v1::types::{BuildkitVersion, WorkerRecord};
use crate::proto::pb::Platform;

/// The BuildKit whose behaviour this follows.
const LIKE: &str = "v0.32.0";

/// Clients add this host's address for `host-gateway` themselves.
const HOST_GATEWAY: &str = "org.mobyproject.buildkit.worker.moby.host-gateway-ip";

/// Clients take an engine with it for one that makes every output, several platforms and caches for others.
const SNAPSHOTTER: &str = "org.mobyproject.buildkit.worker.snapshotter";

/// What a client's part of a build can call.
const FRONTEND: [&str; 15] = [
    "solve.base",
    "resolveimage",
    "resolveimage.resolvemode",
    "return",
    "returnmap",
    "readfile",
    "readdir",
    "statfile",
    "importcaches",
    "proto.refarray",
    "reference.output",
    "frontend.inputs",
    "frontend.caps",
    "gateway.solve.evaluate",
    "gateway.warnings",
];

/// What builds can have.
const BUILD: [&str; 64] = [
    "source.image",
    "source.image.resolvemode",
    "source.local",
    "source.local.unique",
    "source.local.sessionid",
    "source.local.includepatterns",
    "source.local.followpaths",
    "source.local.excludepatterns",
    "source.local.sharedkeyhint",
    "source.git",
    "source.git.keepgitdir",
    "source.git.fullurl",
    "source.git.httpauth",
    "source.git.knownsshhosts",
    "source.git.mountsshsock",
    "source.git.subdir",
    "source.git.checksum",
    "source.git.skipsubmodules",
    "source.ocilayout",
    "source.http",
    "source.http.checksum",
    "source.http.perm",
    "source.local.differ",
    "exec.meta.base",
    "exec.meta.cgroup.parent",
    "exec.meta.network",
    "exec.meta.proxyenv",
    "exec.meta.security",
    "exec.meta.setsdefaultpath",
    "exec.meta.ulimit",
    "exec.meta.removemountstubs.recursive",
    "exec.mount.bind",
    "exec.mount.bind.readwrite-nooutput",
    "exec.mount.cache.content",
    "exec.validexitcode",
    "exec.mount.cache",
    "exec.mount.cache.sharing",
    "exec.mount.selector",
    "exec.mount.tmpfs",
    "exec.mount.tmpfs.size",
    "exec.mount.secret",
    "exec.mount.ssh",
    "exec.cgroup",
    "exec.secretenv",
    "file.base",
    "file.rm.wildcard",
    "file.rm.nofollowsymlink",
    "file.copy.includeexcludepatterns",
    "file.copy.requiredpaths",
    "file.copy.modestring",
    "file.symlink.create",
    "meta.ignorecache",
    "meta.description",
    "mergeop",
    "diffop",
    "constraints",
    "platform",
    "exec.meta.cdi",
    "exporter.image.annotations",
    "exporter.image.attestations",
    "exporter.sourcedateepoch",
    "exporter.multiple",
    "gc.freespacefilter",
    "history.filter",
];

fn enabled(names: &[&str]) -> Vec<ApiCap> {
    let all = names.iter().map(|name| ApiCap {
        id: (*name).to_owned(),
        enabled: true,
        ..ApiCap::default()
    });
    all.collect()
}

/// What a client's part of a build can call.
pub(crate) fn of_frontend() -> Vec<ApiCap> {
    enabled(&FRONTEND)
}

/// What builds can have.
pub(crate) fn of_builds() -> Vec<ApiCap> {
    enabled(&BUILD)
}

impl Server {
    /// The one worker.
    pub(crate) fn worker(&self) -> WorkerRecord {
        let label = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let labels = HashMap::from([
            label("org.mobyproject.buildkit.worker.executor", "gantry"),
            label(HOST_GATEWAY, &self.host_gateway),
            label(SNAPSHOTTER, "gantry"),
        ]);
        let host = gantry_dockerfile::Platform::default();
        WorkerRecord {
            id: "default".to_owned(),
            labels,
            platforms: vec![Platform {
                architecture: host.architecture,
                os: host.os,
                variant: host.variant,
                ..Platform::default()
            }],
            buildkit_version: Some(self.buildkit_version()),
            ..WorkerRecord::default()
        }
    }

    /// Who answers, and like which BuildKit.
    pub(crate) fn buildkit_version(&self) -> BuildkitVersion {
        BuildkitVersion {
            package: "gantry".to_owned(),
            version: LIKE.to_owned(),
            revision: self.version.clone(),
        }
    }
}
