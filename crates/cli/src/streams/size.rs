//! The size of the terminal.

use std::io::IsTerminal as _;

use gantry_client::Client;
use rustix::termios::tcgetwinsize;
use tokio::signal::unix::{SignalKind, signal};

/// Whose terminal it is.
#[derive(Debug, Clone)]
pub(crate) enum Target {
    Container(String),
    Exec(String),
}

/// Rows and columns of our terminal; zeros if there is none.
pub(crate) fn console_size() -> [u16; 2] {
    let out = std::io::stdout();
    if !out.is_terminal() {
        return [0, 0];
    }
    tcgetwinsize(out).map_or([0, 0], |size| [size.ws_row, size.ws_col])
}

/// Tells the daemon our terminal's size, now and whenever it changes.
pub(crate) fn follow_size(client: &Client, target: Target) -> std::io::Result<()> {
    let mut changes = signal(SignalKind::window_change())?;
    let client = client.clone();
    tokio::spawn(async move {
        loop {
            resize(&client, &target).await;
            if changes.recv().await.is_none() {
                return;
            }
        }
    });
    Ok(())
}

async fn resize(client: &Client, target: &Target) {
    let [rows, columns] = console_size();
    if rows == 0 || columns == 0 {
        return;
    }
    let path = match target {
        Target::Container(id) => Client::path("/containers/", id, "/resize"),
        Target::Exec(id) => Client::path("/exec/", id, "/resize"),
    };
    let request = client
        .post(path)
        .query("h", rows.to_string())
        .query("w", columns.to_string());
    // The program may have ended meanwhile.
    if let Ok(response) = request.send().await {
        response.finish().await;
    }
}
