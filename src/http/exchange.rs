//! The transport above TLS: the request, and its answer.
//!
//! It joins head and body into one write, and ends a probe before it. It says that the request comes next, and reports
//! to [`Progress`].

use std::fmt;
use std::io::{self, ErrorKind};
use std::sync::Arc;
use std::time::Duration;

use ureq::unversioned::transport::{
    Buffers, ConnectionDetails, Connector, Either, NextTimeout, Transport,
};
use ureq::{Error, Timeout};

use super::error::SpeaksTls;
use super::progress::{Phase, Progress, Purpose};
use super::transport::reason;

/// A probe has come as far as it may: the request would follow.
#[derive(Debug)]
pub(super) struct Ready;

impl fmt::Display for Ready {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the connection stands")
    }
}

impl std::error::Error for Ready {}

/// How long a probe listens for objections: in TLS 1.3 an API that does not like our certificate says so only when we
/// take the connection to stand.
const OBJECTIONS: Duration = Duration::from_millis(500);

/// Puts an [`Exchange`] around the connection to the API; a connection to a proxy stays as it is.
#[derive(Debug)]
pub(super) struct ExchangeConnector {
    /// Shared with the client.
    pub(crate) progress: Arc<Progress>,
    /// Host and port of the API.
    pub(crate) authority: String,
}

impl<In: Transport> Connector<In> for ExchangeConnector {
    type Out = Either<In, Exchange<In>>;

    fn connect(
        &self,
        details: &ConnectionDetails,
        below: Option<In>,
    ) -> Result<Option<Self::Out>, Error> {
        let to_api = details
            .uri
            .authority()
            .is_some_and(|authority| authority.as_str() == self.authority);
        Ok(below.map(|below| match to_api {
            true => Either::B(Exchange {
                below,
                progress: self.progress.clone(),
                head: Vec::new(),
            }),
            false => Either::A(below),
        }))
    }
}

/// How a TLS alert begins: its type, and the first byte of each version.
const ALERT: &[u8] = &[21, 3];

/// The connection as the request and its answer see it.
#[derive(Debug)]
pub(super) struct Exchange<T> {
    below: T,
    progress: Arc<Progress>,
    /// The request's head, waiting for the first part of the body.
    head: Vec<u8>,
}

impl<T: Transport> Exchange<T> {
    /// Writes what stands in the first `amount` bytes of the output, the head before it.
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

    /// What the API has against us before it has seen a request; [`Ready`] when that is nothing.
    fn objection(&mut self) -> Error {
        let soon = NextTimeout {
            after: OBJECTIONS.into(),
            reason: Timeout::RecvResponse,
            ..NextTimeout::default()
        };
        match self.below.is_tls().then(|| self.below.await_input(soon)) {
            Some(Err(error)) if !matches!(error, Error::Timeout(_)) => error,
            _ => Error::Other(Box::new(Ready)),
        }
    }
}

impl<T: Transport> Transport for Exchange<T> {
    fn buffers(&mut self) -> &mut dyn Buffers {
        self.below.buffers()
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), Error> {
        if self.progress.purpose() == Purpose::Probe {
            return Err(self.objection());
        }
        // ureq hands over the head first and then the body, part by part.
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
        // Reading into no room would look like the end of the connection.
        if self.below.buffers().input_append_buf().is_empty() {
            let size = self.below.buffers().input().len();
            return Err(Error::LargeResponseHeader(size, size));
        }
        if self.progress.phase() == Phase::Sending {
            self.progress.reach(Phase::Waiting);
        }
        let more = match self.below.await_input(timeout) {
            // ureq takes these for the end of an answer that has no length. They are none: the rest is lost.
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
            let speaks_tls = self.progress.phase() == Phase::Waiting
                && !self.below.is_tls()
                && self.below.buffers().input().starts_with(ALERT);
            if speaks_tls {
                // TLS cannot have made anything of the request.
                self.progress.reach(Phase::Ready);
                return Err(Error::Other(Box::new(SpeaksTls)));
            }
            self.progress.reach(Phase::Receiving);
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
