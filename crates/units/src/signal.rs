//! Signals by name and number.

use std::fmt;
use std::str::FromStr;

use crate::Error;

/// A signal of Linux, 1 to 64.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Signal(i32);

/// Names on x86-64 and arm64 (the same there), without `SIG`; the first name of a number counts.
const NAMES: [(&str, i32); 39] = [
    ("HUP", 1),
    ("INT", 2),
    ("QUIT", 3),
    ("ILL", 4),
    ("TRAP", 5),
    ("ABRT", 6),
    ("IOT", 6),
    ("BUS", 7),
    ("FPE", 8),
    ("KILL", 9),
    ("USR1", 10),
    ("SEGV", 11),
    ("USR2", 12),
    ("PIPE", 13),
    ("ALRM", 14),
    ("TERM", 15),
    ("STKFLT", 16),
    ("CHLD", 17),
    ("CLD", 17),
    ("CONT", 18),
    ("STOP", 19),
    ("TSTP", 20),
    ("TTIN", 21),
    ("TTOU", 22),
    ("URG", 23),
    ("XCPU", 24),
    ("XFSZ", 25),
    ("VTALRM", 26),
    ("PROF", 27),
    ("WINCH", 28),
    ("IO", 29),
    ("POLL", 29),
    ("PWR", 30),
    ("SYS", 31),
    ("UNUSED", 31),
    ("RTMIN", 34),
    ("RTMAX", 64),
    // glibc keeps the first two real-time signals for itself.
    ("RTMIN+0", 34),
    ("RTMAX-0", 64),
];

impl Signal {
    /// SIGKILL.
    pub const KILL: Self = Self(9);
    /// SIGTERM.
    pub const TERM: Self = Self(15);

    /// The signal with this number.
    pub fn from_number(number: i32) -> Option<Self> {
        (1..=64).contains(&number).then_some(Self(number))
    }

    /// Its number.
    pub fn number(self) -> i32 {
        self.0
    }
}

impl FromStr for Signal {
    type Err = Error;

    /// `15`, `TERM`, `SIGTERM`, `sigterm`, `RTMIN+3`.
    fn from_str(text: &str) -> Result<Self, Error> {
        let bad = || Error::Signal(text.to_owned());
        if let Ok(number) = text.parse::<i32>() {
            return Self::from_number(number).ok_or_else(bad);
        }
        let upper = text.to_ascii_uppercase();
        let name = upper.strip_prefix("SIG").unwrap_or(&upper);
        if let Some((_, number)) = NAMES.iter().find(|(known, _)| *known == name) {
            return Ok(Self(*number));
        }
        let offset = |text: &str| text.parse::<u8>().ok().filter(|n| *n <= 30).map(i32::from);
        let number = if let Some(n) = name.strip_prefix("RTMIN+").and_then(offset) {
            34 + n
        } else if let Some(n) = name.strip_prefix("RTMAX-").and_then(offset) {
            64 - n
        } else {
            return Err(bad());
        };
        Ok(Self(number))
    }
}

impl fmt::Display for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match NAMES.iter().find(|(_, number)| *number == self.0) {
            Some((name, _)) => write!(f, "SIG{name}"),
            None if self.0 > 34 => write!(f, "SIGRTMIN+{}", self.0 - 34),
            None => write!(f, "{}", self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn reads_and_refuses() {
        for text in ["15", "TERM", "SIGTERM", "sigterm"] {
            assert_eq!(text.parse(), Ok(Signal::TERM));
        }
        assert_eq!("RTMIN+3".parse::<Signal>().unwrap().number(), 37);
        assert_eq!("SIGRTMAX-1".parse::<Signal>().unwrap().number(), 63);
        assert_eq!(Signal::TERM.to_string(), "SIGTERM");
        assert_eq!(
            "FOO".parse::<Signal>().unwrap_err().to_string(),
            "invalid signal: FOO"
        );
        for bad in ["0", "65", "-9", "", "SIG", "RTMIN+99"] {
            assert!(bad.parse::<Signal>().is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn never_panics(text in "\\PC*") {
            let _ = text.parse::<Signal>();
        }

        #[test]
        fn reads_what_it_writes(number in 1..=64) {
            let signal = Signal::from_number(number).unwrap();
            prop_assert_eq!(signal.to_string().parse::<Signal>().unwrap(), signal);
        }
    }
}
