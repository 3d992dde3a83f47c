//! Comma-separated flags with Go's quoting: `a=1,"b=2,3"`.

use crate::Error;

/// Splits into fields; a field in double quotes may hold commas, `""` in it is one quote.
pub fn fields(text: &str) -> Result<Vec<String>, Error> {
    let mut fields = Vec::new();
    let mut chars = text.chars().peekable();
    loop {
        let mut field = String::new();
        if chars.peek() == Some(&'"') {
            chars.next();
            quoted(&mut chars, &mut field, text)?;
        }
        while let Some(c) = chars.next_if(|c| *c != ',') {
            if c == '"' {
                return Err(Error::Quotes {
                    column: text.find('"').unwrap_or(0) + 1,
                });
            }
            field.push(c);
        }
        fields.push(field);
        if chars.next().is_none() {
            return Ok(fields);
        }
    }
}

fn quoted(
    chars: &mut std::iter::Peekable<std::str::Chars<'_>>,
    field: &mut String,
    text: &str,
) -> Result<(), Error> {
    while let Some(c) = chars.next() {
        if c != '"' {
            field.push(c);
        } else if chars.next_if_eq(&'"').is_some() {
            field.push('"');
        } else {
            return Ok(());
        }
    }
    Err(Error::Quotes { column: text.len() })
}

/// Splits `key=value`.
pub(crate) fn pair(field: &str) -> Result<(&str, &str), Error> {
    field
        .split_once('=')
        .ok_or_else(|| Error::FieldWithoutValue(field.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn honours_quotes() {
        assert_eq!(fields("a=1,b=2").unwrap(), ["a=1", "b=2"]);
        assert_eq!(fields("a=1,\"b=2,3\"").unwrap(), ["a=1", "b=2,3"]);
        assert_eq!(fields("\"say \"\"x\"\"\"").unwrap(), ["say \"x\""]);
        assert!(fields("\"open").is_err());
        assert!(fields("a\"b").is_err());
    }
}
