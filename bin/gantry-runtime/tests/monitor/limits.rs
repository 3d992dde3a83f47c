//! Limits that the kernel enforces and the monitor reports.

use gantry_monitor::protocol::Event;

use crate::container::Container;
use crate::daemon::Daemon;

#[test]
fn running_out_of_memory_is_told_and_recorded() {
    // `tail` keeps the last line, and this one never ends.
    let container = Container::running(&["tail", "/dev/zero"]).with_memory(16 * 1024 * 1024);
    let mut daemon = Daemon::started(&container);
    let first = daemon.event();
    assert_eq!(first, Event::OutOfMemory);
    let exit = daemon.exit();
    assert_eq!((exit.code, exit.oom_killed), (137, true));
    daemon.dismiss();
    assert!(!container.has_cgroup());
}
