//! What is said at the end of a build.

use std::fmt::Write as _;

use gantry_build_client::proto::pb::Range;
use gantry_build_client::{Failure, Place};

use super::trace::Trace;

/// Lines above and below that are shown with the ones meant.
const AROUND: usize = 4;
const RULE: &str = "--------------------";

/// The last lines of the log of every step that failed.
pub(crate) fn failed_steps(trace: &Trace) -> String {
    let mut out = String::new();
    let failed = trace
        .steps
        .iter()
        .filter(|step| !step.error.is_empty() && !step.is_cancelled());
    for step in failed {
        let _ = writeln!(out, "------\n > {}:", step.name);
        for line in &step.tail {
            let _ = writeln!(out, "{line}");
        }
        out.push_str("------\n");
    }
    out
}

/// Where it failed.
pub(crate) fn places(failure: &Failure) -> String {
    failure.places.iter().map(excerpt).collect()
}

/// The lines of a place, marked, and some around them.
pub(crate) fn excerpt(place: &Place) -> String {
    let text = String::from_utf8_lossy(&place.text);
    let lines: Vec<&str> = text.split('\n').collect();
    let first = place.lines.iter().map(|(start, _)| *start).min();
    let last = place.lines.iter().map(|(_, end)| *end).max();
    let (Some(first), Some(last)) = (first, last) else {
        return String::new();
    };
    if first > lines.len() {
        return String::new();
    }
    let last = last.min(lines.len());
    // One line has more around it than several have.
    let wanted = if first == last { AROUND } else { AROUND / 2 };
    let (mut from, mut to) = (first, last);
    let mut shown = 0;
    while shown < wanted {
        if from > 1 {
            from -= 1;
            shown += 1;
        }
        if to < lines.len() {
            to += 1;
            shown += 1;
        }
        shown += 1;
    }
    let mut out = format!("{}:{first}\n{RULE}\n", place.file);
    for number in from..=to {
        let meant = place
            .lines
            .iter()
            .any(|(start, end)| (*start..=*end).contains(&number));
        let mark = if meant { ">>>" } else { "   " };
        let line = lines[number - 1].trim_end_matches('\r');
        let _ = writeln!(out, "{number:>4} | {mark} {line}");
    }
    out + RULE + "\n"
}

/// All warnings; in short, or with all that is known of them.
pub(crate) fn warnings(trace: &Trace, whole: bool) -> String {
    let count = trace.warnings.len();
    if count == 0 {
        return String::new();
    }
    let plural = if count == 1 { "" } else { "s" };
    let more = if whole {
        ""
    } else {
        " (use docker --debug to expand)"
    };
    let mut out = format!("\n \x1b[33m{count} warning{plural} found{more}:\n\x1b[0m");
    for warning in &trace.warnings {
        let short = String::from_utf8_lossy(&warning.short);
        let _ = writeln!(out, " - {short}");
        if !whole {
            continue;
        }
        for detail in &warning.detail {
            let _ = writeln!(out, "{}", String::from_utf8_lossy(detail));
        }
        if !warning.url.is_empty() {
            let _ = writeln!(out, "More info: {}", warning.url);
        }
        if let Some(place) = place(warning.info.clone(), &warning.ranges) {
            out.push_str(&excerpt(&place));
        }
        out.push('\n');
    }
    out
}

fn place(
    info: Option<gantry_build_client::proto::pb::SourceInfo>,
    ranges: &[Range],
) -> Option<Place> {
    Place::of(info?, ranges)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(text: &str, lines: &[(usize, usize)]) -> Place {
        Place {
            file: "F2".to_owned(),
            text: text.as_bytes().to_vec(),
            lines: lines.to_vec(),
        }
    }

    #[test]
    fn the_place_of_a_failure_is_shown_as_buildx_shows_it() {
        let text = "FROM busybox\nRUN echo a\nRUN echo some; false\nRUN echo b\n";
        assert_eq!(
            excerpt(&place(text, &[(3, 3)])),
            "F2:3\n--------------------\n   1 |     FROM busybox\n   2 |     RUN echo a\n   \
             3 | >>> RUN echo some; false\n   4 |     RUN echo b\n   5 |     \n--------------------\n"
        );
        let text = "FROM base AS last\nRUN ls -la /w\nCMD echo hi\n";
        let long = format!("FROM busybox AS base\nARG X=1\nWORKDIR /w\nCOPY . .\nRUN x\n{text}");
        assert_eq!(
            excerpt(&place(&long, &[(8, 8)])).lines().nth(2),
            Some("   6 |     FROM base AS last")
        );
    }

    #[test]
    fn a_place_outside_of_the_text_is_harmless() {
        assert_eq!(excerpt(&place("a", &[(9, 12)])), "");
        assert!(excerpt(&place("a\nb", &[(2, 99)])).contains(">>> b"));
    }
}
