//! Huge pages (`cgroup-v1/hugetlb.rst`; `cgroup-v2.rst`, section HugeTLB).

use gantry_oci::HugepageLimit;

use super::home;
use crate::group::Home;
use crate::{Cgroup, Controller, Error, Result, Warning};

const LIMIT: &str = "hugepage limit";

pub(super) fn apply(
    group: &Cgroup,
    limits: &[HugepageLimit],
    warnings: &mut Vec<Warning>,
) -> Result<()> {
    if limits.is_empty() {
        return Ok(());
    }
    let (dir, suffix) = match home(group, Controller::Hugetlb, LIMIT, warnings) {
        Some(Home::V1(dir)) => (dir, "limit_in_bytes"),
        Some(Home::V2(dir)) => (dir, "max"),
        None => return Ok(()),
    };
    for limit in limits {
        let size = page_size(&limit.page_size)?;
        let bytes = limit.limit.to_string();
        dir.limit(&format!("hugetlb.{size}.{suffix}"), &bytes, LIMIT, warnings)?;
        // Reservations are counted apart since Linux 5.7; older kernels have only the first.
        dir.write_supported(&format!("hugetlb.{size}.rsvd.{suffix}"), &bytes)?;
    }
    Ok(())
}

/// A page size that is part of a file's name: `2MB`, `1GB`.
fn page_size(size: &str) -> Result<&str> {
    if !size.is_empty() && size.bytes().all(|b| b.is_ascii_alphanumeric()) {
        return Ok(size);
    }
    Err(Error::InvalidValue {
        what: "huge page size",
        value: size.to_owned(),
        why: "write it as \"2MB\" or \"1GB\"",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_size_never_becomes_a_path() {
        assert_eq!(page_size("2MB").unwrap(), "2MB");
        assert!(page_size("../x").is_err() && page_size("").is_err());
    }
}
