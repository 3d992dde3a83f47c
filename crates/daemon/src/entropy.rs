//! The kernel's random numbers, which a machine that has just started may not have yet.
//!
//! Everything that needs them would wait without a word (getrandom(2) blocks until the pool is
//! ready), so the daemon says what it waits for before it begins.

use std::time::Duration;

use rustix::io::Errno;
use rustix::rand::{GetRandomFlags, getrandom};

/// How often it is said.
const REMIND: Duration = Duration::from_secs(5);
/// How often we look.
const LOOK: Duration = Duration::from_millis(100);

/// Waits until there are random numbers.
pub(crate) fn wait() {
    wait_until(
        || {
            let mut byte = [0; 1];
            // Anything but "not yet" is for those to report who need the numbers.
            getrandom(&mut byte, GetRandomFlags::NONBLOCK) != Err(Errno::AGAIN)
        },
        || {
            tracing::warn!(
                "waiting for the kernel's random numbers: it has not gathered enough entropy yet; a \
                 virtual machine wants a virtio-rng device"
            );
        },
    );
}

fn wait_until(mut ready: impl FnMut() -> bool, mut say: impl FnMut()) {
    let mut looks = 0;
    while !ready() {
        if looks % (REMIND.as_millis() / LOOK.as_millis()) == 0 {
            say();
        }
        looks += 1;
        std::thread::sleep(LOOK);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_says_what_it_waits_for() {
        let (mut looks, mut said) = (0, 0);
        wait_until(
            || {
                looks += 1;
                looks == 3
            },
            || said += 1,
        );
        assert_eq!((looks, said), (3, 1));
        wait();
    }
}
