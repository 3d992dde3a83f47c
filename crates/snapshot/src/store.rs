//! Choosing and opening a driver.

use std::path::Path;
use std::sync::Arc;

use crate::{Error, Snapshotter};

pub(crate) fn open(
    data_root: &Path,
    _run_root: &Path,
    choice: Option<&str>,
) -> Result<Arc<dyn Snapshotter>, Error> {
    Err(Error::Unsupported {
        driver: "erofs",
        root: data_root.to_owned(),
        reason: choice.unwrap_or_default().to_owned(),
    })
}
