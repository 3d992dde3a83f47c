//! How an image came about.

use gantry_reference::{ImageId, Reference};
use jiff::Timestamp;

use super::{Image, Images};
use crate::Error;

/// One instruction, the newest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HistoryEntry {
    /// The image, for the newest entry and for those of its parents that are here.
    pub image: Option<ImageId>,
    /// When; the epoch if it was not written down.
    pub created: Timestamp,
    /// The instruction.
    pub created_by: String,
    /// Bytes of file content in its layer.
    pub size: u64,
    /// Free text.
    pub comment: String,
    /// That image's names with a tag.
    pub tags: Vec<Reference>,
}

impl Images {
    /// The instructions that made an image, the newest first.
    pub fn history(&self, image: &str) -> Result<Vec<HistoryEntry>, Error> {
        let image = self.resolve(image)?;
        let mut layers = image.layers.iter();
        let mut entries = Vec::new();
        for step in &image.config.history {
            let layer = if step.empty_layer {
                None
            } else {
                layers.next()
            };
            let info = layer.map_or(Ok(None), |layer| self.0.snapshotter.layer(layer))?;
            entries.push(HistoryEntry {
                image: None,
                created: moment(step.created.as_deref()),
                created_by: step.created_by.clone().unwrap_or_default(),
                size: info.map_or(0, |info| info.size),
                comment: step.comment.clone().unwrap_or_default(),
                tags: Vec::new(),
            });
        }
        // Layers that no instruction accounts for are shown all the same.
        for layer in layers {
            let info = self.0.snapshotter.layer(layer)?;
            entries.push(HistoryEntry {
                image: None,
                created: Timestamp::UNIX_EPOCH,
                created_by: String::new(),
                size: info.map_or(0, |info| info.size),
                comment: String::new(),
                tags: Vec::new(),
            });
        }
        entries.reverse();
        self.name_steps(image, &mut entries);
        Ok(entries)
    }

    /// An image made here from another one knows it: their steps are told apart by their images.
    fn name_steps(&self, image: Image, entries: &mut [HistoryEntry]) {
        let mut place = 0;
        let mut next = Some(image);
        while let (Some(image), Some(step)) = (next.take(), entries.get_mut(place)) {
            step.image = Some(image.id);
            step.tags = image.repo_tags;
            let parent = image.parent.and_then(|id| self.get(&id).ok());
            // A parent's newest step is as far from the end as it has steps itself.
            let steps = parent.as_ref().map_or(0, |p| p.config.history.len());
            match entries.len().checked_sub(steps) {
                Some(of_parent) if of_parent > place => place = of_parent,
                _ => return,
            }
            next = parent;
        }
    }
}

fn moment(text: Option<&str>) -> Timestamp {
    text.and_then(|text| text.parse().ok())
        .unwrap_or(Timestamp::UNIX_EPOCH)
}
