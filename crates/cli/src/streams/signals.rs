//! Signals that are meant for the container.

use gantry_client::Client;
use gantry_units::Signal;
use tokio::signal::unix::{SignalKind, signal};

/// Those that a user, a shell or a service manager sends to a program. The rest are about ourselves
/// (SIGCHLD, SIGPIPE, SIGWINCH, SIGTTIN and so on) or cannot be caught.
const FORWARDED: &[i32] = &[
    1,  // HUP
    2,  // INT
    3,  // QUIT
    10, // USR1
    12, // USR2
    14, // ALRM
    15, // TERM
    18, // CONT
    20, // TSTP
    30, // PWR
];

/// Hands signals that we get on to the container, for as long as the program runs.
pub(crate) fn forward_signals(client: &Client, container: &str) -> std::io::Result<()> {
    for number in FORWARDED {
        let mut arrivals = signal(SignalKind::from_raw(*number))?;
        let Some(name) = Signal::from_number(*number) else {
            continue;
        };
        let (client, container) = (client.clone(), container.to_owned());
        tokio::spawn(async move {
            while arrivals.recv().await.is_some() {
                let path = Client::path("/containers/", &container, "/kill");
                // A container that is gone needs no signal.
                if let Ok(response) = client
                    .post(path)
                    .query("signal", name.to_string())
                    .send()
                    .await
                {
                    response.finish().await;
                }
            }
        });
    }
    Ok(())
}
