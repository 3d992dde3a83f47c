//! `gantry system dial-stdio`

use std::io::{Read, Write};
use std::net::Shutdown;

use gantry_client::RawConnection;

use crate::command::{Arity, Command};
use crate::failure::Failure;
use crate::flags::flags;
use crate::session::Session;

/// Bytes at once.
const PIECE: usize = 64 << 10;

flags! {
    /// `gantry system dial-stdio`
    pub(crate) struct DialStdio {}
}

impl Command for DialStdio {
    const USAGE: &'static str = "";
    const ABOUT: &'static str = "Proxy the stdio stream to the daemon connection";
    const LONG: &'static str =
        "Proxy the stdio stream to the daemon connection. Should not be invoked manually.";
    const WORDS: Arity = Arity::None;

    async fn run(self, session: &Session, _words: Vec<String>) -> Result<(), Failure> {
        // Starts the daemon where there is none.
        let endpoint = session.client().await?.endpoint().clone();
        let socket = RawConnection::open(&endpoint).await?.into_socket()?;
        let to_daemon = socket.try_clone()?;
        // May sit in a read for ever; the end of the program ends it.
        std::thread::Builder::new()
            .name("input".to_owned())
            .spawn(move || {
                let _ = copy(&mut std::io::stdin(), &mut &to_daemon);
                // The end of our input is the end of the requests; answers still come.
                let _ = to_daemon.shutdown(Shutdown::Write);
            })?;
        // With TLS the runtime has to go on working meanwhile.
        tokio::task::spawn_blocking(move || copy(&mut &socket, &mut std::io::stdout()))
            .await
            .map_err(Failure::new)??;
        Ok(())
    }
}

/// Copies; every piece is passed on at once.
fn copy(from: &mut impl Read, to: &mut impl Write) -> std::io::Result<()> {
    let mut piece = vec![0; PIECE];
    loop {
        let length = match from.read(&mut piece) {
            Ok(0) => return Ok(()),
            Ok(length) => length,
            Err(e) if e.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(e) => return Err(e),
        };
        to.write_all(&piece[..length])?;
        to.flush()?;
    }
}
