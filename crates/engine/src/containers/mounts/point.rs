//! A mount as `inspect` shows it.

use gantry_api_types::MountPoint;

/// What the kinds of mounts have in common.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Point<'a> {
    /// `bind`, `volume`, `tmpfs` or `image`.
    pub kind: &'a str,
    /// The volume or the image.
    pub name: &'a str,
    /// Path on the host.
    pub source: &'a str,
    /// Path inside.
    pub destination: &'a str,
    /// What the user wrote behind the last colon.
    pub mode: &'a str,
    /// Not writable.
    pub read_only: bool,
    /// How mounts below spread.
    pub propagation: &'a str,
}

impl Point<'_> {
    pub(super) fn build(self) -> MountPoint {
        let is_volume = self.kind == "volume";
        MountPoint {
            kind: self.kind.to_owned(),
            name: self.name.to_owned(),
            source: self.source.to_owned(),
            destination: self.destination.to_owned(),
            driver: if is_volume { "local" } else { "" }.to_owned(),
            mode: self.mode.to_owned(),
            rw: !self.read_only,
            propagation: self.propagation.to_owned(),
        }
    }
}
