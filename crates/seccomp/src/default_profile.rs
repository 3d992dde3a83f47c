//! The filter that Docker applies when none is named, as data.
//!
//! An allow-list with EPERM for the rest, after Docker's documentation
//! (docs.docker.com/engine/security/seccomp) and profile as of engine 28. Calls that need a
//! capability are allowed to containers that have it; the kernel then checks it again.

use gantry_oci::{Seccomp, SeccompArg, SeccompRule};

use crate::KernelVersion;

/// The filter that Docker applies when none is named, for a container with these capabilities
/// (`CAP_SYS_ADMIN`) on a kernel.
pub fn default_profile(capabilities: &[impl AsRef<str>], kernel: KernelVersion) -> Seccomp {
    let has = |capability: &str| capabilities.iter().any(|c| c.as_ref() == capability);
    let mut syscalls = vec![allow(&ALWAYS)];
    if kernel >= PTRACE_IS_SAFE {
        syscalls.push(allow(&PTRACE));
    }
    syscalls.extend(SOCKET_FAMILIES.map(|(op, family)| allow_if("socket", op, family, 0)));
    syscalls.extend(PERSONALITIES.map(|value| allow_if("personality", EQUAL, value, 0)));
    let by_capability = BY_CAPABILITY
        .iter()
        .filter(|(capability, _)| has(capability));
    syscalls.extend(by_capability.map(|(_, names)| allow(names)));
    if !has("CAP_SYS_ADMIN") {
        syscalls.push(allow_if("clone", "SCMP_CMP_MASKED_EQ", NAMESPACE_FLAGS, 0));
        syscalls.push(no_clone3());
    }
    Seccomp {
        default_action: "SCMP_ACT_ERRNO".to_owned(),
        default_errno_ret: Some(libc::EPERM as u32),
        architectures: ARCHITECTURES.map(str::to_owned).to_vec(),
        flags: Vec::new(),
        syscalls,
    }
}

/// x86-64's kernel runs programs of two other ABIs; without these their calls would pass or kill.
const ARCHITECTURES: [&str; 3] = ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"];

/// Before Linux 4.8 a traced process could leave the filter.
const PTRACE_IS_SAFE: KernelVersion = KernelVersion { major: 4, minor: 8 };
const PTRACE: [&str; 3] = ["process_vm_readv", "process_vm_writev", "ptrace"];

const EQUAL: &str = "SCMP_CMP_EQ";

/// Every socket family but two. AF_VSOCK (40) reaches the host's virtual machines and knows no
/// network namespaces; AF_ALG (38) is much kernel for the few who use it, and later versions of
/// Docker's profile refuse it too. Listing what is allowed leaves no way around by the upper half
/// of the argument, which the kernel ignores.
const SOCKET_FAMILIES: [(&str, u64); 7] = [
    ("SCMP_CMP_LT", 38),
    (EQUAL, 39),
    (EQUAL, 41),
    (EQUAL, 42),
    (EQUAL, 43),
    (EQUAL, 44),
    (EQUAL, 45),
];

/// PER_LINUX, PER_LINUX32, UNAME26 alone and with PER_LINUX32, and the question for the present
/// one: none of the flags that undo address space randomisation (personality(2)).
const PERSONALITIES: [u64; 5] = [0, 8, 0x2_0000, 0x2_0008, 0xffff_ffff];

/// CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID and NEWNET: none may be set.
const NAMESPACE_FLAGS: u64 = 0x7e02_0000;

/// Calls that come with a capability.
const BY_CAPABILITY: [(&str, &[&str]); 14] = [
    ("CAP_DAC_READ_SEARCH", &["open_by_handle_at"]),
    ("CAP_SYS_ADMIN", &SYS_ADMIN),
    ("CAP_SYS_BOOT", &["reboot"]),
    ("CAP_SYS_CHROOT", &["chroot"]),
    (
        "CAP_SYS_MODULE",
        &["delete_module", "init_module", "finit_module"],
    ),
    ("CAP_SYS_PACCT", &["acct"]),
    (
        "CAP_SYS_PTRACE",
        &[
            "kcmp",
            "pidfd_getfd",
            "process_madvise",
            "process_vm_readv",
            "process_vm_writev",
            "ptrace",
        ],
    ),
    ("CAP_SYS_RAWIO", &["iopl", "ioperm"]),
    (
        "CAP_SYS_TIME",
        &["settimeofday", "stime", "clock_settime", "clock_settime64"],
    ),
    ("CAP_SYS_TTY_CONFIG", &["vhangup"]),
    (
        "CAP_SYS_NICE",
        &[
            "get_mempolicy",
            "mbind",
            "set_mempolicy",
            "set_mempolicy_home_node",
        ],
    ),
    ("CAP_SYSLOG", &["syslog"]),
    ("CAP_BPF", &["bpf"]),
    ("CAP_PERFMON", &["perf_event_open"]),
];

#[rustfmt::skip]
const SYS_ADMIN: [&str; 26] = [
    "bpf", "clone", "clone3", "fanotify_init", "fsconfig", "fsmount", "fsopen", "fspick",
    "lookup_dcookie", "lsm_get_self_attr", "lsm_list_modules", "lsm_set_self_attr", "mount",
    "mount_setattr", "move_mount", "open_tree", "perf_event_open", "quotactl", "quotactl_fd",
    "setdomainname", "sethostname", "setns", "syslog", "umount", "umount2", "unshare",
];

fn allow(names: &[&str]) -> SeccompRule {
    SeccompRule {
        names: names.iter().map(|name| (*name).to_owned()).collect(),
        action: "SCMP_ACT_ALLOW".to_owned(),
        ..SeccompRule::default()
    }
}

/// Allows a call by its first argument.
fn allow_if(name: &str, op: &str, value: u64, value_two: u64) -> SeccompRule {
    let arg = SeccompArg {
        index: 0,
        value,
        value_two,
        op: op.to_owned(),
    };
    SeccompRule {
        args: vec![arg],
        ..allow(&[name])
    }
}

/// clone3's flags lie in memory, where no filter sees them; with ENOSYS glibc falls back to clone.
fn no_clone3() -> SeccompRule {
    SeccompRule {
        names: vec!["clone3".to_owned()],
        action: "SCMP_ACT_ERRNO".to_owned(),
        errno_ret: Some(libc::ENOSYS as u32),
        args: Vec::new(),
    }
}

/// Allowed to every container.
#[rustfmt::skip]
const ALWAYS: [&str; 362] = [
    "_llseek", "_newselect", "accept", "accept4", "access", "adjtimex", "alarm", "arch_prctl",
    "bind", "brk", "cachestat", "capget", "capset", "chdir", "chmod", "chown", "chown32",
    "clock_adjtime", "clock_adjtime64", "clock_getres", "clock_getres_time64", "clock_gettime",
    "clock_gettime64", "clock_nanosleep", "clock_nanosleep_time64", "close", "close_range",
    "connect", "copy_file_range", "creat", "dup", "dup2", "dup3", "epoll_create", "epoll_create1",
    "epoll_ctl", "epoll_ctl_old", "epoll_pwait", "epoll_pwait2", "epoll_wait", "epoll_wait_old",
    "eventfd", "eventfd2", "execve", "execveat", "exit", "exit_group", "faccessat", "faccessat2",
    "fadvise64", "fadvise64_64", "fallocate", "fanotify_mark", "fchdir", "fchmod", "fchmodat",
    "fchmodat2", "fchown", "fchown32", "fchownat", "fcntl", "fcntl64", "fdatasync", "fgetxattr",
    "flistxattr", "flock", "fork", "fremovexattr", "fsetxattr", "fstat", "fstat64", "fstatat64",
    "fstatfs", "fstatfs64", "fsync", "ftruncate", "ftruncate64", "futex", "futex_requeue",
    "futex_time64", "futex_wait", "futex_waitv", "futex_wake", "futimesat", "get_robust_list",
    "get_thread_area", "getcpu", "getcwd", "getdents", "getdents64", "getegid", "getegid32",
    "geteuid", "geteuid32", "getgid", "getgid32", "getgroups", "getgroups32", "getitimer",
    "getpeername", "getpgid", "getpgrp", "getpid", "getppid", "getpriority", "getrandom",
    "getresgid", "getresgid32", "getresuid", "getresuid32", "getrlimit", "getrusage", "getsid",
    "getsockname", "getsockopt", "gettid", "gettimeofday", "getuid", "getuid32", "getxattr",
    "getxattrat", "inotify_add_watch", "inotify_init", "inotify_init1", "inotify_rm_watch",
    "io_cancel", "io_destroy", "io_getevents", "io_pgetevents", "io_pgetevents_time64", "io_setup",
    "io_submit", "ioctl", "ioprio_get", "ioprio_set", "ipc", "kill", "landlock_add_rule",
    "landlock_create_ruleset", "landlock_restrict_self", "lchown", "lchown32", "lgetxattr", "link",
    "linkat", "listen", "listmount", "listxattr", "listxattrat", "llistxattr", "lremovexattr",
    "lseek", "lsetxattr", "lstat", "lstat64", "madvise", "map_shadow_stack", "membarrier",
    "memfd_create", "memfd_secret", "mincore", "mkdir", "mkdirat", "mknod", "mknodat", "mlock",
    "mlock2", "mlockall", "mmap", "mmap2", "modify_ldt", "mprotect", "mq_getsetattr", "mq_notify",
    "mq_open", "mq_timedreceive", "mq_timedreceive_time64", "mq_timedsend", "mq_timedsend_time64",
    "mq_unlink", "mremap", "mseal", "msgctl", "msgget", "msgrcv", "msgsnd", "msync", "munlock",
    "munlockall", "munmap", "name_to_handle_at", "nanosleep", "newfstatat", "open", "openat",
    "openat2", "pause", "pidfd_open", "pidfd_send_signal", "pipe", "pipe2", "pkey_alloc",
    "pkey_free", "pkey_mprotect", "poll", "ppoll", "ppoll_time64", "prctl", "pread64", "preadv",
    "preadv2", "prlimit64", "process_mrelease", "pselect6", "pselect6_time64", "pwrite64",
    "pwritev", "pwritev2", "read", "readahead", "readlink", "readlinkat", "readv", "recv",
    "recvfrom", "recvmmsg", "recvmmsg_time64", "recvmsg", "remap_file_pages", "removexattr",
    "removexattrat", "rename", "renameat", "renameat2", "restart_syscall", "rmdir", "rseq",
    "rt_sigaction", "rt_sigpending", "rt_sigprocmask", "rt_sigqueueinfo", "rt_sigreturn",
    "rt_sigsuspend", "rt_sigtimedwait", "rt_sigtimedwait_time64", "rt_tgsigqueueinfo",
    "sched_get_priority_max", "sched_get_priority_min", "sched_getaffinity", "sched_getattr",
    "sched_getparam", "sched_getscheduler", "sched_rr_get_interval",
    "sched_rr_get_interval_time64", "sched_setaffinity", "sched_setattr", "sched_setparam",
    "sched_setscheduler", "sched_yield", "seccomp", "select", "semctl", "semget", "semop",
    "semtimedop", "semtimedop_time64", "send", "sendfile", "sendfile64", "sendmmsg", "sendmsg",
    "sendto", "set_robust_list", "set_thread_area", "set_tid_address", "setfsgid", "setfsgid32",
    "setfsuid", "setfsuid32", "setgid", "setgid32", "setgroups", "setgroups32", "setitimer",
    "setpgid", "setpriority", "setregid", "setregid32", "setresgid", "setresgid32", "setresuid",
    "setresuid32", "setreuid", "setreuid32", "setrlimit", "setsid", "setsockopt", "setuid",
    "setuid32", "setxattr", "setxattrat", "shmat", "shmctl", "shmdt", "shmget", "shutdown",
    "sigaltstack", "signalfd", "signalfd4", "sigprocmask", "sigreturn", "socketcall", "socketpair",
    "splice", "stat", "stat64", "statfs", "statfs64", "statmount", "statx", "symlink", "symlinkat",
    "sync", "sync_file_range", "syncfs", "sysinfo", "tee", "tgkill", "time", "timer_create",
    "timer_delete", "timer_getoverrun", "timer_gettime", "timer_gettime64", "timer_settime",
    "timer_settime64", "timerfd_create", "timerfd_gettime", "timerfd_gettime64", "timerfd_settime",
    "timerfd_settime64", "times", "tkill", "truncate", "truncate64", "ugetrlimit", "umask",
    "uname", "unlink", "unlinkat", "uretprobe", "utime", "utimensat", "utimensat_time64", "utimes",
    "vfork", "vmsplice", "wait4", "waitid", "waitpid", "write", "writev",
];
