//! A line of output on its way to a collector.

use gantry_logs::{Entry, StreamKind};

/// A line, or a piece of a long one.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Message<'a> {
    pub(crate) stream: StreamKind,
    /// Unix time in nanoseconds.
    pub(crate) time: u64,
    /// Without its newline.
    pub(crate) line: &'a [u8],
    pub(crate) piece: Option<Piece<'a>>,
}

/// Which piece of a line this is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Piece<'a> {
    /// The same for all pieces of a line.
    pub(crate) id: &'a str,
    /// From 1.
    pub(crate) ordinal: u32,
    pub(crate) last: bool,
}

/// Sees which entries are pieces of one line.
#[derive(Debug, Default)]
pub(crate) struct Pieces {
    /// Of standard output and standard error: the line's ID, and how many pieces it has so far.
    open: [Option<(String, u32)>; 2],
}

impl Pieces {
    /// The next entry of a log as a message.
    pub(crate) fn message<'a>(&'a mut self, entry: Entry<'a>) -> Message<'a> {
        let open = &mut self.open[entry.stream as usize];
        let partial = entry.partial();
        // The piece before was the last one.
        if open.as_ref().is_some_and(|(_, count)| *count == 0) {
            *open = None;
        }
        if partial && open.is_none() {
            *open = Some((random_id(), 1));
        }
        let line = entry.line.strip_suffix(b"\n").unwrap_or(entry.line);
        let piece = open.as_mut().map(|(id, next)| {
            let ordinal = *next;
            *next = if partial { ordinal + 1 } else { 0 };
            Piece {
                id,
                ordinal,
                last: !partial,
            }
        });
        Message {
            stream: entry.stream,
            time: entry.time,
            line,
            piece,
        }
    }
}

/// 64 hex digits, as Docker's.
pub(crate) fn random_id() -> String {
    let mut bytes = [0; 32];
    // Without randomness the IDs are alike: still better than no logs.
    let _ = getrandom::fill(&mut bytes);
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_of_a_line_belong_together() {
        let mut pieces = Pieces::default();
        let mut seen = Vec::new();
        for line in [&b"whole\n"[..], b"a", b"b", b"c\n", b"next\n", b"d"] {
            let message = pieces.message(Entry {
                stream: StreamKind::Stdout,
                time: 1,
                line,
                details: b"",
            });
            let piece = message.piece.map(|p| (p.id.to_owned(), p.ordinal, p.last));
            seen.push((message.line.to_vec(), piece));
        }
        let shape: Vec<_> = seen
            .iter()
            .map(|(_, piece)| piece.as_ref().map(|(_, n, last)| (*n, *last)))
            .collect();
        assert_eq!(
            shape,
            [
                None,
                Some((1, false)),
                Some((2, false)),
                Some((3, true)),
                None,
                Some((1, false))
            ]
        );
        let id = |n: usize| seen[n].1.as_ref().map(|(id, ..)| id.clone());
        assert_eq!(id(1), id(3));
        assert_ne!(id(1), id(5));
        assert_eq!(seen[3].0, b"c");
    }
}
