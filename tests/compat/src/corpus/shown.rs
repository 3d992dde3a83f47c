//! What a command line shows, of which what is another one each time is left out.

use super::client::{self, Said, without_prefixes};

/// The end, and both streams without the progress of steps.
pub(super) fn text(said: &Said) -> String {
    let mut text = format!("exit {}\n", said.code);
    for (stream, lines) in [("out", &said.stdout), ("err", &said.stderr)] {
        let mut inside = None;
        for line in lines.lines().filter(|line| !is_progress(line)) {
            // What the client sent, with the name of its session.
            let indent = line.len() - line.trim_start().len();
            match inside {
                Some(around) if indent > around => continue,
                Some(_) => inside = None,
                None if line.trim_start() == "\"definition\": {" => inside = Some(indent),
                None => {}
            }
            let line = plain(line);
            text.push_str(format!("{stream} {line}").trim_end());
            text.push('\n');
        }
    }
    text
}

/// `#7 0.123 output`, and the empty lines between steps.
fn is_progress(line: &str) -> bool {
    let number = line
        .strip_prefix('#')
        .and_then(|rest| rest.split(' ').next());
    line.is_empty()
        || number.is_some_and(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()))
}

/// A line without the time that a command took, and without the clients' own names.
fn plain(line: &str) -> String {
    let core = without_prefixes(line);
    if core != line {
        return format!("ERROR: {}", client::plain(core));
    }
    match line.split_once(' ') {
        Some((time, rest)) if is_time(time) => format!("TIME {rest}"),
        None if is_time(line) => "TIME".to_owned(),
        _ => line.to_owned(),
    }
}

fn is_time(word: &str) -> bool {
    word.split_once('.').is_some_and(|(seconds, parts)| {
        [seconds, parts]
            .iter()
            .all(|digits| !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()))
    })
}

#[cfg(test)]
mod tests {
    use super::{Said, text};

    #[test]
    fn only_what_stays_the_same_is_left() {
        let said = Said {
            code: 1,
            stdout: "a\n\nb\n".to_owned(),
            stderr: "#1 [1/2] FROM x\n#1 0.1 y\n\n > [2/2] RUN z:\n0.123 said\n#! no step\nERROR: failed to build: no\n".to_owned(),
        };
        assert_eq!(
            text(&said),
            "exit 1\nout a\nout b\nerr  > [2/2] RUN z:\nerr TIME said\nerr #! no step\nerr ERROR: no\n"
        );
    }
}
