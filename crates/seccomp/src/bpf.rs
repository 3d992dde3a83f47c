//! Classic BPF, as far as filters need it (`networking/filter.rst`, linux/filter.h).
//!
//! Only these instructions are used, because the kernel (5.11 and later) runs a filter once for
//! every system call number when it is installed, and lets calls that are allowed whatever their
//! arguments pass without running it again: its emulator knows just these.

use libc::sock_filter;

/// An instruction's code.
pub(crate) type Code = u32;

pub(crate) const LOAD: Code = libc::BPF_LD | libc::BPF_W | libc::BPF_ABS;
pub(crate) const AND: Code = libc::BPF_ALU | libc::BPF_AND | libc::BPF_K;
pub(crate) const JUMP_IF_EQUAL: Code = libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K;
pub(crate) const JUMP_IF_GREATER: Code = libc::BPF_JMP | libc::BPF_JGT | libc::BPF_K;
pub(crate) const JUMP_IF_GREATER_OR_EQUAL: Code = libc::BPF_JMP | libc::BPF_JGE | libc::BPF_K;
pub(crate) const JUMP: Code = libc::BPF_JMP | libc::BPF_JA;
pub(crate) const RETURN: Code = libc::BPF_RET | libc::BPF_K;

/// Offsets in `struct seccomp_data`.
pub(crate) const NUMBER: u32 = 0;
pub(crate) const ARCHITECTURE: u32 = 4;

pub(crate) fn statement(code: Code, k: u32) -> sock_filter {
    branch(code, k, 0, 0)
}

pub(crate) fn branch(code: Code, k: u32, jt: u8, jf: u8) -> sock_filter {
    sock_filter {
        code: code as u16,
        jt,
        jf,
        k,
    }
}

/// `if A >= k { then } else { or }`, or with [`JUMP_IF_EQUAL`] `==`; both parts end in a return.
pub(crate) fn choose(
    code: Code,
    k: u32,
    then: Vec<sock_filter>,
    or: Vec<sock_filter>,
) -> Vec<sock_filter> {
    let mut all = Vec::with_capacity(2 + then.len() + or.len());
    // Conditional jumps reach 255 instructions, the unconditional one everywhere.
    if let Ok(distance) = u8::try_from(or.len()) {
        all.push(branch(code, k, distance, 0));
    } else {
        all.push(branch(code, k, 0, 1));
        all.push(statement(JUMP, or.len() as u32));
    }
    all.extend(or);
    all.extend(then);
    all
}
