//! The program of the `gantry/hello` image: says what it took to run it.
//!
//! It is the only file of that image, so it is static and needs nothing of a root file system.

use std::fs;
use std::io::{self, Write};
use std::process::ExitCode;

fn main() -> ExitCode {
    let name = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    match io::stdout().write_all(greeting(name.trim()).as_bytes()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

fn greeting(container: &str) -> String {
    format!(
        "
Hello from Gantry!
This message says that your installation works. To print it,

 1. the gantry command line asked the Gantry daemon to run the image \"gantry/hello\",
    and started that daemon first if none was listening;
 2. the daemon found the image in its store: it travels inside the gantry binary,
    so that this first run needs no network (any other image is pulled from a registry);
 3. the daemon stacked the image's one layer under a fresh writable layer
    and gave the container {container} an address on the default bridge;
 4. a small monitor process set up namespaces, cgroups, capabilities and the system-call
    filter, and executed this program as process {pid} of the container;
 5. the monitor streamed this text to your terminal and to the container's log.

Now something larger:

    gantry run -d -p 8080:80 --name web nginx
    curl http://127.0.0.1:8080/
    gantry logs -f web
",
        pid = std::process::id()
    )
}
