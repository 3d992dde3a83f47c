//! firewalld's own way to let a bridge's packets pass: its interface joins the zone `trusted`.
//!
//! firewalld owns its table, and puts its own rules back at each reload; only it can be asked. One
//! method of it is called over D-Bus, which takes a page of code here: the message's format is that
//! of the D-Bus specification, little-endian. firewalld is never started by this.

use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

/// The zone whose packets firewalld accepts, to and from everywhere.
const ZONE: &str = "trusted";
const SERVICE: &str = "org.fedoraproject.FirewallD1";
const OBJECT: &str = "/org/fedoraproject/FirewallD1";
const INTERFACE: &str = "org.fedoraproject.FirewallD1.zone";
/// Where the system's bus is.
pub(super) const BUS: &str = "/run/dbus/system_bus_socket";
/// The name of firewalld's table.
pub(super) const TABLE: &str = "firewalld";
/// How long an answer is waited for.
const PATIENCE: Duration = Duration::from_secs(5);
/// The largest message that is read.
const LARGEST: usize = 1 << 20;

/// What a message is (D-Bus specification, "Message Format").
const CALL: u8 = 1;
const RETURN: u8 = 2;
const ERROR: u8 = 3;
/// The receiver is not to be started for this.
const NO_AUTO_START: u8 = 2;
/// Header fields.
const PATH: u8 = 1;
const INTERFACE_FIELD: u8 = 2;
const MEMBER: u8 = 3;
const ERROR_NAME: u8 = 4;
const REPLY_SERIAL: u8 = 5;
const DESTINATION: u8 = 6;
const SIGNATURE: u8 = 8;

/// Has firewalld trust these bridges; fine when it does.
pub(super) fn trust(bus: &Path, bridges: &[&str]) -> io::Result<()> {
    each(bus, "addInterface", bridges, "ALREADY_ENABLED")
}

/// Takes that back; fine when it does not trust them.
pub(super) fn forget(bus: &Path, bridges: &[&str]) -> io::Result<()> {
    each(bus, "removeInterface", bridges, "UNKNOWN_INTERFACE")
}

fn each(bus: &Path, method: &str, bridges: &[&str], fine: &str) -> io::Result<()> {
    let mut bus = Bus::connect(bus)?;
    for bridge in bridges {
        if let Err(error) = bus.call((SERVICE, OBJECT, INTERFACE, method), &[ZONE, bridge])
            && !error.to_string().contains(fine)
        {
            return Err(error);
        }
    }
    Ok(())
}

struct Bus {
    stream: UnixStream,
    serial: u32,
}

impl Bus {
    fn connect(path: &Path) -> io::Result<Self> {
        let mut stream = UnixStream::connect(path)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        // The user's number in decimal digits, and those in hexadecimal.
        let user = rustix::process::geteuid().as_raw().to_string();
        let user: String = user.bytes().map(|digit| format!("{digit:02x}")).collect();
        stream.write_all(format!("\0AUTH EXTERNAL {user}\r\n").as_bytes())?;
        let answer = line(&mut stream)?;
        if !answer.starts_with("OK ") {
            return Err(io::Error::other(format!("D-Bus lets us not in: {answer}")));
        }
        stream.write_all(b"BEGIN\r\n")?;
        let mut bus = Self { stream, serial: 0 };
        let name = "org.freedesktop.DBus";
        bus.call((name, "/org/freedesktop/DBus", name, "Hello"), &[])?;
        Ok(bus)
    }

    /// Calls a method with texts; the error is what its owner says.
    fn call(&mut self, to: (&str, &str, &str, &str), arguments: &[&str]) -> io::Result<()> {
        self.serial += 1;
        let message = message(self.serial, to, arguments);
        self.stream.write_all(&message)?;
        loop {
            let answer = Answer::read(&mut self.stream)?;
            if answer.to != Some(self.serial) {
                continue;
            }
            return match answer.kind {
                RETURN => Ok(()),
                _ => Err(io::Error::other(format!(
                    "{}: {}",
                    answer.error, answer.text
                ))),
            };
        }
    }
}

fn line(stream: &mut UnixStream) -> io::Result<String> {
    let mut text = Vec::new();
    while !text.ends_with(b"\r\n") && text.len() < 1024 {
        let mut byte = [0];
        stream.read_exact(&mut byte)?;
        text.extend(byte);
    }
    Ok(String::from_utf8_lossy(&text).trim_end().to_owned())
}

fn align(bytes: &mut Vec<u8>, to: usize) {
    bytes.resize(bytes.len().next_multiple_of(to), 0);
}

fn push_text(bytes: &mut Vec<u8>, text: &str) {
    align(bytes, 4);
    bytes.extend((text.len() as u32).to_le_bytes());
    bytes.extend(text.bytes());
    bytes.push(0);
}

fn push_signature(bytes: &mut Vec<u8>, text: &str) {
    bytes.push(text.len() as u8);
    bytes.extend(text.bytes());
    bytes.push(0);
}

/// A method call of texts.
fn message(serial: u32, to: (&str, &str, &str, &str), arguments: &[&str]) -> Vec<u8> {
    let mut body = Vec::new();
    for argument in arguments {
        push_text(&mut body, argument);
    }
    let mut fields = Vec::new();
    let (service, object, interface, method) = to;
    for (code, kind, value) in [
        (PATH, "o", object),
        (DESTINATION, "s", service),
        (INTERFACE_FIELD, "s", interface),
        (MEMBER, "s", method),
    ] {
        align(&mut fields, 8);
        fields.push(code);
        push_signature(&mut fields, kind);
        push_text(&mut fields, value);
    }
    if !arguments.is_empty() {
        align(&mut fields, 8);
        fields.push(SIGNATURE);
        push_signature(&mut fields, "g");
        push_signature(&mut fields, &"s".repeat(arguments.len()));
    }
    let mut message = vec![b'l', CALL, NO_AUTO_START, 1];
    message.extend((body.len() as u32).to_le_bytes());
    message.extend(serial.to_le_bytes());
    message.extend((fields.len() as u32).to_le_bytes());
    message.extend(fields);
    align(&mut message, 8);
    message.extend(body);
    message
}

/// An incoming message, as far as it matters.
#[derive(Debug, Default, PartialEq, Eq)]
struct Answer {
    kind: u8,
    /// The serial of the call that it answers.
    to: Option<u32>,
    error: String,
    /// An error's first text.
    text: String,
}

impl Answer {
    fn read(stream: &mut impl Read) -> io::Result<Self> {
        let mut start = [0; 16];
        stream.read_exact(&mut start)?;
        let malformed = || io::Error::new(io::ErrorKind::InvalidData, "malformed D-Bus message");
        let number = |at: usize| {
            let bytes = start.get(at..at + 4).and_then(<[u8]>::first_chunk);
            bytes.map_or(0, |bytes| u32::from_le_bytes(*bytes) as usize)
        };
        let (body, fields) = (number(4), number(12));
        // Every bus answers in the order of bytes that it was asked in.
        if start[0] != b'l' || body > LARGEST || fields > LARGEST {
            return Err(malformed());
        }
        let mut rest = vec![0; fields.next_multiple_of(8) + body];
        stream.read_exact(&mut rest)?;
        let (header, body) = rest.split_at(fields.next_multiple_of(8));
        let mut answer = Self {
            kind: start[1],
            ..Self::default()
        };
        answer
            .take_fields(header.get(..fields).unwrap_or_default())
            .ok_or_else(malformed)?;
        if answer.kind == ERROR {
            answer.text = text(body, &mut 0).unwrap_or_default();
        }
        Ok(answer)
    }

    /// Fields are structures of a code and a variant.
    fn take_fields(&mut self, bytes: &[u8]) -> Option<()> {
        let mut at = 0_usize;
        while at < bytes.len() {
            at = at.next_multiple_of(8);
            let code = *bytes.get(at)?;
            at += 1;
            let kind = signature(bytes, &mut at)?;
            match kind.as_str() {
                "s" | "o" => {
                    let text = text(bytes, &mut at)?;
                    if code == ERROR_NAME {
                        self.error = text;
                    }
                }
                "g" => drop(signature(bytes, &mut at)?),
                "u" => {
                    at = at.next_multiple_of(4);
                    let number = u32::from_le_bytes(*bytes.get(at..)?.first_chunk()?);
                    at += 4;
                    if code == REPLY_SERIAL {
                        self.to = Some(number);
                    }
                }
                _ => return None,
            }
        }
        Some(())
    }
}

fn text(bytes: &[u8], at: &mut usize) -> Option<String> {
    *at = at.next_multiple_of(4);
    let length = u32::from_le_bytes(*bytes.get(*at..)?.first_chunk()?) as usize;
    let text = bytes.get(*at + 4..)?.get(..length)?;
    *at += 4 + length + 1;
    Some(String::from_utf8_lossy(text).into_owned())
}

fn signature(bytes: &[u8], at: &mut usize) -> Option<String> {
    let length = usize::from(*bytes.get(*at)?);
    let text = bytes.get(*at + 1..)?.get(..length)?;
    *at += length + 2;
    Some(String::from_utf8_lossy(text).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::net::UnixListener;
    use std::thread;

    /// A bus that answers `Hello` and then each call with one of these.
    fn bus(listener: &UnixListener, errors: &[Option<&str>]) -> Vec<Vec<u8>> {
        let (mut stream, _) = listener.accept().unwrap();
        assert!(line(&mut stream).unwrap().contains("AUTH EXTERNAL"));
        stream.write_all(b"OK 1234\r\n").unwrap();
        assert_eq!(line(&mut stream).unwrap(), "BEGIN");
        let mut seen = Vec::new();
        for (number, error) in std::iter::once(&None).chain(errors).enumerate() {
            let mut start = [0; 16];
            stream.read_exact(&mut start).unwrap();
            let length =
                |at: usize| u32::from_le_bytes(*start[at..].first_chunk().unwrap()) as usize;
            let mut rest = vec![0; length(12).next_multiple_of(8) + length(4)];
            stream.read_exact(&mut rest).unwrap();
            seen.push(rest);
            let mut fields = vec![REPLY_SERIAL];
            push_signature(&mut fields, "u");
            align(&mut fields, 4);
            fields.extend((number as u32 + 1).to_le_bytes());
            let mut body = Vec::new();
            if let Some(error) = error {
                align(&mut fields, 8);
                fields.push(ERROR_NAME);
                push_signature(&mut fields, "s");
                push_text(&mut fields, "org.fedoraproject.FirewallD1.Exception");
                push_text(&mut body, error);
            }
            let kind = if error.is_some() { ERROR } else { RETURN };
            let mut answer = vec![b'l', kind, 0, 1];
            answer.extend((body.len() as u32).to_le_bytes());
            answer.extend(7_u32.to_le_bytes());
            answer.extend((fields.len() as u32).to_le_bytes());
            answer.extend(fields);
            align(&mut answer, 8);
            answer.extend(body);
            stream.write_all(&answer).unwrap();
        }
        seen
    }

    fn asked(errors: &[Option<&str>]) -> (io::Result<()>, Vec<Vec<u8>>) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("bus");
        let listener = UnixListener::bind(&path).unwrap();
        thread::scope(|scope| {
            let seen = scope.spawn(|| bus(&listener, errors));
            let result = trust(&path, &["br-one", "br-two"]);
            (result, seen.join().unwrap())
        })
    }

    #[test]
    fn bridges_join_the_zone_and_may_be_in_it_already() {
        let (result, seen) = asked(&[None, Some("ALREADY_ENABLED: 'br-two' already bound")]);
        result.unwrap();
        let text = String::from_utf8_lossy(&seen[1]).into_owned();
        for part in ["addInterface", "trusted", "br-one", INTERFACE] {
            assert!(text.contains(part), "{text}");
        }
    }

    #[test]
    fn what_firewalld_refuses_is_told() {
        let (result, _) = asked(&[None, Some("ZONE_CONFLICT: 'br-two' is in zone public")]);
        assert!(result.unwrap_err().to_string().contains("ZONE_CONFLICT"));
    }

    #[test]
    fn no_bus_is_an_error() {
        trust(Path::new("/nowhere"), &["br"]).unwrap_err();
    }

    #[test]
    fn malformed_messages_are_refused() {
        for bytes in [&[0; 16][..], b"l\x02\0\x01\xff\xff\xff\xff\0\0\0\0\0\0\0\0"] {
            Answer::read(&mut &*bytes).unwrap_err();
        }
        assert_eq!(Answer::default().take_fields(&[5, 1, b'u']), None);
    }
}
