//! What is written down of a build: the image's ID and the exporters' words.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use gantry_build_client::Answer;
use serde_json::{Map, Value};

use super::flags::BuildFlags;
use super::run::{Metadata, failed};
use crate::failure::Failure;
use crate::output;

/// Writes the files that were asked for; prints the image's ID if nothing else is printed.
pub(super) fn written(
    flags: &BuildFlags,
    id: &str,
    answer: &Answer,
    quiet: bool,
) -> Result<(), Failure> {
    let image = image_id(&answer.metadata);
    if !flags.iidfile.is_empty() {
        write(&flags.iidfile, image)?;
    }
    if !flags.metadata_file.is_empty() {
        let all = metadata(id, &answer.metadata);
        let text = serde_json::to_string_pretty(&all).map_err(failed)?;
        write(&flags.metadata_file, &text)?;
    }
    if quiet && !image.is_empty() {
        output::line(image);
    }
    Ok(())
}

/// An image is known to an engine by its configuration.
fn image_id(metadata: &Metadata) -> &str {
    metadata
        .get("containerimage.config.digest")
        .or_else(|| metadata.get("containerimage.digest"))
        .map_or("", String::as_str)
}

/// Values that are documents are shown as such.
fn metadata(id: &str, metadata: &Metadata) -> Value {
    let mut sorted: Metadata = metadata.clone();
    sorted.insert(
        "buildx.build.ref".to_owned(),
        format!("default/default/{id}"),
    );
    let object: Map<String, Value> = sorted
        .into_iter()
        .map(|(key, value)| {
            let document = STANDARD
                .decode(&value)
                .ok()
                .and_then(|bytes| serde_json::from_slice::<Map<String, Value>>(&bytes).ok());
            (key, document.map_or(Value::String(value), Value::Object))
        })
        .collect();
    Value::Object(object)
}

fn write(path: &str, text: &str) -> Result<(), Failure> {
    std::fs::write(path, text).map_err(|error| failed(crate::create::open_error(path, &error)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_are_shown_as_such() {
        let words: Metadata = [
            ("image.name", "docker.io/library/t1".to_owned()),
            ("containerimage.descriptor", STANDARD.encode("{\"size\":1}")),
        ]
        .map(|(key, value)| (key.to_owned(), value))
        .into_iter()
        .collect();
        assert_eq!(
            metadata("abc", &words).to_string(),
            "{\"buildx.build.ref\":\"default/default/abc\",\"containerimage.descriptor\":{\"size\":1},\
             \"image.name\":\"docker.io/library/t1\"}"
        );
    }
}
