//! What targets need, and graphs that are refused.

use super::*;
use crate::scope::BuildOptions;
use proptest::prelude::*;

fn graph(source: &str) -> Result<Graph, String> {
    let file = Dockerfile::parse(source.as_bytes()).map_err(|e| e.to_string())?;
    let globals = Globals::new(&file, &BuildOptions::default()).map_err(|e| e.to_string())?;
    Graph::new(&file, &globals).map_err(|e| e.to_string())
}

fn needed(source: &str, target: Option<&str>) -> Result<Vec<usize>, String> {
    let graph = graph(source)?;
    let target = graph.target(target).map_err(|e| e.to_string())?;
    graph.needed(target).map_err(|e| e.to_string())
}

const FILE: &str = "ARG B=base\nFROM x AS Base\nFROM y AS unused\nFROM z AS tools\nFROM $B AS app\n\
    COPY --from=TOOLS /a /b\nRUN --mount=from=img:1,target=/i true\nFROM app AS test\nCOPY --from=0 /a /b\n";

#[test]
fn only_what_is_needed() {
    assert_eq!(needed(FILE, Some("app")), Ok(vec![0, 2, 3]));
    assert_eq!(needed(FILE, Some("BASE")), Ok(vec![0]));
    assert_eq!(needed(FILE, None), Ok(vec![0, 2, 3, 4]));
    let graph = graph(FILE).expect("fine");
    let sources: Vec<&Source> = graph
        .stage_dependencies(3)
        .iter()
        .map(|d| &d.source)
        .collect();
    assert_eq!(
        sources,
        [&Source::Stage(2), &Source::Image("img:1".to_owned())]
    );
    assert_eq!(graph.stage_base(0), Some(&Source::Image("x".to_owned())));
}

#[test]
fn wrong_graphs_are_refused() {
    for (source, target, message) in [
        (
            FILE,
            Some("tolls"),
            "target stage \"tolls\" could not be found (did you mean tools?)",
        ),
        (
            "FROM a AS b\nCOPY --from=c / /\nFROM b AS c",
            None,
            "circular dependency detected on stage: b",
        ),
        (
            "FROM a AS b\nCOPY --from=b / /",
            None,
            "circular dependency detected on stage: b",
        ),
        ("FROM a\nCOPY --from=7 / /", None, "invalid stage index 7"),
        (
            "FROM a AS b\nCOPY --from=c / /\nFROM x AS c",
            Some("b"),
            "cannot copy from stage \"c\", it needs to be defined before current stage \"b\"",
        ),
        (
            "FROM a\nCOPY --from=$x / /",
            None,
            "variable expansion is not supported for --from, define a new stage with FROM using ARG from global scope as a workaround",
        ),
        (
            "FROM $nothing",
            None,
            "base name ($nothing) should not be blank",
        ),
    ] {
        let error = needed(source, target).expect_err(source);
        assert_eq!(error, message);
    }
}

#[test]
fn triggers_of_a_stage_go_in_front() {
    let source =
        "FROM a AS tools\nFROM b AS base\nONBUILD COPY --from=tools /x /y\nFROM base\nRUN z";
    let graph = graph(source).expect("fine");
    assert_eq!(graph.instructions(2).len(), 2);
    assert_eq!(needed(source, None), Ok(vec![0, 1, 2]));
}

#[test]
fn a_trigger_of_an_image_brings_dependencies() {
    let source = "FROM a AS tools\nFROM img";
    let mut graph = graph(source).expect("fine");
    let trigger = parse_trigger("COPY --from=tools /x /y", Span::line(2, 8)).expect("fine");
    graph.add_triggers(1, vec![trigger], '\\').expect("fine");
    assert_eq!(graph.needed(1), Ok(vec![0, 1]));
}

#[test]
fn ten_thousand_stages_are_no_way_to_crash() {
    let stages: String = (1..10_000)
        .map(|i| format!("FROM s{} AS s{i}\n", i - 1))
        .collect();
    let needed = needed(&stages, None).expect("fine");
    assert_eq!(needed.len(), 9_999);
}

proptest! {
    #[test]
    fn what_is_needed_stands_above(uses in proptest::collection::vec((0usize..8, 0usize..8), 1..8)) {
        let stages = uses.iter().enumerate();
        let source: String = stages
            .map(|(i, (base, copy))| format!("FROM s{base} AS s{i}\nCOPY --from=s{copy} / /\n"))
            .collect();
        if let Ok(order) = needed(&source, None) {
            prop_assert!(order.is_sorted() && order.last() == Some(&(uses.len() - 1)));
        }
    }
}
