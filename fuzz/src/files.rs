//! Trees of files that clients of builds send.

use std::fs;

/// Packets of fsutil; whatever they tell is made below the folder, and nowhere else.
pub fn packets(bytes: &[u8]) {
    let outer = std::env::temp_dir().join(format!("gantry-fuzz-files-{}", std::process::id()));
    let inner = outer.join("root");
    let _ = fs::remove_dir_all(&outer);
    fs::create_dir_all(&inner).expect("a folder for the files");
    let root = fs::File::open(&inner).expect("the folder is there");
    gantry_buildkit::fuzzing::packets(root, bytes);
    let beside = fs::read_dir(&outer).expect("the folder is there").count();
    assert_eq!(beside, 1, "something was made outside the folder");
}
