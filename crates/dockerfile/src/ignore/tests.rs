//! Patterns as in Docker.

use super::*;
use proptest::prelude::*;

#[test]
fn patterns_match_as_in_docker() {
    for (pattern, path, want) in [
        ("**", "file", true),
        ("**/", "dir/file", true),
        ("**/file", "file", true),
        ("**/file", "a/b/file", true),
        ("dir/**", "dir/a/b", true),
        ("dir/**", "dirx", false),
        ("**/dir2/*", "dir/dir2/file", true),
        ("**/dir2/*", "dir/dir2/a/b", true),
        ("*.go", "a/b.go", false),
        ("**/*.go", "a/b.go", true),
        ("a?c", "abc", true),
        ("a?c", "a/c", false),
        ("[a-c]", "b", true),
        ("[^a-c]", "b", false),
        ("a\\*b", "a*b", true),
        ("a\\*b", "axb", false),
        ("foo", "foo/bar", true),
        ("foo", "foobar", false),
        ("/foo/./bar/", "foo/bar", true),
        ("a.b", "axb", false),
        ("a.*", "a.b", true),
        ("**/a.b", "x/axb", false),
    ] {
        let ignore = Ignore::parse(pattern.as_bytes()).expect(pattern);
        assert_eq!(ignore.matches(path), want, "{pattern} {path}");
    }
}

#[test]
fn the_last_match_decides() {
    let file = b"\xef\xbb\xbf# comment\n\n  docs  \n!docs/README.md\n*.md\n!/a.md\r\n";
    let ignore = Ignore::parse(file).expect("readable");
    for (path, want) in [
        ("docs/x", true),
        ("docs/README.md", false),
        ("b.md", true),
        ("a.md", false),
        ("# comment", false),
    ] {
        assert_eq!(ignore.matches(path), want, "{path}");
    }
    let (docs, parent) = ignore.matches_below("docs", &Parent::default());
    assert!(docs && ignore.has_exclusions());
    assert!(ignore.matches_below("docs/x", &parent).0);
    assert!(!ignore.matches_below("docs/README.md", &parent).0);
}

#[test]
fn bad_patterns_are_refused() {
    for pattern in ["!", "a[", "[]", "[^]", "a\\"] {
        assert!(Ignore::new([pattern]).is_err(), "{pattern}");
    }
}

proptest! {
    #[test]
    fn walking_and_asking_agree(
        patterns in proptest::collection::vec("!?[ab*/]{1,5}", 0..4),
        path in "[ab](/[ab]){0,3}",
    ) {
        if let Ok(ignore) = Ignore::new(&patterns) && !ignore.has_exclusions() {
            let mut parent = Parent::default();
            let mut walked = false;
            let ends = path.match_indices('/').map(|(at, _)| at).chain([path.len()]);
            for end in ends {
                (walked, parent) = ignore.matches_below(&path[..end], &parent);
            }
            prop_assert_eq!(walked, ignore.matches(&path));
        }
    }

    #[test]
    fn never_panics(pattern in "[!*?a/\\[\\]\\\\^.-]{0,12}", path in "[a/.]*") {
        if let Ok(ignore) = Ignore::new([pattern]) { let _ = ignore.matches(&path); }
    }
}
