//! Collectors as people run them: Debian's rsyslog, and the journal.

use std::process::{Child, Stdio};

use serde_json::Value;

use crate::harness::{Daemon, World, eventually};

/// A collector's process.
struct Collector(Child);

impl Collector {
    fn run(world: &World, script: &str) -> Self {
        let mut command = world.command("bash");
        command.args(["-c", &format!("exec {script}")]);
        Self(command.stdout(Stdio::null()).spawn().unwrap())
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn rsyslog_understands_every_form() {
    let daemon = Daemon::with_registry();
    let folder = daemon.world.folder();
    let out = folder.join("syslog");
    let config = folder.join("rsyslog.conf");
    let text = format!(
        "module(load=\"imtcp\") module(load=\"imudp\")\n\
         input(type=\"imtcp\" port=\"5514\") input(type=\"imudp\" port=\"5514\")\n\
         template(name=\"t\" type=\"string\" string=\"%pri-text%|%app-name%|%msg%\\n\")\n\
         action(type=\"omfile\" file=\"{}\" template=\"t\")\n",
        out.display()
    );
    std::fs::write(&config, text).unwrap();
    let script = format!(
        "rsyslogd -n -f {} -i {}",
        config.display(),
        folder.join("rsyslog.pid").display()
    );
    let _rsyslog = Collector::run(&daemon.world, &script);
    eventually("rsyslog listens", || {
        daemon.world.sh("exec 3<>/dev/tcp/127.0.0.1/5514").code == 0
    });
    for protocol in ["tcp", "udp"] {
        for format in ["", "rfc3164", "rfc5424", "rfc5424micro"] {
            let name = format!("{protocol}-{format}-x");
            let format = if format.is_empty() {
                String::new()
            } else {
                format!("--log-opt syslog-format={format}")
            };
            let run = format!(
                "run --rm --name {name} --log-driver syslog --log-opt tag={{{{.Name}}}} {format} \
                 --log-opt syslog-address={protocol}://127.0.0.1:5514 \
                 --log-opt syslog-facility=local3 busybox sh -c 'echo said by {name} >&2'"
            );
            daemon.docker(&run).exits(0);
        }
    }
    for protocol in ["tcp", "udp"] {
        for format in ["", "rfc3164", "rfc5424", "rfc5424micro"] {
            let name = format!("{protocol}-{format}-x");
            eventually("rsyslog has written it", || {
                let all = std::fs::read_to_string(&out).unwrap_or_default();
                all.lines().any(|line| {
                    let mut fields = line.split('|');
                    fields.next() == Some("local3.err")
                        && fields.next() == Some(&name)
                        && fields
                            .next()
                            .is_some_and(|m| m.trim() == format!("said by {name}"))
                })
            });
        }
    }
}

#[test]
fn the_journal_understands_every_field() {
    let mut daemon = Daemon::with_registry();
    daemon.stop();
    let script = "mount -t tmpfs run /run; mkdir -p /run/systemd/journal /run/log/journal; \
                  [ -s /etc/machine-id ]";
    daemon.world.sh(script).ok();
    let _journald = Collector::run(&daemon.world, "/lib/systemd/systemd-journald 2>/dev/null");
    eventually("the journal listens", || {
        daemon.world.sh("test -S /run/systemd/journal/socket").code == 0
    });
    daemon.run();
    let options = "--log-driver journald --log-opt labels=a.b --label a.b=c";
    let run = format!("run --rm --name web {options} busybox sh -c 'echo to the journal >&2'");
    daemon.docker(&run).exits(0);
    let read = "journalctl -D /run/log/journal --no-pager -o json CONTAINER_NAME=web";
    let mut entry = Value::Null;
    eventually("it is in the journal", || {
        let found = daemon.world.sh(read).stdout;
        let Some(line) = found.lines().next() else {
            return false;
        };
        entry = serde_json::from_str(line).unwrap();
        true
    });
    assert_eq!(entry["MESSAGE"], "to the journal");
    assert_eq!(entry["PRIORITY"], "3");
    assert_eq!(entry["A_B"], "c");
    assert_eq!(entry["IMAGE_NAME"], "busybox");
}
