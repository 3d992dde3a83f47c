//! v2 files written as they are given.

use std::collections::BTreeMap;

use crate::{Cgroup, Error, Layout, Result, Warning};

pub(super) fn apply(
    group: &Cgroup,
    files: &BTreeMap<String, String>,
    warnings: &mut Vec<Warning>,
) -> Result<()> {
    if files.is_empty() {
        return Ok(());
    }
    let (Some(v2), Layout::V2) = (&group.v2, group.layout()) else {
        warnings.push(Warning::OtherVersion {
            limit: "unified resources",
        });
        return Ok(());
    };
    for (file, value) in files {
        check(file)?;
        v2.dir.write(file, value)?;
    }
    Ok(())
}

/// A controller's or the core's file of this group, nothing else.
fn check(file: &str) -> Result<()> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
    if file.contains('.') && !file.starts_with('.') && file.bytes().all(plain) {
        return Ok(());
    }
    Err(Error::InvalidValue {
        what: "unified resource",
        value: file.to_owned(),
        why: "it must be a file name like \"memory.high\"",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_file_names_pass() {
        assert!(check("memory.high").is_ok() && check("hugetlb.2MB.max").is_ok());
        for bad in ["../x", "memory", "a/b.c", ".hidden", ""] {
            assert!(check(bad).is_err(), "{bad:?}");
        }
    }
}
