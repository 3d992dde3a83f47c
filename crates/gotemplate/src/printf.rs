//! Go's `fmt`, as far as a template can reach it.

use std::fmt::Write as _;

use crate::Value;
use crate::quote::quote;

/// A width or precision beyond this is ignored, as it could only be meant to exhaust memory.
const MAX_WIDTH: usize = 4096;

/// `%v`.
pub(crate) fn display(value: &Value) -> String {
    match value {
        Value::Missing => "<no value>".to_owned(),
        Value::Null => "<nil>".to_owned(),
        Value::NullList => "[]".to_owned(),
        Value::NullMap => "map[]".to_owned(),
        Value::Omitted(value) => display(value),
        Value::Bool(value) => value.to_string(),
        Value::Int(value) => value.to_string(),
        Value::Float(value) => float(*value),
        Value::Text(text) => text.to_string(),
        Value::List(items) => {
            let texts: Vec<String> = items.iter().map(inner).collect();
            format!("[{}]", texts.join(" "))
        }
        Value::Map(entries) => {
            let texts: Vec<String> = Value::sorted(entries)
                .into_iter()
                .map(|(key, value)| format!("{key}:{}", inner(value)))
                .collect();
            format!("map[{}]", texts.join(" "))
        }
        Value::Struct(entries) => {
            let texts: Vec<String> = entries.iter().map(|(_, value)| inner(value)).collect();
            format!("{{{}}}", texts.join(" "))
        }
        Value::Object(object) => {
            let texts: Vec<String> = object
                .fields()
                .iter()
                .map(|name| inner(&object.field(name).unwrap_or(Value::Null)))
                .collect();
            format!("{{{}}}", texts.join(" "))
        }
    }
}

/// What stands inside a list or map: only the outermost value can be missing.
fn inner(value: &Value) -> String {
    if matches!(value, Value::Missing) {
        "<nil>".to_owned()
    } else {
        display(value)
    }
}

/// `Sprint`: a space between two operands when neither is a string.
pub(crate) fn print(values: &[Value]) -> String {
    let mut out = String::new();
    for (index, value) in values.iter().enumerate() {
        let strings = |value: &Value| matches!(value, Value::Text(_));
        if index > 0 && !strings(value) && !strings(&values[index - 1]) {
            out.push(' ');
        }
        out.push_str(&inner(value));
    }
    out
}

/// `Sprintln`.
pub(crate) fn println(values: &[Value]) -> String {
    let texts: Vec<String> = values.iter().map(inner).collect();
    texts.join(" ") + "\n"
}

/// `%v` of a float: the shortest digits that read back the same, with an exponent below -4 or from
/// 21 up.
fn float(value: f64) -> String {
    if value.is_nan() {
        return "NaN".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { "+Inf" } else { "-Inf" }.to_owned();
    }
    let magnitude = value.abs();
    if magnitude != 0.0 && !(1e-4..1e21).contains(&magnitude) {
        return exponent(value, None);
    }
    format!("{value}")
}

/// `%e`, with Go's two-digit exponent.
pub(crate) fn exponent(value: f64, precision: Option<usize>) -> String {
    let text = match precision {
        Some(precision) => format!("{value:.precision$e}"),
        None => format!("{value:e}"),
    };
    let Some((digits, exponent)) = text.split_once('e') else {
        return text;
    };
    let (sign, exponent) = match exponent.strip_prefix('-') {
        Some(rest) => ('-', rest),
        None => ('+', exponent),
    };
    format!("{digits}e{sign}{exponent:0>2}")
}

/// The flags, width and precision of one verb.
#[derive(Default)]
struct Directive {
    minus: bool,
    plus: bool,
    sharp: bool,
    space: bool,
    zero: bool,
    width: Option<usize>,
    precision: Option<usize>,
}

/// `Sprintf`, wrong verbs and argument counts included.
pub(crate) fn sprintf(format: &str, arguments: &[Value]) -> String {
    let mut out = String::new();
    let mut chars = format.chars().peekable();
    let mut next = 0;
    while let Some(c) = chars.next() {
        if c != '%' {
            out.push(c);
            continue;
        }
        let directive = directive(&mut chars, arguments, &mut next);
        match chars.next() {
            None => out.push_str("%!(NOVERB)"),
            Some('%') => out.push('%'),
            Some(verb) => match arguments.get(next) {
                None => {
                    let _ = write!(out, "%!{verb}(MISSING)");
                }
                Some(value) => {
                    next += 1;
                    out.push_str(&pad(formatted(verb, &directive, value), &directive, value));
                }
            },
        }
    }
    if next < arguments.len() {
        let extra: Vec<String> = arguments[next..].iter().map(typed).collect();
        let _ = write!(out, "%!(EXTRA {})", extra.join(", "));
    }
    out
}

fn directive(
    chars: &mut std::iter::Peekable<std::str::Chars<'_>>,
    arguments: &[Value],
    next: &mut usize,
) -> Directive {
    let mut directive = Directive::default();
    while let Some(flag) = chars.peek() {
        match flag {
            '-' => directive.minus = true,
            '+' => directive.plus = true,
            '#' => directive.sharp = true,
            ' ' => directive.space = true,
            '0' => directive.zero = true,
            _ => break,
        }
        chars.next();
    }
    directive.width = number(chars, arguments, next);
    if chars.peek() == Some(&'.') {
        chars.next();
        directive.precision = Some(number(chars, arguments, next).unwrap_or(0));
    }
    directive
}

fn number(
    chars: &mut std::iter::Peekable<std::str::Chars<'_>>,
    arguments: &[Value],
    next: &mut usize,
) -> Option<usize> {
    if chars.peek() == Some(&'*') {
        chars.next();
        let value = arguments.get(*next)?;
        *next += 1;
        let Value::Int(value) = value else {
            return None;
        };
        return usize::try_from(*value)
            .ok()
            .map(|value| value.min(MAX_WIDTH));
    }
    let mut value: Option<usize> = None;
    while let Some(digit) = chars.peek().and_then(|c| c.to_digit(10)) {
        value = Some((value.unwrap_or(0) * 10 + digit as usize).min(MAX_WIDTH));
        chars.next();
    }
    value
}

fn formatted(verb: char, directive: &Directive, value: &Value) -> String {
    match (verb, value) {
        ('v', Value::Text(text)) if directive.sharp => quote(text),
        ('v', Value::Int(_)) => integer('d', directive, value).unwrap_or_default(),
        ('v', Value::Text(_)) => string('s', directive, value).unwrap_or_default(),
        ('v', Value::Missing) => "<nil>".to_owned(),
        ('v', _) => display(value),
        ('T', _) => value.type_name().to_owned(),
        ('t', Value::Bool(value)) => value.to_string(),
        ('s' | 'q' | 'x' | 'X', Value::List(items)) => {
            let texts: Vec<String> = items
                .iter()
                .map(|item| formatted(verb, directive, item))
                .collect();
            format!("[{}]", texts.join(" "))
        }
        ('s' | 'q' | 'x' | 'X' | 'd', Value::Map(entries)) => {
            let texts: Vec<String> = Value::sorted(entries)
                .into_iter()
                .map(|(key, item)| {
                    let key = formatted(verb, directive, &Value::from(key.as_str()));
                    format!("{key}:{}", formatted(verb, directive, item))
                })
                .collect();
            format!("map[{}]", texts.join(" "))
        }
        ('d', Value::List(items)) => {
            let texts: Vec<String> = items
                .iter()
                .map(|item| formatted(verb, directive, item))
                .collect();
            format!("[{}]", texts.join(" "))
        }
        _ => string(verb, directive, value)
            .or_else(|| integer(verb, directive, value))
            .or_else(|| fraction(verb, directive, value))
            .unwrap_or_else(|| wrong(verb, value)),
    }
}

fn string(verb: char, directive: &Directive, value: &Value) -> Option<String> {
    let Value::Text(text) = value else {
        return None;
    };
    let cut: String = match directive.precision {
        Some(precision) => text.chars().take(precision).collect(),
        None => text.to_string(),
    };
    match verb {
        's' => Some(cut),
        'q' => Some(quote(&cut)),
        'x' => Some(cut.bytes().map(|byte| format!("{byte:02x}")).collect()),
        'X' => Some(cut.bytes().map(|byte| format!("{byte:02X}")).collect()),
        _ => None,
    }
}

fn integer(verb: char, directive: &Directive, value: &Value) -> Option<String> {
    let Value::Int(value) = value else {
        return None;
    };
    let magnitude = value.unsigned_abs();
    let digits = match verb {
        'd' => magnitude.to_string(),
        'b' => format!("{magnitude:b}"),
        'o' if directive.sharp => format!("0{magnitude:o}"),
        'o' => format!("{magnitude:o}"),
        'x' if directive.sharp => format!("0x{magnitude:x}"),
        'x' => format!("{magnitude:x}"),
        'X' if directive.sharp => format!("0X{magnitude:X}"),
        'X' => format!("{magnitude:X}"),
        'c' => return Some(character(*value).to_string()),
        'q' => return Some(format!("'{}'", character(*value))),
        'U' => return Some(format!("U+{magnitude:04X}")),
        _ => return None,
    };
    let digits = match directive.precision {
        Some(precision) => format!("{digits:0>precision$}"),
        None => digits,
    };
    Some(format!("{}{digits}", sign(*value < 0, directive)))
}

fn fraction(verb: char, directive: &Directive, value: &Value) -> Option<String> {
    let Value::Float(value) = value else {
        return None;
    };
    let magnitude = value.abs();
    let digits = match verb {
        'f' | 'F' => format!("{magnitude:.*}", directive.precision.unwrap_or(6)),
        'e' => exponent(magnitude, Some(directive.precision.unwrap_or(6))),
        'E' => exponent(magnitude, Some(directive.precision.unwrap_or(6))).to_uppercase(),
        'g' | 'G' => float(magnitude),
        _ => return None,
    };
    Some(format!("{}{digits}", sign(*value < 0.0, directive)))
}

fn sign(negative: bool, directive: &Directive) -> &'static str {
    match (negative, directive.plus, directive.space) {
        (true, _, _) => "-",
        (false, true, _) => "+",
        (false, false, true) => " ",
        (false, false, false) => "",
    }
}

fn character(code: i64) -> char {
    u32::try_from(code)
        .ok()
        .and_then(char::from_u32)
        .unwrap_or('\u{fffd}')
}

fn pad(text: String, directive: &Directive, value: &Value) -> String {
    let Some(width) = directive.width else {
        return text;
    };
    let length = text.chars().count();
    if length >= width {
        return text;
    }
    let missing = width - length;
    if directive.minus {
        return text + &" ".repeat(missing);
    }
    let numeric = matches!(value, Value::Int(_) | Value::Float(_));
    if directive.zero && numeric && text.starts_with(['-', '+', ' ']) {
        return format!("{}{}{}", &text[..1], "0".repeat(missing), &text[1..]);
    }
    if directive.zero {
        return "0".repeat(missing) + &text;
    }
    " ".repeat(missing) + &text
}

fn wrong(verb: char, value: &Value) -> String {
    match value {
        Value::Missing | Value::Null => format!("%!{verb}(<nil>)"),
        _ => format!("%!{verb}({})", typed(value)),
    }
}

fn typed(value: &Value) -> String {
    match value {
        Value::Missing | Value::Null => "<nil>".to_owned(),
        _ => format!("{}={}", value.type_name(), display(value)),
    }
}
