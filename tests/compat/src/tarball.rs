//! Tar archives, told as a list of what is in them.

use std::fmt::Write as _;
use std::io::Read;

use anyhow::Result;
use serde_json::Value;

/// What is in an archive, sorted; `None` if it is none.
pub(crate) fn listed(bytes: &[u8]) -> Option<Value> {
    if bytes.len() < 512 {
        return None;
    }
    let mut archive = tar::Archive::new(bytes);
    let mut lines = Vec::new();
    for entry in archive.entries().ok()? {
        let mut entry = entry.ok()?;
        let path = entry.path().ok()?.display().to_string();
        let header = entry.header();
        let kind = format!("{:?}", header.entry_type());
        let mode = header.mode().ok()?;
        let (uid, gid) = (header.uid().ok()?, header.gid().ok()?);
        let link = entry
            .link_name()
            .ok()?
            .map(|l| format!(" -> {}", l.display()));
        let mut line = format!(
            "{kind} {mode:o} {uid}:{gid} {path}{}",
            link.unwrap_or_default()
        );
        if entry.size() > 0 && entry.size() < 64 {
            let mut text = String::new();
            if entry.read_to_string(&mut text).is_ok() {
                let _ = write!(line, " {text:?}");
            }
        }
        lines.push(line);
    }
    lines.sort();
    // A root file system in full says less than where it begins.
    if lines.len() > 60 {
        lines.retain(|line| {
            line.split(' ')
                .nth(3)
                .is_some_and(|path| path.trim_end_matches('/').matches('/').count() == 0)
        });
    }
    Some(lines.into_iter().map(Value::from).collect())
}

/// An archive of these files.
pub(crate) fn of(files: &[(String, String)]) -> Result<Vec<u8>> {
    let mut builder = tar::Builder::new(Vec::new());
    for (name, content) in files {
        let mut header = tar::Header::new_gnu();
        header.set_mode(0o644);
        header.set_size(content.len() as u64);
        builder.append_data(&mut header, name, content.as_bytes())?;
    }
    Ok(builder.into_inner()?)
}
