//! Platforms: `linux/arm64/v8`.

use std::fmt;

use crate::error::Problem;

/// An operating system on a kind of machine.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Platform {
    /// `linux`.
    pub os: String,
    /// `amd64`, `arm64`, ...
    pub architecture: String,
    /// `v7` of `arm`, or empty.
    pub variant: String,
}

const SYSTEMS: [&str; 15] = [
    "aix",
    "android",
    "darwin",
    "dragonfly",
    "freebsd",
    "hurd",
    "illumos",
    "ios",
    "js",
    "linux",
    "netbsd",
    "openbsd",
    "plan9",
    "solaris",
    "windows",
];
const MACHINES: [&str; 19] = [
    "386", "amd64", "arm", "armbe", "arm64", "arm64be", "ppc64", "ppc64le", "loong64", "mips",
    "mipsle", "mips64", "mips64le", "ppc", "riscv", "riscv64", "s390", "s390x", "wasm",
];

impl Platform {
    /// Reads `os`, `arch`, `os/arch` or `os/arch/variant`; what is missing is Linux, or this program's machine.
    pub fn parse(text: &str) -> Result<Self, Problem> {
        let invalid = || Problem::Platform(text.to_owned());
        let parts: Vec<String> = text.split('/').map(str::to_lowercase).collect();
        let well_formed = |p: &String| {
            !p.is_empty()
                && p.chars()
                    .all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-'))
        };
        if !parts.iter().all(well_formed) {
            return Err(invalid());
        }
        let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
        match parts.as_slice() {
            [os] if SYSTEMS.contains(os) || *os == "macos" => {
                Ok(Self::normal(os, std::env::consts::ARCH, ""))
            }
            [arch] => {
                let platform = Self::normal("linux", arch, "");
                let known = MACHINES.contains(&platform.architecture.as_str());
                known.then_some(platform).ok_or_else(invalid)
            }
            [os, arch] => Ok(Self::normal(os, arch, "")),
            [os, arch, variant] => Ok(Self::normal(os, arch, variant)),
            _ => Err(invalid()),
        }
    }

    fn normal(os: &str, arch: &str, variant: &str) -> Self {
        let (arch, variant) = match (arch, variant) {
            ("i386", _) => ("386", ""),
            ("x86_64" | "x86-64" | "amd64", "v1") => ("amd64", ""),
            ("x86_64" | "x86-64", v) => ("amd64", v),
            ("aarch64" | "arm64", "8" | "v8") => ("arm64", ""),
            ("aarch64", v) => ("arm64", v),
            ("armhf", _) => ("arm", "v7"),
            ("armel", _) => ("arm", "v6"),
            ("arm", "" | "7") => ("arm", "v7"),
            ("arm", "5") => ("arm", "v5"),
            ("arm", "6") => ("arm", "v6"),
            ("arm", "8") => ("arm", "v8"),
            other => other,
        };
        let os = if os == "macos" { "darwin" } else { os };
        Self {
            os: os.to_owned(),
            architecture: arch.to_owned(),
            variant: variant.to_owned(),
        }
    }
}

impl Default for Platform {
    /// Linux on this program's machine.
    fn default() -> Self {
        Self::normal("linux", std::env::consts::ARCH, "")
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.os, self.architecture)?;
        if self.variant.is_empty() {
            return Ok(());
        }
        write!(f, "/{}", self.variant)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_become_one() {
        let show = |text| Platform::parse(text).map(|p| p.to_string()).ok();
        assert_eq!(show("linux/x86_64").as_deref(), Some("linux/amd64"));
        assert_eq!(show("arm64").as_deref(), Some("linux/arm64"));
        assert_eq!(show("linux/arm64/v8").as_deref(), Some("linux/arm64"));
        assert_eq!(show("linux/arm").as_deref(), Some("linux/arm/v7"));
        assert_eq!(show("nonsense"), None);
        assert_eq!(show("linux/"), None);
    }
}
