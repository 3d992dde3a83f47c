//! One request over a unix socket, as plain as possible: what is compared must be the daemon's work.

use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail};

/// A request.
pub(crate) struct Request<'a> {
    pub(crate) method: &'a str,
    pub(crate) path: &'a str,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    /// Sent after the daemon has agreed to speak raw.
    pub(crate) input: Option<&'a str>,
}

/// What came back, unchanged.
pub(crate) struct Raw {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

/// How long a daemon may be silent.
const PATIENCE: Duration = Duration::from_secs(60);

/// Sends it and reads the whole answer.
pub(crate) fn ask(socket: &Path, request: &Request<'_>) -> Result<Raw> {
    let mut stream = UnixStream::connect(socket)
        .with_context(|| format!("cannot reach {}", socket.display()))?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(&head(request))?;
    // A daemon may refuse and close before it has read the body.
    let _ = stream.write_all(&request.body);
    let mut reader = BufReader::new(stream.try_clone()?);
    let (status, headers) = read_head(&mut reader)?;
    if let Some(input) = request.input
        && status < 300
    {
        stream.write_all(input.as_bytes())?;
        stream.shutdown(Shutdown::Write)?;
    }
    let body = if request.method == "HEAD" {
        Vec::new()
    } else {
        read_body(&mut reader, status, &headers)?
    };
    Ok(Raw {
        status,
        headers,
        body,
    })
}

fn head(request: &Request<'_>) -> Vec<u8> {
    let mut head = format!(
        "{} {} HTTP/1.1\r\nHost: docker\r\n",
        request.method, request.path
    );
    for (name, value) in &request.headers {
        let _ = write!(head, "{name}: {value}\r\n");
    }
    if !request.body.is_empty() || request.method == "POST" || request.method == "PUT" {
        let _ = write!(head, "Content-Length: {}\r\n", request.body.len());
    }
    head.push_str("\r\n");
    head.into_bytes()
}

type Headers = Vec<(String, String)>;

fn read_head(reader: &mut impl BufRead) -> Result<(u16, Headers)> {
    let first = read_line(reader)?;
    let status = first
        .split(' ')
        .nth(1)
        .and_then(|s| s.parse().ok())
        .with_context(|| format!("{first:?} is no status line"))?;
    let mut headers = Vec::new();
    loop {
        let line = read_line(reader)?;
        if line.is_empty() {
            return Ok((status, headers));
        }
        let (name, value) = line.split_once(':').unwrap_or((&line, ""));
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
}

fn read_line(reader: &mut impl BufRead) -> Result<String> {
    let mut line = String::new();
    if reader.read_line(&mut line)? == 0 {
        bail!("the daemon closed the connection");
    }
    Ok(line.trim_end().to_owned())
}

fn read_body(
    reader: &mut impl BufRead,
    status: u16,
    headers: &[(String, String)],
) -> Result<Vec<u8>> {
    let header = |name: &str| headers.iter().find(|(n, _)| n == name).map(|(_, v)| v);
    let mut body = Vec::new();
    if matches!(status, 204 | 304) {
        return Ok(body);
    }
    if header("transfer-encoding").is_some() {
        loop {
            let size = read_line(reader)?;
            let size = usize::from_str_radix(size.split(';').next().unwrap_or_default(), 16)?;
            reader.take(size as u64).read_to_end(&mut body)?;
            read_line(reader)?;
            if size == 0 {
                return Ok(body);
            }
        }
    }
    match header("content-length") {
        Some(length) => reader.take(length.parse()?).read_to_end(&mut body)?,
        None => reader.read_to_end(&mut body)?,
    };
    Ok(body)
}
