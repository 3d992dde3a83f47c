//! The program's own code as the kernel has it mapped.

use std::io;
use std::ptr;

unsafe extern "C" {
    // Set by the linker: the first byte of the read-only part, and the one after the code.
    static __executable_start: u8;
    static etext: u8;
}

/// Unmaps the pages of our own code and constants.
///
/// The kernel maps 16 pages around each that is touched, and never takes one back, so that a process
/// which has started, waits and will hardly do anything of the same again holds most of its file.
/// The pages stay in the page cache: what is needed comes back by a minor fault.
/// Errors are those of madvise(2).
pub fn release() -> io::Result<()> {
    // SAFETY: takes no pointers.
    let page = unsafe { libc::sysconf(libc::_SC_PAGESIZE) } as usize;
    let start = ptr::addr_of!(__executable_start)
        .addr()
        .next_multiple_of(page);
    let end = ptr::addr_of!(etext).addr() / page * page;
    let length = end.saturating_sub(start);
    let start = ptr::without_provenance_mut(start);
    // SAFETY: the range holds the file's read-only parts alone (a static program is not relocated
    // there): every page of it is read from the file again when next touched.
    if unsafe { libc::madvise(start, length, libc::MADV_DONTNEED) } != 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_program_goes_on_with_fewer_pages() {
        let mapped = || -> usize {
            let status = std::fs::read_to_string("/proc/self/status").unwrap();
            let line = status.lines().find(|l| l.starts_with("RssFile")).unwrap();
            line.split_whitespace().nth(1).unwrap().parse().unwrap()
        };
        let before = mapped();
        release().unwrap();
        assert!(mapped() < before, "{} of {before} KiB", mapped());
    }
}
