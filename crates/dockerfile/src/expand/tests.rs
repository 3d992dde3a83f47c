//! Cases of expansion: what a word becomes with PWD=/home, SHELL=bash, NULL empty and one Korean variable.

use proptest::prelude::*;

use super::{Env, Lexer};

fn env() -> Env {
    Env::from_pairs([
        "PWD=/home",
        "SHELL=bash",
        "NULL=",
        "KOREAN=한국어",
        "FILE=/a/b.tar.gz",
    ])
}

fn expand(word: &str) -> Option<String> {
    Lexer::new('\\').expand(word, &env()).ok().map(|e| e.text)
}

#[test]
fn words_become() {
    for (word, want) in [
        ("he'll'o", "hello"),
        ("he\\'llo", "he'llo"),
        ("abc\\tdef", "abctdef"),
        ("\"abc\\tdef\"", "abc\\tdef"),
        ("\"abc\\\\tdef\"", "abc\\tdef"),
        ("'abc\\tdef'", "abc\\tdef"),
        ("hello\\", "hello"),
        ("hello\\\\", "hello\\"),
        ("'hello\\'", "hello\\"),
        ("\"''\"", "''"),
        ("$.", "$."),
        ("he$1x", "hex"),
        ("he$PWD", "he/home"),
        ("he\\$PWD", "he$PWD"),
        ("he\\\\$PWD", "he\\/home"),
        ("\"he\\$PWD\"", "he$PWD"),
        ("\\${}aaa", "${}aaa"),
        ("he${hi}xx", "hexx"),
        ("he${XXX:-${YYY:-yyy}}xx", "heyyyxx"),
        ("he${NULL-x}", "he"),
        ("he${NULL:-x}", "hex"),
        ("he${NULL?}", "he"),
        ("he${PWD:+${SHELL}}xx", "hebashxx"),
        ("he${NULL+x}${NULL:+y}", "hex"),
        ("'he${XX}'", "he${XX}"),
        ("\"he'$PWD'\"", "he'/home'"),
        ("he${PWD:+${PWD}:}xx", "he/home:xx"),
        ("he${XXX:-\\$PWD:}xx", "he$PWD:xx"),
        ("he${XXX:-\\${PWD}z}xx", "he${PWDz}xx"),
        ("${aaa}}", "}"),
        ("${aaa:-bbb {foo}", "bbb {foo"),
        ("안녕$KOREAN", "안녕한국어"),
        ("$999aaa", "aaa"),
        ("${1:-bbb}", "bbb"),
        ("$@@@", "@@"),
        ("${@:-bbb}", "bbb"),
        ("$0", ""),
        ("${FILE##*/}", "b.tar.gz"),
        ("${FILE#*/}", "a/b.tar.gz"),
        ("${FILE%.*}", "/a/b.tar"),
        ("${FILE%%.*}", "/a/b"),
        ("${FILE/a/x}", "/x/b.tar.gz"),
        ("${FILE//a/x}", "/x/b.txr.gz"),
        ("${FILE//\\//-}", "-a-b.tar.gz"),
        ("${FILE//.tar/}", "/a/b.gz"),
    ] {
        assert_eq!(expand(word).as_deref(), Some(want), "{word}");
    }
}

#[test]
fn words_are_refused() {
    for word in [
        "he'llo",
        "he\\\\'llo",
        "\"hello",
        "\"hello\\\"",
        "'hello",
        "${}",
        "he${}xx",
        "he${.}",
        "${XXX:YYY}",
        "${XXX?}",
        "${XXX:?}",
        "${NULL:?}",
        "he${PWD",
        "${PWD:=000}",
        "${{aaa}",
        "${aaa:-bbb",
        "${aaa:-bbb ${foo}",
        "${:}",
        "${:-bbb}",
        "${PWD:#a}",
        "${PWD/a",
        "${PWD/a/b",
        "${PWD#\\a}",
    ] {
        assert_eq!(expand(word), None, "{word}");
    }
    let error = Lexer::new('\\').expand("${XXX:?no way}", &env());
    assert_eq!(
        error.expect_err("unset").to_string(),
        "failed to process \"${XXX:?no way}\": XXX: no way"
    );
}

#[test]
fn lines_become_words() {
    let mut env = env();
    env.set("space", "abc  def");
    env.set("leading", "  ab c");
    for (line, want) in [
        ("hello${space}bye", vec!["helloabc", "defbye"]),
        ("hello\"${space}\"bye", vec!["helloabc  defbye"]),
        ("hello \"${space}\"bye", vec!["hello", "abc  defbye"]),
        ("hello${leading}def", vec!["hello", "ab", "cdef"]),
        ("hello\" there  \"", vec!["hello there  "]),
        ("hello there     ", vec!["hello", "there"]),
        ("hello\\ there", vec!["hello there"]),
        ("a << EOF b", vec!["a", "<< EOF", "b"]),
    ] {
        let words = Lexer::new('\\').expand(line, &env).expect(line).words;
        assert_eq!(words, want, "{line}");
    }
}

#[test]
fn the_escape_character_can_be_a_backtick() {
    let lexer = Lexer::new('`');
    let text = |word| lexer.expand(word, &env()).expect(word).text;
    assert_eq!(text("C:\\a`$PWD"), "C:\\a$PWD");
    assert_eq!(text("\"`$PWD\""), "$PWD");
}

#[test]
fn asked_variables_are_told() {
    let expanded = Lexer::new('\\')
        .expand("$PWD ${XX:-$YY}", &env())
        .expect("fine");
    assert_eq!(Vec::from_iter(expanded.matched), ["PWD"]);
    assert_eq!(Vec::from_iter(expanded.unmatched), ["XX", "YY"]);
}

#[test]
fn neither_depth_nor_doubling_is_a_way_to_crash() {
    assert_eq!(expand(&"${a:-".repeat(20_000)), None);
    let mut env = Env::new();
    env.set("A", &"x".repeat(1 << 20));
    assert!(Lexer::new('\\').expand("$A$A$A$A$A", &env).is_err());
}

proptest! {
    #[test]
    fn never_panics(word in "[$ {}:\\-+?#%/*\\\\'\"<aA1é]*", escape in "[\\\\`]") {
        let escape = escape.chars().next().unwrap_or('\\');
        for keep_unset in [false, true] {
            let lexer = Lexer { keep_unset, ..Lexer::new(escape) };
            let _ = lexer.expand(&word, &Env::from_pairs(["a=b*c", "A="]));
        }
    }

    #[test]
    fn plain_text_stays(word in "[a-z0-9 ./=:é-]*") {
        prop_assert_eq!(expand(&word), Some(word));
    }
}
