//! `inspect`.

use std::collections::BTreeMap;

use gantry_api_types::{
    GraphDriver, Healthcheck, ImageConfig, ImageInspect, ImageMetadata, RootFs,
};
use gantry_image::Image;
use gantry_oci::ContainerDefaults;
use serde_json::Value;

use super::Images;
use super::list::familiar;
use crate::{Error, clock};

impl Images {
    /// All that is known of an image; `platform` must be the one that it is for.
    pub fn inspect(&self, name: &str, platform: Option<&str>) -> Result<ImageInspect, Error> {
        let image = self.for_container(name, platform)?;
        let driver = self.store.snapshotter().name();
        Ok(body(&image, driver))
    }
}

fn body(image: &Image, driver: &str) -> ImageInspect {
    let config = &*image.config;
    let tagged = image.tagged.map_or(0, |time| time.as_nanosecond() as i64);
    let other = |key: &str| {
        config
            .other
            .get(key)
            .and_then(Value::as_str)
            .unwrap_or_default()
    };
    ImageInspect {
        id: image.id.to_string(),
        repo_tags: familiar(&image.repo_tags),
        repo_digests: familiar(&image.repo_digests),
        parent: image
            .parent
            .as_ref()
            .map(ToString::to_string)
            .unwrap_or_default(),
        comment: config
            .history
            .last()
            .and_then(|step| step.comment.clone())
            .unwrap_or_default(),
        created: config.created.clone().unwrap_or_default(),
        docker_version: other("docker_version").to_owned(),
        author: config.author.clone().unwrap_or_default(),
        config: Some(defaults(&config.config)),
        architecture: config.architecture.clone(),
        variant: config.variant.clone().unwrap_or_default(),
        os: config.os.clone(),
        os_version: other("os.version").to_owned(),
        size: image.size as i64,
        graph_driver: GraphDriver {
            name: driver.to_owned(),
            data: Some(BTreeMap::new()),
        },
        root_fs: RootFs {
            kind: config.rootfs.kind.clone(),
            layers: config.rootfs.diff_ids.clone(),
        },
        metadata: ImageMetadata {
            last_tag_time: clock::rfc3339(tagged),
        },
        ..ImageInspect::default()
    }
}

fn defaults(from: &ContainerDefaults) -> ImageConfig {
    ImageConfig {
        user: from.user.clone(),
        exposed_ports: names(&from.exposed_ports),
        env: from.env.clone(),
        entrypoint: from.entrypoint.clone().unwrap_or_default(),
        cmd: from.cmd.clone().unwrap_or_default(),
        volumes: names(&from.volumes),
        working_dir: from.working_dir.clone(),
        labels: from.labels.clone(),
        stop_signal: from.stop_signal.clone().unwrap_or_default(),
        args_escaped: from
            .other
            .get("ArgsEscaped")
            .and_then(Value::as_bool)
            .unwrap_or_default(),
        healthcheck: from.healthcheck.as_ref().map(healthcheck),
        on_build: from.on_build.clone(),
        shell: from.shell.clone().unwrap_or_default(),
    }
}

/// A set of names, `{"80/tcp": {}}` on the wire.
fn names<T: Default>(from: &BTreeMap<String, Value>) -> BTreeMap<String, T> {
    from.keys()
        .map(|name| (name.clone(), T::default()))
        .collect()
}

fn healthcheck(from: &gantry_oci::Healthcheck) -> Healthcheck {
    Healthcheck {
        test: from.test.clone(),
        interval: from.interval,
        timeout: from.timeout,
        start_period: from.start_period,
        start_interval: from.start_interval,
        retries: from.retries,
    }
}
