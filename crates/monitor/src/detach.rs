//! The key sequence by which a client lets go of a terminal.

/// Finds the sequence in what a client types, however it is cut into reads.
#[derive(Debug, Default)]
pub(crate) struct DetachKeys {
    keys: Vec<u8>,
    /// How many of them were just typed.
    matched: usize,
}

impl DetachKeys {
    /// An empty sequence is never found.
    pub(crate) fn new(keys: Vec<u8>) -> Self {
        Self { keys, matched: 0 }
    }

    /// Passes on in `out` what is meant for the program; true when the sequence is complete.
    ///
    /// Keys that may begin the sequence are held back until the next one decides.
    pub(crate) fn filter(&mut self, typed: &[u8], out: &mut Vec<u8>) -> bool {
        if self.keys.is_empty() {
            out.extend_from_slice(typed);
            return false;
        }
        typed.iter().any(|byte| self.step(*byte, out))
    }

    fn step(&mut self, byte: u8, out: &mut Vec<u8>) -> bool {
        // The longest beginning of the sequence that ends with this key.
        while self.keys[self.matched] != byte {
            if self.matched == 0 {
                out.push(byte);
                return false;
            }
            let shorter = self.longest_border();
            out.extend_from_slice(&self.keys[..self.matched - shorter]);
            self.matched = shorter;
        }
        self.matched += 1;
        if self.matched < self.keys.len() {
            return false;
        }
        self.matched = 0;
        true
    }

    /// How many of the typed keys could be the beginning of another try.
    fn longest_border(&self) -> usize {
        let typed = &self.keys[..self.matched];
        (0..typed.len())
            .rev()
            .find(|n| typed.ends_with(&typed[..*n]))
            .unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(keys: &[u8], typed: &[&[u8]]) -> (Vec<u8>, bool) {
        let mut detach = DetachKeys::new(keys.to_vec());
        let mut out = Vec::new();
        let found = typed.iter().any(|t| detach.filter(t, &mut out));
        (out, found)
    }

    #[test]
    fn the_sequence_is_found_across_reads() {
        assert_eq!(
            run(b"\x10\x11", &[b"ls\n\x10", b"\x11"]),
            (b"ls\n".to_vec(), true)
        );
    }

    #[test]
    fn a_begun_sequence_is_passed_on_when_it_breaks() {
        assert_eq!(
            run(b"\x10\x11", &[b"\x10a\x10", b"\x10\x11"]),
            (b"\x10a\x10".to_vec(), true)
        );
        assert_eq!(run(b"aab", &[b"aaab"]), (b"a".to_vec(), true));
        assert_eq!(run(b"abac", &[b"ababac"]), (b"ab".to_vec(), true));
    }

    #[test]
    fn without_keys_everything_passes() {
        assert_eq!(run(b"", &[b"\x10\x11"]), (b"\x10\x11".to_vec(), false));
    }
}
