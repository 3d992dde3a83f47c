//! bpf(2), as far as the device rules of a v2 cgroup need it.

use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};

use crate::{Errno, Result, checked};

/// One instruction, `struct bpf_insn` of linux/bpf.h.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(C)]
pub struct Instruction {
    /// What to do.
    pub code: u8,
    /// Destination in the lower four bits, source in the upper.
    registers: u8,
    /// Of a jump or a memory access.
    pub offset: i16,
    /// The constant operand.
    pub immediate: i32,
}

impl Instruction {
    /// An instruction on registers 0 to 10.
    pub fn new(code: u8, destination: u8, source: u8, offset: i16, immediate: i32) -> Self {
        // The two are bit-fields of C; on a big-endian machine they would change places.
        const { assert!(cfg!(target_endian = "little")) };
        Self {
            code,
            registers: destination | source << 4,
            offset,
            immediate,
        }
    }

    /// The register that is written or compared.
    pub fn destination(&self) -> u8 {
        self.registers & 0xf
    }

    /// The register that is read.
    pub fn source(&self) -> u8 {
        self.registers >> 4
    }

    /// Whether it is a conditional or unconditional jump (class `BPF_JMP` but call and exit).
    pub fn is_jump(&self) -> bool {
        self.code & 7 == 5 && !matches!(self.code, 0x85 | 0x95)
    }
}

// Of `enum bpf_cmd`, `enum bpf_prog_type`, `enum bpf_attach_type` and the attach flags.
const PROG_LOAD: libc::c_long = 5;
const PROG_ATTACH: libc::c_long = 8;
const PROG_DETACH: libc::c_long = 9;
const PROG_GET_FD_BY_ID: libc::c_long = 13;
const PROG_QUERY: libc::c_long = 16;
const TYPE_CGROUP_DEVICE: u32 = 15;
const ATTACH_CGROUP_DEVICE: u32 = 6;
const ALLOW_MULTI: u32 = 2;

/// The first fields of `union bpf_attr` for `BPF_PROG_LOAD`.
#[repr(C)]
#[derive(Default)]
struct Load {
    prog_type: u32,
    insn_cnt: u32,
    insns: u64,
    license: u64,
    log_level: u32,
    log_size: u32,
    log_buf: u64,
    kern_version: u32,
    prog_flags: u32,
    prog_name: [u8; 16],
}

/// The first fields of `union bpf_attr` for `BPF_PROG_ATTACH` and `BPF_PROG_DETACH`.
#[repr(C)]
#[derive(Default)]
struct Attach {
    target_fd: u32,
    attach_bpf_fd: u32,
    attach_type: u32,
    attach_flags: u32,
    replace_bpf_fd: u32,
}

/// The first fields of `union bpf_attr` for `BPF_PROG_QUERY`.
#[repr(C)]
#[derive(Default)]
struct Query {
    target_fd: u32,
    attach_type: u32,
    query_flags: u32,
    attach_flags: u32,
    prog_ids: u64,
    prog_cnt: u32,
    padding: u32,
}

/// The first fields of `union bpf_attr` for `BPF_PROG_GET_FD_BY_ID`.
#[repr(C)]
#[derive(Default)]
struct ById {
    prog_id: u32,
    next_id: u32,
    open_flags: u32,
}

fn bpf<T>(command: libc::c_long, attributes: &mut T) -> Result<libc::c_long> {
    // SAFETY: `attributes` is a live `repr(C)` prefix of `union bpf_attr` of exactly this size,
    // whose pointer fields (set by this module alone) point to memory that outlives the call.
    checked(unsafe {
        libc::syscall(
            libc::SYS_bpf,
            command,
            std::ptr::from_mut(attributes),
            size_of::<T>(),
        )
    })
}

/// A descriptor that bpf(2) returned.
fn owned(fd: libc::c_long) -> OwnedFd {
    // SAFETY: the kernel made this descriptor for us just now and nobody else knows it.
    unsafe { OwnedFd::from_raw_fd(fd as i32) }
}

/// Has the kernel verify a program of type `BPF_PROG_TYPE_CGROUP_DEVICE`.
pub fn load_cgroup_device(program: &[Instruction]) -> Result<OwnedFd> {
    // Nothing in the program needs a GPL-only helper.
    let license = c"Apache";
    let mut name = [0; 16];
    name[..14].copy_from_slice(b"gantry_devices");
    let mut load = Load {
        prog_type: TYPE_CGROUP_DEVICE,
        insn_cnt: u32::try_from(program.len()).map_err(|_| Errno::TOOBIG)?,
        insns: program.as_ptr() as u64,
        license: license.as_ptr() as u64,
        prog_name: name,
        ..Load::default()
    };
    bpf(PROG_LOAD, &mut load).map(owned)
}

/// Attaches a loaded program to a cgroup directory, beside those that are there.
pub fn attach_cgroup_device(cgroup: impl AsFd, program: impl AsFd) -> Result<()> {
    let mut attach = Attach {
        target_fd: cgroup.as_fd().as_raw_fd() as u32,
        attach_bpf_fd: program.as_fd().as_raw_fd() as u32,
        attach_type: ATTACH_CGROUP_DEVICE,
        attach_flags: ALLOW_MULTI,
        replace_bpf_fd: 0,
    };
    bpf(PROG_ATTACH, &mut attach).map(drop)
}

/// The IDs of the device programs attached to this very cgroup (64 at most, the kernel's limit).
pub fn cgroup_device_programs(cgroup: impl AsFd) -> Result<Vec<u32>> {
    let mut ids = vec![0_u32; 64];
    let mut query = Query {
        target_fd: cgroup.as_fd().as_raw_fd() as u32,
        attach_type: ATTACH_CGROUP_DEVICE,
        prog_ids: ids.as_mut_ptr() as u64,
        prog_cnt: ids.len() as u32,
        ..Query::default()
    };
    bpf(PROG_QUERY, &mut query)?;
    ids.truncate(query.prog_cnt as usize);
    Ok(ids)
}

/// Takes a device program off a cgroup again, by its ID.
pub fn detach_cgroup_device(cgroup: impl AsFd, id: u32) -> Result<()> {
    let mut by_id = ById {
        prog_id: id,
        ..ById::default()
    };
    let program = owned(bpf(PROG_GET_FD_BY_ID, &mut by_id)?);
    let mut detach = Attach {
        target_fd: cgroup.as_fd().as_raw_fd() as u32,
        attach_bpf_fd: program.as_raw_fd() as u32,
        attach_type: ATTACH_CGROUP_DEVICE,
        ..Attach::default()
    };
    bpf(PROG_DETACH, &mut detach).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instruction_is_eight_bytes_as_the_kernel_has_it() {
        assert_eq!(size_of::<Instruction>(), 8);
        let i = Instruction::new(0x61, 2, 1, 4, -1);
        assert_eq!((i.destination(), i.source(), i.is_jump()), (2, 1, false));
        assert!(Instruction::new(0x15, 0, 0, 0, 0).is_jump());
        assert!(!Instruction::new(0x95, 0, 0, 0, 0).is_jump());
    }

    #[test]
    fn the_kernel_verifies_a_program_that_allows_everything() {
        let program = [
            Instruction::new(0xb4, 0, 0, 0, 1),
            Instruction::new(0x95, 0, 0, 0, 0),
        ];
        match load_cgroup_device(&program) {
            Ok(_) | Err(Errno::PERM | Errno::NOSYS | Errno::INVAL) => {}
            Err(other) => panic!("{other}"),
        }
        let endless = [Instruction::new(0x05, 0, 0, -1, 0)];
        assert!(load_cgroup_device(&endless).is_err());
    }
}
