//! Starting a program that outlives its caller: a daemon.

use std::io;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command};

/// Starts `command` in a session of its own with none of our file descriptors but its standard
/// three, so that nobody who reads one of our pipes to its end waits for it.
pub fn spawn(command: &mut Command) -> io::Result<Child> {
    // SAFETY: between fork and exec only the two system calls below are made; they allocate
    // nothing and take no lock. The descriptors are marked, not closed, so that the standard
    // library's own pipe for reporting a failed exec works until then.
    unsafe {
        command.pre_exec(|| {
            if libc::setsid() < 0 {
                return Err(io::Error::last_os_error());
            }
            // Since Linux 5.11; without it the daemon merely keeps what it inherited.
            libc::close_range(
                3,
                libc::c_uint::MAX,
                libc::CLOSE_RANGE_CLOEXEC as libc::c_int,
            );
            Ok(())
        });
    }
    command.spawn()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, pipe};
    use std::process::Stdio;

    #[test]
    fn the_child_leads_a_session_and_keeps_no_descriptor() {
        let (mut reader, writer) = pipe().unwrap();
        let mut command = Command::new("/bin/sh");
        command.args(["-c", "cut -d ' ' -f 1,6 /proc/self/stat; ls /proc/self/fd"]);
        // The write end is not handed on: reading ends although the child sleeps on.
        let mut child = spawn(command.stdin(Stdio::null()).stdout(Stdio::piped())).unwrap();
        drop(writer);
        let mut nothing = Vec::new();
        reader.read_to_end(&mut nothing).unwrap();
        let mut output = String::new();
        child
            .stdout
            .take()
            .unwrap()
            .read_to_string(&mut output)
            .unwrap();
        let session = child.id().to_string();
        child.wait().unwrap();
        assert!(
            output
                .lines()
                .next()
                .unwrap()
                .ends_with(&format!(" {session}")),
            "{output}"
        );
    }
}
