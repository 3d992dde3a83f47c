//! Finding the detach keys in what is typed.

use gantry_units::DetachKeys;

/// Watches typed bytes for the detach keys and holds back what may be their beginning.
#[derive(Debug)]
pub(crate) struct Watch {
    keys: Vec<u8>,
    matched: usize,
}

/// What to do with a piece of input.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Typed {
    /// Hand these bytes on.
    Pass(Vec<u8>),
    /// Hand these bytes on and leave.
    Detach(Vec<u8>),
}

impl Watch {
    pub(crate) fn new(keys: &DetachKeys) -> Self {
        Self {
            keys: keys.as_bytes().to_vec(),
            matched: 0,
        }
    }

    /// Takes the next bytes typed.
    pub(crate) fn feed(&mut self, typed: &[u8]) -> Typed {
        let mut pass = Vec::with_capacity(typed.len());
        for byte in typed {
            if *byte == self.keys[self.matched] {
                self.matched += 1;
                if self.matched == self.keys.len() {
                    self.matched = 0;
                    return Typed::Detach(pass);
                }
                continue;
            }
            pass.extend_from_slice(&self.keys[..self.matched]);
            self.matched = usize::from(*byte == self.keys[0]);
            if self.matched == 0 {
                pass.push(*byte);
            }
        }
        Typed::Pass(pass)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_found_in_pieces_and_false_starts_are_typed() {
        let mut watch = Watch::new(&DetachKeys::default());
        assert_eq!(watch.feed(b"ls\x10"), Typed::Pass(b"ls".to_vec()));
        assert_eq!(watch.feed(b"x"), Typed::Pass(b"\x10x".to_vec()));
        assert_eq!(watch.feed(b"\x10\x10"), Typed::Pass(b"\x10".to_vec()));
        assert_eq!(watch.feed(b"\x11after"), Typed::Detach(Vec::new()));
    }
}
