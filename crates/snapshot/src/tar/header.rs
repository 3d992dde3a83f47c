//! One 512-byte header block.

use super::ArchiveError;

/// The fields of a header block, located as POSIX `ustar` and GNU `tar.h` say.
pub(super) struct Header<'a> {
    block: &'a [u8; 512],
    at: u64,
}

/// Which dialect a header is written in: it decides what lies behind byte 257.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Dialect {
    V7,
    Ustar,
    /// Ustar with a shorter prefix and its own trailer (Schilling's star).
    Star,
    Gnu,
}

impl<'a> Header<'a> {
    /// Checks the sum and takes the block as a header; `at` is its position, for messages.
    pub(super) fn parse(block: &'a [u8; 512], at: u64) -> Result<Self, ArchiveError> {
        let header = Self { block, at };
        let stated = header.number(148..156, "checksum")?;
        // Some old archivers added the bytes up as signed characters.
        let (mut unsigned, mut signed) = (0i64, 0i64);
        for (i, byte) in block.iter().enumerate() {
            let byte = if (148..156).contains(&i) { b' ' } else { *byte };
            unsigned += i64::from(byte);
            signed += i64::from(byte as i8);
        }
        if stated == unsigned || stated == signed {
            Ok(header)
        } else {
            Err(ArchiveError::Checksum(at))
        }
    }

    pub(super) fn dialect(&self) -> Dialect {
        match &self.block[257..265] {
            b"ustar  \0" => Dialect::Gnu,
            magic if magic.starts_with(b"ustar\0") => {
                if &self.block[508..512] == b"tar\0" {
                    Dialect::Star
                } else {
                    Dialect::Ustar
                }
            }
            _ => Dialect::V7,
        }
    }

    pub(super) fn flag(&self) -> u8 {
        self.block[156]
    }

    /// The name, with the prefix where the dialect has one.
    pub(super) fn path(&self) -> Vec<u8> {
        let name = text(&self.block[0..100]);
        let prefix = match self.dialect() {
            Dialect::Ustar => text(&self.block[345..500]),
            Dialect::Star => text(&self.block[345..476]),
            Dialect::V7 | Dialect::Gnu => &[],
        };
        if prefix.is_empty() {
            name.to_vec()
        } else {
            [prefix, b"/", name].concat()
        }
    }

    pub(super) fn link(&self) -> Vec<u8> {
        text(&self.block[157..257]).to_vec()
    }

    pub(super) fn mode(&self) -> Result<u32, ArchiveError> {
        Ok(self.number(100..108, "mode")? as u32 & 0o7777)
    }

    pub(super) fn uid(&self) -> Result<i64, ArchiveError> {
        self.number(108..116, "uid")
    }

    pub(super) fn gid(&self) -> Result<i64, ArchiveError> {
        self.number(116..124, "gid")
    }

    pub(super) fn size(&self) -> Result<u64, ArchiveError> {
        self.unsigned(124..136, "size")
    }

    pub(super) fn mtime(&self) -> Result<i64, ArchiveError> {
        self.number(136..148, "mtime")
    }

    /// Major and minor device number.
    pub(super) fn device(&self) -> Result<(u32, u32), ArchiveError> {
        if self.dialect() == Dialect::V7 {
            return Ok((0, 0));
        }
        let part = |range, field| {
            u32::try_from(self.number(range, field)?).map_err(|_| self.bad_number(field))
        };
        Ok((part(329..337, "devmajor")?, part(337..345, "devminor")?))
    }

    /// The four sparse entries of an old GNU header, and whether more follow in another block.
    pub(super) fn gnu_sparse(&self) -> (&'a [u8], bool) {
        (&self.block[386..482], self.block[482] != 0)
    }

    /// The real size that an old GNU sparse header states.
    pub(super) fn gnu_real_size(&self) -> Result<u64, ArchiveError> {
        self.unsigned(483..495, "realsize")
    }

    fn unsigned(
        &self,
        range: std::ops::Range<usize>,
        field: &'static str,
    ) -> Result<u64, ArchiveError> {
        u64::try_from(self.number(range, field)?).map_err(|_| self.bad_number(field))
    }

    fn number(
        &self,
        range: std::ops::Range<usize>,
        field: &'static str,
    ) -> Result<i64, ArchiveError> {
        number(&self.block[range]).ok_or_else(|| self.bad_number(field))
    }

    fn bad_number(&self, field: &'static str) -> ArchiveError {
        ArchiveError::Number { at: self.at, field }
    }
}

/// The bytes up to the first NUL.
pub(super) fn text(field: &[u8]) -> &[u8] {
    field.split(|b| *b == 0).next().unwrap_or_default()
}

/// Octal digits between spaces and NULs, or (high bit set) a big-endian two's complement number.
pub(super) fn number(field: &[u8]) -> Option<i64> {
    match field.first()? {
        first if first & 0x80 != 0 => base256(field),
        _ => octal(field),
    }
}

fn octal(field: &[u8]) -> Option<i64> {
    let digits = field
        .split(|b| *b == 0)
        .map(<[u8]>::trim_ascii)
        .find(|part| !part.is_empty())
        .unwrap_or_default();
    digits.iter().try_fold(0i64, |value, digit| match digit {
        b'0'..=b'7' => value.checked_mul(8)?.checked_add(i64::from(digit - b'0')),
        _ => None,
    })
}

fn base256(field: &[u8]) -> Option<i64> {
    // The top bit marks the encoding, the next one is the sign.
    let negative = field[0] & 0x40 != 0;
    let fill = if negative { 0xff } else { 0 };
    let mut value: i64 = if negative { -1 } else { 0 };
    for (i, byte) in field.iter().enumerate() {
        let byte = if i == 0 {
            (byte & 0x7f) | (fill & 0x80)
        } else {
            *byte
        };
        // Bytes beyond 64 bits may only repeat the sign.
        if field.len() - i > 8 {
            if byte != fill {
                return None;
            }
            continue;
        }
        value = (value << 8) | i64::from(byte);
    }
    ((value < 0) == negative).then_some(value)
}

#[cfg(test)]
mod tests {
    use super::number;

    #[test]
    fn octal_numbers_may_be_padded_either_way() {
        assert_eq!(number(b"0000644\0"), Some(0o644));
        assert_eq!(number(b"   644 \0"), Some(0o644));
        assert_eq!(number(b"\0\0\0\0\0\0\0\0"), Some(0));
        assert_eq!(number(b"77777777777\0"), Some(0o77_777_777_777));
        assert_eq!(number(b"12x45670"), None);
        assert_eq!(number(b"-0000001"), None);
    }

    #[test]
    fn base_256_numbers_carry_a_sign() {
        assert_eq!(number(b"\x80\0\0\0\0\0\0\x02\0\0\0\0"), Some(2 << 32));
        assert_eq!(number(&[0xff; 12]), Some(-1));
        assert_eq!(number(b"\xff\xff\xff\xff\xff\xff\xff\xfe"), Some(-2));
        assert_eq!(number(b"\x80\0\0\x01\0\0\0\0\0\0\0\0"), None);
        assert_eq!(number(b"\x80\0\0\0\xff\0\0\0\0\0\0\0"), None);
    }
}
