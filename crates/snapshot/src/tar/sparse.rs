//! Maps of sparse files, in GNU tar's four encodings.
//!
//! See "Storing Sparse Files" in GNU tar's manual: old GNU headers (type `S`), pax 0.0 (repeated
//! records), 0.1 (one record with commas) and 1.0 (decimal lines in front of the content).

use super::header::number;
use super::pax::{SparseRecords, decimal};
use super::{Data, Segment};

/// More segments than this are refused: a map is held in memory.
pub(super) const MAX_SEGMENTS: usize = 1 << 20;

/// A map as read, not checked yet.
#[derive(Debug, Default)]
pub(super) struct Map(pub(super) Vec<(u64, u64)>);

impl Map {
    /// Adds the 24-byte offset and length pairs of an old GNU header or its continuation block.
    pub(super) fn push_gnu(&mut self, fields: &[u8]) -> Result<(), &'static str> {
        for pair in fields.chunks_exact(24) {
            if pair[0] == 0 {
                break;
            }
            let field = |bytes| number(bytes).and_then(|n| u64::try_from(n).ok());
            match (field(&pair[..12]), field(&pair[12..])) {
                (Some(offset), Some(len)) => self.push(offset, len)?,
                _ => return Err("malformed number"),
            }
        }
        Ok(())
    }

    /// The map of pax 0.0 or 0.1, from its records.
    pub(super) fn from_records(records: &SparseRecords) -> Result<Self, &'static str> {
        let numbers: Vec<u64> = match &records.map {
            Some(map) if map.is_empty() => Vec::new(),
            Some(map) => map
                .split(|b| *b == b',')
                .map(decimal)
                .collect::<Option<_>>()
                .ok_or("malformed number")?,
            None => records.pairs.clone(),
        };
        if !numbers.len().is_multiple_of(2) {
            return Err("odd count of numbers");
        }
        let mut map = Self::default();
        for pair in numbers.chunks_exact(2) {
            map.push(pair[0], pair[1])?;
        }
        Ok(map)
    }

    pub(super) fn push(&mut self, offset: u64, len: u64) -> Result<(), &'static str> {
        if self.0.len() >= MAX_SEGMENTS {
            return Err("too many segments");
        }
        self.0.push((offset, len));
        Ok(())
    }

    /// Checks that the segments ascend, stay within `size` and add up to `stored` bytes.
    pub(super) fn into_data(
        self,
        size: u64,
        offset: u64,
        stored: u64,
    ) -> Result<Data, &'static str> {
        let (mut end, mut total) = (0u64, 0u64);
        let mut segments: Vec<Segment> = Vec::with_capacity(self.0.len());
        for (start, len) in self.0 {
            if start < end {
                return Err("segments overlap or are out of order");
            }
            end = start
                .checked_add(len)
                .filter(|e| *e <= size)
                .ok_or("segment outside the file")?;
            total += len;
            if len > 0 {
                segments.push(Segment { offset: start, len });
            }
        }
        if total != stored {
            return Err("segments do not add up to the stored bytes");
        }
        Ok(Data {
            size,
            offset,
            stored,
            sparse: Some(segments),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn maps_outside_the_file_are_refused() {
        let data = |pairs: &[(u64, u64)], stored| Map(pairs.to_vec()).into_data(100, 0, stored);
        assert!(data(&[(0, 10), (90, 10), (100, 0)], 20).is_ok());
        assert!(data(&[(0, 10), (95, 10)], 20).is_err());
        assert!(data(&[(50, 10), (40, 10)], 20).is_err());
        assert!(data(&[(0, 10)], 20).is_err());
        assert!(data(&[(u64::MAX, 2)], 2).is_err());
    }
}
