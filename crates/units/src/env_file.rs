//! `--env-file` and `--label-file`.

use crate::Error;

/// Reads lines `NAME=value`; blank lines and those that begin with `#` do not count.
///
/// A line with a name alone takes its value from `lookup` and is dropped if there is none, which
/// is how `--env-file` passes on the caller's variables.
pub fn parse_env_file(
    bytes: &[u8],
    lookup: impl Fn(&str) -> Option<String>,
) -> Result<Vec<String>, Error> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let mut lines = Vec::new();
    for (index, line) in bytes.split(|b| *b == b'\n').enumerate() {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let Ok(line) = str::from_utf8(line) else {
            let text = String::from_utf8_lossy(line).into_owned();
            return Err(Error::EnvBytes {
                line: index + 1,
                text,
            });
        };
        let line = line.trim_start();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        lines.extend(read_line(line, &lookup)?);
    }
    Ok(lines)
}

fn read_line(
    line: &str,
    lookup: &impl Fn(&str) -> Option<String>,
) -> Result<Option<String>, Error> {
    let (name, value) = match line.split_once('=') {
        Some((name, value)) => (name, Some(value)),
        None => (line.trim(), None),
    };
    if name.is_empty() {
        return Err(Error::EnvNameMissing(line.to_owned()));
    }
    if name.contains(char::is_whitespace) {
        return Err(Error::EnvName(name.to_owned()));
    }
    Ok(match value {
        Some(value) => Some(format!("{name}={value}")),
        None => lookup(name).map(|value| format!("{name}={value}")),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn reads_and_refuses() {
        let lookup = |name: &str| (name == "HOME").then(|| "/root".to_owned());
        let text = b"\xef\xbb\xbf# a comment\r\n\r\n A=1 # not a comment\nB=\nHOME\nNONE\n";
        assert_eq!(
            parse_env_file(text, lookup).unwrap(),
            ["A=1 # not a comment", "B=", "HOME=/root"]
        );
        let refuse = |text: &[u8]| parse_env_file(text, lookup).unwrap_err().to_string();
        assert_eq!(refuse(b"=1"), "no variable name on line '=1'");
        assert_eq!(
            refuse(b"A B=1"),
            "poorly formatted environment: variable 'A B' contains whitespaces"
        );
        assert!(refuse(b"A=1\nB=\xff").contains("at line 2"));
    }

    proptest! {
        #[test]
        fn never_panics(bytes in any::<Vec<u8>>()) {
            let _ = parse_env_file(&bytes, |_| None);
        }
    }
}
