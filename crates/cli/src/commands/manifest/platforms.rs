//! The platforms that a list may name: those that Go builds for, as in Docker.

/// Architectures by operating system.
const KNOWN: &[(&str, &[&str])] = &[
    ("darwin", &["386", "amd64", "arm", "arm64"]),
    ("dragonfly", &["amd64"]),
    ("freebsd", &["386", "amd64", "arm"]),
    (
        "linux",
        &[
            "386", "amd64", "arm", "arm64", "ppc64le", "mips64", "mips64le", "riscv64", "s390x",
        ],
    ),
    ("netbsd", &["386", "amd64", "arm"]),
    ("openbsd", &["386", "amd64", "arm"]),
    ("plan9", &["386", "amd64"]),
    ("solaris", &["amd64"]),
    ("windows", &["386", "amd64"]),
];

/// Whether there are such machines.
pub(super) fn exists(os: &str, architecture: &str) -> bool {
    KNOWN
        .iter()
        .any(|(known, machines)| *known == os && machines.contains(&architecture))
}
