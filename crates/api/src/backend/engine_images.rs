//! The real engine's images behind the routers' trait.

use gantry_api_types::{HistoryItem, ImageDeleteItem, ImageInspect, ImageSummary};
use gantry_engine::Engine;

use super::{Answer, ImageListQuery, PullRequest};
use crate::failure::Failure;
use crate::stream::{ByteReader, ProgressSender};

impl super::Images for Engine {
    async fn images(&self, _: ImageListQuery) -> Answer<Vec<ImageSummary>> {
        Err(Failure::not_built("images"))
    }

    async fn pull(&self, _: PullRequest, _: ProgressSender) -> Answer<()> {
        Err(Failure::not_built("pull"))
    }

    async fn image(&self, _: &str, _: Option<&str>) -> Answer<ImageInspect> {
        Err(Failure::not_built("image inspect"))
    }

    async fn history(&self, _: &str) -> Answer<Vec<HistoryItem>> {
        Err(Failure::not_built("history"))
    }

    async fn tag(&self, _: &str, _: &str, _: &str) -> Answer<()> {
        Err(Failure::not_built("tag"))
    }

    async fn remove_image(&self, _: &str, _: bool, _: bool) -> Answer<Vec<ImageDeleteItem>> {
        Err(Failure::not_built("rmi"))
    }

    async fn load(&self, _: ByteReader, _: bool, _: ProgressSender) -> Answer<()> {
        Err(Failure::not_built("load"))
    }
}
