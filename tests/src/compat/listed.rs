//! The list of differences and the page that explains them say the same.

use std::collections::BTreeSet;
use std::fs;

use gantry_compat::Listed;
use gantry_compat::matrix::Differences;

#[test]
fn every_listed_difference_is_explained() {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/compatibility.md");
    let page = fs::read_to_string(page).unwrap();
    let explained: BTreeSet<&str> = page
        .lines()
        .filter_map(|line| line.strip_prefix("- **")?.split_once("**"))
        .map(|(name, _)| name)
        .collect();
    let (listed, matrix) = (Listed::read().unwrap(), Differences::read().unwrap());
    let mut names = listed.names();
    names.extend(matrix.names());
    let unexplained: Vec<_> = names.difference(&explained).copied().collect();
    assert!(unexplained.is_empty(), "{unexplained:?}");
    let unlisted: Vec<_> = explained.difference(&names).copied().collect();
    assert!(unlisted.is_empty(), "explained, not listed: {unlisted:?}");
}
