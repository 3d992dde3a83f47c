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
        text.ok().parse::<f64>().unwrap() / 1e9
    };
    // It was read somewhen within the asking, which takes long where much else runs.
    let asked = Instant::now();
    let before = used();
    let told = Instant::now();
    // Five seconds of the wall's clock are the measurement.
    std::thread::sleep(std::time::Duration::from_secs(5));
    let asked_again = Instant::now();
    let after = used();
    let longest = asked.elapsed().as_secs_f64();
    let shortest = asked_again.duration_since(told).as_secs_f64();
    // A machine with more to do than processors gives less; never more.
    let least = (after - before) / longest;
    assert!(least < 0.575, "{least}");
    let most = (after - before) / shortest;
    assert!(most > 0.425 || busy(), "{most}");
}

/// Whether more wants to run than there are processors.
fn busy() -> bool {
    let load = std::fs::read_to_string("/proc/loadavg").unwrap();
    let load: f64 = load.split(' ').next().unwrap().parse().unwrap();
    let processors = std::thread::available_parallelism().unwrap().get();
    load > f64::from(u32::try_from(processors).unwrap())
}
