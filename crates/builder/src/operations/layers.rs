//! Operations that only choose among layers, and layers of files that are none yet.

use std::sync::Arc;

use gantry_reference::Digest;

use super::{Here, cached, remember};
use crate::copy::{Job, Origin};
use crate::mounts::BindSource;
use crate::stage::step_image;
use crate::step::blocking;
use crate::{Builder, Context, Error, Filesystem};

impl Here<'_> {
    /// The layers of all inputs, the first one's lowest.
    pub(super) async fn merged(&self) -> Result<Filesystem, Error> {
        let mut all = Vec::new();
        for input in &self.inputs {
            all.extend(layers_of(self.builder(), input).await?);
        }
        cached(&self.teller);
        Ok(Filesystem::of_layers(self.builder(), stacked(all)))
    }

    /// The layers that the upper one has beyond the lower one.
    pub(super) async fn difference(&self) -> Result<Filesystem, Error> {
        let (lower, upper) = match self.inputs.as_slice() {
            [upper] => (Vec::new(), upper),
            [lower, upper] => (layers_of(self.builder(), lower).await?, upper),
            other => {
                return Err(Error::Invalid(format!(
                    "a diff is of two filesystems, not of {}",
                    other.len()
                )));
            }
        };
        let upper = layers_of(self.builder(), upper).await?;
        let Some(more) = upper.strip_prefix(lower.as_slice()) else {
            return Err(Error::NotSupported(
                "the diff of two filesystems of which the second is not built on the first"
                    .to_owned(),
            ));
        };
        cached(&self.teller);
        Ok(Filesystem::of_layers(self.builder(), more.to_vec()))
    }
}

/// Layers of which each is there once: one that comes again hides its first place.
fn stacked(layers: Vec<Digest>) -> Vec<Digest> {
    let mut kept: Vec<Digest> = Vec::new();
    for layer in layers.into_iter().rev() {
        // The kernel's overlays take no directory twice.
        if !kept.contains(&layer) {
            kept.push(layer);
        }
    }
    kept.reverse();
    kept
}

/// A filesystem as layers: a folder becomes one.
pub(super) async fn layers_of(builder: &Builder, files: &Filesystem) -> Result<Vec<Digest>, Error> {
    match &files.source {
        BindSource::Layers(layers) => Ok(layers.clone()),
        BindSource::Context(context) => {
            let (builder, context) = (builder.clone(), Arc::clone(context));
            let layer = blocking(move || layer_of_folder(&builder, context)).await?;
            Ok(vec![layer])
        }
    }
}

fn layer_of_folder(builder: &Builder, context: Arc<Context>) -> Result<Digest, Error> {
    let job = Job::of_all(Origin::Context(context), "/");
    let plan = job.plan()?;
    let key = plan.key()?;
    if let Some(hit) = builder.look_up(&key) {
        return Ok(hit.layer);
    }
    let store = builder.engine.images.store();
    let image = store.make_written(step_image(Vec::new()), |out| plan.write(out))?;
    remember(builder, &key, &image, "COPY / /")
}

#[cfg(test)]
mod tests {
    use super::*;
    use gantry_archive::Digester;

    #[test]
    fn a_layer_that_comes_again_stays_where_it_came_last() {
        let layer = |name: &str| Digester::sha256(name.as_bytes());
        let named = |names: &[&str]| names.iter().map(|n| layer(n)).collect::<Vec<_>>();
        let merged = stacked(named(&["base", "left", "base", "right"]));
        assert_eq!(merged, named(&["left", "base", "right"]));
    }
}
