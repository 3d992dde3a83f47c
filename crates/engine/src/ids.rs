//! Identifiers and names that the engine makes.

use crate::Error;

/// 64 hex digits of randomness: a container, exec or endpoint ID.
///
/// An ID whose first twelve digits are all decimal is drawn again: as a hostname it would look
/// like a number.
pub(crate) fn random_id() -> Result<String, Error> {
    loop {
        let mut bytes = [0u8; 32];
        getrandom::fill(&mut bytes)
            .map_err(|e| Error::Internal(format!("the kernel gives no random numbers: {e}")))?;
        let id: String = bytes.iter().map(|b| format!("{b:02x}")).collect();
        if id[..12].bytes().any(|b| b.is_ascii_alphabetic()) {
            return Ok(id);
        }
    }
}

/// 25 digits and small letters of randomness, as swarm's objects have them.
pub(crate) fn swarm_id() -> Result<String, Error> {
    const DIGITS: &[u8; 36] = b"0123456789abcdefghijklmnopqrstuvwxyz";
    let mut bytes = [0u8; 25];
    getrandom::fill(&mut bytes)
        .map_err(|e| Error::Internal(format!("the kernel gives no random numbers: {e}")))?;
    // Not quite even, which does not matter for a name.
    let digit = |byte: &u8| char::from(DIGITS[usize::from(*byte) % DIGITS.len()]);
    Ok(bytes.iter().map(digit).collect())
}

/// Checks a container's name against Docker's rule and strips the slash that API clients may send.
pub(crate) fn checked_name(name: &str) -> Result<&str, Error> {
    let bare = name.strip_prefix('/').unwrap_or(name);
    let mut bytes = bare.bytes();
    let first_ok = bytes.next().is_some_and(|b| b.is_ascii_alphanumeric());
    let rest_ok = bare.len() >= 2
        && bytes.all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-'));
    if first_ok && rest_ok {
        Ok(bare)
    } else {
        Err(Error::InvalidName(name.to_owned()))
    }
}

/// A name for a container that was given none: an adjective and the name of a person in the
/// history of shipping, science or computing; a number is added when `taken` says so.
pub(crate) fn random_name(taken: impl Fn(&str) -> bool) -> Result<String, Error> {
    for attempt in 0..64 {
        let mut bytes = [0u8; 3];
        getrandom::fill(&mut bytes)
            .map_err(|e| Error::Internal(format!("the kernel gives no random numbers: {e}")))?;
        let left = LEFT[usize::from(bytes[0]) % LEFT.len()];
        let right = RIGHT[usize::from(bytes[1]) % RIGHT.len()];
        let name = if attempt < 4 {
            format!("{left}_{right}")
        } else {
            format!("{left}_{right}{}", bytes[2])
        };
        if !taken(&name) {
            return Ok(name);
        }
    }
    random_id().map(|id| id[..12].to_owned())
}

const LEFT: [&str; 40] = [
    "able", "amber", "brave", "brisk", "bright", "calm", "clever", "cosmic", "crisp", "daring",
    "eager", "early", "fair", "fleet", "gentle", "glad", "golden", "handy", "honest", "humble",
    "jolly", "keen", "kind", "lively", "lucid", "merry", "modest", "nimble", "noble", "patient",
    "proud", "quick", "quiet", "rapid", "sharp", "steady", "sunny", "swift", "tidy", "witty",
];

const RIGHT: [&str; 40] = [
    "babbage",
    "bell",
    "boole",
    "borg",
    "cerf",
    "clarke",
    "curie",
    "darwin",
    "dijkstra",
    "engelbart",
    "euler",
    "faraday",
    "galileo",
    "gauss",
    "hamilton",
    "hopper",
    "hypatia",
    "johnson",
    "kay",
    "keller",
    "knuth",
    "lamport",
    "leavitt",
    "liskov",
    "lovelace",
    "maxwell",
    "mclean",
    "meitner",
    "mendel",
    "newton",
    "noether",
    "pascal",
    "perlman",
    "ritchie",
    "rosen",
    "shannon",
    "tanglin",
    "thompson",
    "turing",
    "wiles",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_dockers_rule() {
        assert_eq!(checked_name("/web").unwrap(), "web");
        assert_eq!(checked_name("a.b_c-1").unwrap(), "a.b_c-1");
        for bad in ["", "/", "a", "-a", "a b", "a/b", "ä1", "_x"] {
            assert!(checked_name(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn ids_are_64_hex_digits_and_differ() {
        let (a, b) = (random_id().unwrap(), random_id().unwrap());
        assert_eq!(a.len(), 64);
        assert!(a.bytes().all(|c| c.is_ascii_hexdigit()));
        assert_ne!(a, b);
    }

    #[test]
    fn a_taken_name_is_not_given_again() {
        let name = random_name(|n| !n.ends_with(|c: char| c.is_ascii_digit())).unwrap();
        assert!(name.ends_with(|c: char| c.is_ascii_digit()));
    }
}
