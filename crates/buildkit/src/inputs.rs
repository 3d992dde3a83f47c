//! Results of builds that other builds begin with: what `bake` and compose call a target's context.
//!
//! A client carries a result from one build to the next as an LLB definition. Ours says nothing but which image it is.

use gantry_archive::Digester;
use prost::Message as _;

use crate::proto::pb::{Definition, Input, Op, OpMetadata, SourceOp, op};

/// The source of a result of ours: this, and the image's ID.
const OURS: &str = "docker-image://gantry.result/image@";

/// The definition of an image of the store.
pub(crate) fn of_image(id: &str) -> Definition {
    let source = Op {
        op: Some(op::Op::Source(SourceOp {
            identifier: format!("{OURS}{id}"),
            ..SourceOp::default()
        })),
        ..Op::default()
    };
    let source = source.encode_to_vec();
    let digest = Digester::sha256(&source).to_string();
    let end = Op {
        inputs: vec![Input {
            digest: digest.clone(),
            index: 0,
        }],
        ..Op::default()
    };
    let end = end.encode_to_vec();
    let metadata = [digest, Digester::sha256(&end).to_string()];
    Definition {
        def: vec![source, end],
        metadata: metadata
            .map(|digest| (digest, OpMetadata::default()))
            .into_iter()
            .collect(),
        source: None,
    }
}

/// The image that a source means, if it is a result of ours.
pub(crate) fn of_identifier(identifier: &str) -> Option<&str> {
    identifier.strip_prefix(OURS)
}

/// The image that a definition means, if it is one of ours and nothing more.
pub(crate) fn image_of(definition: &Definition) -> Option<String> {
    let [source, _end] = definition.def.as_slice() else {
        return None;
    };
    match Op::decode(source.as_slice()).ok()?.op? {
        op::Op::Source(source) => of_identifier(&source.identifier).map(str::to_owned),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_is_carried_from_one_build_to_the_next() {
        let id = "sha256:6517f993eeae";
        assert_eq!(image_of(&of_image(id)).as_deref(), Some(id));
        let mut other = of_image(id);
        other.def.insert(1, Vec::new());
        assert_eq!(image_of(&other), None, "something is done with it");
        other.def.drain(..2);
        assert_eq!(image_of(&other), None);
        other.def.insert(0, vec![0xff; 3]);
        assert_eq!(image_of(&other), None);
    }
}
