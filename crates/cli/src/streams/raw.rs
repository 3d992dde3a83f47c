//! A terminal in raw mode.

use std::io::{IsTerminal as _, stdin};

use rustix::termios::{OptionalActions, Termios, tcgetattr, tcsetattr};

/// Standard input in raw mode until this is dropped.
pub(crate) struct RawTerminal(Termios);

impl RawTerminal {
    /// Makes standard input raw if it is a terminal.
    pub(crate) fn enter() -> std::io::Result<Option<Self>> {
        if !stdin().is_terminal() {
            return Ok(None);
        }
        let before = tcgetattr(stdin())?;
        let mut raw = before.clone();
        raw.make_raw();
        tcsetattr(stdin(), OptionalActions::Now, &raw)?;
        Ok(Some(Self(before)))
    }
}

impl Drop for RawTerminal {
    fn drop(&mut self) {
        // The terminal may be gone: then there is nothing to put right.
        let _ = tcsetattr(stdin(), OptionalActions::Now, &self.0);
    }
}
