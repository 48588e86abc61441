//! The transport above TLS: the request and its answer.
//!
//! It joins head and body into one write, and ends a probe before that write. It reports to [`Progress`], among other
//! things that the request comes next.

use std::fmt;
use std::io::{self, ErrorKind};
use std::iter::zip;
use std::sync::Arc;
use std::time::Duration;

use ureq::unversioned::transport::{Buffers, NextTimeout, Transport};
use ureq::{Error, Timeout};

use super::error::SpeaksTls;
use super::progress::{Phase, Progress, Purpose};
use super::transport::reason;

/// A probe is complete: the next step would be the request.
#[derive(Debug)]
pub(super) struct Ready;

impl fmt::Display for Ready {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the connection stands")
    }
}

impl std::error::Error for Ready {}

/// How long a probe waits for a TLS alert: in TLS 1.3, an API that rejects our certificate says so only after we
/// consider the handshake complete.
const REJECTION_WAIT: Duration = Duration::from_millis(500);

/// The offset of the status code in `HTTP/1.1 200 OK`.
const STATUS: usize = 9;

/// The status code of an answer that begins with `start`, and the byte after it, once both have arrived.
fn status(start: &[u8]) -> Option<&[u8; 4]> {
    start.get(STATUS..)?.first_chunk()
}

/// Skips the interim answers (1xx) at the start of `input`, which say nothing about the document.
fn behind_interim(mut input: &[u8]) -> &[u8] {
    while let Some([b'1', b'0'..=b'9', b'0'..=b'9', b' ' | b'\r' | b'\n']) = status(input) {
        let end = input.windows(4).position(|four| four == b"\r\n\r\n");
        input = end.map_or(&[], |end| &input[end + 4..]);
    }
    input
}

/// The start of a TLS alert: its type, and the first byte of each version.
const ALERT: &[u8] = &[21, 3];

/// The connection, as the layers for the request and its answer see it.
pub(super) struct RequestTransport {
    below: Box<dyn Transport>,
    progress: Arc<Progress>,
    /// The head of the request, kept until the first part of the body is written.
    head: Vec<u8>,
    /// Part of the answer arrived before all of the request was written.
    early: bool,
}

impl RequestTransport {
    pub(super) fn new(below: Box<dyn Transport>, progress: Arc<Progress>) -> RequestTransport {
        RequestTransport {
            below,
            progress,
            head: Vec::new(),
            early: false,
        }
    }

    /// Writes the first `amount` bytes of the output, preceded by the head.
    fn send(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), Error> {
        if self.progress.phase() < Phase::Ready {
            self.progress.reach(Phase::Ready);
        }
        let head = std::mem::take(&mut self.head);
        if head.is_empty() {
            return self.below.transmit_output(amount, timeout);
        }
        let output = self.below.buffers().output();
        let joined = head.len() + amount;
        if joined <= output.len() {
            output.copy_within(..amount, head.len());
            output[..head.len()].copy_from_slice(&head);
            return self.below.transmit_output(joined, timeout);
        }
        let body = output[..amount].to_vec();
        for part in [head, body] {
            self.below.buffers().output()[..part.len()].copy_from_slice(&part);
            self.below.transmit_output(part.len(), timeout)?;
        }
        Ok(())
    }

    /// Examines the input that arrived.
    fn examine_input(&mut self) -> Result<(), Error> {
        let is_first = self.progress.phase() < Phase::Receiving;
        let is_tls = self.below.is_tls();
        let input = self.below.buffers().input();
        if is_first && !is_tls && input.starts_with(ALERT) {
            // TLS cannot have processed any of the request.
            self.progress.reach(Phase::Ready);
            return Err(Error::Other(Box::new(SpeaksTls)));
        }
        if !behind_interim(input).is_empty() {
            self.progress.reach(Phase::Receiving);
        }
        Ok(())
    }

    /// Checks whether the API has answered before it has received the whole request. If it rejects the request, the rest is
    /// not written (RFC 9112, section 9.5).
    fn poll_early_answer(&mut self) -> Result<(), Error> {
        let at_once = NextTimeout {
            after: Duration::ZERO.into(),
            reason: Timeout::RecvResponse,
            ..NextTimeout::default()
        };
        let can_grow = !self.below.buffers().input_append_buf().is_empty();
        let came = match can_grow.then(|| self.below.await_input(at_once)) {
            Some(Err(Error::Timeout(_))) => return Ok(()),
            Some(came) => came?,
            None => false,
        };
        if came {
            self.early = true;
            self.examine_input()?;
        }
        let answer = behind_interim(self.below.buffers().input());
        let code = status(answer);
        // The rest of the status line is still to come.
        if code.is_none() && came && zip(answer, b"HTTP/1.").all(|(is, must)| is == must) {
            return Ok(());
        }
        // The API may accept the document early and continue to read: then the unsent rest is written before this returns.
        let reads_on = matches!(code, Some([b'2', ..]))
            && matches!(
                self.below.await_input(at_once),
                Ok(_) | Err(Error::Timeout(_))
            );
        if !reads_on {
            self.progress.stop();
        }
        Ok(())
    }

    /// What the API objects to before it has seen a request; [`Ready`] if nothing.
    fn rejection(&mut self) -> Error {
        let soon = NextTimeout {
            after: REJECTION_WAIT.into(),
            reason: Timeout::RecvResponse,
            ..NextTimeout::default()
        };
        match self.below.is_tls().then(|| self.below.await_input(soon)) {
            Some(Err(error)) if !matches!(error, Error::Timeout(_)) => error,
            _ => Error::Other(Box::new(Ready)),
        }
    }
}

impl Transport for RequestTransport {
    fn buffers(&mut self) -> &mut dyn Buffers {
        self.below.buffers()
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), Error> {
        if self.progress.purpose() == Purpose::Probe {
            return Err(self.rejection());
        }
        if self.progress.phase() == Phase::Sending {
            self.poll_early_answer()?;
        }
        if self.progress.is_stopped() {
            self.progress.cut_short(true);
            return Ok(());
        }
        // ureq writes the head first, then the body in parts.
        if self.progress.phase() < Phase::Ready && self.head.is_empty() {
            self.head = self.below.buffers().output()[..amount].to_vec();
            return Ok(());
        }
        self.send(amount, timeout)
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, Error> {
        if !self.head.is_empty() {
            self.send(0, timeout)?;
        }
        // Input that arrived early is already in the buffer.
        if std::mem::take(&mut self.early) && !self.below.buffers().input().is_empty() {
            return Ok(true);
        }
        // A read into an empty buffer would look like the end of the connection.
        if self.below.buffers().input_append_buf().is_empty() {
            let size = self.below.buffers().input().len();
            return Err(Error::LargeResponseHeader(size, size));
        }
        if self.progress.phase() == Phase::Sending {
            self.progress.wait_for_answer();
        }
        let more = match self.below.await_input(timeout) {
            // ureq treats these as the end of an answer without a length. They are not: the rest is lost.
            Err(Error::Io(why))
                if matches!(
                    why.kind(),
                    ErrorKind::UnexpectedEof
                        | ErrorKind::ConnectionReset
                        | ErrorKind::ConnectionAborted
                ) =>
            {
                return Err(Error::Io(io::Error::other(reason(&why))));
            }
            other => other?,
        };
        if more {
            self.examine_input()?;
        }
        Ok(more)
    }

    fn is_open(&mut self) -> bool {
        self.below.is_open()
    }

    fn is_tls(&self) -> bool {
        self.below.is_tls()
    }
}
