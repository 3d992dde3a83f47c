//! ONBUILD, and the instructions that a base image brings along.

use super::read::{Request, Wrong, read as read_instruction};
use super::{Instruction, Statement};
use crate::error::{Error, Problem};
use crate::node::Nodes;
use crate::span::Span;
use crate::words::first_word;

pub(crate) fn read(request: &Request<'_>) -> Result<String, Wrong> {
    let (keyword, _) = first_word(request.rest());
    if keyword.is_empty() {
        return Err(Problem::AtLeastOne("ONBUILD").into());
    }
    request.flags(&[])?;
    match keyword.to_uppercase().as_str() {
        "ONBUILD" => return Err(Problem::OnbuildChain.into()),
        trigger @ ("MAINTAINER" | "FROM") => {
            return Err(Problem::OnbuildTrigger(trigger.to_owned()).into());
        }
        _ => {}
    }
    let mut expression = request.rest().to_owned();
    for heredoc in &request.node.heredocs {
        expression.push('\n');
        expression.push_str(&heredoc.content);
        expression.push_str(&heredoc.name);
    }
    Ok(expression)
}

/// Reads an expression of ONBUILD for an image built on it; `span` is where that image's FROM stands.
pub fn parse_trigger(expression: &str, span: Span) -> Result<Instruction, Error> {
    let here = |mut error: Error| {
        error.span = Some(span);
        error
    };
    let nodes = Nodes::read(expression).map_err(here)?;
    let [node] = nodes.nodes.as_slice() else {
        return Err(Error::at(Problem::OnbuildSingle, span));
    };
    match read_instruction(node, nodes.escape).map_err(here)? {
        Statement::Instruction(instruction) => Ok(Instruction {
            span,
            keyword_span: span,
            ..instruction
        }),
        Statement::From(_) => {
            let problem = Problem::OnbuildTrigger("FROM".to_owned());
            Err(Error::at(problem, span))
        }
    }
}
