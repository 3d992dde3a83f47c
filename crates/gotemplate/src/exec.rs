//! Executing a tree.

use std::rc::Rc;

use crate::Error;
use crate::Value;
use crate::ast::{Branch, Command, Node, Operand, Pipeline, Position, Tree, Word};
use crate::functions;
use crate::printf::display;

/// Go allows 100,000 nested template calls; our stack is smaller.
const MAX_CALLS: usize = 100;
/// A template that prints more than this is a mistake.
const MAX_OUTPUT: usize = 64 << 20;

pub(crate) fn render(tree: &Tree, data: &Value, headings: bool) -> Result<String, Error> {
    let mut run = Run {
        tree,
        headings,
        output: String::new(),
        variables: vec![(String::new(), data.clone())],
        calls: 0,
    };
    run.list(&tree.body, data)?;
    Ok(run.output)
}

struct Run<'a> {
    tree: &'a Tree,
    headings: bool,
    output: String,
    variables: Vec<(String, Value)>,
    calls: usize,
}

/// Whether a loop goes on after a list of nodes.
#[derive(PartialEq, Eq)]
enum Flow {
    On,
    Break,
    Continue,
}

impl Run<'_> {
    fn list(&mut self, nodes: &[Node], dot: &Value) -> Result<Flow, Error> {
        for node in nodes {
            let flow = match node {
                Node::Text(text) => {
                    self.output.push_str(text);
                    Flow::On
                }
                Node::Print(pipeline) => {
                    let value = self.pipeline(pipeline, dot)?;
                    if pipeline.variables.is_empty() {
                        self.output.push_str(&display(&value));
                    }
                    Flow::On
                }
                Node::If(branch) => self.branch(branch, dot, false)?,
                Node::With(branch) => self.branch(branch, dot, true)?,
                Node::Range(branch) => self.range(branch, dot)?,
                Node::Template { name, data, at } => {
                    self.template(name, data.as_ref(), *at, dot)?
                }
                Node::Break => Flow::Break,
                Node::Continue => Flow::Continue,
            };
            if flow != Flow::On {
                return Ok(flow);
            }
        }
        Ok(Flow::On)
    }

    fn branch(&mut self, branch: &Branch, dot: &Value, rebinds: bool) -> Result<Flow, Error> {
        let scope = self.variables.len();
        let value = self.pipeline(&branch.condition, dot)?;
        let flow = if value.is_true() {
            self.list(&branch.then, if rebinds { &value } else { dot })
        } else {
            self.list(&branch.otherwise, dot)
        };
        self.variables.truncate(scope);
        flow
    }

    fn range(&mut self, branch: &Branch, dot: &Value) -> Result<Flow, Error> {
        let scope = self.variables.len();
        let over = self.pipeline(&branch.condition, dot)?;
        let items = items_of(&over).ok_or_else(|| {
            let reason = format!("range can't iterate over {}", display(&over));
            first_word(&branch.condition).map_or_else(
                || fail_at(Position { line: 1, column: 0 }, "range", &reason),
                |word| fail(word, &reason),
            )
        })?;
        if items.is_empty() {
            let flow = self.list(&branch.otherwise, dot);
            self.variables.truncate(scope);
            return flow;
        }
        let mut outcome = Flow::On;
        for (key, item) in items {
            let inner = self.variables.len();
            self.bind(&branch.condition, key, &item);
            let flow = self.list(&branch.then, &item)?;
            self.variables.truncate(inner);
            self.check_output(&branch.condition)?;
            if flow == Flow::Break {
                outcome = Flow::On;
                break;
            }
        }
        self.variables.truncate(scope);
        Ok(outcome)
    }

    fn check_output(&self, near: &Pipeline) -> Result<(), Error> {
        match first_word(near) {
            Some(word) if self.output.len() > MAX_OUTPUT => {
                Err(fail(word, "the output is too long"))
            }
            _ => Ok(()),
        }
    }

    /// The loop variables of one turn: the element, or key and element.
    fn bind(&mut self, pipeline: &Pipeline, key: Value, item: &Value) {
        let values = match pipeline.variables.len() {
            0 => return,
            1 => vec![item.clone()],
            _ => vec![key, item.clone()],
        };
        for (name, value) in pipeline.variables.iter().zip(values) {
            if pipeline.assigns {
                self.assign(name, value);
            } else {
                self.variables.push((name.clone(), value));
            }
        }
    }

    fn template(
        &mut self,
        name: &str,
        data: Option<&Pipeline>,
        at: Position,
        dot: &Value,
    ) -> Result<Flow, Error> {
        let tree = self.tree;
        let Some((_, body)) = tree
            .defined
            .iter()
            .rev()
            .find(|(defined, _)| defined == name)
        else {
            return Err(fail_at(
                at,
                "template",
                &format!("template \"{name}\" not defined"),
            ));
        };
        if self.calls >= MAX_CALLS {
            return Err(fail_at(at, "template", "exceeded maximum template depth"));
        }
        let data = match data {
            Some(pipeline) => self.pipeline(pipeline, dot)?,
            None => Value::Missing,
        };
        let outer = std::mem::replace(&mut self.variables, vec![(String::new(), data.clone())]);
        self.calls += 1;
        self.list(body, &data)?;
        self.calls -= 1;
        self.variables = outer;
        Ok(Flow::On)
    }

    fn pipeline(&mut self, pipeline: &Pipeline, dot: &Value) -> Result<Value, Error> {
        let mut last = None;
        for command in &pipeline.commands {
            last = Some(self.command(command, dot, last.take())?);
        }
        let value = last.unwrap_or(Value::Missing);
        // In `range $i, $x := ...` the variables get the elements, which `bind` does.
        if let [name] = pipeline.variables.as_slice() {
            if pipeline.assigns {
                self.assign(name, value.clone());
            } else {
                self.variables.push((name.clone(), value.clone()));
            }
        }
        Ok(value)
    }

    fn assign(&mut self, name: &str, value: Value) {
        if let Some(slot) = self
            .variables
            .iter_mut()
            .rev()
            .find(|(known, _)| known == name)
        {
            slot.1 = value;
        }
    }

    fn command(
        &mut self,
        command: &Command,
        dot: &Value,
        piped: Option<Value>,
    ) -> Result<Value, Error> {
        let Some((first, rest)) = command.words.split_first() else {
            return Ok(Value::Missing);
        };
        let callable = matches!(first.operand, Operand::Function(_)) || !first.fields.is_empty();
        if !callable && !rest.is_empty() {
            return Err(fail(
                first,
                &format!("can't give argument to non-function {}", first.source),
            ));
        }
        if let Operand::Function(name) = &first.operand
            && first.fields.is_empty()
        {
            return self.function(name, first, rest, dot, piped);
        }
        let mut arguments = Vec::with_capacity(rest.len() + 1);
        for word in rest {
            arguments.push(self.word(word, dot, &[])?);
        }
        arguments.extend(piped);
        self.word(first, dot, &arguments)
    }

    fn function(
        &mut self,
        name: &str,
        at: &Word,
        words: &[Word],
        dot: &Value,
        piped: Option<Value>,
    ) -> Result<Value, Error> {
        let mut arguments = Vec::with_capacity(words.len() + 1);
        for word in words {
            let value = self.word(word, dot, &[])?;
            // `and` and `or` do not evaluate what cannot change their result.
            let decided = match name {
                "and" => !value.is_true(),
                "or" => value.is_true(),
                _ => false,
            };
            arguments.push(value);
            if decided {
                break;
            }
        }
        arguments.extend(piped);
        functions::call(name, &arguments, self.headings)
            .map_err(|reason| fail(at, &format!("error calling {name}: {reason}")))
    }

    /// The value of an operand and the fields after it; the last field may be a method that takes
    /// the arguments.
    fn word(&mut self, word: &Word, dot: &Value, arguments: &[Value]) -> Result<Value, Error> {
        let mut value = match &word.operand {
            Operand::Dot => dot.clone(),
            Operand::Variable(name) => self
                .variables
                .iter()
                .rev()
                .find(|(known, _)| known == name)
                .map_or(Value::Missing, |(_, value)| value.clone()),
            Operand::Function(name) => self.function(name, word, &[], dot, None)?,
            Operand::Nil if word.fields.is_empty() => return Ok(Value::Null),
            Operand::Nil => return Err(fail(word, "nil is not a command")),
            Operand::Bool(value) => Value::Bool(*value),
            Operand::Int(value) => Value::Int(*value),
            Operand::Float(value) => Value::Float(*value),
            Operand::Text(text) => Value::from(text.as_str()),
            Operand::Group(pipeline) => self.pipeline(pipeline, dot)?,
        };
        for (index, name) in word.fields.iter().enumerate() {
            let last = index + 1 == word.fields.len();
            let arguments = if last { arguments } else { &[] };
            value = field(&value, name, arguments, self.headings).map_err(|reason| {
                let before: usize = word.fields[..index].iter().map(|name| name.len() + 1).sum();
                let at = match &word.operand {
                    Operand::Variable(name) => name.len() + 1,
                    _ => 0,
                };
                let column = word.at.column + at + before;
                fail_at(
                    Position {
                        line: word.at.line,
                        column,
                    },
                    &word.source,
                    &reason,
                )
            })?;
        }
        Ok(value)
    }
}

fn field(value: &Value, name: &str, arguments: &[Value], headings: bool) -> Result<Value, String> {
    match value {
        Value::Missing | Value::NullMap => Ok(Value::Missing),
        Value::Omitted(value) => field(value, name, arguments, headings),
        Value::Null => Err(format!("nil pointer evaluating interface {{}}.{name}")),
        Value::Map(entries) | Value::Struct(entries) => {
            if headings && let [Value::Text(key)] = arguments {
                return Ok(Value::from(heading_of(key)));
            }
            if !arguments.is_empty() {
                return Err(format!("{name} is not a method but has arguments"));
            }
            match (entries.iter().find(|(key, _)| key == name), value) {
                (Some((_, Value::Null)) | None, Value::Map(_)) => Ok(Value::Missing),
                (Some((_, Value::Omitted(found))), _) => Ok((**found).clone()),
                (Some((_, found)), _) => Ok(found.clone()),
                (None, _) => Err(format!("map has no entry for key \"{name}\"")),
            }
        }
        Value::Object(object) => match object.call(name, arguments) {
            Some(result) => result.map_err(|reason| format!("error calling {name}: {reason}")),
            None if arguments.is_empty() => object.field(name).ok_or_else(|| {
                format!("can't evaluate field {name} in type {}", value.type_name())
            }),
            None => Err(format!("{name} is not a method but has arguments")),
        },
        scalar => Err(format!(
            "can't evaluate field {name} in type {}",
            scalar.type_name()
        )),
    }
}

/// The heading of a column that a method makes: `.Label "com.example.some-key"` is `some key`.
fn heading_of(key: &str) -> String {
    key.rsplit('.')
        .next()
        .unwrap_or(key)
        .replace(['-', '_'], " ")
}

/// Keys and elements to loop over.
fn items_of(over: &Value) -> Option<Vec<(Value, Value)>> {
    let numbered = |index: usize| Value::Int(index as i64);
    match over {
        Value::Missing | Value::Null | Value::NullList | Value::NullMap => Some(Vec::new()),
        Value::Omitted(value) => items_of(value),
        Value::List(items) => Some(
            items
                .iter()
                .enumerate()
                .map(|(i, item)| (numbered(i), item.clone()))
                .collect(),
        ),
        Value::Map(entries) => Some(
            Value::sorted(entries)
                .into_iter()
                .map(|(key, item)| (Value::from(key.as_str()), item.clone()))
                .collect(),
        ),
        Value::Int(count) => {
            let count = usize::try_from(*count).unwrap_or(0).min(1 << 20);
            Some((0..count).map(|i| (numbered(i), numbered(i))).collect())
        }
        _ => None,
    }
}

fn first_word(pipeline: &Pipeline) -> Option<&Word> {
    pipeline.commands.first()?.words.first()
}

fn fail(word: &Word, reason: &str) -> Error {
    fail_at(word.at, &word.source, reason)
}

fn fail_at(at: Position, source: &str, reason: &str) -> Error {
    Error::Execute {
        line: at.line,
        column: at.column,
        at: source.to_owned(),
        reason: reason.to_owned(),
    }
}

/// Shares a list of values.
pub(crate) fn list(items: Vec<Value>) -> Value {
    Value::List(Rc::from(items))
}
