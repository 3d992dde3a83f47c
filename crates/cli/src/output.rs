//! Printing on standard output.

use std::io::Write as _;

/// Prints a text. When nobody reads any more (`gantry ps | head -1`) the program ends as one that
/// SIGPIPE ended would; Rust has that signal ignored.
pub(crate) fn print(text: impl AsRef<str>) {
    write(text.as_ref().as_bytes());
}

/// Prints a line.
pub(crate) fn line(text: impl AsRef<str>) {
    write(format!("{}\n", text.as_ref()).as_bytes());
}

/// Writes bytes as they are.
pub(crate) fn write(bytes: &[u8]) {
    const SIGPIPE_STATUS: i32 = 128 + 13;
    let mut out = std::io::stdout().lock();
    if let Err(error) = out.write_all(bytes).and_then(|()| out.flush()) {
        if error.kind() == std::io::ErrorKind::BrokenPipe {
            std::process::exit(SIGPIPE_STATUS);
        }
        eprintln!("cannot write to standard output: {error}");
        std::process::exit(1);
    }
}
