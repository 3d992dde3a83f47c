//! Where a file's content comes from: extents of the tar, holes, and copies in the index image.
//!
//! A chunk-based inode divides its file into equal chunks, each a run of blocks somewhere. A plain
//! file is one run of the tar, so its chunk is as large as the file. A sparse file's segments may
//! start anywhere: the chunks that cannot be expressed as a run of tar blocks or a hole are copied
//! into the index image, with the chunk size that costs the least.

use super::format::{BLOCK, BLOCK_BITS, CHUNK_INDEX_LEN, MAX_CHUNK_BITS};
use crate::tar::{Data, Segment};

/// A sparse file may cost this much in the index, and this many times its stored bytes.
const OVERHEAD: u64 = 16 << 20;
const OVERHEAD_FACTOR: u64 = 16;

/// A file's chunks.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Chunks {
    /// A chunk is `1 << bits` blocks.
    pub(super) bits: u8,
    pub(super) sources: Vec<Source>,
}

/// Where one chunk's bytes are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Source {
    Hole,
    /// From this block of the tar on.
    Tar(u32),
    /// To be copied: this stretch of the file.
    Copy {
        offset: u64,
        len: u64,
    },
}

/// Segments that touch, joined, with their places in the tar.
struct Run {
    start: u64,
    end: u64,
    tar: u64,
}

impl Run {
    /// The tar block of the file's block-aligned position `at`, if that is block-aligned too.
    fn tar_block(&self, at: u64) -> Option<u32> {
        let position = self.tar + (at - self.start);
        position
            .is_multiple_of(BLOCK)
            .then(|| u32::try_from(position / BLOCK).ok())
            .flatten()
    }
}

impl Chunks {
    /// Bytes of the index array.
    pub(super) fn index_len(&self) -> u64 {
        self.sources.len() as u64 * CHUNK_INDEX_LEN
    }

    /// Bytes to be copied, each chunk rounded up to whole blocks.
    pub(super) fn copied(&self) -> u64 {
        let copied = |source: &Source| match source {
            Source::Copy { len, .. } => len.next_multiple_of(BLOCK),
            _ => 0,
        };
        self.sources.iter().map(copied).sum()
    }

    /// Divides a file that is not empty. `None` if the format cannot hold it.
    pub(super) fn of(data: &Data) -> Option<Self> {
        let runs = match &data.sparse {
            None => vec![Run {
                start: 0,
                end: data.size,
                tar: data.offset,
            }],
            Some(segments) => runs(segments, data.offset),
        };
        let bits = cheapest_bits(data, &runs)?;
        let chunk = BLOCK << bits;
        let mut sources = Vec::with_capacity(data.size.div_ceil(chunk) as usize);
        let mut runs = runs.iter().peekable();
        let mut start = 0;
        while start < data.size {
            let end = data.size.min(start.saturating_add(chunk));
            while runs.next_if(|run| run.end <= start).is_some() {}
            sources.push(match runs.peek() {
                Some(run) if run.start < end => match run.tar_block_if_covering(start, end) {
                    Some(block) => Source::Tar(block),
                    None => Source::Copy {
                        offset: start,
                        len: end - start,
                    },
                },
                _ => Source::Hole,
            });
            start = end;
        }
        Some(Self { bits, sources })
    }
}

impl Run {
    fn tar_block_if_covering(&self, start: u64, end: u64) -> Option<u32> {
        if self.start <= start && end <= self.end {
            self.tar_block(start)
        } else {
            None
        }
    }
}

fn runs(segments: &[Segment], offset: u64) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    let mut tar = offset;
    for segment in segments {
        match runs.last_mut() {
            Some(run) if run.end == segment.offset => run.end += segment.len,
            _ => runs.push(Run {
                start: segment.offset,
                end: segment.offset + segment.len,
                tar,
            }),
        }
        tar += segment.len;
    }
    runs
}

/// The chunk size with the smallest index and copies.
fn cheapest_bits(data: &Data, runs: &[Run]) -> Option<u8> {
    let limit = OVERHEAD + data.stored.saturating_mul(OVERHEAD_FACTOR);
    (0..=MAX_CHUNK_BITS)
        .map(|bits| (overhead(data.size, runs, bits), bits))
        .min()
        .filter(|(cost, _)| *cost <= limit)
        .map(|(_, bits)| bits)
}

/// Bytes of index and copies with chunks of `1 << bits` blocks.
fn overhead(size: u64, runs: &[Run], bits: u8) -> u64 {
    let shift = u32::from(BLOCK_BITS) + u32::from(bits);
    let chunk = 1u64 << shift;
    let mut copies = 0u64;
    let mut next_uncounted = 0;
    let mut count = |first: u64, last: u64| {
        let first = first.max(next_uncounted);
        if first <= last {
            copies += last - first + 1;
            next_uncounted = last + 1;
        }
    };
    for run in runs {
        let (first, last) = (run.start >> shift, (run.end - 1) >> shift);
        // Tar positions of chunk starts are aligned for all of a run's chunks or for none.
        if run.start % BLOCK != run.tar % BLOCK {
            count(first, last);
            continue;
        }
        if run.start % chunk != 0 {
            count(first, first);
        }
        if run.end % chunk != 0 && run.end != size {
            count(last, last);
        }
    }
    let index = size.div_ceil(chunk).saturating_mul(CHUNK_INDEX_LEN);
    // A copy is never longer than the file.
    index.saturating_add(copies.saturating_mul(chunk.min(size.next_multiple_of(BLOCK))))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sparse(size: u64, segments: &[(u64, u64)]) -> Data {
        let segments: Vec<Segment> = segments
            .iter()
            .map(|(offset, len)| Segment {
                offset: *offset,
                len: *len,
            })
            .collect();
        let stored = segments.iter().map(|s| s.len).sum();
        Data {
            size,
            offset: 1024,
            stored,
            sparse: Some(segments),
        }
    }

    #[test]
    fn a_plain_file_is_one_chunk() {
        for size in [1, 512, 513, 5 << 30] {
            let data = Data {
                size,
                offset: 1024,
                stored: size,
                sparse: None,
            };
            let chunks = Chunks::of(&data).unwrap();
            assert_eq!(chunks.sources, [Source::Tar(2)], "{size}");
        }
    }

    #[test]
    fn aligned_segments_need_no_copy() {
        let chunks = Chunks::of(&sparse(1 << 20, &[(4096, 8192), (65536, 4096)])).unwrap();
        assert_eq!(chunks.copied(), 0);
        assert_eq!(chunks.sources[1], Source::Tar(2));
    }

    #[test]
    fn unaligned_segments_are_copied() {
        let chunks = Chunks::of(&sparse(10_000, &[(100, 50), (5000, 700)])).unwrap();
        assert!(chunks.copied() >= 1024);
        assert!(chunks.sources.iter().all(|s| !matches!(s, Source::Tar(_))));
    }

    #[test]
    fn a_huge_file_with_a_little_content_stays_small() {
        let chunks = Chunks::of(&sparse(1 << 40, &[(1 << 39, 4096)])).unwrap();
        assert!(chunks.index_len() + chunks.copied() < OVERHEAD);
        let hole = Chunks::of(&sparse(1 << 45, &[])).unwrap();
        assert_eq!(hole.sources, vec![Source::Hole; 32]);
    }

    #[test]
    fn scattered_content_in_an_absurd_file_is_refused() {
        let segments: Vec<(u64, u64)> = (0..1000).map(|i| (i * (1 << 45) + 1, 1)).collect();
        assert_eq!(Chunks::of(&sparse(1 << 60, &segments)), None);
    }
}
