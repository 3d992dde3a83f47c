//! Measures both drivers against `tar -x`: `measure SCRATCH_DIRECTORY TAR [ROUNDS]`.
//!
//! Prints medians in milliseconds. "background" is what nobody waits for: forcing a layer to the
//! disk, freeing what was removed.

#![expect(clippy::print_stdout, reason = "a program that prints a table")]

use std::collections::BTreeMap;
use std::error::Error;
use std::fs::{self, File};
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use gantry_reference::{Algorithm, Digest};
use gantry_snapshot::open;

/// Milliseconds by what was measured.
type Times = BTreeMap<String, Vec<f64>>;

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().collect();
    let [_, scratch, tar, rest @ ..] = &args[..] else {
        return Err("usage: measure SCRATCH_DIRECTORY TAR [ROUNDS]".into());
    };
    let (scratch, tar) = (Path::new(scratch), Path::new(tar));
    let rounds: usize = rest.first().map_or(Ok(5), |text| text.parse())?;
    let bytes = fs::read(tar)?;
    let diff_id = digest(&bytes)?;
    println!(
        "{} MB, {rounds} rounds, medians in ms",
        bytes.len() / 1_000_000
    );
    let mut times = Times::new();
    for _ in 0..rounds {
        for driver in ["erofs", "overlay"] {
            layer(driver, &scratch.join("store"), &bytes, &diff_id, &mut times)?;
        }
        unpack(&scratch.join("unpacked"), tar, &mut times)?;
    }
    for driver in ["erofs", "overlay"] {
        mounts(driver, &scratch.join("store"), &mut times)?;
    }
    for (what, mut list) in times {
        list.sort_by(f64::total_cmp);
        println!("{what:44} {:10.3}", list[list.len() / 2]);
    }
    Ok(())
}

fn digest(bytes: &[u8]) -> Result<Digest, Box<dyn Error>> {
    Ok(Digest::from_raw(
        Algorithm::Sha256,
        ring::digest::digest(&ring::digest::SHA256, bytes).as_ref(),
    )?)
}

fn time<T>(times: &mut Times, what: String, work: impl FnOnce() -> T) -> T {
    let start = Instant::now();
    let result = work();
    times
        .entry(what)
        .or_default()
        .push(start.elapsed().as_secs_f64() * 1000.0);
    result
}

fn layer(
    driver: &str,
    root: &Path,
    bytes: &[u8],
    diff_id: &Digest,
    times: &mut Times,
) -> Result<(), Box<dyn Error>> {
    let store = open(root, &root.join("run"), Some(driver))?;
    time(times, format!("{driver}: ingest"), || {
        store.ingest(diff_id, &mut &bytes[..])
    })?;
    time(times, format!("{driver}: ingest, background"), || {
        drop(store);
    });
    let store = open(root, &root.join("run"), Some(driver))?;
    time(times, format!("{driver}: remove"), || {
        store.remove_layer(diff_id)
    })?;
    time(times, format!("{driver}: remove, background"), || {
        drop(store);
    });
    Ok(())
}

fn unpack(directory: &Path, tar: &Path, times: &mut Times) -> Result<(), Box<dyn Error>> {
    fs::create_dir_all(directory)?;
    let mut command = Command::new("tar");
    command.arg("-xf").arg(tar).arg("-C").arg(directory);
    time(times, "tar -x".to_owned(), || command.status())?;
    time(times, "tar -x, then sync".to_owned(), || {
        rustix::fs::syncfs(File::open(directory)?).map_err(std::io::Error::from)
    })?;
    time(times, "rm -r".to_owned(), || fs::remove_dir_all(directory))?;
    Ok(())
}

fn mounts(driver: &str, root: &Path, times: &mut Times) -> Result<(), Box<dyn Error>> {
    let store = open(root, &root.join("run"), Some(driver))?;
    let mut layers = Vec::new();
    for number in 0..50u32 {
        let tar = one_file(number);
        let diff_id = digest(&tar)?;
        store.ingest(&diff_id, &mut &tar[..])?;
        layers.push(diff_id);
    }
    for count in [1, 10, 50] {
        for round in 0..50 {
            let key = format!("c{count}-{round}");
            let what = |step: &str| format!("{driver}: {count:2} layers: {step}");
            time(times, what("prepare"), || {
                store.prepare(&key, &layers[..count])
            })?;
            let mounted = time(times, what("mount"), || store.mount(&key))?;
            time(times, what("unmount"), || drop(mounted));
            let mounted = time(times, what("mount volatile"), || store.mount_volatile(&key))?;
            time(times, what("unmount volatile"), || drop(mounted));
            time(times, what("remove"), || store.remove(&key))?;
        }
    }
    for diff_id in layers {
        store.remove_layer(&diff_id)?;
    }
    Ok(())
}

/// An archive with one empty file.
fn one_file(number: u32) -> Vec<u8> {
    let mut block = vec![0; 512];
    let mut put = |at: usize, text: &str| {
        block[at..at + text.len()].copy_from_slice(text.as_bytes());
    };
    put(0, &format!("file{number}"));
    for (at, text) in [(100, "0000644"), (108, "0000000"), (116, "0000000")] {
        put(at, text);
    }
    put(124, "00000000000");
    put(136, "00000000000");
    put(148, "        ");
    put(156, "0");
    put(257, "ustar\x0000");
    let sum: u32 = block.iter().map(|b| u32::from(*b)).sum();
    block[148..154].copy_from_slice(format!("{sum:06o}").as_bytes());
    block[154..156].copy_from_slice(b"\0 ");
    block.resize(512 + 1024, 0);
    block
}
