//! System calls by name, a table per family of architectures.

mod x86;

use crate::Error;

/// An ABI that the compiler knows: a family's table and what the kernel calls it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Abi {
    /// `SCMP_ARCH_X86_64`
    X86_64,
    /// `SCMP_ARCH_X86`
    I386,
    /// `SCMP_ARCH_X32`
    X32,
}

/// `__X32_SYSCALL_BIT`: x32 shares x86-64's audit number and sets this in the call's number.
pub(crate) const X32_BIT: u32 = 0x4000_0000;

impl Abi {
    /// The ABI of this program itself, which every filter covers.
    pub(crate) const NATIVE: Self = Self::X86_64;

    /// By libseccomp's name; `None` is an architecture that this machine never runs.
    pub(crate) fn from_name(name: &str) -> Result<Option<Self>, Error> {
        Ok(match name {
            "SCMP_ARCH_X86_64" => Some(Self::X86_64),
            "SCMP_ARCH_X86" => Some(Self::I386),
            "SCMP_ARCH_X32" => Some(Self::X32),
            name if OTHERS.contains(&name) => None,
            _ => return Err(Error::Architecture(name.to_owned())),
        })
    }

    /// `AUDIT_ARCH_*` of linux/audit.h.
    pub(crate) fn audit(self) -> u32 {
        match self {
            Self::X86_64 | Self::X32 => 0xc000_003e,
            Self::I386 => 0x4000_0003,
        }
    }
}

/// libseccomp's other names, as runtime-spec lists them.
const OTHERS: [&str; 18] = [
    "SCMP_ARCH_AARCH64",
    "SCMP_ARCH_ARM",
    "SCMP_ARCH_LOONGARCH64",
    "SCMP_ARCH_M68K",
    "SCMP_ARCH_MIPS",
    "SCMP_ARCH_MIPS64",
    "SCMP_ARCH_MIPS64N32",
    "SCMP_ARCH_MIPSEL",
    "SCMP_ARCH_MIPSEL64",
    "SCMP_ARCH_MIPSEL64N32",
    "SCMP_ARCH_PARISC",
    "SCMP_ARCH_PARISC64",
    "SCMP_ARCH_PPC",
    "SCMP_ARCH_PPC64",
    "SCMP_ARCH_PPC64LE",
    "SCMP_ARCH_RISCV64",
    "SCMP_ARCH_S390",
    "SCMP_ARCH_S390X",
];

/// A system call's number in every ABI of the family.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Numbers(i16, i16, i16);

impl Numbers {
    /// The number, without the x32 bit.
    pub(crate) fn of(self, abi: Abi) -> Option<u32> {
        let number = match abi {
            Abi::X86_64 => self.0,
            Abi::I386 => self.1,
            Abi::X32 => self.2,
        };
        u32::try_from(number).ok()
    }
}

/// A system call by name; `None` for one that the table does not have.
pub(crate) fn lookup(name: &str) -> Option<Numbers> {
    let at = x86::TABLE.binary_search_by(|row| row.0.cmp(name)).ok()?;
    let (_, amd64, i386, x32) = x86::TABLE[at];
    Some(Numbers(amd64, i386, x32))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted_and_has_no_number_twice() {
        assert!(x86::TABLE.is_sorted_by(|a, b| a.0 < b.0));
        for abi in [Abi::X86_64, Abi::I386, Abi::X32] {
            let numbers = |row: &(&str, i16, i16, i16)| Numbers(row.1, row.2, row.3).of(abi);
            let mut all: Vec<_> = x86::TABLE.iter().filter_map(numbers).collect();
            let count = all.len();
            all.sort_unstable();
            all.dedup();
            assert_eq!(all.len(), count, "{abi:?}");
        }
    }

    #[test]
    fn numbers_are_libcs() {
        for (name, number) in [
            ("read", libc::SYS_read),
            ("clone3", libc::SYS_clone3),
            ("openat2", libc::SYS_openat2),
            ("mount_setattr", libc::SYS_mount_setattr),
            ("set_mempolicy_home_node", libc::SYS_set_mempolicy_home_node),
            ("pkey_mprotect", libc::SYS_pkey_mprotect),
        ] {
            assert_eq!(
                lookup(name).unwrap().of(Abi::X86_64),
                Some(number as u32),
                "{name}"
            );
        }
        assert_eq!(lookup("socketcall").unwrap().of(Abi::X86_64), None);
        assert_eq!(lookup("socketcall").unwrap().of(Abi::I386), Some(102));
        assert_eq!(lookup("execve").unwrap().of(Abi::X32), Some(520));
        assert!(lookup("no_such_call").is_none());
    }

    /// Against the machine's own headers, where they are installed.
    #[test]
    fn numbers_are_the_headers() {
        let headers = [("64", Abi::X86_64), ("32", Abi::I386), ("x32", Abi::X32)];
        for (file, abi) in headers {
            let path = format!("/usr/include/x86_64-linux-gnu/asm/unistd_{file}.h");
            let Ok(text) = std::fs::read_to_string(path) else {
                continue;
            };
            for line in text
                .lines()
                .filter_map(|line| line.strip_prefix("#define __NR_"))
            {
                let (name, number) = line.split_once(' ').unwrap();
                let digits = number.trim_start_matches("(__X32_SYSCALL_BIT + ");
                let number = digits.trim_end_matches(')').parse().unwrap();
                // A newer header may know more.
                if let Some(found) = lookup(name) {
                    assert_eq!(found.of(abi), Some(number), "{name}");
                }
            }
        }
    }
}
