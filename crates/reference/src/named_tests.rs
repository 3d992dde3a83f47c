use proptest::prelude::*;

use super::*;

fn full(text: &str) -> String {
    Reference::parse(text).unwrap().to_string()
}

#[test]
fn short_names_mean_docker_hub() {
    assert_eq!(full("nginx"), "docker.io/library/nginx:latest");
    assert_eq!(full("user/app:1.0"), "docker.io/user/app:1.0");
    assert_eq!(
        full("index.docker.io/nginx"),
        "docker.io/library/nginx:latest"
    );
    assert_eq!(full("docker.io/nginx"), "docker.io/library/nginx:latest");
}

#[test]
fn a_first_part_that_looks_like_a_host_is_the_registry() {
    assert_eq!(full("localhost/a"), "localhost/a:latest");
    assert_eq!(full("localhost:5000/a/b:x"), "localhost:5000/a/b:x");
    assert_eq!(full("127.0.0.1:5000/a"), "127.0.0.1:5000/a:latest");
    assert_eq!(full("[::1]:5000/a"), "[::1]:5000/a:latest");
    assert_eq!(full("REG/a"), "REG/a:latest");
    assert_eq!(full("reg/a"), "docker.io/reg/a:latest");
}

#[test]
fn tag_and_digest_may_stand_together() {
    let digest = format!("sha256:{}", "0".repeat(64));
    let reference = Reference::parse(&format!("nginx:1@{digest}")).unwrap();
    assert_eq!(reference.tag(), Some("1"));
    assert_eq!(reference.target().to_string(), digest);
    let reference = Reference::parse(&format!("nginx@{digest}")).unwrap();
    assert_eq!(reference.tag(), None);
    assert_eq!(reference.familiar(), format!("nginx@{digest}"));
}

#[test]
fn an_added_tag_is_known_and_makes_no_difference() {
    let [short, long] = ["nginx", "nginx:latest"].map(|text| Reference::parse(text).unwrap());
    assert!(!short.was_tagged() && long.was_tagged());
    assert_eq!(short, long);
    assert!(short.with_tag("1").unwrap().was_tagged());
}

#[test]
fn familiar_forms_drop_what_docker_adds() {
    let familiar = |text: &str| Reference::parse(text).unwrap().familiar();
    assert_eq!(familiar("docker.io/library/nginx"), "nginx:latest");
    assert_eq!(familiar("docker.io/user/app:1"), "user/app:1");
    assert_eq!(familiar("localhost:5000/app"), "localhost:5000/app:latest");
    assert_eq!(familiar("docker.io/library/a/b"), "library/a/b:latest");
}

#[test]
fn errors_read_as_dockers() {
    let error = |text: &str| Reference::parse(text).unwrap_err().to_string();
    assert_eq!(error(""), "invalid reference format");
    assert_eq!(error("a b"), "invalid reference format");
    assert_eq!(error("nginx:"), "invalid reference format");
    assert_eq!(error("-x"), "invalid reference format");
    assert_eq!(error("a//b"), "invalid reference format");
    assert_eq!(error("a/../b"), "invalid reference format");
    assert_eq!(error("a___b"), "invalid reference format");
    assert_eq!(error("a@sha256:12"), "invalid reference format");
    assert_eq!(
        error("Nginx"),
        "invalid reference format: repository name (library/Nginx) must be lowercase"
    );
    assert!(error(&"0".repeat(64)).starts_with("invalid repository name ("));
    assert!(error(&"a".repeat(256)).contains("255 characters"));
}

proptest! {
    #[test]
    fn parsing_never_panics(text in "\\PC{0,80}") {
        let _ = Reference::parse(&text);
        let _ = crate::Selector::parse(&text);
    }

    #[test]
    fn what_is_printed_parses_to_the_same(
        domain in prop::option::of("[a-z0-9]{1,8}(\\.[a-z]{2,5})(:[0-9]{1,5})?"),
        path in "[a-z0-9]{1,8}((\\.|_|__|-{1,3})[a-z0-9]{1,4})?(/[a-z0-9]{1,6}){0,2}",
        tag in prop::option::of("[A-Za-z0-9_][A-Za-z0-9_.-]{0,20}"),
    ) {
        let mut text = domain.map(|d| format!("{d}/")).unwrap_or_default() + &path;
        if let Some(tag) = &tag {
            text = format!("{text}:{tag}");
        }
        let first = Reference::parse(&text).unwrap();
        let again = Reference::parse(&first.to_string()).unwrap();
        prop_assert_eq!(first.to_string(), again.to_string());
        let familiar = Reference::parse(&first.familiar()).unwrap();
        prop_assert_eq!(first.to_string(), familiar.to_string());
    }
}
