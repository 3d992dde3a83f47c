//! The stock command line and ours, side by side on one daemon: the same output, messages and exit codes.

use crate::harness::Client;

/// Each is typed to both; those that change something come in pairs elsewhere.
const TYPED: &str = include_str!("typed.txt");

#[test]
fn both_say_the_same() {
    let client = Client::docker();
    let setup = "$C run -d --name web --label tier=front -p 127.0.0.1:18081:80 busybox \
        sh -c 'echo up; sleep 1000'; $C run --name done -e A=1 busybox sh -c 'echo out; echo err >&2; exit 3'; \
        $C create --name made -v data:/v busybox true && $C volume create other --label a=b && \
        until $C logs web | grep -q up; do :; done";
    client.script(setup, "").exits(0);
    let mut differ = Vec::new();
    for typed in TYPED.lines() {
        let said = |program: &str| {
            let run = client.daemon.script(&format!("{program} {typed}"), "");
            (run.code, plain(&run.stdout), plain(&run.stderr))
        };
        let (stock, own) = (said("docker"), said("$GANTRY"));
        if stock != own {
            differ.push(format!("{typed}\n  stock {stock:?}\n  own   {own:?}"));
        }
    }
    assert!(differ.is_empty(), "{}", differ.join("\n"));
}

/// The program's own name is its own; a second may pass between two commands.
fn plain(text: &str) -> String {
    let text = text
        .replace("gantry", "docker")
        .replace("About a minute", "1 seconds")
        .replace("Less than a second", "1 seconds");
    let words: Vec<&str> = text.split(' ').filter(|word| !word.is_empty()).collect();
    let next = words.iter().skip(1).copied().chain([""]);
    words
        .iter()
        .zip(next)
        .map(|(word, next)| {
            // In JSON a quote stands before the number: `"RunningFor":"4 seconds ago"`.
            let is_count = word.parse::<u32>().is_ok() || next.starts_with("second");
            let digits = |c: char| c.is_ascii_digit();
            if is_count {
                format!("{}<n>", word.trim_end_matches(digits))
            } else {
                (*word).to_owned()
            }
        })
        .collect::<Vec<_>>()
        .join(" ")
        .replace("<n> second ", "<n> seconds ")
}
