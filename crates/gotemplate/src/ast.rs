//! The tree of a parsed template.

/// A whole template: its top level and the templates defined in it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tree {
    pub(crate) body: Vec<Node>,
    pub(crate) defined: Vec<(String, Vec<Node>)>,
}

/// Where something stands in the source.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Position {
    pub(crate) line: usize,
    pub(crate) column: usize,
}

/// One piece of a template's body.
#[derive(Debug, Clone)]
pub(crate) enum Node {
    Text(String),
    Print(Pipeline),
    If(Branch),
    With(Branch),
    Range(Branch),
    Template {
        name: String,
        data: Option<Pipeline>,
        at: Position,
    },
    Break,
    Continue,
}

/// `if`, `with` or `range` with what follows `else`.
#[derive(Debug, Clone)]
pub(crate) struct Branch {
    pub(crate) condition: Pipeline,
    pub(crate) then: Vec<Node>,
    pub(crate) otherwise: Vec<Node>,
}

/// Commands joined by `|`, perhaps naming variables for the result.
#[derive(Debug, Clone)]
pub(crate) struct Pipeline {
    pub(crate) variables: Vec<String>,
    /// `$x = ...` rather than `$x := ...`.
    pub(crate) assigns: bool,
    pub(crate) commands: Vec<Command>,
}

/// A function or method with its arguments, or a lone operand.
#[derive(Debug, Clone)]
pub(crate) struct Command {
    pub(crate) words: Vec<Word>,
}

/// An operand and where it stands.
#[derive(Debug, Clone)]
pub(crate) struct Word {
    pub(crate) operand: Operand,
    /// Names after the operand: `.A.B`.
    pub(crate) fields: Vec<String>,
    pub(crate) at: Position,
    pub(crate) source: String,
}

#[derive(Debug, Clone)]
pub(crate) enum Operand {
    Dot,
    Variable(String),
    Function(String),
    Nil,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(String),
    Group(Box<Pipeline>),
}
