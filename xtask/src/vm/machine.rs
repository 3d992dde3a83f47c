//! One virtual machine: qemu, its console, and the limit of its time.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use super::disk::Disk;
use super::kernel::Kernel;

/// How long a machine may take, boot to power-off, on a busy builder without KVM.
const LIMIT: Duration = Duration::from_secs(600);
/// How much of the console a failure shows.
const TAIL: usize = 60;

/// What the guest's script counted.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) passed: u32,
    pub(crate) failed: u32,
}

/// Boots, with these words for the guest, and follows the console until it is off. Failed checks are shown with what the
/// guest said before them.
pub(crate) fn run(
    kernel: &Kernel,
    root: &Path,
    disk: &Disk,
    words: &str,
    show: bool,
) -> Result<Tally> {
    let mut qemu = Qemu(command(kernel, root, disk, words).spawn().map_err(|e| {
        anyhow::anyhow!("cannot execute qemu-system-x86_64: {e}; ./test installs it")
    })?);
    let lines = console(&mut qemu.0)?;
    let until = Instant::now() + LIMIT;
    let mut seen: Vec<String> = Vec::new();
    loop {
        match lines.recv_timeout(until.saturating_duration_since(Instant::now())) {
            Ok(line) => {
                if show {
                    println!("{line}");
                }
                seen.push(line);
            }
            Err(RecvTimeoutError::Disconnected) => break,
            Err(RecvTimeoutError::Timeout) => {
                bail!("not done after {} s:\n{}", LIMIT.as_secs(), tail(&seen));
            }
        }
    }
    let Some(tally) = seen.iter().rev().find_map(|line| tally(line)) else {
        bail!("the guest ended without its result:\n{}", tail(&seen));
    };
    if !show {
        report(&seen, &tally);
    }
    Ok(tally)
}

/// A machine does not outlive the one who watches it.
struct Qemu(Child);

impl Drop for Qemu {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

fn command(kernel: &Kernel, root: &Path, disk: &Disk, words: &str) -> Command {
    let mut command = Command::new("qemu-system-x86_64");
    command
        // Random numbers, since a guest in which nothing happens gathers none for minutes; no
        // cmpxchg16b, since qemu 7.2 emulates it wrongly and 6.12 panics over that.
        .args(["-cpu", "Nehalem,+rdrand,-cx16", "-m", "1G", "-smp", "2"])
        .args(["-nographic", "-no-reboot", "-nic", "none"])
        .arg("-kernel")
        .arg(kernel.image())
        .arg("-initrd")
        .arg(disk.initramfs())
        .arg("-append")
        .arg(format!(
            "console=ttyS0 quiet panic=-1 apparmor=1 security=apparmor {words}"
        ))
        // What the guest changes on its root is forgotten.
        .arg("-drive")
        .arg(format!(
            "file={},if=virtio,format=raw,cache=unsafe,snapshot=on",
            root.display()
        ))
        .env("TMPDIR", disk.folder())
        .arg("-drive")
        .arg(format!(
            "file={},if=virtio,format=raw,cache=unsafe,readonly=on",
            disk.image().display()
        ))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit());
    command
}

fn console(qemu: &mut Child) -> Result<Receiver<String>> {
    let mut out = BufReader::new(qemu.stdout.take().context("qemu has no console")?);
    let (sender, lines) = mpsc::channel();
    std::thread::spawn(move || {
        let mut line = Vec::new();
        while matches!(out.read_until(b'\n', &mut line), Ok(n) if n > 0) {
            let text = String::from_utf8_lossy(&line).trim_end().to_owned();
            if sender.send(text).is_err() {
                return;
            }
            line.clear();
        }
    });
    Ok(lines)
}

/// The guest's last line: `guest: 12 passed, 0 failed`.
fn tally(line: &str) -> Option<Tally> {
    let (passed, failed) = line
        .strip_prefix("guest: ")?
        .strip_suffix(" failed")?
        .split_once(" passed, ")?;
    Some(Tally {
        passed: passed.parse().ok()?,
        failed: failed.parse().ok()?,
    })
}

/// The names of what went well; the whole of what did not.
fn report(seen: &[String], tally: &Tally) {
    let from = seen.iter().position(|line| line.starts_with("guest: "));
    for line in seen.iter().skip(from.unwrap_or(0)) {
        if tally.failed > 0 || line.starts_with("ok ") {
            println!("  {line}");
        }
    }
}

fn tail(seen: &[String]) -> String {
    seen[seen.len().saturating_sub(TAIL)..].join("\n")
}

#[cfg(test)]
mod tests {
    use super::{Tally, tally};

    #[test]
    fn only_the_guests_own_line_counts() {
        let (passed, failed) = (12, 1);
        assert_eq!(
            tally("guest: 12 passed, 1 failed"),
            Some(Tally { passed, failed })
        );
        assert_eq!(tally("12 passed, 1 failed"), None);
        assert_eq!(tally("guest: many passed, 1 failed"), None);
    }
}
