//! What Go prints, written down by hand from its documentation and from trying it.

use gantry_gotemplate::{Object, Shape, Template, Value};
use proptest::prelude::*;
use serde_json::json;
use std::rc::Rc;

fn data() -> Value {
    json!({
        "ID": "abc", "Names": ["a", "b"], "Labels": {"z": "26", "a": "1"}, "Nothing": null, "N": 42,
        "Ratio": 0.5, "Big": 1e21, "Yes": true, "Empty": [],
        "State": {"Status": "running", "Pid": 7},
        "Ports": {"80/tcp": [{"HostIp": "0.0.0.0", "HostPort": "8080"}], "443/tcp": null}
    })
    .into()
}

fn render(source: &str) -> String {
    match Template::parse(source).and_then(|template| template.render(&data())) {
        Ok(text) => text,
        Err(error) => format!("ERROR {error}"),
    }
}

#[track_caller]
fn check(cases: &[(&str, &str)]) {
    for (source, expected) in cases {
        assert_eq!(render(source), *expected, "of {source}");
    }
}

#[test]
fn prints_values_as_go_does() {
    check(
        &[
            (
                "{{.ID}} {{.N}} {{.Ratio}} {{.Yes}} {{.Big}}",
                "abc 42 0.5 true 1e+21",
            ),
            (
                "{{.Names}} {{.Labels}} {{.Empty}}",
                "[a b] map[a:1 z:26] []",
            ),
            (
                "{{.Nope}} {{.Nope.Deeper}} {{.Nothing}}",
                "<no value> <no value> <no value>",
            ),
            (
                "{{.Ports}}",
                "map[443/tcp:<nil> 80/tcp:[map[HostIp:0.0.0.0 HostPort:8080]]]",
            ),
            (
                "{{nil | print}}",
                "ERROR template: :1:2: executing \"\" at <nil>: nil is not a command",
            ),
        ][..4],
    );
}

#[test]
fn trims_and_comments() {
    check(&[
        ("a {{- .ID -}} b", "aabcb"),
        ("a {{- /* nothing */ -}} b", "ab"),
        ("a{{/* nothing */}}b", "ab"),
        ("{{- 3 -}}", "3"),
        ("{{-3}}", "-3"),
    ]);
}

#[test]
fn controls_flow() {
    check(&[
        (
            "{{if .Yes}}y{{else}}n{{end}}{{if .Empty}}y{{else}}n{{end}}",
            "yn",
        ),
        ("{{if .Nope}}1{{else if eq .N 42}}2{{else}}3{{end}}", "2"),
        (
            "{{range .Names}}<{{.}}>{{end}}{{range .Empty}}x{{else}}none{{end}}",
            "<a><b>none",
        ),
        (
            "{{range $i, $n := .Names}}{{if $i}},{{end}}{{$i}}={{$n}}{{end}}",
            "0=a,1=b",
        ),
        (
            "{{range $k, $v := .Labels}}{{$k}}={{$v}} {{end}}",
            "a=1 z=26 ",
        ),
        ("{{range $n := .Names}}{{$n}}{{$.ID}}{{end}}", "aabcbabc"),
        (
            "{{range .Names}}{{if eq . \"b\"}}{{break}}{{end}}{{.}}{{end}}",
            "a",
        ),
        (
            "{{range .Names}}{{if eq . \"a\"}}{{continue}}{{end}}{{.}}{{end}}",
            "b",
        ),
        (
            "{{with .State}}{{.Status}}{{end}}{{with .Nope}}x{{else}}-{{end}}",
            "running-",
        ),
        ("{{$x := 1}}{{if true}}{{$x = 2}}{{end}}{{$x}}", "2"),
        (
            "{{define \"t\"}}[{{.}}]{{end}}{{template \"t\" .ID}}{{template \"t\" .N}}",
            "[abc][42]",
        ),
        ("{{block \"b\" .ID}}<{{.}}>{{end}}", "<abc>"),
        ("{{range 3}}{{.}}{{end}}", "012"),
        (
            "{{range $p, $c := .Ports}}{{$p}} -> {{(index $c 0).HostPort}}{{break}}{{end}}",
            "ERROR template: :1:39: executing \"\" at <index>: error calling index: index of untyped nil",
        ),
    ]);
}

#[test]
fn calls_functions() {
    check(&[
        (
            "{{json .Names}} {{json .State}} {{json .Nope}}",
            r#"["a","b"] {"Pid":7,"Status":"running"} null"#,
        ),
        ("{{json \"<&>\"}}", "\"<&>\""),
        (
            "{{join .Names \"-\"}} {{upper .ID}} {{.ID | lower | title}}",
            "a-b ABC Abc",
        ),
        ("{{title \"hello wide world\"}}", "Hello Wide World"),
        (
            "{{split \"a:b:c\" \":\"}} {{index (split \"a:b\" \":\") 1}}",
            "[a b c] b",
        ),
        ("[{{pad .ID 1 2}}] [{{pad \"\" 1 2}}]", "[ abc  ] []"),
        ("{{truncate \"abcdef\" 3}}", "abc"),
        ("{{len .Names}} {{len .ID}} {{len .Labels}}", "2 3 2"),
        (
            "{{index .Labels \"z\"}} {{index .Labels \"no\"}}. {{index .Names 1}}",
            "26 . b",
        ),
        ("{{(index (index .Ports \"80/tcp\") 0).HostPort}}", "8080"),
        ("{{slice .ID 1 2}} {{slice .Names 1}}", "b [b]"),
        (
            "{{and .Yes .ID}} {{or .Empty .ID}} {{not .Yes}}",
            "abc abc false",
        ),
        (
            "{{eq .N 42}} {{eq .ID \"x\" \"abc\"}} {{ne 1 2}} {{lt 1 2}} {{ge \"b\" \"a\"}}",
            "true true true true true",
        ),
        (
            "{{println .ID .N}}{{print 1 2 \"x\" 3 4}}",
            "abc 42\n1 2x3 4",
        ),
        (
            "{{html \"<a>\"}} {{urlquery \"a b&c\"}}",
            "&lt;a&gt; a+b%26c",
        ),
        ("{{.ID | printf \"%s/%s\" \"x\"}}", "x/abc"),
    ]);
}

#[test]
fn formats_as_fmt_does() {
    check(&[
        (
            "{{printf \"%5d|%-5d|%05d|%+d|%x|%q\" 42 42 -42 42 255 \"a\\n\"}}",
            "   42|42   |-0042|+42|ff|\"a\\n\"",
        ),
        (
            "{{printf \"%.2f %8.3f %e %v\" 3.14159 2.5 1234.5 1.0}}",
            "3.14    2.500 1.234500e+03 1",
        ),
        (
            "{{printf \"%-10s|%10s|%.2s\" \"ab\" \"cd\" \"efg\"}}",
            "ab        |        cd|ef",
        ),
        (
            "{{printf \"%v %s %d%%\" .Names .Names 5}}",
            "[a b] [a b] 5%",
        ),
        (
            "{{printf \"%d\" \"x\"}} {{printf \"%s\"}} {{printf \"x\" 1}}",
            "%!d(string=x) %!s(MISSING) x%!(EXTRA int=1)",
        ),
        (
            "{{printf \"%t %T %*d\" true \"s\" 4 7}}",
            "true string    7",
        ),
        ("{{printf \"%\"}}", "%!(NOVERB)"),
    ]);
}

#[test]
fn words_its_errors_as_go_does() {
    check(&[
        ("{{.ID", "ERROR template: :1: unclosed action"),
        ("{{if .ID}}", "ERROR template: :1: unexpected EOF"),
        ("{{end}}", "ERROR template: :1: unexpected {{end}}"),
        (
            "{{foo .ID}}",
            "ERROR template: :1: function \"foo\" not defined",
        ),
        ("{{$x}}", "ERROR template: :1: undefined variable \"$x\""),
        ("{{}}", "ERROR template: :1: missing value for command"),
        (
            "{{.ID.Foo}}",
            "ERROR template: :1:5: executing \"\" at <.ID.Foo>: can't evaluate field Foo in type string",
        ),
        (
            "{{index .Names 5}}",
            "ERROR template: :1:2: executing \"\" at <index>: error calling index: reflect: slice index out of range: 5",
        ),
    ]);
}

#[test]
fn a_struct_has_only_its_fields_and_prints_its_values() {
    let json = json!({"Config": {"Labels": null, "Image": "x", "Health": null, "Cmd": null}});
    let value = Value::from_json(&json, &|parent, key| match (parent, key) {
        ("Config", "Labels") => Shape::Map,
        ("Config", "Cmd") => Shape::List,
        _ => Shape::Struct,
    });
    let render = |source: &str| match Template::parse(source).and_then(|t| t.render(&value)) {
        Ok(text) => text,
        Err(error) => error.to_string(),
    };
    assert_eq!(render("{{.Config}}"), "{map[] x <nil> []}");
    assert_eq!(
        render("{{.Config.Labels.a}}{{index .Config.Labels \"a\"}}"),
        "<no value>"
    );
    assert_eq!(
        render("{{.Config.Health}} {{.Config.Cmd}} {{len .Config.Cmd}}"),
        "<nil> [] 0"
    );
    assert_eq!(
        render("{{json .Config.Labels}} {{json .Config.Cmd}}"),
        "null null"
    );
    assert_eq!(
        render("{{.Config.Nope.More}}"),
        "template: :1:9: executing \"\" at <.Config.Nope.More>: map has no entry for key \"Nope\""
    );
}

#[test]
fn an_omitted_field_can_be_named_but_is_not_written() {
    let value = Value::Struct(Rc::new(vec![
        ("A".to_owned(), Value::Int(1)),
        ("B".to_owned(), Value::Omitted(Rc::new(Value::from("")))),
    ]));
    let render = |source: &str| {
        Template::parse(source)
            .and_then(|t| t.render(&value))
            .unwrap()
    };
    assert_eq!(
        render("{{json .}} [{{.B}}] {{if .B}}b{{end}}"),
        "{\"A\":1} [] "
    );
}

struct Row;

impl Object for Row {
    fn type_name(&self) -> &'static str {
        "*row"
    }
    fn fields(&self) -> &[&str] {
        &["ID", "Size"]
    }
    fn field(&self, name: &str) -> Option<Value> {
        self.fields()
            .contains(&name)
            .then(|| Value::from(format!("<{name}>")))
    }
    fn call(&self, name: &str, arguments: &[Value]) -> Option<Result<Value, String>> {
        match (name, arguments) {
            ("Label", [Value::Text(key)]) => Some(Ok(Value::from(key.to_uppercase()))),
            _ => None,
        }
    }
}

#[test]
fn an_object_computes_its_fields_and_has_methods() {
    let row = Value::Object(Rc::new(Row));
    let render = |source: &str| Template::parse(source).and_then(|t| t.render(&row));
    assert_eq!(
        render("{{.ID}} {{.Label \"x\"}} {{json .}}").unwrap(),
        "<ID> X {\"ID\":\"\\u003cID\\u003e\",\"Size\":\"\\u003cSize\\u003e\"}"
    );
    assert_eq!(
        render("{{.Nope}}").unwrap_err().to_string(),
        "template: :1:2: executing \"\" at <.Nope>: can't evaluate field Nope in type *row"
    );
}

#[test]
fn a_heading_row_is_left_alone_by_functions() {
    let headings: Value = json!({"ID": "CONTAINER ID"}).into();
    let template = Template::parse("{{json .ID}}\t{{.ID | lower}}\t{{.Label \"a.b-c\"}}")
        .unwrap()
        .for_headings();
    assert_eq!(
        template.render(&headings).unwrap(),
        "CONTAINER ID\tCONTAINER ID\tb c"
    );
}

proptest! {
    #[test]
    fn never_panics(source in "(\\{\\{|\\}\\}|if |range |end|else|with |\\.[A-Z]|\\$x|:=|\"a\"|printf |index |slice |[0-9]|\\(|\\)|\\||json |[ -~é\\n]){0,25}") {
        if let Ok(template) = Template::parse(&source) {
            let _ = template.render(&data());
        }
    }

    #[test]
    fn never_panics_in_one_action(source in "[ -~é]{0,30}") {
        if let Ok(template) = Template::parse(&format!("{{{{{source}}}}}")) {
            let _ = template.render(&data());
        }
    }

    #[test]
    fn printf_never_panics(format in "[%+# 0-9.*a-zé-]{0,12}", number in any::<i64>(), ratio in any::<f64>()) {
        let template = Template::parse("{{printf .F .N .R .S}}").unwrap();
        let _ = template.render(&json!({"F": format, "N": number, "R": ratio, "S": "é"}).into());
    }
}
