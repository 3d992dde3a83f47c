//! Dockerfiles, ignore files and templates.

use gantry_dockerfile::{
    BuildOptions, CheckInput, Dockerfile, Globals, Graph, Ignore, check, outline, targets,
};
use gantry_gotemplate::{Shape, Template, Value};

/// A Dockerfile: parsed, checked, described, its graph walked.
pub fn dockerfile(bytes: &[u8]) {
    let _ = gantry_dockerfile::detect_syntax(bytes);
    let Ok(file) = Dockerfile::parse(bytes) else {
        return;
    };
    let options = BuildOptions {
        build_args: [("A".to_owned(), "1".to_owned())].into(),
        ..BuildOptions::default()
    };
    let _ = targets(&file);
    let _ = outline(&file, &options);
    let input = CheckInput {
        options: options.clone(),
        all_stages: true,
        ..CheckInput::default()
    };
    let _ = check(&file, &input);
    let Ok(globals) = Globals::new(&file, &options) else {
        return;
    };
    if let Ok(graph) = Graph::new(&file, &globals) {
        for stage in 0..file.stages.len() {
            let _ = graph.needed(stage);
        }
    }
}

/// Patterns in the first half, a path in the second.
pub fn ignore(bytes: &[u8]) {
    let (patterns, path) = bytes.split_at(bytes.len() / 2);
    if let (Ok(ignore), Ok(path)) = (Ignore::parse(patterns), str::from_utf8(path)) {
        let _ = ignore.matches(path);
    }
}

/// A `--format` template on a small object.
pub fn template(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else {
        return;
    };
    if let Ok(template) = Template::parse(text) {
        let data = serde_json::json!({"ID": "abc", "Names": ["a", "b"], "N": 1, "M": {"k": true}});
        let value = Value::from_json(&data, &|_, _| Shape::Map);
        let _ = template.render(&value);
    }
}
