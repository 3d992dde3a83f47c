//! `--chmod`: octal, or symbolic as in chmod(1).

use crate::Error;

/// Changes of a mode.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Chmod {
    /// This mode.
    Absolute(u32),
    /// These changes, one after the other.
    Symbolic(Vec<Clause>),
}

/// `ug+rX`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Clause {
    /// The bits of those who are meant, set-ID bits and the sticky one among them.
    who: u32,
    operation: char,
    bits: u32,
    /// `X`: execution only of directories and of what somebody can execute already.
    execute: bool,
}

impl Chmod {
    /// Reads `755` or `u=rwX,go=rX`.
    pub(crate) fn parse(text: &str) -> Result<Self, Error> {
        if !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) {
            return match u32::from_str_radix(text, 8) {
                Ok(mode) if mode <= 0o7777 => Ok(Self::Absolute(mode)),
                _ => Err(invalid(text)),
            };
        }
        let clauses = text.split(',').map(|clause| read(clause, text));
        Ok(Self::Symbolic(clauses.collect::<Result<_, _>>()?))
    }

    /// The mode of a file that has `mode` now.
    pub(crate) fn apply(&self, mode: u32, directory: bool) -> u32 {
        match self {
            Self::Absolute(absolute) => *absolute,
            Self::Symbolic(clauses) => clauses.iter().fold(mode & 0o7777, |mode, clause| {
                let execute = clause.execute && (directory || mode & 0o111 != 0);
                let bits = (clause.bits | if execute { 0o111 } else { 0 }) & clause.who;
                match clause.operation {
                    '+' => mode | bits,
                    '-' => mode & !bits,
                    _ => (mode & !clause.who) | bits,
                }
            }),
        }
    }
}

fn read(clause: &str, whole: &str) -> Result<Clause, Error> {
    let at = clause.find(['+', '-', '=']).ok_or_else(|| invalid(whole))?;
    let mut who = 0;
    for letter in clause[..at].chars() {
        who |= match letter {
            'u' => 0o4700,
            'g' => 0o2070,
            'o' => 0o1007,
            'a' => 0o7777,
            _ => return Err(invalid(whole)),
        };
    }
    let mut parsed = Clause {
        who: if who == 0 { 0o7777 } else { who },
        operation: clause[at..].chars().next().unwrap_or('='),
        bits: 0,
        execute: false,
    };
    for letter in clause[at + 1..].chars() {
        match letter {
            'r' => parsed.bits |= 0o444,
            'w' => parsed.bits |= 0o222,
            'x' => parsed.bits |= 0o111,
            's' => parsed.bits |= 0o6000,
            't' => parsed.bits |= 0o1000,
            'X' => parsed.execute = true,
            _ => return Err(invalid(whole)),
        }
    }
    Ok(parsed)
}

fn invalid(text: &str) -> Error {
    Error::Invalid(format!(
        "invalid chmod parameter: '{text}'. it should be octal string and between 0 and 07777"
    ))
}

#[cfg(test)]
mod tests {
    use super::Chmod;

    #[test]
    fn modes_are_changed_as_by_chmod() {
        for (text, mode, directory, wanted) in [
            ("755", 0o600, false, 0o755),
            ("u+x", 0o644, false, 0o744),
            ("go-rwx", 0o777, false, 0o700),
            ("u=rwX,go=rX", 0o600, false, 0o644),
            ("u=rwX,go=rX", 0o600, true, 0o755),
            ("a+X", 0o744, false, 0o755),
            ("+t", 0o755, true, 0o1755),
            ("u+s", 0o755, false, 0o4755),
        ] {
            let chmod = Chmod::parse(text).unwrap();
            assert_eq!(chmod.apply(mode, directory), wanted, "{text} of {mode:o}");
        }
        for bad in ["", "8", "77777", "u", "z+r", "u+q"] {
            assert!(Chmod::parse(bad).is_err(), "{bad}");
        }
    }
}
