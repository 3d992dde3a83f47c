//! Small archives made with tar, good and hostile.

use std::fs;
use std::path::Path;
use std::process::Command;

use super::Run;

/// A `docker save` archive of one image with one layer that holds `/file`.
pub(crate) fn docker_archive(to: &Path, tag: &str, text: &str) {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("file"), text).unwrap();
    let layer = folder.path().join("layer.tar");
    tar(folder.path(), &layer, &["file"]);
    archive_of_layer(to, tag, &layer);
}

/// A `docker save` archive of one image over this layer.
pub(crate) fn archive_of_layer(to: &Path, tag: &str, layer: &Path) {
    archive_for(to, tag, layer, "amd64");
}

/// The same for machines of that kind.
pub(crate) fn archive_for(to: &Path, tag: &str, layer: &Path, architecture: &str) {
    let folder = tempfile::tempdir().unwrap();
    fs::copy(layer, folder.path().join("layer.tar")).unwrap();
    let mut sum = Command::new("sha256sum");
    sum.arg(layer);
    let digest = Run::of(sum).ok()[..64].to_owned();
    let config = format!(
        r#"{{"architecture":"{architecture}","os":"linux","config":{{}},"rootfs":{{"type":"layers","diff_ids":["sha256:{digest}"]}}}}"#
    );
    let manifest =
        format!(r#"[{{"Config":"config.json","RepoTags":["{tag}"],"Layers":["layer.tar"]}}]"#);
    fs::write(folder.path().join("config.json"), config).unwrap();
    fs::write(folder.path().join("manifest.json"), manifest).unwrap();
    tar(
        folder.path(),
        to,
        &["manifest.json", "config.json", "layer.tar"],
    );
}

/// Packs these names of a folder as they are, also with `..` or an absolute path in front.
pub(crate) fn tar(folder: &Path, to: &Path, names: &[&str]) {
    let mut command = Command::new("tar");
    command
        .arg("-C")
        .arg(folder)
        .arg("-cPf")
        .arg(to)
        .args(names);
    Run::of(command).ok();
}
