//! The stock command line and ours, side by side on one daemon: the same output, messages and exit codes.

use crate::harness::Client;

/// Each is typed to both; those that change something come in pairs elsewhere.
const TYPED: &[&str] = &[
    "ps",
    "ps -a",
    "ps -aq",
    "ps -a --no-trunc",
    "ps -a --format json",
    "ps -a --format '{{json .}}'",
    "ps -a --format 'table {{.ID}}\\t{{.Names}}\\t{{.Status}}'",
    "ps -a --format '{{.Names}}: {{.Command}} {{.Ports}} {{.Mounts}} {{.Networks}} {{.Size}} {{.Labels}}'",
    "ps -a --format '{{.Nonsense}}'",
    "ps -a --format '{{.Names'",
    "ps --filter nonsense=1",
    "ps --filter nonsense",
    "ps -n 1",
    "ps -l",
    "ps --nonsense",
    "ps extra",
    "images busybox",
    "images -q busybox",
    "images --digests busybox",
    "images --no-trunc busybox",
    "images --format '{{.Repository}} {{.Tag}} {{.Size}} {{.CreatedSince}}' busybox",
    "images nonesuch",
    "images --filter nonsense=1",
    "image inspect busybox --format '{{.Os}}'",
    "image inspect nonesuch",
    "inspect web --format '{{.State.Status}}'",
    "inspect nonesuch",
    "inspect web nonesuch --format '{{.Name}}'",
    "inspect --type volume web",
    "inspect --type nonsense web",
    "inspect --format '{{.Nonsense}}' web",
    "volume ls",
    "volume ls -q",
    "volume ls --format json",
    "volume ls --filter dangling=true",
    "volume ls --filter label=a",
    "volume inspect other --format '{{.Name}}'",
    "volume inspect nonesuch",
    "volume rm nonesuch",
    "network ls",
    "network ls -q --no-trunc",
    "network ls --format json",
    "network inspect nonesuch",
    "network inspect bridge --format '{{.Name}}'",
    "logs done",
    "logs web",
    "logs nonesuch",
    "logs -n 1 done",
    "port web",
    "port web 80",
    "port web 81",
    "port nonesuch",
    "top nonesuch",
    "top made",
    "start nonesuch",
    "stop nonesuch",
    "kill made",
    "kill nonesuch",
    "rm web",
    "rm nonesuch",
    "rmi nonesuch",
    "pause made",
    "unpause web",
    "rename nonesuch x",
    "rename web made",
    "exec nonesuch true",
    "exec made true",
    "exec web nonesuch",
    "exec web false",
    "exec",
    "run",
    "run --nonsense",
    "run --name web busybox",
    "run --rm busybox sh -c 'exit 5'",
    "run --rm busybox nonesuch",
    "run --memory nonsense busybox",
    "run -p nonsense busybox",
    "run -v a:b:c:d busybox",
    "run --restart nonsense busybox",
    "create",
    "wait nonesuch",
    "wait done",
    "attach nonesuch",
    "attach done",
    "cp nonesuch:/a /tmp/x",
    "cp done:/nonesuch /tmp/x",
    "cp a b",
    "history busybox",
    "history -q busybox",
    "history nonesuch",
    "tag nonesuch x",
    "tag busybox UPPER",
    "load -i /nonesuch",
    "version --format '{{.Client.Os}}'",
    "stats --no-stream nonesuch",
    "stats --no-stream --format '{{.Name}}'",
    "nonsense",
    "container nonsense",
    "image nonsense",
    "system nonsense",
    "container prune --nonsense",
    "update nonesuch --memory 64m",
    "events --since 1 --until 2",
    "events --filter nonsense --until 1",
];

#[test]
fn both_say_the_same() {
    let client = Client::docker();
    let setup = "$C run -d --name web --label tier=front -p 127.0.0.1:18081:80 busybox \
        sh -c 'echo up; sleep 1000'; $C run --name done -e A=1 busybox sh -c 'echo out; echo err >&2; exit 3'; \
        $C create --name made -v data:/v busybox true && $C volume create other --label a=b && \
        until $C logs web | grep -q up; do :; done";
    client.script(setup, "").exits(0);
    let mut differ = Vec::new();
    for typed in TYPED {
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
    let text = text.replace("gantry", "docker");
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
        .replace("About a minute", "<n> seconds")
        .replace("Less than a second", "<n> seconds")
        .replace("<n> second ", "<n> seconds ")
}
