//! A log file being written, with rotation, that never gets in the way of the container.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use crate::rotate::{DirectoryLock, Rotation, shift_files};
use crate::{Encoding, Format, PIECE, StreamKind, decode, local};

/// Encoded bytes that are gathered before they are written, whatever [`LogWriter::flush`] does.
const BUFFER: usize = 64 * 1024;
/// Nanoseconds between attempts while the disk refuses.
const RETRY: u64 = 1_000_000_000;
/// A clock that goes back by more nanoseconds begins a new file: readers look a time up in a file
/// whose lines are nearly in order.
const BACK: u64 = 5_000_000_000;

/// Nanoseconds by which a line's time is moved at most.
const SAME_GO: u64 = 1_000_000;

/// Writes lines to a log file.
///
/// Nothing here fails after [`LogWriter::open`]: while the disk is full (or the file cannot be
/// made) lines are dropped and counted, and the first line that can be written again says how many.
#[derive(Debug)]
pub struct LogWriter {
    path: PathBuf,
    rotation: Rotation,
    /// Missing after a rotation whose new file could not be made.
    file: Option<File>,
    /// Bytes in the current file.
    size: u64,
    /// The time of its first line; 0 without one.
    begun: u64,
    /// The clock when something was last written.
    clock: u64,
    /// The earliest time that a line of the current file may have, lest it be taken for another.
    floor: u64,
    encoding: Encoding,
    buffer: Vec<u8>,
    lost: Lost,
    rotated: bool,
}

/// Lines that could not be written.
#[derive(Debug, Default)]
struct Lost {
    /// Since the last note.
    unsaid: u64,
    /// In all.
    total: u64,
    /// Why, as an errno.
    errno: i32,
    /// No attempt before this time.
    retry_at: u64,
}

impl LogWriter {
    /// Opens a log of JSON lines for appending; makes the file (mode 0640) if there is none.
    pub fn open(path: &Path, rotation: Rotation) -> io::Result<Self> {
        Self::open_as(path, rotation, Encoding::default())
    }

    /// Opens a log of any format.
    pub fn open_as(path: &Path, rotation: Rotation, encoding: Encoding) -> io::Result<Self> {
        let file = open_file(path, false)?;
        let size = match encoding.format() {
            Format::Json => end_last_line(&file)?,
            Format::Local => drop_last_piece(&file)?,
        };
        let begun = first_time(&file, encoding.format())?;
        Ok(Self {
            path: path.to_owned(),
            rotation: Rotation {
                max_files: rotation.max_files.max(1),
                ..rotation
            },
            file: Some(file),
            size,
            begun,
            clock: 0,
            floor: 0,
            encoding,
            buffer: Vec::new(),
            lost: Lost::default(),
            rotated: false,
        })
    }

    /// Adds one line of output (with its newline), or a piece of one, written at `time`.
    pub fn write(&mut self, stream: StreamKind, time: u64, log: &[u8]) {
        if self.must_rotate(time) {
            self.put(time);
            self.floor = self.begun.saturating_add(1);
            self.rotate(time);
        }
        let time = self.not_before_floor(time);
        if self.begun == 0 {
            self.begun = time;
        }
        self.encoding.encode(&mut self.buffer, stream, time, log);
        if self.buffer.len() >= BUFFER {
            self.put(time);
        }
    }

    /// A file is known by its inode and the time of its first entry. What is written at one go has
    /// one time, and a file may get the inode of one that was compressed just before.
    fn not_before_floor(&self, time: u64) -> u64 {
        // A clock that was set back is none of ours to set right.
        if self.floor.saturating_sub(time) < SAME_GO {
            time.max(self.floor)
        } else {
            time
        }
    }

    /// Hands what was gathered to the kernel; what it does not take is lost.
    pub fn flush(&mut self, now: u64) {
        if self.buffer.is_empty() {
            return;
        }
        let back = now.saturating_add(BACK) < self.clock;
        if back && self.size > 0 && self.rotation.max_files > 1 && self.file.is_some() {
            self.rotate(now);
        }
        self.clock = now;
        self.put(now);
    }

    /// The same at the time of a line, which may be long ago: the pieces of a long one all have the
    /// time of the first.
    fn put(&mut self, now: u64) {
        if self.buffer.is_empty() {
            return;
        }
        let buffer = std::mem::take(&mut self.buffer);
        let written = if self.ready(now) {
            self.append(&buffer, now)
        } else {
            0
        };
        self.lost
            .count(self.encoding.format().whole(&buffer[written..]).1);
        self.buffer = buffer;
        self.buffer.clear();
    }

    /// Gives back the memory of a busy time.
    pub fn shrink(&mut self) {
        self.buffer.shrink_to(0);
    }

    /// Lines lost since the log was opened.
    pub fn lost_lines(&self) -> u64 {
        self.lost.total
    }

    /// Whether older files have been moved on since this was last asked.
    pub fn take_rotated(&mut self) -> bool {
        std::mem::take(&mut self.rotated)
    }

    /// Bytes of the current file, with those that are not written yet.
    fn length(&self) -> u64 {
        self.size + self.buffer.len() as u64
    }

    fn must_rotate(&self, time: u64) -> bool {
        if self.file.is_none() || self.length() == 0 {
            return false;
        }
        let Rotation {
            max_size,
            max_files,
            max_age,
        } = self.rotation;
        let is_large = max_size > 0 && self.length() >= max_size;
        // A part of the age for each file, so that what is too old can go file by file.
        let age = max_age / u64::from(max_files);
        is_large || (max_age > 0 && time.saturating_sub(self.begun) >= age)
    }

    /// Goes on in a new file; if that fails, [`LogWriter::ready`] tries again.
    fn rotate(&mut self, now: u64) {
        let lock = match DirectoryLock::attempt(&self.path) {
            // Somebody puts a compressed file in place at this moment: the next line will do.
            Ok(None) if self.length() < self.rotation.max_size.saturating_mul(2) => return,
            Ok(lock) => lock,
            // No descriptors left, perhaps: a log goes on without the lock rather than not at all.
            Err(_) => None,
        };
        self.file = None;
        self.begin_file(now);
        drop(lock);
    }

    fn begin_file(&mut self, now: u64) {
        let begun = shift_files(&self.path, self.rotation.max_files)
            .and_then(|()| open_file(&self.path, self.rotation.max_files == 1));
        match begun {
            Ok(file) => {
                (self.file, self.size, self.begun) = (Some(file), 0, 0);
                self.rotated = true;
            }
            Err(error) => self.lost.refused(&error, now),
        }
    }

    /// Whether lines can be written again: a file is open and has the note of what was lost.
    fn ready(&mut self, now: u64) -> bool {
        if self.lost.must_wait(now) {
            return false;
        }
        if self.file.is_none() {
            self.begin_file(now);
        }
        if self.lost.unsaid > 0 && self.file.is_some() {
            let mut line = Vec::new();
            self.encoding.encode(
                &mut line,
                StreamKind::Stderr,
                now,
                self.lost.note().as_bytes(),
            );
            if self.append(&line, now) == line.len() {
                self.lost.unsaid = 0;
            }
        }
        self.file.is_some() && self.lost.unsaid == 0
    }

    /// Appends whole lines; says how many bytes of them are in the file.
    fn append(&mut self, lines: &[u8], now: u64) -> usize {
        let Some(file) = &self.file else { return 0 };
        let (written, result) = write_counted(file, lines);
        let Err(error) = result else {
            self.size += lines.len() as u64;
            return lines.len();
        };
        self.lost.refused(&error, now);
        let whole = self.encoding.format().whole(&lines[..written]).0;
        // The beginning of a line that cannot be finished goes again. Measured anew, because
        // somebody may have truncated the file.
        if whole < written
            && let Ok(end) = file.metadata().map(|m| m.len())
        {
            let _ = file.set_len(end.saturating_sub((written - whole) as u64));
        }
        self.size += whole as u64;
        whole
    }
}

impl Lost {
    fn count(&mut self, count: u64) {
        self.unsaid += count;
        self.total += count;
    }

    fn refused(&mut self, error: &io::Error, now: u64) {
        self.errno = error.raw_os_error().unwrap_or(0);
        self.retry_at = now.saturating_add(RETRY);
    }

    fn must_wait(&self, now: u64) -> bool {
        // The second half: the clock may have been set back.
        now < self.retry_at && self.retry_at - now <= RETRY
    }

    fn note(&self) -> String {
        let reason = io::Error::from_raw_os_error(self.errno);
        format!(
            "[gantry: {} lines of output are lost: {reason}]\n",
            self.unsaid
        )
    }
}

/// Writes all, or says how much of it the kernel took before the error.
fn write_counted(mut file: &File, bytes: &[u8]) -> (usize, io::Result<()>) {
    let mut written = 0;
    while written < bytes.len() {
        match file.write(&bytes[written..]) {
            Ok(0) => return (written, Err(io::ErrorKind::WriteZero.into())),
            Ok(count) => written += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return (written, Err(error)),
        }
    }
    (written, Ok(()))
}

fn open_file(path: &Path, truncate: bool) -> io::Result<File> {
    let file = OpenOptions::new()
        .append(true)
        .read(true)
        .create(true)
        .mode(0o640)
        .open(path)?;
    if truncate {
        file.set_len(0)?;
    }
    Ok(file)
}

/// Makes sure that the next line begins a line, after a writer that was killed in the middle of
/// one; says how long the file is.
fn end_last_line(mut file: &File) -> io::Result<u64> {
    let size = file.metadata()?.len();
    let mut last = [b'\n'];
    if size > 0 {
        file.read_exact_at(&mut last, size - 1)?;
    }
    if last == [b'\n'] {
        return Ok(size);
    }
    // On a full disk the next line is lost with the broken one; readers skip what is malformed.
    Ok(size + file.write(b"\n").unwrap_or(0) as u64)
}

/// Cuts off the record in the middle of which a writer was killed; says how long the file is.
fn drop_last_piece(file: &File) -> io::Result<u64> {
    let size = file.metadata()?.len();
    let mut end = 0;
    let mut block = vec![0; 8 * PIECE];
    while end < size {
        let count = read_some(file, &mut block, end)?;
        let (whole, _) = local::whole(&block[..count]);
        if whole > 0 {
            end += whole as u64;
        } else if let Some(at) = local::resume(&block[..count]) {
            end += at as u64;
        } else if count == block.len() && block.len() < 64 * BUFFER {
            block.resize(block.len() * 4, 0);
        } else {
            file.set_len(end)?;
            break;
        }
    }
    Ok(end)
}

/// The time of the first entry of a file; 0 without one.
fn first_time(file: &File, format: Format) -> io::Result<u64> {
    let mut block = vec![0; 2 * PIECE];
    let count = read_some(file, &mut block, 0)?;
    let block = &block[..count];
    let mut text = Vec::new();
    let first = match format {
        Format::Json => block
            .split_inclusive(|c| *c == b'\n')
            .find_map(|line| decode(line, &mut text).ok()),
        Format::Local => match local::frame(block) {
            local::Frame::Whole(message, _) => local::decode(message, &mut text).ok(),
            _ => None,
        },
    };
    Ok(first.map_or(0, |decoded| decoded.time))
}

/// Reads until the buffer is full or the file ends.
fn read_some(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    let mut count = 0;
    while count < buffer.len() {
        match file.read_at(&mut buffer[count..], offset + count as u64) {
            Ok(0) => break,
            Ok(read) => count += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(count)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{compressed_path, rotated_path};
    use std::os::fd::AsFd;

    fn texts(path: &Path) -> Vec<String> {
        let content = std::fs::read(path).unwrap_or_default();
        content
            .split_inclusive(|c| *c == b'\n')
            .filter_map(|line| {
                let mut out = Vec::new();
                decode(line, &mut out).ok()?;
                Some(String::from_utf8(out).unwrap())
            })
            .collect()
    }

    fn rotation(max_size: u64, max_files: u32) -> Rotation {
        Rotation {
            max_size,
            max_files,
            max_age: 0,
        }
    }

    #[test]
    fn lines_are_there_after_a_flush() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        let mut log = LogWriter::open(&path, Rotation::default()).unwrap();
        log.write(StreamKind::Stdout, 1, b"one\n");
        log.flush(1);
        assert_eq!(texts(&path), ["one\n"]);
    }

    #[test]
    fn old_files_move_on_and_the_oldest_goes() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        // Each line makes a file full.
        let mut log = LogWriter::open(&path, rotation(10, 3)).unwrap();
        for n in 0..5 {
            log.write(StreamKind::Stdout, n, format!("{n}\n").as_bytes());
        }
        log.flush(5);
        let all: Vec<_> = (0..4).map(|n| texts(&rotated_path(&path, n))).collect();
        assert_eq!(all, [vec!["4\n"], vec!["3\n"], vec!["2\n"], vec![]]);
        assert_eq!(log.lost_lines(), 0);
    }

    #[test]
    fn a_log_of_one_file_begins_again() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        let mut log = LogWriter::open(&path, rotation(10, 1)).unwrap();
        log.write(StreamKind::Stdout, 1, b"one\n");
        log.write(StreamKind::Stdout, 1, b"two\n");
        log.flush(1);
        assert_eq!(texts(&path), ["two\n"]);
        assert!(!rotated_path(&path, 1).exists());
    }

    #[test]
    fn a_log_goes_on_after_a_broken_line() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        std::fs::write(&path, br#"{"log":"cut o"#).unwrap();
        let mut log = LogWriter::open(&path, Rotation::default()).unwrap();
        log.write(StreamKind::Stdout, 1, b"whole\n");
        log.flush(1);
        assert_eq!(texts(&path), ["whole\n"]);
    }

    #[test]
    fn what_a_full_disk_refuses_is_counted_and_said_later() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        let mut log = LogWriter::open(&path, Rotation::default()).unwrap();
        let real = log
            .file
            .replace(OpenOptions::new().append(true).open("/dev/full").unwrap());
        log.write(StreamKind::Stdout, 1, b"a\n");
        log.write(StreamKind::Stdout, 1, b"b\n");
        log.flush(1);
        log.file = real;
        // Not tried again within the second.
        log.write(StreamKind::Stdout, 2, b"c\n");
        log.flush(2);
        log.write(StreamKind::Stdout, RETRY + 1, b"d\n");
        log.flush(RETRY + 1);
        let note = "[gantry: 3 lines of output are lost: No space left on device (os error 28)]\n";
        assert_eq!(texts(&path), [note, "d\n"]);
        assert_eq!(log.lost_lines(), 3);
    }

    #[test]
    fn a_line_that_did_not_fit_leaves_no_half() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        let mut log = LogWriter::open(&path, Rotation::default()).unwrap();
        // A pipe that holds one page stands for the disk: it takes a part and then refuses.
        let flags = rustix::pipe::PipeFlags::NONBLOCK;
        let (_reader, writer) = rustix::pipe::pipe_with(flags).unwrap();
        rustix::pipe::fcntl_setpipe_size(writer.as_fd(), 4096).unwrap();
        log.file = Some(File::from(writer));
        log.write(StreamKind::Stdout, 1, &[b'x'; 5000]);
        log.flush(1);
        assert_eq!((log.size, log.lost_lines()), (0, 1));
    }

    #[test]
    fn a_rotation_that_fails_is_tried_again() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        let mut log = LogWriter::open(&path, rotation(10, 3)).unwrap();
        log.write(StreamKind::Stdout, 1, b"one\n");
        log.flush(1);
        // A directory that is not empty cannot be replaced by a file.
        std::fs::create_dir_all(rotated_path(&path, 1).join("x")).unwrap();
        std::fs::create_dir_all(rotated_path(&path, 2).join("x")).unwrap();
        log.write(StreamKind::Stdout, 2, b"two\n");
        log.flush(2);
        assert_eq!(log.lost_lines(), 1);
        std::fs::remove_dir_all(rotated_path(&path, 1)).unwrap();
        std::fs::remove_dir_all(rotated_path(&path, 2)).unwrap();
        log.write(StreamKind::Stdout, 2 * RETRY, b"three\n");
        log.flush(2 * RETRY);
        assert_eq!(texts(&path).len(), 2);
        assert_eq!(texts(&path)[1], "three\n");
        assert_eq!(texts(&rotated_path(&path, 1)), ["one\n"]);
    }

    fn local_texts(path: &Path) -> Vec<String> {
        let content = std::fs::read(path).unwrap_or_default();
        let (mut rest, mut all) = (&content[..], Vec::new());
        while let local::Frame::Whole(message, size) = local::frame(rest) {
            let mut out = Vec::new();
            local::decode(message, &mut out).unwrap();
            all.push(String::from_utf8(out).unwrap());
            rest = &rest[size..];
        }
        assert!(rest.is_empty());
        all
    }

    #[test]
    fn a_log_of_records_goes_on_after_a_broken_one() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        let open = || {
            let encoding = Encoding::new(Format::Local, &[]);
            LogWriter::open_as(&path, Rotation::default(), encoding).unwrap()
        };
        let mut log = open();
        log.write(StreamKind::Stdout, 1, b"one\n");
        log.write(StreamKind::Stdout, 2, b"two\n");
        log.flush(2);
        let whole = std::fs::read(&path).unwrap();
        for cut in 1..whole.len() / 2 {
            std::fs::write(&path, &whole[..whole.len() - cut]).unwrap();
            let mut log = open();
            log.write(StreamKind::Stdout, 3, b"three\n");
            log.flush(3);
            assert_eq!(local_texts(&path), ["one\n", "three\n"], "{cut}");
        }
    }

    #[test]
    fn compressed_files_move_on_with_the_others() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        let mut log = LogWriter::open(&path, rotation(10, 4)).unwrap();
        for n in 0..6 {
            log.write(StreamKind::Stdout, n, format!("{n}\n").as_bytes());
            log.flush(n);
            // Somebody compresses the newest older file at once.
            if rotated_path(&path, 1).exists() {
                std::fs::rename(rotated_path(&path, 1), compressed_path(&path, 1)).unwrap();
            }
        }
        assert_eq!(texts(&path), ["5\n"]);
        let all: Vec<_> = (1..5).map(|n| texts(&compressed_path(&path, n))).collect();
        assert_eq!(all, [vec!["4\n"], vec!["3\n"], vec!["2\n"], vec![]]);
        assert!(log.take_rotated());
        assert!(!log.take_rotated());
    }

    #[test]
    fn a_file_goes_when_it_is_old() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        let old = Rotation {
            max_age: 100,
            max_files: 2,
            max_size: 0,
        };
        let mut log = LogWriter::open(&path, old).unwrap();
        for time in [1000, 1049, 1050] {
            log.write(StreamKind::Stdout, time, format!("{time}\n").as_bytes());
        }
        log.flush(1050);
        assert_eq!(texts(&rotated_path(&path, 1)), ["1000\n", "1049\n"]);
        // Its age is known again after a restart.
        let mut log = LogWriter::open(&path, old).unwrap();
        log.write(StreamKind::Stdout, 1100, b"1100\n");
        log.flush(1100);
        assert_eq!(texts(&path), ["1100\n"]);
    }

    #[test]
    fn a_clock_that_goes_back_begins_a_new_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        let mut log = LogWriter::open(&path, Rotation::default()).unwrap();
        for time in [9 * BACK, 8 * BACK + 1, 7 * BACK] {
            log.write(StreamKind::Stdout, time, b"x\n");
            log.flush(time);
        }
        assert_eq!(texts(&rotated_path(&path, 1)).len(), 2);
        assert_eq!(texts(&path).len(), 1);
    }

    #[test]
    fn a_line_that_does_not_end_is_no_clock_that_goes_back() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        let mut log = LogWriter::open(&path, Rotation::default()).unwrap();
        for n in 0..4 * BUFFER / PIECE {
            log.write(StreamKind::Stdout, BACK, &[b'x'; PIECE]);
            log.flush(BACK * (n as u64 + 2));
        }
        for _ in 0..4 * BUFFER / PIECE {
            log.write(StreamKind::Stdout, BACK, &[b'x'; PIECE]);
        }
        log.flush(BACK * 100);
        assert!(!rotated_path(&path, 1).exists());
    }

    #[test]
    fn a_rotation_waits_for_whoever_has_the_lock_but_not_for_ever() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        let mut log = LogWriter::open(&path, rotation(200, 2)).unwrap();
        let lock = DirectoryLock::wait(&path).unwrap();
        for n in 0..3 {
            log.write(StreamKind::Stdout, n, b"x\n");
        }
        assert!(!rotated_path(&path, 1).exists());
        for n in 3..8 {
            log.write(StreamKind::Stdout, n, b"x\n");
        }
        assert!(rotated_path(&path, 1).exists());
        drop(lock);
    }
}
