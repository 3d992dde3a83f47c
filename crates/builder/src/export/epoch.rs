//! `SOURCE_DATE_EPOCH`: times of an image that do not depend on when it was built.

use std::io::{Read, Write};
use std::sync::Arc;

use gantry_image::{Images, NewImage};
use gantry_oci::ImageConfig;
use gantry_reference::Digest;
use jiff::Timestamp;

use crate::Error;

/// Sets the image's time, and lets no entry of its history be later.
pub(crate) fn set(config: &mut ImageConfig, epoch: i64) -> Result<(), Error> {
    let time = Timestamp::from_second(epoch)
        .map_err(|e| Error::Invalid(format!("invalid SOURCE_DATE_EPOCH: {epoch}: {e}")))?;
    config.created = Some(time.to_string());
    for entry in &mut config.history {
        let created = entry
            .created
            .as_deref()
            .and_then(|t| t.parse::<Timestamp>().ok());
        if created.is_none_or(|created| created > time) {
            entry.created = Some(time.to_string());
        }
    }
    Ok(())
}

/// Layers whose files are no later than that; those of the base image, `kept` of them, stay as they are. Blocks.
pub(crate) fn rewrite(
    store: &Images,
    layers: &[Digest],
    kept: usize,
    epoch: i64,
) -> Result<Vec<Digest>, Error> {
    let latest = u64::try_from(epoch).unwrap_or_default();
    let mut rewritten: Vec<Digest> = layers[..kept.min(layers.len())].to_vec();
    for layer in &layers[kept.min(layers.len())..] {
        let new = NewImage {
            base: rewritten.clone(),
            config: Arc::unwrap_or_clone(Arc::new(ImageConfig::default())),
            step: true,
            ..NewImage::default()
        };
        let tar = store.snapshotter().open_tar(layer)?;
        let made = store.make_written(new, |out| clamp(tar, out, latest))?;
        let image = store.get(&made)?;
        rewritten.extend(image.layers.last().cloned());
    }
    Ok(rewritten)
}

/// Copies an archive with no time later than `latest`.
fn clamp(from: impl Read, out: impl Write, latest: u64) -> Result<(), Error> {
    let failed = || Error::file("rewrite", "a layer");
    let mut archive = tar::Archive::new(from);
    let mut builder = tar::Builder::new(out);
    for entry in archive.entries().map_err(failed())? {
        let mut entry = entry.map_err(failed())?;
        let mut header = entry.header().clone();
        if header.mtime().map_err(failed())? > latest {
            header.set_mtime(latest);
        }
        let mut records: Vec<(String, Vec<u8>)> = Vec::new();
        for record in entry
            .pax_extensions()
            .map_err(failed())?
            .into_iter()
            .flatten()
        {
            let record = record.map_err(failed())?;
            let key = record.key().unwrap_or_default().to_owned();
            // Names and sizes are written anew.
            if key.starts_with("SCHILY.xattr.") {
                records.push((key, record.value_bytes().to_vec()));
            }
        }
        if !records.is_empty() {
            let records = records
                .iter()
                .map(|(key, value)| (key.as_str(), value.as_slice()));
            builder.append_pax_extensions(records).map_err(failed())?;
        }
        let path = entry.path().map_err(failed())?.into_owned();
        match entry
            .link_name()
            .map_err(failed())?
            .map(std::borrow::Cow::into_owned)
        {
            Some(link) => builder.append_link(&mut header, path, link),
            None => builder.append_data(&mut header, path, &mut entry),
        }
        .map_err(failed())?;
    }
    builder
        .into_inner()
        .map_err(failed())?
        .flush()
        .map_err(failed())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_time_is_later() {
        let mut config = ImageConfig {
            history: vec![
                crate::history::entry("a".into(), "1999-01-01T00:00:00Z", false),
                crate::history::entry("b".into(), "2030-01-01T00:00:00Z", false),
            ],
            ..ImageConfig::default()
        };
        set(&mut config, 1_000_000_000).unwrap();
        assert_eq!(config.created.as_deref(), Some("2001-09-09T01:46:40Z"));
        let times: Vec<_> = config
            .history
            .iter()
            .map(|h| h.created.clone().unwrap())
            .collect();
        assert_eq!(times, ["1999-01-01T00:00:00Z", "2001-09-09T01:46:40Z"]);
        let mut builder = tar::Builder::new(Vec::new());
        for (name, time) in [("old", 5), ("new", 4_000_000_000)] {
            let mut header = tar::Header::new_gnu();
            header.set_mtime(time);
            header.set_size(1);
            builder
                .append_pax_extensions([("SCHILY.xattr.user.a", &b"b"[..])])
                .unwrap();
            builder.append_data(&mut header, name, &b"x"[..]).unwrap();
        }
        let mut out = Vec::new();
        clamp(&builder.into_inner().unwrap()[..], &mut out, 1_000_000_000).unwrap();
        let mut archive = tar::Archive::new(&out[..]);
        let mut times = Vec::new();
        for entry in archive.entries().unwrap() {
            let mut entry = entry.unwrap();
            times.push(entry.header().mtime().unwrap());
            assert!(entry.pax_extensions().unwrap().is_some());
        }
        assert_eq!(times, [5, 1_000_000_000]);
    }
}
