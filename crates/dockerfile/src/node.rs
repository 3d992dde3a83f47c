//! A Dockerfile as a list of instructions that are not yet understood.

use crate::directive::Directive;
use crate::error::{Error, Problem};
use crate::heredoc::{Heredoc, begun_in};
use crate::json::{self, Array};
use crate::lines::{LogicalLine, Reader};
use crate::span::Span;
use crate::words::{first_word, leading_flags};

/// A flag as it was written, without quotes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Flag {
    /// `--name` or `--name=value`.
    pub(crate) text: String,
    pub(crate) span: Span,
}

/// One instruction: keyword, flags, the rest, and the heredocs that follow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Node {
    pub(crate) keyword: String,
    pub(crate) keyword_span: Span,
    pub(crate) flags: Vec<Flag>,
    pub(crate) rest: String,
    /// The whole line, continuations joined.
    pub(crate) source: String,
    pub(crate) heredocs: Vec<Heredoc>,
    pub(crate) span: Span,
    pub(crate) comments: Vec<String>,
}

/// All instructions of a file.
#[derive(Debug)]
pub(crate) struct Nodes {
    pub(crate) nodes: Vec<Node>,
    pub(crate) escape: char,
    pub(crate) directives: Vec<Directive>,
    /// Where a blank line stands within an instruction.
    pub(crate) empty_continuations: Vec<Span>,
}

impl Nodes {
    pub(crate) fn read(text: &str) -> Result<Self, Error> {
        let mut reader = Reader::new(text);
        let mut nodes = Vec::new();
        let mut empty_continuations = Vec::new();
        while let Some(line) = reader.next()? {
            if line.empty_continuation {
                empty_continuations.push(Span::line(line.last, 0));
            }
            let mut node = Node::new(&line, reader.escape);
            if node.may_have_heredocs() && line.text.contains("<<") {
                node.heredocs = begun_in(&line.text).map_err(|p| Error::at(p, node.span))?;
                for heredoc in &mut node.heredocs {
                    heredoc.read(&mut reader.lines, line.first)?;
                }
                if !node.heredocs.is_empty() {
                    node.span.end = Span::line(reader.lines.number, 0).end;
                }
            }
            nodes.push(node);
        }
        if nodes.is_empty() {
            let span = Span::line(reader.lines.number.max(1), 0);
            return Err(Error::at(Problem::NoInstructions, span));
        }
        Ok(Self {
            nodes,
            escape: reader.escape,
            directives: reader.directives,
            empty_continuations,
        })
    }
}

impl Node {
    pub(crate) fn new(line: &LogicalLine, escape: char) -> Self {
        let text = line.text.as_str();
        let start = text.len() - text.trim_start().len();
        let (keyword, arguments) = first_word(text.trim());
        let offset = arguments.map_or(text.len(), |a| a.as_ptr() as usize - text.as_ptr() as usize);
        let (flags, rest) = leading_flags(arguments.unwrap_or(""), escape);
        Self {
            keyword: keyword.to_owned(),
            keyword_span: line.span_of(start..start + keyword.len()),
            flags: flags
                .into_iter()
                .map(|(text, range)| Flag {
                    text,
                    span: line.span_of(offset + range.start..offset + range.end),
                })
                .collect(),
            rest: arguments.unwrap_or("")[rest..].trim().to_owned(),
            source: text.trim().to_owned(),
            heredocs: Vec::new(),
            span: line.span(),
            comments: line.comments.clone(),
        }
    }

    /// RUN, COPY and ADD in their shell form, also behind ONBUILD.
    fn may_have_heredocs(&self) -> bool {
        let (keyword, rest) = if self.keyword.eq_ignore_ascii_case("onbuild") {
            let (keyword, rest) = first_word(&self.rest);
            let rest = rest.unwrap_or("");
            let (_, at) = leading_flags(rest, '\\');
            (keyword, &rest[at..])
        } else {
            (self.keyword.as_str(), self.rest.as_str())
        };
        let takes = ["run", "copy", "add"]
            .iter()
            .any(|k| keyword.eq_ignore_ascii_case(k));
        takes && !matches!(json::array(rest), Array::Strings(_))
    }
}
