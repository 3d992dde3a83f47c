//! From tokens to a tree.

use crate::ast::{Branch, Command, Node, Operand, Pipeline, Position, Tree, Word};
use crate::error::Error;
use crate::functions;
use crate::lex::{Placed, Token, lex};

/// Deeper nesting than this is refused, so that hostile input cannot exhaust the stack.
const MAX_DEPTH: usize = 100;

pub(crate) fn parse(source: &str) -> Result<Tree, Error> {
    let tokens = lex(source)?;
    let mut parser = Parser {
        source,
        tokens,
        next: 0,
        defined: Vec::new(),
        variables: vec![String::new()],
        depth: 0,
        loops: 0,
    };
    let (body, end) = parser.list()?;
    match end {
        Stopped::Source => Ok(Tree {
            body,
            defined: parser.defined,
        }),
        Stopped::End => Err(parser.fail("unexpected {{end}}")),
        Stopped::Else(_) => Err(parser.fail("unexpected {{else}}")),
    }
}

struct Parser<'a> {
    source: &'a str,
    tokens: Vec<Placed>,
    next: usize,
    defined: Vec<(String, Vec<Node>)>,
    variables: Vec<String>,
    depth: usize,
    loops: usize,
}

/// What ended a list of nodes.
enum Stopped {
    Source,
    End,
    /// `{{else}}`, or `{{else if ...}}` with the keyword.
    Else(Option<String>),
}

impl Parser<'_> {
    fn list(&mut self) -> Result<(Vec<Node>, Stopped), Error> {
        let mut nodes = Vec::new();
        loop {
            match self.bump() {
                None => return Ok((nodes, Stopped::Source)),
                Some(Token::Text(text)) => nodes.push(Node::Text(text)),
                Some(Token::Open) => {
                    self.skip_space();
                    let keyword = match self.peek() {
                        Some(Token::Identifier(name)) => name.clone(),
                        _ => String::new(),
                    };
                    match keyword.as_str() {
                        "end" => {
                            self.bump();
                            self.close("end")?;
                            return Ok((nodes, Stopped::End));
                        }
                        "else" => {
                            self.bump();
                            return Ok((nodes, Stopped::Else(self.chained_else()?)));
                        }
                        _ => nodes.extend(self.action(&keyword)?),
                    }
                }
                Some(_) => return Err(self.fail("unexpected token outside an action")),
            }
        }
    }

    /// After `else`: a keyword that starts the next condition, or the end of the action.
    fn chained_else(&mut self) -> Result<Option<String>, Error> {
        self.skip_space();
        if let Some(Token::Identifier(name)) = self.peek()
            && (name == "if" || name == "with")
        {
            let name = name.clone();
            self.bump();
            return Ok(Some(name));
        }
        self.close("else")?;
        Ok(None)
    }

    fn action(&mut self, keyword: &str) -> Result<Option<Node>, Error> {
        match keyword {
            "if" | "with" | "range" => {
                self.bump();
                self.branch(keyword).map(Some)
            }
            "break" | "continue" if self.loops == 0 => {
                Err(self.fail(&format!("{{{{{keyword}}}}} outside {{{{range}}}}")))
            }
            "break" | "continue" => {
                self.bump();
                self.close(keyword)?;
                Ok(Some(if keyword == "break" {
                    Node::Break
                } else {
                    Node::Continue
                }))
            }
            "define" => {
                self.bump();
                self.define()?;
                Ok(None)
            }
            "block" => {
                self.bump();
                self.block().map(Some)
            }
            "template" => {
                self.bump();
                self.call().map(Some)
            }
            _ => Ok(Some(Node::Print(self.pipeline("command", &Token::Close)?))),
        }
    }

    fn branch(&mut self, keyword: &str) -> Result<Node, Error> {
        self.enter()?;
        let scope = self.variables.len();
        let condition = self.pipeline(keyword, &Token::Close)?;
        self.loops += usize::from(keyword == "range");
        let (then, end) = self.list()?;
        self.loops -= usize::from(keyword == "range");
        let otherwise = match end {
            Stopped::End => Vec::new(),
            Stopped::Else(None) => match self.list()? {
                (nodes, Stopped::End) => nodes,
                (_, Stopped::Else(_)) => return Err(self.fail("expected end; found {{else}}")),
                (_, Stopped::Source) => return Err(self.fail("unexpected EOF")),
            },
            Stopped::Else(Some(next)) => vec![self.branch(&next)?],
            Stopped::Source => return Err(self.fail("unexpected EOF")),
        };
        self.variables.truncate(scope);
        self.depth -= 1;
        let branch = Branch {
            condition,
            then,
            otherwise,
        };
        Ok(match keyword {
            "if" => Node::If(branch),
            "with" => Node::With(branch),
            _ => Node::Range(branch),
        })
    }

    fn define(&mut self) -> Result<(), Error> {
        let name = self.name("define")?;
        self.close("define clause")?;
        let body = self.definition()?;
        self.defined.push((name, body));
        Ok(())
    }

    fn block(&mut self) -> Result<Node, Error> {
        let at = self.here();
        let name = self.name("block clause")?;
        let data = self.pipeline("block clause", &Token::Close)?;
        let body = self.definition()?;
        self.defined.push((name.clone(), body));
        Ok(Node::Template {
            name,
            data: Some(data),
            at,
        })
    }

    fn definition(&mut self) -> Result<Vec<Node>, Error> {
        self.enter()?;
        let outer = std::mem::replace(&mut self.variables, vec![String::new()]);
        let (body, end) = self.list()?;
        self.variables = outer;
        self.depth -= 1;
        match end {
            Stopped::End => Ok(body),
            _ => Err(self.fail("unexpected EOF in template definition")),
        }
    }

    fn call(&mut self) -> Result<Node, Error> {
        let at = self.here();
        let name = self.name("template clause")?;
        self.skip_space();
        if matches!(self.peek(), Some(Token::Close)) {
            self.bump();
            return Ok(Node::Template {
                name,
                data: None,
                at,
            });
        }
        let data = self.pipeline("template clause", &Token::Close)?;
        Ok(Node::Template {
            name,
            data: Some(data),
            at,
        })
    }

    fn name(&mut self, context: &str) -> Result<String, Error> {
        self.skip_space();
        match self.bump() {
            Some(Token::String(name)) => Ok(name),
            _ => Err(self.fail(&format!("expected a template name in {context}"))),
        }
    }

    fn pipeline(&mut self, context: &str, end: &Token) -> Result<Pipeline, Error> {
        self.enter()?;
        let (variables, assigns) = self.declarations(context)?;
        let mut commands = Vec::new();
        loop {
            let command = self.command(context)?;
            if command.words.is_empty() {
                return Err(if commands.is_empty() {
                    self.fail(&format!("missing value for {context}"))
                } else {
                    self.fail(&format!("missing value for {context} after |"))
                });
            }
            commands.push(command);
            match self.bump() {
                Some(Token::Pipe) => {}
                Some(token) if token == *end => break,
                Some(Token::CloseParen) => return Err(self.fail("unexpected right paren")),
                Some(Token::Close) => return Err(self.fail("unclosed left paren")),
                _ => return Err(self.fail(&format!("unexpected token in {context}"))),
            }
        }
        for command in &commands[1..] {
            if !command.takes_arguments() {
                return Err(self.fail("non executable command in pipeline"));
            }
        }
        self.variables
            .extend(variables.iter().filter(|_| !assigns).cloned());
        self.depth -= 1;
        Ok(Pipeline {
            variables,
            assigns,
            commands,
        })
    }

    /// `$x :=`, `$x =`, `$i, $x :=` at the start of a pipeline.
    fn declarations(&mut self, context: &str) -> Result<(Vec<String>, bool), Error> {
        let start = self.next;
        let mut names = Vec::new();
        loop {
            self.skip_space();
            let Some(Token::Variable(name)) = self.peek() else {
                break;
            };
            names.push(name.clone());
            self.bump();
            self.skip_space();
            match self.peek() {
                Some(Token::Declare) => {
                    self.bump();
                    return Ok((names, false));
                }
                Some(Token::Assign) => {
                    self.bump();
                    if let Some(unknown) = names.iter().find(|name| !self.variables.contains(name))
                    {
                        return Err(self.fail(&format!("undefined variable \"${unknown}\"")));
                    }
                    return Ok((names, true));
                }
                Some(Token::Comma) if context == "range" && names.len() < 2 => {
                    self.bump();
                }
                _ => break,
            }
        }
        self.next = start;
        Ok((Vec::new(), false))
    }

    fn command(&mut self, context: &str) -> Result<Command, Error> {
        let mut words = Vec::new();
        loop {
            self.skip_space();
            match self.peek() {
                None => return Err(self.fail("unclosed action")),
                Some(Token::Pipe | Token::Close | Token::CloseParen) => {
                    return Ok(Command { words });
                }
                Some(_) => words.push(self.word(context)?),
            }
            if !matches!(
                self.peek(),
                Some(Token::Space | Token::Pipe | Token::Close | Token::CloseParen) | None
            ) {
                return Err(self.fail(&format!("unexpected token in {context}")));
            }
        }
    }

    fn word(&mut self, context: &str) -> Result<Word, Error> {
        let start = self.tokens[self.next].start;
        let at = self.tokens[self.next].at;
        let mut fields = Vec::new();
        let operand = match self.bump() {
            Some(Token::Dot) => Operand::Dot,
            Some(Token::Field { name, .. }) => {
                fields.push(name);
                Operand::Dot
            }
            Some(Token::Variable(name)) if self.variables.contains(&name) => {
                Operand::Variable(name)
            }
            Some(Token::Variable(name)) => {
                return Err(self.fail(&format!("undefined variable \"${name}\"")));
            }
            Some(Token::Identifier(name)) => match name.as_str() {
                "true" | "false" => Operand::Bool(name == "true"),
                "nil" => Operand::Nil,
                _ if functions::exists(&name) => Operand::Function(name),
                _ => return Err(self.fail(&format!("function \"{name}\" not defined"))),
            },
            Some(Token::String(text)) => Operand::Text(text),
            Some(Token::Int(value)) => Operand::Int(value),
            Some(Token::Float(value)) => Operand::Float(value),
            Some(Token::OpenParen) => Operand::Group(Box::new(
                self.pipeline("parenthesized pipeline", &Token::CloseParen)?,
            )),
            _ => return Err(self.fail(&format!("unexpected token in {context}"))),
        };
        while let Some(Token::Field { name, glued: true }) = self.peek() {
            let name = name.clone();
            if matches!(
                operand,
                Operand::Bool(_)
                    | Operand::Int(_)
                    | Operand::Float(_)
                    | Operand::Text(_)
                    | Operand::Nil
            ) {
                return Err(self.fail(&format!("unexpected . after term \"{name}\"")));
            }
            fields.push(name);
            self.bump();
        }
        let end = self.tokens[self.next - 1].end;
        Ok(Word {
            operand,
            fields,
            at,
            source: self.source[start..end].to_owned(),
        })
    }

    fn close(&mut self, context: &str) -> Result<(), Error> {
        self.skip_space();
        match self.bump() {
            Some(Token::Close) => Ok(()),
            _ => Err(self.fail(&format!("unexpected token in {context}"))),
        }
    }

    fn enter(&mut self) -> Result<(), Error> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(self.fail("template is nested too deeply"));
        }
        Ok(())
    }

    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.next).map(|placed| &placed.token)
    }

    fn bump(&mut self) -> Option<Token> {
        let token = self.tokens.get(self.next)?.token.clone();
        self.next += 1;
        Some(token)
    }

    fn skip_space(&mut self) {
        while matches!(self.peek(), Some(Token::Space)) {
            self.next += 1;
        }
    }

    fn here(&self) -> Position {
        let index = self
            .next
            .saturating_sub(1)
            .min(self.tokens.len().saturating_sub(1));
        self.tokens
            .get(index)
            .map_or(Position { line: 1, column: 0 }, |placed| placed.at)
    }

    fn fail(&self, reason: &str) -> Error {
        Error::Parse {
            line: self.here().line,
            reason: reason.to_owned(),
        }
    }
}

impl Command {
    /// Whether the value of an earlier command can be handed on to this one.
    fn takes_arguments(&self) -> bool {
        self.words.first().is_some_and(|word| {
            !word.fields.is_empty() || matches!(word.operand, Operand::Function(_))
        })
    }
}
