//! Tars, compressed streams and log files.

use std::io::{BufRead, Read};

use gantry_snapshot::{erofs::write_index, tar::Reader, tree::Tree};

/// A layer, up to what the kernel would mount.
pub fn layer(mut tar: &[u8]) {
    let mut tree = Tree::new();
    let mut reader = Reader::new(&mut tar as &mut dyn BufRead);
    while let Ok(Some(entry)) = reader.next_entry() {
        if tree.apply(entry).is_err() {
            return;
        }
    }
    tree.finish();
    let _ = write_index(&tree, &tar, tar.len() as u64, [0; 16], &mut std::io::sink());
}

/// An archive of images as `load` reads it: whatever compression, at most a mebibyte of it.
pub fn archive(bytes: &[u8]) {
    let Ok(decoder) = gantry_archive::decode(bytes) else {
        return;
    };
    let mut archive = tar::Archive::new(decoder.take(1 << 20));
    let Ok(entries) = gantry_archive::Entries::new(&mut archive) else {
        return;
    };
    for entry in entries.map_while(Result::ok) {
        let mut entry = entry;
        let _ = entry.read_small(1 << 16);
    }
}

/// Lines of a log file after a crash.
pub fn log(bytes: &[u8]) {
    let mut out = Vec::new();
    for line in bytes.split(|b| *b == b'\n') {
        out.clear();
        let _ = gantry_log_format::decode(line, &mut out);
        let _ = gantry_log_format::pairs(line);
    }
    let (whole, _) = gantry_log_format::local::whole(bytes);
    assert!(whole <= bytes.len());
    let _ = gantry_log_format::local::resume(bytes);
    out.clear();
    let _ = gantry_log_format::local::decode(bytes, &mut out);
    let _ = gantry_log_format::local::pairs(bytes);
    let _ = gantry_log_format::parse_time(bytes);
}
