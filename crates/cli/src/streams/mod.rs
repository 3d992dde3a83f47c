//! Between a container and our standard streams.
//!
//! [`Attached`] copies in both directions on two plain threads over the hijacked socket, so that a
//! full pipe in one direction never holds up the other, nor signals, nor resizing. [`RawTerminal`]
//! keeps the terminal raw and puts it right again however we end. [`forward_signals`] and
//! [`follow_size`] tell the daemon of signals and of a new size.

mod attached;
mod detach;
mod raw;
mod signals;
mod size;

pub(crate) use attached::{Attached, Ended, Wiring, write_frame};
pub(crate) use raw::RawTerminal;
pub(crate) use signals::forward_signals;
pub(crate) use size::{Target, console_size, follow_size};

use std::io::IsTerminal as _;

use crate::failure::Failure;

/// A terminal inside wants one outside, if input is attached.
pub(crate) fn check_terminal(attach_stdin: bool, tty: bool) -> Result<(), Failure> {
    if attach_stdin && tty && !std::io::stdin().is_terminal() {
        return Err(Failure::new("the input device is not a TTY"));
    }
    Ok(())
}
