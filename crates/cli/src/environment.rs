//! Variables that stand in for options that were not given.

use std::ffi::OsStr;

/// The platform to pull, run or build for, where no option names one.
pub(crate) fn default_platform() -> Option<String> {
    set("DOCKER_DEFAULT_PLATFORM")
}

/// How builds show their progress, where no option says it.
pub(crate) fn progress() -> Option<String> {
    set("BUILDKIT_PROGRESS")
}

/// A variable that is not empty.
fn set(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// Whether only signed images are wanted: which nobody may take for granted, since we cannot check it.
pub(crate) fn wants_content_trust(disabled: Option<bool>) -> bool {
    let variable = || std::env::var_os("DOCKER_CONTENT_TRUST");
    disabled.map_or_else(|| variable().is_some_and(|value| is_on(&value)), |off| !off)
}

/// Anything that is not plainly a no is a yes, as for Docker.
fn is_on(value: &OsStr) -> bool {
    let off = ["", "0", "f", "F", "false", "FALSE", "False"];
    value.to_str().is_none_or(|text| !off.contains(&text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trust_is_wanted_unless_it_is_plainly_not() {
        for (value, on) in [
            ("1", true),
            ("true", true),
            ("yes", true),
            ("0", false),
            ("", false),
        ] {
            assert_eq!(is_on(OsStr::new(value)), on, "{value}");
        }
        assert!(wants_content_trust(Some(false)));
        assert!(!wants_content_trust(Some(true)));
    }
}
