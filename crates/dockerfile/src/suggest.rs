//! "Did you mean": the option within two edits of what was typed.

/// The nearest option, in the letter case of `typed` unless case counts; nothing when `typed` is an option.
pub(crate) fn nearest<'a>(
    typed: &str,
    options: impl IntoIterator<Item = &'a str>,
    case_counts: bool,
) -> Option<String> {
    let fold = |s: &str| {
        if case_counts {
            s.to_owned()
        } else {
            s.to_lowercase()
        }
    };
    let wanted = fold(typed);
    let mut best = None;
    let mut least = 3;
    for option in options {
        let option = fold(option);
        if option == wanted {
            return None;
        }
        if option.len().abs_diff(wanted.len()) > 8 {
            continue;
        }
        let distance = distance(&wanted, &option);
        if distance < least {
            least = distance;
            best = Some(option);
        }
    }
    let best = best?;
    let upper = !case_counts && typed == typed.to_uppercase() && typed != typed.to_lowercase();
    Some(if upper { best.to_uppercase() } else { best })
}

/// ` (did you mean x?)`, or nothing.
pub(crate) fn hint(suggestion: Option<&String>) -> String {
    suggestion.map_or_else(String::new, |s| format!(" (did you mean {s}?)"))
}

/// Levenshtein's distance.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let cost = diagonal + usize::from(x != *y);
            diagonal = row[j + 1];
            row[j + 1] = cost.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_slips_and_keeps_the_case() {
        let options = ["FROM", "RUN", "COPY"];
        assert_eq!(nearest("FORM", options, false).as_deref(), Some("FROM"));
        assert_eq!(nearest("form", options, false).as_deref(), Some("from"));
        assert_eq!(nearest("copy", options, false), None);
        assert_eq!(nearest("NONSENSE", options, false), None);
        assert_eq!(nearest("mout", ["mount"], true).as_deref(), Some("mount"));
    }
}
