//! Placeholders for what is another text each time.

/// Ids, digests, times, addresses and paths of one daemon as placeholders.
pub(crate) fn comparable(text: &str, paths: &[(String, String)]) -> String {
    let mut text = text.to_owned();
    for (path, placeholder) in paths {
        text = text.replace(path, placeholder);
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text.as_str();
    while !rest.is_empty() {
        let word = rest
            .find(|c: char| !is_of_word(c))
            .map_or(rest, |end| &rest[..end]);
        if word.is_empty() {
            let c = rest.chars().next().unwrap_or_default();
            out.push(c);
            rest = &rest[c.len_utf8()..];
        } else {
            out.push_str(&of_word(word));
            rest = &rest[word.len()..];
        }
    }
    ages(&out)
}

fn is_of_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || ".:-+".contains(c)
}

fn of_word(word: &str) -> String {
    let bare = word.trim_end_matches(['.', ':', '-', '+']);
    let tail = &word[bare.len()..];
    if is_time(bare) {
        return format!("<time>{tail}");
    }
    if is_mac(bare) {
        return format!("<mac>{tail}");
    }
    if let Some(rest) = after_private_address(bare) {
        return format!("<ip>{rest}{tail}");
    }
    let mut out = String::new();
    for part in word.split_inclusive(|c: char| !c.is_ascii_alphanumeric()) {
        let hex = part.trim_end_matches(|c: char| !c.is_ascii_alphanumeric());
        let end = &part[hex.len()..];
        out.push_str(of_hex(hex));
        out.push_str(end);
    }
    out
}

fn of_hex(word: &str) -> &str {
    let hex = word
        .bytes()
        .all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
    match word.len() {
        64 if hex => "<id>",
        12 if hex && word.bytes().any(|b| b.is_ascii_digit()) => "<short>",
        _ => word,
    }
}

/// `2026-01-02T03:04:05...`, but not Go's zero time.
fn is_time(word: &str) -> bool {
    let shape = b"dddd-dd-ddTdd:dd:dd";
    let bytes = word.as_bytes();
    bytes.len() >= shape.len()
        && !word.starts_with("0001-")
        && bytes.iter().zip(shape).all(|(b, s)| match s {
            b'd' => b.is_ascii_digit(),
            s => b == s,
        })
}

fn is_mac(word: &str) -> bool {
    word.len() == 17
        && word
            .split(':')
            .all(|part| part.len() == 2 && part.bytes().all(|b| b.is_ascii_hexdigit()))
}

/// What follows a private IPv4 address at the beginning of a word.
fn after_private_address(word: &str) -> Option<&str> {
    let end = word
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(word.len());
    let address: std::net::Ipv4Addr = word[..end].parse().ok()?;
    address.is_private().then(|| &word[end..])
}

/// `Up 3 seconds`, `Exited (0) Less than a second ago`: how long does not count.
fn ages(text: &str) -> String {
    let mut out = text.to_owned();
    for (before, after) in [("Up ", ""), (") ", " ago")] {
        let Some(at) = out.find(before) else { continue };
        let from = at + before.len();
        for unit in ["seconds", "second", "minutes", "minute"] {
            let Some(length) = out[from..].find(unit) else {
                continue;
            };
            let end = from + length + unit.len();
            if out[from..from + length].len() <= 12 && out[end..].starts_with(after) {
                out.replace_range(from..end, "<age>");
                break;
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::comparable;

    #[test]
    fn what_changes_becomes_a_placeholder() {
        let id = "0123456789abcdef".repeat(4);
        for (text, expected) in [
            (id.as_str(), "<id>"),
            (
                &format!("No such container: {id}"),
                "No such container: <id>",
            ),
            (&format!("sha256:{id}"), "sha256:<id>"),
            ("2026-11-22T07:43:02.1234Z", "<time>"),
            ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00Z"),
            ("172.30.0.2/16", "<ip>/16"),
            ("127.0.0.1:80", "127.0.0.1:80"),
            ("02:42:ac:11:00:02", "<mac>"),
            ("Up Less than a second", "Up <age>"),
            ("Up 2 seconds (Paused)", "Up <age> (Paused)"),
            ("Exited (0) 1 second ago", "Exited (0) <age> ago"),
            ("deadbeefcafe", "deadbeefcafe"),
            ("0eadbeefcafe", "<short>"),
            ("/d/containers", "<data>/containers"),
        ] {
            let paths = [("/d/".to_owned(), "<data>/".to_owned())];
            assert_eq!(comparable(text, &paths), expected);
        }
    }
}
