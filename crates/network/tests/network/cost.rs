//! That cost does not grow with the number of endpoints.

use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use gantry_network::{NetworkConfig, Networks, Protocol};

use crate::host::{Container, on_fresh_host, publish, request, run};

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}

/// Connects and disconnects a few endpoints among those that are there: the medians.
fn round(networks: &Networks) -> (Duration, Duration) {
    let (mut connects, mut disconnects) = (Vec::new(), Vec::new());
    for turn in 0..15 {
        let sandbox = networks.create_sandbox().unwrap();
        let request = request(
            &format!("probe {turn}"),
            &[publish(Protocol::Tcp, 7000, 80)],
        );
        let start = Instant::now();
        let endpoint = networks.connect(sandbox.as_fd(), request).unwrap();
        connects.push(start.elapsed());
        drop(endpoint.reserved);
        let start = Instant::now();
        networks.disconnect(&endpoint.state).unwrap();
        disconnects.push(start.elapsed());
        std::thread::sleep(Duration::from_millis(5));
    }
    (median(connects), median(disconnects))
}

#[test]
fn the_two_hundredth_endpoint_costs_what_the_first_did() {
    on_fresh_host(|host| {
        let config = NetworkConfig {
            sandbox_pool: 4,
            ..host.config()
        };
        let networks = Networks::open(config).unwrap();
        let few = round(&networks);
        let crowd: Vec<Container> = (0..200)
            .map(|n| {
                run(
                    &networks,
                    &n.to_string(),
                    &[publish(Protocol::Tcp, 20_000 + n, 80)],
                )
            })
            .collect();
        let many = round(&networks);
        println!(
            "connect, disconnect: {few:?} alone, {many:?} among {}",
            crowd.len()
        );
        // Generous: the machine may be busy; growth by number would be a factor of 100.
        assert!(
            many.0 < few.0 * 10 + Duration::from_millis(20),
            "{few:?} {many:?}"
        );
        assert!(
            many.1 < few.1 * 10 + Duration::from_millis(20),
            "{few:?} {many:?}"
        );
    });
}
