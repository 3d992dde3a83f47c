//! What bursts of work leave behind in memory goes back to the kernel.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// How often we look.
const BETWEEN_TRIMS: Duration = Duration::from_secs(20);
/// A daemon that used less processor time than this between two looks is idle.
const IDLE: Duration = Duration::from_millis(20);

/// Gives unused memory back, for ever: the heap's each time, our own code's once after each burst of work.
pub(crate) async fn give_back() {
    let mut used = Duration::ZERO;
    let mut code_released = false;
    loop {
        tokio::time::sleep(BETWEEN_TRIMS).await;
        let now = processor_time();
        let idle = now.saturating_sub(used) < IDLE;
        used = now;
        let release_code = idle && !code_released;
        code_released = idle;
        let _ = tokio::task::spawn_blocking(move || trim(release_code)).await;
    }
}

fn trim(release_code: bool) {
    gantry_sys::heap::trim();
    if release_code && let Err(e) = gantry_sys::program_text::release() {
        tracing::debug!("the pages of our code stay mapped: {e}");
    }
}

fn processor_time() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(
        time.tv_sec.unsigned_abs(),
        time.tv_nsec.unsigned_abs() as u32,
    )
}
