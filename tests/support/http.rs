//! HTTP/1.1 as the test servers see it: a [`Request`] read from a socket byte by byte, a [`Response`] to write to it.
//!
//! Lenient on purpose and independent of what authpost uses, so that both never have the same bug: every byte that
//! arrived is kept in [`Request::raw`], whatever it means. Plain std, because the demo API includes this file too.
use std::io::{self, Read};
use std::time::{Duration, Instant};

/// One request, or as much of it as was read.
#[derive(Clone, Debug)]
pub struct Request {
    /// The number of the connection it came on, from 0, in the order in which they were accepted.
    pub connection: usize,
    /// When its first bytes were read.
    pub at: Instant,
    raw: Vec<u8>,
    head: usize,
    decoded: Option<Vec<u8>>,
}

impl Request {
    fn new(connection: usize, at: Instant, raw: &[u8], frame: Option<Frame>) -> Request {
        let frame = frame.filter(|f| f.head <= raw.len());
        let head = frame.map_or(raw.len(), |f| f.head);
        let decoded = match frame.map(|f| f.body) {
            Some(Body::Chunked) => Some(unchunk(&raw[head..]).data),
            _ => None,
        };
        Request {
            connection,
            at,
            raw: raw.to_vec(),
            head,
            decoded,
        }
    }

    /// Every byte that was read of it.
    pub fn raw(&self) -> &[u8] {
        &self.raw
    }

    /// Request line and header fields, up to and with the empty line.
    pub fn head(&self) -> &str {
        std::str::from_utf8(&self.raw[..self.head]).unwrap_or("(not UTF-8)")
    }

    /// The content, with any chunked framing removed.
    pub fn body(&self) -> &[u8] {
        self.decoded.as_deref().unwrap_or(&self.raw[self.head..])
    }

    /// The content as text.
    pub fn text(&self) -> &str {
        std::str::from_utf8(self.body()).unwrap_or("(not UTF-8)")
    }

    /// `POST /data HTTP/1.1`
    pub fn line(&self) -> &str {
        self.head().lines().next().unwrap_or("")
    }

    pub fn method(&self) -> &str {
        self.line().split(' ').next().unwrap_or("")
    }

    /// The request target as sent: path and query, or what a proxy is asked for.
    pub fn path(&self) -> &str {
        self.line().split(' ').nth(1).unwrap_or("")
    }

    /// The first field of that name, in whichever case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.fields()
            .find(|(n, _)| n.eq_ignore_ascii_case(name))
            .map(|(_, v)| v)
    }

    /// Every field of that name: a header sent twice must be seen.
    pub fn headers(&self, name: &str) -> Vec<&str> {
        self.fields()
            .filter(|(n, _)| n.eq_ignore_ascii_case(name))
            .map(|(_, v)| v)
            .collect()
    }

    /// All header fields as sent, in order.
    pub fn fields(&self) -> impl Iterator<Item = (&str, &str)> {
        self.head()
            .lines()
            .skip(1)
            .filter_map(|l| l.split_once(':'))
            .map(|(n, v)| (n, v.trim()))
    }
}

/// How much of the current request a step wants to have read.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Part {
    /// Until its empty line.
    Head,
    /// Until the end of its content.
    Whole,
    /// Until this many bytes of it.
    Bytes(usize),
}

/// The result of reading a [`Part`].
pub enum ReadOutcome {
    /// It is all there.
    Done(Request),
    /// The client ended first; this is what it had sent.
    Short(Request),
    /// The client ended without another byte.
    Ended,
}

/// The bytes that arrived on one connection and belong to no finished request yet.
///
/// A request leaves only when its [`Part::Whole`] has been read: reading the head and then the whole yields the same
/// request twice, the second time complete.
pub struct Inbox {
    connection: usize,
    buffer: Vec<u8>,
    midway: bool,
    at: Instant,
    scratch: Box<[u8]>,
}

impl Inbox {
    pub fn new(connection: usize) -> Inbox {
        Inbox {
            connection,
            buffer: Vec::new(),
            midway: false,
            at: Instant::now(),
            scratch: vec![0; 64 * 1024].into_boxed_slice(),
        }
    }

    /// Whether a part of the current request has been read, but not the whole.
    pub fn is_midway(&self) -> bool {
        self.midway
    }

    /// Reads until `part` of the current request is there.
    pub fn read(&mut self, from: &mut dyn Read, part: Part) -> io::Result<ReadOutcome> {
        let mut frame = None;
        loop {
            frame = frame.or_else(|| Frame::parse(&self.buffer));
            let end = match part {
                Part::Head => frame.map(|f| f.head),
                Part::Whole => frame.and_then(|f| f.end(&self.buffer)),
                Part::Bytes(n) => (self.buffer.len() >= n).then_some(n),
            };
            if let Some(end) = end {
                let request = Request::new(self.connection, self.at, &self.buffer[..end], frame);
                self.midway = part != Part::Whole;
                if !self.midway {
                    self.buffer.drain(..end);
                }
                return Ok(ReadOutcome::Done(request));
            }
            // Bytes beyond `part` stay in the kernel, so that a client can be blocked in the middle of its request.
            let most = match part {
                Part::Bytes(n) => n - self.buffer.len(),
                Part::Head => 1,
                Part::Whole => self.scratch.len(),
            };
            if !self.fill(from, most)? {
                return Ok(match self.buffer.len() {
                    0 => ReadOutcome::Ended,
                    _ => ReadOutcome::Short(Request::new(
                        self.connection,
                        self.at,
                        &std::mem::take(&mut self.buffer),
                        frame,
                    )),
                });
            }
        }
    }

    fn fill(&mut self, from: &mut dyn Read, most: usize) -> io::Result<bool> {
        let most = most.min(self.scratch.len());
        let n = match from.read(&mut self.scratch[..most]) {
            Err(e) if is_end(&e) => 0,
            other => other?,
        };
        if self.buffer.is_empty() {
            self.at = Instant::now();
        }
        self.buffer.extend_from_slice(&self.scratch[..n]);
        Ok(n > 0)
    }
}

/// Whether an error only says that the client is gone: by reset, or over TLS without close_notify.
pub fn is_end(error: &io::Error) -> bool {
    use io::ErrorKind::*;
    matches!(
        error.kind(),
        ConnectionReset | ConnectionAborted | BrokenPipe | UnexpectedEof | NotConnected
    )
}

/// Where a request's head ends, and how its content is delimited (RFC 9112, section 6).
#[derive(Clone, Copy)]
struct Frame {
    head: usize,
    body: Body,
}

#[derive(Clone, Copy)]
enum Body {
    Length(usize),
    Chunked,
}

impl Frame {
    fn parse(bytes: &[u8]) -> Option<Frame> {
        let head = bytes.windows(4).position(|w| w == b"\r\n\r\n")? + 4;
        let mut body = Body::Length(0);
        for line in std::str::from_utf8(&bytes[..head]).unwrap_or("").lines() {
            let Some((name, value)) = line.split_once(':') else {
                continue;
            };
            if name.eq_ignore_ascii_case("transfer-encoding")
                && value.trim().eq_ignore_ascii_case("chunked")
            {
                return Some(Frame {
                    head,
                    body: Body::Chunked,
                });
            }
            if name.eq_ignore_ascii_case("content-length") {
                body = Body::Length(value.trim().parse().unwrap_or(0));
            }
        }
        Some(Frame { head, body })
    }

    fn end(self, bytes: &[u8]) -> Option<usize> {
        let end = match self.body {
            Body::Length(n) => self.head + n,
            Body::Chunked => self.head + unchunk(&bytes[self.head..]).end?,
        };
        (bytes.len() >= end).then_some(end)
    }
}

struct Unchunked {
    data: Vec<u8>,
    end: Option<usize>,
}

fn unchunk(bytes: &[u8]) -> Unchunked {
    let mut data = Vec::new();
    let mut at = 0;
    let end = loop {
        let Some(line) = bytes[at..].windows(2).position(|w| w == b"\r\n") else {
            break None;
        };
        let size = std::str::from_utf8(&bytes[at..at + line]).unwrap_or("");
        let Ok(size) = usize::from_str_radix(size.split(';').next().unwrap_or("").trim(), 16)
        else {
            break None;
        };
        at += line + 2;
        if bytes.len() < at + size + 2 {
            break None;
        }
        data.extend_from_slice(&bytes[at..at + size]);
        at += size + 2;
        if size == 0 {
            break Some(at);
        }
    };
    Unchunked { data, end }
}

/// An answer: what [`Server::handler`](super::server::Server::handler) returns, and the argument of `reply`.
#[derive(Clone, Debug)]
pub struct Response {
    status: u16,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    /// Waited for before the first byte.
    pub delay: Duration,
    /// Whether the connection ends after it.
    pub closes: bool,
    /// Whether the connection ends instead of it.
    pub hangs_up: bool,
}

impl Response {
    /// No Content-Type, and a Content-Length.
    pub fn new(status: u16, body: impl Into<Vec<u8>>) -> Response {
        Response {
            status,
            headers: Vec::new(),
            body: body.into(),
            delay: Duration::ZERO,
            closes: false,
            hangs_up: false,
        }
    }

    pub fn json(status: u16, body: impl Into<Vec<u8>>) -> Response {
        Response::new(status, body).header("Content-Type", "application/json")
    }

    /// Closes the connection without an answer.
    pub fn hang_up() -> Response {
        let mut none = Response::new(500, "");
        none.hangs_up = true;
        none
    }

    pub fn header(mut self, name: &str, value: &str) -> Response {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// Answers only after a while.
    pub fn after(mut self, delay: Duration) -> Response {
        self.delay = delay;
        self
    }

    /// Says `Connection: close`, and does it.
    pub fn close(mut self) -> Response {
        self.closes = true;
        self.header("Connection", "close")
    }

    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = format!("HTTP/1.1 {} {}\r\n", self.status, reason(self.status)).into_bytes();
        for (name, value) in &self.headers {
            out.extend_from_slice(format!("{name}: {value}\r\n").as_bytes());
        }
        out.extend_from_slice(format!("Content-Length: {}\r\n\r\n", self.body.len()).as_bytes());
        out.extend_from_slice(&self.body);
        out
    }
}

impl From<Response> for Vec<u8> {
    fn from(response: Response) -> Vec<u8> {
        response.to_bytes()
    }
}

/// The phrases of RFC 9110, section 15, RFC 6585 and RFC 8470.
fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        201 => "Created",
        202 => "Accepted",
        204 => "No Content",
        301 => "Moved Permanently",
        302 => "Found",
        303 => "See Other",
        307 => "Temporary Redirect",
        308 => "Permanent Redirect",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        407 => "Proxy Authentication Required",
        408 => "Request Timeout",
        409 => "Conflict",
        413 => "Content Too Large",
        415 => "Unsupported Media Type",
        422 => "Unprocessable Content",
        425 => "Too Early",
        429 => "Too Many Requests",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        _ => "Unnamed",
    }
}
