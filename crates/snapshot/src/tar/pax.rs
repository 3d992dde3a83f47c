//! Records of a pax extended header (POSIX.1-2001, `pax` utility, "Extended Header").

use super::{ArchiveError, Xattr};

/// The records that say something about a file; unknown ones are passed over.
#[derive(Debug, Default)]
pub(super) struct Records {
    pub(super) path: Option<Vec<u8>>,
    pub(super) link: Option<Vec<u8>>,
    pub(super) size: Option<u64>,
    pub(super) uid: Option<i64>,
    pub(super) gid: Option<i64>,
    /// Seconds and nanoseconds.
    pub(super) mtime: Option<(i64, u32)>,
    pub(super) xattrs: Vec<Xattr>,
    pub(super) sparse: SparseRecords,
}

/// The `GNU.sparse.*` records of all three pax encodings.
#[derive(Debug, Default)]
pub(super) struct SparseRecords {
    pub(super) major: Option<u64>,
    pub(super) minor: Option<u64>,
    pub(super) name: Option<Vec<u8>>,
    /// `realsize` (1.0) or `size` (0.0 and 0.1).
    pub(super) real_size: Option<u64>,
    /// 0.1: all numbers in one record, separated by commas.
    pub(super) map: Option<Vec<u8>>,
    /// 0.0: the numbers of repeated `offset` and `numbytes` records, in order.
    pub(super) pairs: Vec<u64>,
    /// 0.0 and 0.1: there is a map, even if an empty one.
    pub(super) blocks: Option<u64>,
}

impl Records {
    /// Reads the body of an `x` header found at `at`.
    pub(super) fn parse(mut body: &[u8], at: u64) -> Result<Self, ArchiveError> {
        let mut records = Self::default();
        while !body.is_empty() {
            let (key, value, rest) = split_record(body).ok_or(ArchiveError::Pax {
                at,
                why: "malformed record",
            })?;
            records.take(key, value).ok_or(ArchiveError::Pax {
                at,
                why: "malformed value",
            })?;
            body = rest;
        }
        records.xattrs.sort();
        records
            .xattrs
            .dedup_by(|later, earlier| later.name == earlier.name);
        Ok(records)
    }

    /// `None` if the value makes no sense for the key.
    fn take(&mut self, key: &[u8], value: &[u8]) -> Option<()> {
        match key {
            b"path" => self.path = non_empty(value),
            b"linkpath" => self.link = non_empty(value),
            b"size" => self.size = Some(decimal(value)?),
            b"uid" => self.uid = Some(i64::try_from(decimal(value)?).ok()?),
            b"gid" => self.gid = Some(i64::try_from(decimal(value)?).ok()?),
            b"mtime" => self.mtime = Some(time(value)?),
            b"GNU.sparse.major" => self.sparse.major = Some(decimal(value)?),
            b"GNU.sparse.minor" => self.sparse.minor = Some(decimal(value)?),
            b"GNU.sparse.name" => self.sparse.name = non_empty(value),
            b"GNU.sparse.realsize" | b"GNU.sparse.size" => {
                self.sparse.real_size = Some(decimal(value)?);
            }
            b"GNU.sparse.map" => self.sparse.map = Some(value.to_vec()),
            b"GNU.sparse.numblocks" => self.sparse.blocks = Some(decimal(value)?),
            b"GNU.sparse.offset" | b"GNU.sparse.numbytes" => {
                // They must alternate, the offset first.
                let offset_is_next = self.sparse.pairs.len().is_multiple_of(2);
                if offset_is_next != key.ends_with(b"offset") {
                    return None;
                }
                self.sparse.pairs.push(decimal(value)?);
            }
            _ => {
                if let Some(name) = key.strip_prefix(b"SCHILY.xattr.")
                    && !name.is_empty()
                {
                    self.xattrs.push(Xattr {
                        name: name.to_vec(),
                        value: value.to_vec(),
                    });
                }
            }
        }
        Some(())
    }
}

/// Takes `"%d %s=%s\n"` apart: length of the whole record, key, value. The value may hold any
/// bytes, newlines too.
fn split_record(body: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let space = body.iter().take(20).position(|b| *b == b' ')?;
    let len = usize::try_from(decimal(&body[..space])?).ok()?;
    let record = body.get(space + 1..len)?.strip_suffix(b"\n")?;
    let equals = record.iter().position(|b| *b == b'=')?;
    let (key, value) = (&record[..equals], &record[equals + 1..]);
    if key.is_empty() || key.contains(&0) {
        return None;
    }
    // Names and paths end at a NUL; it can only be an attempt to mislead.
    if !key.starts_with(b"SCHILY.xattr.") && value.contains(&0) {
        return None;
    }
    Some((key, value, &body[len..]))
}

/// An empty value takes an earlier record back (POSIX).
fn non_empty(value: &[u8]) -> Option<Vec<u8>> {
    (!value.is_empty()).then(|| value.to_vec())
}

pub(super) fn decimal(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(digits).ok()?.parse().ok()
}

/// Seconds with an optional fraction; digits behind the ninth are cut off.
fn time(value: &[u8]) -> Option<(i64, u32)> {
    let (negative, value) = match value.strip_prefix(b"-") {
        Some(rest) => (true, rest),
        None => (false, value),
    };
    let mut parts = value.splitn(2, |b| *b == b'.');
    let seconds = i64::try_from(decimal(parts.next()?)?).ok()?;
    let fraction = parts.next().unwrap_or_default();
    if !fraction.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let nanos = (0..9).fold(0u32, |n, i| {
        n * 10 + fraction.get(i).map_or(0, |d| u32::from(d - b'0'))
    });
    match (negative, nanos) {
        (false, _) => Some((seconds, nanos)),
        (true, 0) => Some((-seconds, 0)),
        // -1.25 s is 0.75 s after second -2.
        (true, _) => Some((-seconds - 1, 1_000_000_000 - nanos)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_may_hold_newlines_and_nuls_in_attributes() {
        let body = b"35 SCHILY.xattr.user.x=a\nb=c\0d\n\n\n\n\n13 path=a/b\n\n";
        let records = Records::parse(body, 0);
        let records = records.unwrap();
        assert_eq!(records.xattrs[0].name, b"user.x");
        assert_eq!(records.xattrs[0].value, b"a\nb=c\0d\n\n\n\n");
        assert_eq!(records.path.as_deref(), Some(&b"a/b\n"[..]));
    }

    #[test]
    fn times_before_1970_round_down() {
        assert_eq!(time(b"1.5"), Some((1, 500_000_000)));
        assert_eq!(time(b"-1.25"), Some((-2, 750_000_000)));
        assert_eq!(time(b"-3"), Some((-3, 0)));
        assert_eq!(time(b"7.1234567899"), Some((7, 123_456_789)));
        assert_eq!(time(b"7.x"), None);
        assert_eq!(time(b""), None);
    }

    #[test]
    fn malformed_records_are_refused() {
        for body in [
            &b"99 path=x\n"[..],
            b"0 \n",
            b"3 x",
            b"11 path=a\0b\n",
            b"x path=y\n",
            b" ",
        ] {
            assert!(Records::parse(body, 0).is_err(), "{body:?}");
        }
    }
}
