//! `context export` and `import`: a tar with `meta.json` and `tls/docker/*.pem`.

use std::io::{Read, Write};

use super::{Context, Store};
use crate::failure::Failure;

/// No file of a context is larger than this, bytes.
const LARGEST: u64 = 10 << 20;
/// What a tar may lack at its end: the rest of a block, and two blocks of zeros.
const PADDING: u64 = 3 * 512;

/// Writes a context and its certificates.
pub(crate) fn pack(store: &Store, context: &Context, to: impl Write) -> Result<(), Failure> {
    let mut archive = tar::Builder::new(to);
    let mut add = |name: &str, mode, content: &[u8]| {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(mode);
        archive.append_data(&mut header, name, content)
    };
    let meta = serde_json::to_vec(context).map_err(Failure::new)?;
    add("meta.json", 0o644, &meta)?;
    for (file, content) in store.tls_files(&context.name) {
        add(&format!("tls/docker/{file}"), 0o600, &content)?;
    }
    archive.into_inner()?.flush()?;
    Ok(())
}

/// Files by name.
type Files = Vec<(String, Vec<u8>)>;

/// Reads a context, which is to be called `name` from now on, and its certificates.
pub(crate) fn unpack(name: &str, from: impl Read) -> Result<(Context, Files), Failure> {
    let refuse = |reason: &dyn std::fmt::Display| {
        Failure::new(format!(
            "cannot read the context: {reason} (expected a tar)"
        ))
    };
    let mut context = None;
    let mut files = Files::new();
    // Docker's own archives end with the last byte of the last file, without a tar's padding.
    let mut archive = tar::Archive::new(from.chain(std::io::repeat(0).take(PADDING)));
    for entry in archive.entries().map_err(|e| refuse(&e))? {
        let entry = entry.map_err(|e| refuse(&e))?;
        if !entry.header().entry_type().is_file() {
            continue;
        }
        let path = entry.path().map_err(|e| refuse(&e))?.display().to_string();
        let mut content = Vec::new();
        entry
            .take(LARGEST + 1)
            .read_to_end(&mut content)
            .map_err(|e| refuse(&e))?;
        if content.len() as u64 > LARGEST {
            return Err(refuse(&format!("{path} is too large")));
        }
        match path.strip_prefix("tls/docker/") {
            Some(file @ ("ca.pem" | "cert.pem" | "key.pem")) => {
                files.push((file.to_owned(), content));
            }
            None if path == "meta.json" => {
                let read: Context = serde_json::from_slice(&content).map_err(|e| refuse(&e))?;
                context = Some(Context {
                    name: name.to_owned(),
                    ..read
                });
            }
            // TLS of endpoints that are not ours.
            None if path.starts_with("tls/") => {}
            _ => return Err(refuse(&format!("unexpected file {path:?}"))),
        }
    }
    match context {
        Some(context) => Ok((context, files)),
        None => Err(refuse(&"there is no meta.json in it")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_packed_is_unpacked_under_another_name() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::at(dir.path().to_owned());
        let mut context = Context::new("a1");
        context.set_endpoint("tcp://h", true);
        store
            .put_tls("a1", &[("key.pem".to_owned(), b"K".to_vec())])
            .unwrap();
        let mut bytes = Vec::new();
        pack(&store, &context, &mut bytes).unwrap();
        let (read, files) = unpack("b1", bytes.as_slice()).unwrap();
        assert_eq!((read.name.as_str(), read.host()), ("b1", "tcp://h"));
        assert_eq!(files, [("key.pem".to_owned(), b"K".to_vec())]);
        let (_, files) = unpack("b1", &bytes[..bytes.len() - 1024 - 511]).unwrap();
        assert_eq!(files, [("key.pem".to_owned(), b"K".to_vec())]);
        assert!(unpack("c1", &b"PK\x03\x04 a zip"[..]).is_err());
    }
}
