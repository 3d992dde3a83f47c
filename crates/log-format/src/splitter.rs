//! A stream of bytes cut into lines.

/// Bytes after which a line without an end is logged in pieces (Docker's copier buffer).
pub const PIECE: usize = 16 * 1024;

/// A line with its newline, or a piece of one without.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Piece<'a> {
    /// The bytes.
    pub bytes: &'a [u8],
    /// When the line's first piece was complete: all pieces of a line carry one time.
    pub time: u64,
}

/// Cuts one stream into lines and keeps what has no end yet.
#[derive(Debug, Default)]
pub struct Splitter {
    held: Vec<u8>,
    /// The time of the line's first piece, if some are out already.
    begun: Option<u64>,
}

impl Splitter {
    /// Takes more bytes, read at `time`, and hands on every complete line.
    pub fn push(&mut self, mut bytes: &[u8], time: u64, mut each: impl FnMut(Piece<'_>)) {
        while !bytes.is_empty() {
            let room = PIECE - self.held.len();
            let window = &bytes[..bytes.len().min(room)];
            let newline = memchr::memchr(b'\n', window).map(|at| at + 1);
            let Some(end) = newline.or((window.len() == room).then_some(room)) else {
                self.held.extend_from_slice(window);
                return;
            };
            let (piece, rest) = bytes.split_at(end);
            self.hand_on(piece, newline.is_some(), time, &mut each);
            bytes = rest;
        }
    }

    fn hand_on(&mut self, piece: &[u8], ended: bool, time: u64, each: &mut impl FnMut(Piece<'_>)) {
        let time = *self.begun.get_or_insert(time);
        if ended {
            self.begun = None;
        }
        if self.held.is_empty() {
            return each(Piece { bytes: piece, time });
        }
        self.held.extend_from_slice(piece);
        each(Piece {
            bytes: &self.held,
            time,
        });
        self.held.clear();
        // An idle container shall not keep the room of its longest line.
        self.held.shrink_to(PIECE / 16);
    }

    /// The stream has ended: hands on what is left, a piece without a newline.
    pub fn finish(&mut self, time: u64, mut each: impl FnMut(Piece<'_>)) {
        if self.held.is_empty() {
            return;
        }
        let time = self.begun.take().unwrap_or(time);
        each(Piece {
            bytes: &self.held,
            time,
        });
        self.held = Vec::new();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn pieces(chunks: &[&[u8]]) -> Vec<(Vec<u8>, u64)> {
        let mut splitter = Splitter::default();
        let mut all = Vec::new();
        for (time, chunk) in chunks.iter().enumerate() {
            splitter.push(chunk, time as u64, |p| {
                all.push((p.bytes.to_vec(), p.time));
            });
        }
        splitter.finish(chunks.len() as u64, |p| {
            all.push((p.bytes.to_vec(), p.time));
        });
        all
    }

    #[test]
    fn lines_come_whole_however_they_arrive() {
        let got = pieces(&[b"one\ntw", b"o\n", b"\nrest"]);
        let want: Vec<(Vec<u8>, u64)> = vec![
            (b"one\n".to_vec(), 0),
            (b"two\n".to_vec(), 1),
            (b"\n".to_vec(), 2),
            (b"rest".to_vec(), 3),
        ];
        assert_eq!(got, want);
    }

    #[test]
    fn a_long_line_comes_in_pieces_of_one_time() {
        let line = vec![b'x'; PIECE * 2 + 5];
        let got = pieces(&[&line[..PIECE - 1], &line[PIECE - 1..], b"\nnext\n"]);
        let lengths: Vec<(usize, u64)> = got.iter().map(|(b, t)| (b.len(), *t)).collect();
        assert_eq!(lengths, [(PIECE, 1), (PIECE, 1), (6, 1), (5, 2)]);
    }

    #[test]
    fn a_line_that_fills_a_piece_exactly_ends_in_the_next() {
        let mut line = vec![b'x'; PIECE];
        line.push(b'\n');
        let lengths: Vec<usize> = pieces(&[&line]).iter().map(|(b, _)| b.len()).collect();
        assert_eq!(lengths, [PIECE, 1]);
    }

    proptest! {
        #[test]
        fn nothing_is_lost_or_reordered(chunks: Vec<Vec<u8>>) {
            let refs: Vec<&[u8]> = chunks.iter().map(Vec::as_slice).collect();
            let got: Vec<u8> = pieces(&refs).into_iter().flat_map(|(b, _)| b).collect();
            prop_assert_eq!(got, chunks.concat());
        }
    }
}
