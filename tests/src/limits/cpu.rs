//! `--cpus`.

use std::time::Instant;

use crate::harness::Daemon;

#[test]
fn half_a_processor_is_half_a_processor() {
    let daemon = Daemon::with_registry();
    daemon
        .gantry("run -d --name spins --cpus 0.5 busybox sh -c 'while :; do :; done'")
        .ok();
    // Microseconds or nanoseconds, by the version of cgroups.
    let used = || {
        let script = "cat /sys/fs/cgroup/cpuacct/cpuacct.usage 2>/dev/null || \
            awk '/usage_usec/ {print $2 * 1000}' /sys/fs/cgroup/cpu.stat";
        let text = daemon.gantry(&format!(
            "exec spins sh -c \"{}\"",
            script.replace('$', "\\$")
        ));
        (Instant::now(), text.ok().parse::<f64>().unwrap() / 1e9)
    };
    let (start, before) = used();
    // Five seconds of the wall's clock are the measurement.
    std::thread::sleep(std::time::Duration::from_secs(5));
    let (end, after) = used();
    let share = (after - before) / end.duration_since(start).as_secs_f64();
    // A machine with more to do than processors gives less; never more.
    assert!(share < 0.575, "{share}");
    let busy = busy();
    assert!(share > 0.425 || busy, "{share}");
}

/// Whether more wants to run than there are processors.
fn busy() -> bool {
    let load = std::fs::read_to_string("/proc/loadavg").unwrap();
    let load: f64 = load.split(' ').next().unwrap().parse().unwrap();
    let processors = std::thread::available_parallelism().unwrap().get();
    load > f64::from(u32::try_from(processors).unwrap())
}
