//! LLB: the graphs that other frontends make, in the builder's words.
//!
//! A definition is a list of encoded operations, which name one another by their digests; the last one says nothing but
//! which filesystem is meant. What is not built is refused by name: nested builds, and attributes that nobody knows here.
//!
//! Reference: <https://github.com/moby/buildkit>, `solver/pb/ops.proto` and `solver/pb/attr.go`.

mod exec;
mod file;
mod folder;
mod source;

use gantry_archive::Digester;
use gantry_builder::Error;
use gantry_builder::operations::{Edge, Operation, OperationWork};
use prost::Message as _;

use crate::Server;
use crate::proto::pb::{Definition, Op, OpMetadata, Platform, op};
use crate::session::Session;

/// Under this key of an operation's description is how its client calls it.
const NAME: &str = "llb.customname";

/// A definition that was read.
pub(crate) struct Graph {
    pub operations: Vec<Operation>,
    pub result: Edge,
}

/// Reads a definition; an empty one means an empty filesystem.
pub(crate) async fn read(
    server: &Server,
    session: Option<&Session>,
    definition: &Definition,
) -> Result<Option<Graph>, Error> {
    let Some((last, others)) = definition.def.split_last() else {
        return Ok(None);
    };
    let mut operations = Vec::new();
    for bytes in others {
        let id = Digester::sha256(bytes).to_string();
        let metadata = definition.metadata.get(&id);
        operations.push(operation(server, session, id, decoded(bytes)?, metadata).await?);
    }
    let last = decoded(last)?;
    let (None, [input]) = (&last.op, last.inputs.as_slice()) else {
        return Err(Error::Invalid(
            "the last operation of a definition does not name its result".to_owned(),
        ));
    };
    let result = edge(&input.digest, input.index)?;
    Ok(Some(Graph { operations, result }))
}

fn decoded(bytes: &[u8]) -> Result<Op, Error> {
    Op::decode(bytes).map_err(|error| Error::Invalid(format!("an operation of LLB: {error}")))
}

fn edge(digest: &str, index: i64) -> Result<Edge, Error> {
    let output = usize::try_from(index)
        .map_err(|_| Error::Invalid(format!("{digest} has no filesystem of the number {index}")))?;
    Ok(Edge {
        operation: digest.to_owned(),
        output,
    })
}

async fn operation(
    server: &Server,
    session: Option<&Session>,
    id: String,
    op: Op,
    metadata: Option<&OpMetadata>,
) -> Result<Operation, Error> {
    if let Some(filter) = op.constraints.iter().flat_map(|c| &c.filter).next() {
        return Err(Error::NotSupported(format!(
            "the condition {filter:?} for a worker"
        )));
    }
    let inputs = op.inputs.iter().map(|i| edge(&i.digest, i.index));
    let inputs: Vec<Edge> = inputs.collect::<Result<_, _>>()?;
    let (name, work) = match op.op {
        Some(op::Op::Source(source)) => (
            source.identifier.clone(),
            OperationWork::Source(source::read(server, session, &source).await?),
        ),
        Some(op::Op::Exec(exec)) => {
            let exec = exec::read(exec, inputs.len())?;
            (
                exec.arguments.join(" "),
                OperationWork::Exec(Box::new(exec)),
            )
        }
        Some(op::Op::File(file)) => {
            let (name, actions) = file::read(file, inputs.len())?;
            (name, OperationWork::File(actions))
        }
        Some(op::Op::Merge(merge)) => {
            let used = merge.inputs.iter().map(|input| input.input);
            in_their_order(used, inputs.len(), "merge")?;
            ("merge".to_owned(), OperationWork::Merge)
        }
        Some(op::Op::Diff(diff)) => {
            return Ok(Operation {
                inputs: of_diff(&diff, &inputs)?,
                ..named(id, "diff", metadata, op.platform, OperationWork::Diff)
            });
        }
        Some(op::Op::Build(_)) => {
            return Err(Error::NotSupported(
                "the operation build of LLB, a build within a build,".to_owned(),
            ));
        }
        None => {
            return Err(Error::Invalid(format!("the operation {id} does nothing")));
        }
    };
    Ok(Operation {
        inputs,
        ..named(id, &name, metadata, op.platform, work)
    })
}

fn named(
    id: String,
    name: &str,
    metadata: Option<&OpMetadata>,
    platform: Option<Platform>,
    work: OperationWork,
) -> Operation {
    let given = metadata.and_then(|known| known.description.get(NAME));
    Operation {
        id,
        name: given.map_or(name, String::as_str).to_owned(),
        inputs: Vec::new(),
        platform: platform.as_ref().map(platform_name),
        anew: metadata.is_some_and(|known| known.ignore_cache),
        work,
    }
}

/// `linux/arm/v7`
pub(crate) fn platform_name(platform: &Platform) -> String {
    let mut name = format!("{}/{}", platform.os, platform.architecture);
    if !platform.variant.is_empty() {
        name = format!("{name}/{}", platform.variant);
    }
    name
}

/// Inputs are meant one after the other.
fn in_their_order(used: impl Iterator<Item = i64>, count: usize, what: &str) -> Result<(), Error> {
    let used: Vec<i64> = used.collect();
    let usual = (0_i64..).take(count).eq(used.iter().copied());
    if usual {
        return Ok(());
    }
    Err(Error::NotSupported(format!(
        "a {what} that takes its {count} inputs in the order {used:?}"
    )))
}

/// The inputs of a diff, the lower one first; without a lower one the upper one alone.
fn of_diff(diff: &crate::proto::pb::DiffOp, inputs: &[Edge]) -> Result<Vec<Edge>, Error> {
    let of = |number: i64| usize::try_from(number).ok().and_then(|n| inputs.get(n));
    let lower = diff.lower.as_ref().and_then(|lower| of(lower.input));
    let upper = diff.upper.as_ref().and_then(|upper| of(upper.input));
    let Some(upper) = upper else {
        return Err(Error::NotSupported(
            "a diff with nothing above, which only removes,".to_owned(),
        ));
    };
    Ok(lower.into_iter().chain([upper]).cloned().collect())
}

/// A number of an input; -1 is none.
fn number(input: i64, count: usize) -> Result<Option<usize>, Error> {
    match usize::try_from(input) {
        Ok(number) if number < count => Ok(Some(number)),
        Err(_) if input == -1 => Ok(None),
        _ => Err(Error::Invalid(format!(
            "an operation with {count} inputs has none of the number {input}"
        ))),
    }
}
