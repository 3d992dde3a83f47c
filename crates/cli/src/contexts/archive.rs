//! `context export` and `import`: a tar, or for import a zip, with `meta.json` and `tls/docker/*.pem`.

use std::io::{Read, Write};

use super::{Context, Store};
use crate::failure::Failure;

/// No file of a context is larger than this, bytes.
const LARGEST: u64 = 10 << 20;
/// What a zip begins with.
const ZIP: &[u8] = b"PK\x03\x04";
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
pub(crate) fn unpack(name: &str, mut from: impl Read) -> Result<(Context, Files), Failure> {
    let mut start = Vec::new();
    (&mut from)
        .take(ZIP.len() as u64)
        .read_to_end(&mut start)
        .map_err(refuse)?;
    let mut import = Import::default();
    let whole = start.as_slice().chain(from);
    if start == ZIP {
        import.zip(whole)?;
    } else {
        import.tar(whole)?;
    }
    match import.context {
        Some(context) => Ok((
            Context {
                name: name.to_owned(),
                ..context
            },
            import.files,
        )),
        None => Err(refuse("there is no meta.json in it")),
    }
}

fn refuse(reason: impl std::fmt::Display) -> Failure {
    Failure::new(format!(
        "cannot read the context: {reason} (expected a tar or zip archive of a context)"
    ))
}

/// What was found in an archive.
#[derive(Default)]
struct Import {
    context: Option<Context>,
    files: Files,
}

impl Import {
    fn tar(&mut self, from: impl Read) -> Result<(), Failure> {
        // Docker's own archives end with the last byte of the last file, without a tar's padding.
        let padded = from.chain(std::io::repeat(0).take(PADDING));
        for entry in tar::Archive::new(padded).entries().map_err(refuse)? {
            let entry = entry.map_err(refuse)?;
            if entry.header().entry_type().is_file() {
                let path = entry.path().map_err(refuse)?.display().to_string();
                self.file(&path, entry)?;
            }
        }
        Ok(())
    }

    /// The list of a zip's files is at its end, so all of it is read first.
    fn zip(&mut self, from: impl Read) -> Result<(), Failure> {
        let mut bytes = Vec::new();
        from.take(LARGEST + 1)
            .read_to_end(&mut bytes)
            .map_err(refuse)?;
        if bytes.len() as u64 > LARGEST {
            return Err(refuse("it is too large"));
        }
        let mut archive = zip::ZipArchive::new(std::io::Cursor::new(bytes)).map_err(refuse)?;
        for index in 0..archive.len() {
            let entry = archive.by_index(index).map_err(refuse)?;
            if entry.is_file() {
                let path = entry.name().to_owned();
                self.file(&path, entry)?;
            }
        }
        Ok(())
    }

    fn file(&mut self, path: &str, content: impl Read) -> Result<(), Failure> {
        let mut bytes = Vec::new();
        content
            .take(LARGEST + 1)
            .read_to_end(&mut bytes)
            .map_err(refuse)?;
        if bytes.len() as u64 > LARGEST {
            return Err(refuse(format!("{path} is too large")));
        }
        match path.strip_prefix("tls/docker/") {
            Some(file @ ("ca.pem" | "cert.pem" | "key.pem")) => {
                self.files.push((file.to_owned(), bytes));
            }
            None if path == "meta.json" => {
                self.context = Some(serde_json::from_slice(&bytes).map_err(refuse)?);
            }
            // TLS of endpoints that are not ours.
            None if path.starts_with("tls/") => {}
            _ => return Err(refuse(format!("unexpected file {path:?}"))),
        }
        Ok(())
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
        for broken in [&b""[..], b"P", b"PK\x03\x04 no zip", &[0; 2048]] {
            let refused = unpack("c1", broken).err().unwrap();
            assert!(
                refused.message.contains("expected a tar or zip"),
                "{}",
                refused.message
            );
        }
    }
}
