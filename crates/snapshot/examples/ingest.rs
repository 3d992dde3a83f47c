//! Times the life of a layer: `ingest DRIVER DATA_ROOT TAR [DIGEST]`.
use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::time::Instant;

use gantry_reference::Digest;
use sha2::Digest as _;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let args: Vec<String> = std::env::args().collect();
    let [_, driver, root, tar, rest @ ..] = &args[..] else {
        return Err("usage: ingest DRIVER DATA_ROOT TAR [DIGEST]".into());
    };
    let digest = if let [digest, ..] = rest {
        Digest::parse(digest)?
    } else {
        let mut hasher = sha2::Sha256::new();
        let mut buffer = vec![0; 1 << 20];
        let mut file = File::open(tar)?;
        loop {
            let len = file.read(&mut buffer)?;
            if len == 0 {
                break;
            }
            hasher.update(&buffer[..len]);
        }
        Digest::from_raw(gantry_reference::Algorithm::Sha256, &hasher.finalize())?
    };
    let root = Path::new(root);
    let mut clock = Instant::now();
    let mut lap = |what: &str| {
        println!(
            "{what:24} {:9.3} ms",
            clock.elapsed().as_secs_f64() * 1000.0
        );
        clock = Instant::now();
    };
    let store = gantry_snapshot::open(root, &root.join("run"), Some(driver))?;
    lap("open");
    let info = store.ingest(&digest, &mut File::open(tar)?)?;
    lap("ingest");
    store.prepare("bench", &[digest.clone()])?;
    lap("prepare");
    let mounted = store.mount("bench")?;
    lap("first mount");
    drop(mounted);
    lap("unmount");
    let mounted = store.mount("bench")?;
    lap("second mount");
    let path = format!(
        "/proc/self/fd/{}",
        std::os::fd::AsRawFd::as_raw_fd(&mounted.root)
    );
    let count = std::fs::read_dir(&path)?.count();
    lap("list the root");
    drop(mounted);
    store.remove("bench")?;
    lap("remove snapshot");
    if std::env::var_os("KEEP").is_none() {
        store.remove_layer(&digest)?;
        lap("remove layer");
    }
    drop(store);
    lap("housekeeping");
    println!("{info:?} {count}");
    Ok(())
}
