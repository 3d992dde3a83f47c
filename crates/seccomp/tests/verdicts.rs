//! What compiled filters say, by an interpreter and by the kernel itself.
#![expect(
    clippy::unwrap_used,
    reason = "a test fails by panicking, in its fixtures too"
)]

use gantry_oci::{Seccomp, SeccompArg, SeccompRule};
use gantry_seccomp::{KernelVersion, Program, compile, default_profile};

const ALLOW: u32 = libc::SECCOMP_RET_ALLOW;
const KILL: u32 = libc::SECCOMP_RET_KILL_PROCESS;
const X86_64: u32 = 0xc000_003e;
const I386: u32 = 0x4000_0003;
const X32: i64 = 0x4000_0000;
const KERNEL: KernelVersion = KernelVersion { major: 6, minor: 1 };

/// Docker's default capabilities, as far as the profile asks for them.
const USUAL: [&str; 2] = ["CAP_SYS_CHROOT", "CAP_CHOWN"];

const fn errno(number: i32) -> u32 {
    libc::SECCOMP_RET_ERRNO | number as u32
}

/// Runs a program as the kernel would on `struct seccomp_data`.
fn verdict(program: &Program, arch: u32, number: i64, args: &[u64]) -> u32 {
    let mut data = [0_u8; 64];
    data[0..4].copy_from_slice(&(number as u32).to_le_bytes());
    data[4..8].copy_from_slice(&arch.to_le_bytes());
    for (n, arg) in args.iter().enumerate() {
        data[16 + 8 * n..24 + 8 * n].copy_from_slice(&arg.to_le_bytes());
    }
    let (mut accumulator, mut at) = (0_u32, 0);
    loop {
        let i = &program.instructions()[at];
        at += 1;
        let jump = |holds: bool| usize::from(if holds { i.jt } else { i.jf });
        match i.code {
            0x20 => {
                let offset = i.k as usize;
                accumulator = u32::from_le_bytes(data[offset..offset + 4].try_into().unwrap());
            }
            0x54 => accumulator &= i.k,
            0x15 => at += jump(accumulator == i.k),
            0x25 => at += jump(accumulator > i.k),
            0x35 => at += jump(accumulator >= i.k),
            0x05 => at += i.k as usize,
            0x06 => return i.k,
            code => panic!("instruction {code:#x}"),
        }
    }
}

fn native(program: &Program, number: i64, args: &[u64]) -> u32 {
    verdict(program, X86_64, number, args)
}

fn docker(capabilities: &[&str]) -> Program {
    compile(&default_profile(capabilities, KERNEL)).unwrap()
}

fn filter(default: &str, rules: Vec<SeccompRule>) -> Seccomp {
    Seccomp {
        default_action: default.to_owned(),
        syscalls: rules,
        ..Seccomp::default()
    }
}

fn rule(name: &str, action: &str, args: &[(u32, &str, u64, u64)]) -> SeccompRule {
    let arg = |&(index, op, value, value_two): &(u32, &str, u64, u64)| SeccompArg {
        index,
        value,
        value_two,
        op: format!("SCMP_CMP_{op}"),
    };
    SeccompRule {
        names: vec![name.to_owned()],
        action: format!("SCMP_ACT_{action}"),
        errno_ret: None,
        args: args.iter().map(arg).collect(),
    }
}

#[test]
fn the_default_profile_allows_ordinary_calls() {
    let program = docker(&USUAL);
    for number in [
        libc::SYS_read,
        libc::SYS_openat,
        libc::SYS_execve,
        libc::SYS_futex,
        libc::SYS_exit_group,
        libc::SYS_chroot,
        libc::SYS_ptrace,
        libc::SYS_openat2,
        libc::SYS_close_range,
        462, // mseal
    ] {
        assert_eq!(native(&program, number, &[]), ALLOW, "{number}");
    }
}

#[test]
fn the_default_profile_refuses_what_reaches_the_host() {
    let program = docker(&USUAL);
    for number in [
        libc::SYS_mount,
        libc::SYS_umount2,
        libc::SYS_unshare,
        libc::SYS_setns,
        libc::SYS_bpf,
        libc::SYS_keyctl,
        libc::SYS_add_key,
        libc::SYS_kexec_load,
        libc::SYS_init_module,
        libc::SYS_open_by_handle_at,
        libc::SYS_reboot,
        libc::SYS_swapon,
        libc::SYS_userfaultfd,
        libc::SYS_io_uring_setup,
        libc::SYS_pivot_root,
        libc::SYS_settimeofday,
        libc::SYS_perf_event_open,
    ] {
        assert_eq!(native(&program, number, &[]), errno(1), "{number}");
    }
    assert_eq!(native(&program, libc::SYS_clone3, &[]), errno(libc::ENOSYS));
    assert_eq!(
        native(&program, 600, &[]),
        errno(libc::ENOSYS),
        "newer than the profile"
    );
}

#[test]
fn arguments_decide() {
    let program = docker(&USUAL);
    let socket = |family| native(&program, libc::SYS_socket, &[family]);
    assert_eq!([socket(1), socket(2), socket(16), socket(44)], [ALLOW; 4]);
    assert_eq!([socket(40), socket(38), socket(46)], [errno(1); 3]);
    assert_eq!(
        socket(0x1_0000_0028),
        errno(1),
        "the kernel would ignore the upper half"
    );
    let clone = |flags| native(&program, libc::SYS_clone, &[flags]);
    assert_eq!(clone(libc::CLONE_VM as u64 | libc::SIGCHLD as u64), ALLOW);
    assert_eq!(clone(libc::CLONE_NEWUSER as u64), errno(1));
    assert_eq!(
        clone(libc::CLONE_NEWNS as u64 | libc::SIGCHLD as u64),
        errno(1)
    );
    let personality = |value| native(&program, libc::SYS_personality, &[value]);
    assert_eq!(
        [
            personality(0),
            personality(0x20008),
            personality(0xffff_ffff)
        ],
        [ALLOW; 3]
    );
    assert_eq!(personality(0x0004_0000), errno(1), "ADDR_NO_RANDOMIZE");
}

#[test]
fn capabilities_bring_their_calls() {
    let admin = docker(&["CAP_SYS_ADMIN"]);
    for number in [
        libc::SYS_mount,
        libc::SYS_clone3,
        libc::SYS_unshare,
        libc::SYS_bpf,
    ] {
        assert_eq!(native(&admin, number, &[]), ALLOW, "{number}");
    }
    assert_eq!(
        native(&admin, libc::SYS_clone, &[libc::CLONE_NEWUSER as u64]),
        ALLOW
    );
    assert_eq!(native(&admin, libc::SYS_chroot, &[]), errno(1));
    let time = docker(&["CAP_SYS_TIME"]);
    assert_eq!(native(&time, libc::SYS_clock_settime, &[]), ALLOW);
    let old = default_profile(&USUAL, KernelVersion { major: 4, minor: 4 });
    assert_eq!(
        native(&compile(&old).unwrap(), libc::SYS_ptrace, &[]),
        errno(1)
    );
}

#[test]
fn other_abis_have_their_own_numbers() {
    let program = docker(&USUAL);
    // 21 is mount in i386 and access in x86-64.
    assert_eq!(verdict(&program, I386, 21, &[]), errno(1));
    assert_eq!(native(&program, 21, &[]), ALLOW);
    assert_eq!(verdict(&program, I386, 102, &[]), ALLOW, "socketcall");
    assert_eq!(native(&program, X32 + 520, &[]), ALLOW, "execve of x32");
    assert_eq!(native(&program, X32 + libc::SYS_mount, &[]), errno(1));
    assert_eq!(
        verdict(&program, 0xc000_00b7, 0, &[]),
        KILL,
        "an aarch64 call"
    );

    let only_native = compile(&filter("SCMP_ACT_ALLOW", Vec::new())).unwrap();
    assert_eq!(verdict(&only_native, I386, 3, &[]), KILL);
    assert_eq!(native(&only_native, X32, &[]), KILL);
    assert_eq!(native(&only_native, 9999, &[]), ALLOW);
}

#[test]
fn i386_sockets_cannot_get_around_by_socketcall() {
    let deny = vec![rule("socket", "ERRNO", &[]), rule("send", "TRAP", &[])];
    let mut filter = filter("SCMP_ACT_ALLOW", deny);
    filter.architectures = vec!["SCMP_ARCH_X86".to_owned()];
    let program = compile(&filter).unwrap();
    assert_eq!(verdict(&program, I386, 359, &[]), errno(1));
    assert_eq!(verdict(&program, I386, 102, &[1]), errno(1));
    assert_eq!(verdict(&program, I386, 102, &[9]), libc::SECCOMP_RET_TRAP);
    assert_eq!(verdict(&program, I386, 102, &[2]), ALLOW);
}

#[test]
fn every_comparison_is_of_64_bits() {
    const BIG: u64 = 0x1_0000_0005;
    type Holds = fn(u64) -> bool;
    let operators: [(&str, Holds); 6] = [
        ("EQ", |v| v == BIG),
        ("NE", |v| v != BIG),
        ("LT", |v| v < BIG),
        ("LE", |v| v <= BIG),
        ("GT", |v| v > BIG),
        ("GE", |v| v >= BIG),
    ];
    for (op, holds) in operators {
        let rules = vec![rule("read", "TRAP", &[(2, op, BIG, 0)])];
        let program = compile(&filter("SCMP_ACT_ALLOW", rules)).unwrap();
        for value in [0, 5, 6, BIG - 1, BIG, BIG + 1, 0x2_0000_0000, u64::MAX] {
            let trapped = native(&program, 0, &[0, 0, value]) == libc::SECCOMP_RET_TRAP;
            assert_eq!(trapped, holds(value), "{op} {value:#x}");
        }
    }
    let rules = vec![rule(
        "read",
        "TRAP",
        &[(0, "MASKED_EQ", 0xff_0000_00f0, 0x01_0000_0010)],
    )];
    let program = compile(&filter("SCMP_ACT_ALLOW", rules)).unwrap();
    assert_eq!(
        native(&program, 0, &[0xab01_0000_001f]),
        libc::SECCOMP_RET_TRAP
    );
    assert_eq!(native(&program, 0, &[0xab01_0000_002f]), ALLOW);
}

#[test]
fn conditions_combine() {
    let both = rule("read", "TRAP", &[(0, "EQ", 1, 0), (1, "GT", 5, 0)]);
    let program = compile(&filter("SCMP_ACT_ALLOW", vec![both])).unwrap();
    let trapped = |a, b| native(&program, 0, &[a, b]) == libc::SECCOMP_RET_TRAP;
    assert!(trapped(1, 6) && !trapped(1, 5) && !trapped(2, 6));
    // On one argument they are alternatives.
    let either = rule("read", "TRAP", &[(0, "EQ", 1, 0), (0, "EQ", 2, 0)]);
    let program = compile(&filter("SCMP_ACT_ALLOW", vec![either])).unwrap();
    let trapped = |a| native(&program, 0, &[a]) == libc::SECCOMP_RET_TRAP;
    assert!(trapped(1) && trapped(2) && !trapped(3));
    // Without conditions a rule wins over those that have them.
    let rules = vec![
        rule("read", "TRAP", &[(0, "EQ", 1, 0)]),
        rule("read", "LOG", &[]),
    ];
    let program = compile(&filter("SCMP_ACT_ALLOW", rules)).unwrap();
    assert_eq!(native(&program, 0, &[1]), libc::SECCOMP_RET_LOG);
}

#[test]
fn every_action_has_its_value() {
    for (name, value) in [
        ("ALLOW", ALLOW),
        ("LOG", libc::SECCOMP_RET_LOG),
        ("ERRNO", errno(1)),
        ("TRACE", libc::SECCOMP_RET_TRACE | 1),
        ("TRAP", libc::SECCOMP_RET_TRAP),
        ("KILL", libc::SECCOMP_RET_KILL_THREAD),
        ("KILL_THREAD", libc::SECCOMP_RET_KILL_THREAD),
        ("KILL_PROCESS", KILL),
    ] {
        let program = compile(&filter("SCMP_ACT_ALLOW", vec![rule("read", name, &[])])).unwrap();
        assert_eq!(native(&program, 0, &[]), value, "{name}");
    }
    let mut numbered = rule("read", "ERRNO", &[]);
    numbered.errno_ret = Some(13);
    let program = compile(&filter("SCMP_ACT_ALLOW", vec![numbered])).unwrap();
    assert_eq!(native(&program, 0, &[]), errno(13));
}

#[test]
fn mistakes_are_named() {
    let unknown_call = filter("SCMP_ACT_ALLOW", vec![rule("no_such_call", "TRAP", &[])]);
    assert!(
        compile(&unknown_call).is_ok(),
        "ignored, as libseccomp does"
    );
    let error = |filter| compile(&filter).unwrap_err().to_string();
    assert!(error(filter("allow", Vec::new())).contains("unknown seccomp action \"allow\""));
    let notify = vec![rule("read", "NOTIFY", &[])];
    assert!(error(filter("SCMP_ACT_ALLOW", notify)).contains("not supported yet"));
    let index = vec![rule("read", "TRAP", &[(6, "EQ", 0, 0)])];
    assert!(error(filter("SCMP_ACT_ALLOW", index)).contains("argument 6"));
    let mut arch = filter("SCMP_ACT_ALLOW", Vec::new());
    arch.architectures = vec!["x86".to_owned()];
    assert!(error(arch).contains("unknown seccomp architecture"));
}

/// On a thread of its own, which ends with its filter.
#[test]
fn the_kernel_takes_the_default_profile() {
    use rustix::io::Errno;
    use rustix::net::{AddressFamily, SocketType, socket};
    let program = docker(&USUAL);
    let checks = move || {
        rustix::thread::set_no_new_privs(true).unwrap();
        gantry_sys::seccomp::install(program.instructions(), program.flags()).unwrap();
        let vsock = socket(AddressFamily::from_raw(40), SocketType::STREAM, None);
        assert_eq!(vsock.unwrap_err(), Errno::PERM);
        assert!(socket(AddressFamily::UNIX, SocketType::STREAM, None).is_ok());
        let run = |script: &str| {
            std::process::Command::new("sh")
                .args(["-c", script])
                .status()
        };
        assert!(
            run("ls / >/dev/null && cat /proc/self/status >/dev/null")
                .unwrap()
                .success()
        );
        assert!(!run("unshare --user true 2>/dev/null").unwrap().success());
    };
    std::thread::spawn(checks).join().unwrap();
}

/// Not a promise, a figure: `cargo test --release -p gantry-seccomp -- --nocapture how_long`.
#[test]
fn how_long_compiling_takes() {
    let filter = default_profile(&USUAL, KERNEL);
    let start = std::time::Instant::now();
    let rounds = 100;
    for _ in 0..rounds {
        std::hint::black_box(compile(&filter).unwrap());
    }
    let program = compile(&filter).unwrap();
    let each = start.elapsed() / rounds;
    println!("{each:?} for {} instructions", program.instructions().len());
}
