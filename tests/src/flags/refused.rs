//! What cannot be had is refused by name, in Docker's words where it has some.

use crate::harness::{Client, through_both};

through_both!(what_cannot_be_had_is_refused_by_name);

fn what_cannot_be_had_is_refused_by_name(client: &Client) {
    for (options, words) in [
        (
            "--storage-opt size=1g",
            "--storage-opt is supported only for overlay over xfs with 'pquota' mount option",
        ),
        (
            "--isolation hyperv",
            "Invalid isolation: \"hyperv\" - linux only supports 'default'",
        ),
        (
            "--runtime none-such",
            "unknown or invalid runtime name: none-such",
        ),
        (
            "--security-opt what=ever",
            "invalid --security-opt 2: \"what=ever\"",
        ),
        ("--cap-add FLY", "unknown capability: \"CAP_FLY\""),
        ("--ulimit sofas=1", "invalid ulimit type: sofas"),
        ("--cpus 1000", "range of CPUs is from 0.01 to"),
        ("-m 1m", "Minimum memory limit allowed is 6MB"),
        (
            "--memory-swap 1g",
            "You should always set the Memory limit when using Memoryswap limit",
        ),
        ("--pid container:nobody", "No such container: nobody"),
        ("--userns private", "--userns: invalid user mode"),
        ("--cgroupns container:x", "--cgroupns: invalid cgroup mode"),
        ("--uts private", "--uts: invalid uts mode"),
    ] {
        let refused = client.run(&format!("run --rm {options} busybox true"));
        assert_eq!(refused.code, 125, "{options}: {}", refused.stderr);
        let said = refused.stderr.to_lowercase();
        assert!(said.contains(&words.to_lowercase()), "{options}: {said}");
    }
}
