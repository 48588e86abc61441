//! Whether the API asked for a client certificate, and whether an alert refuses it: read off the TLS records.
//!
//! ureq does not tell, and what rustls says of an alert is the same whenever it comes. [`Watch`] lies directly below TLS
//! and reads the header of each record, which is never encrypted (RFC 8446, section 5). It must not know what is in
//! them. What always holds: only an alert that can mean nothing else counts as a refusal.

use std::sync::Arc;

use ureq::Error;
use ureq::unversioned::transport::{Buffers, ConnectionDetails, Connector, NextTimeout, Transport};

use super::progress::{Phase, Progress};

/// Puts a [`Watch`] around every connection.
#[derive(Debug)]
pub(super) struct WatchConnector(pub Arc<Progress>);

impl<In: Transport> Connector<In> for WatchConnector {
    type Out = Watch<In>;

    fn connect(
        &self,
        _: &ConnectionDetails,
        below: Option<In>,
    ) -> Result<Option<Self::Out>, Error> {
        self.0.reset_certificate();
        Ok(below.map(|below| Watch {
            below,
            progress: self.0.clone(),
            sent: Records::default(),
            received: Records::default(),
        }))
    }
}

/// A connection whose TLS records are counted until the answer comes.
#[derive(Debug)]
pub(super) struct Watch<T> {
    below: T,
    progress: Arc<Progress>,
    sent: Records,
    received: Records,
}

/// A record of this type is encrypted: in the handshake that is TLS 1.3. TLS 1.2 sends the certificate in the clear, and
/// has it accepted before the request leaves.
const ENCRYPTED: u8 = 23;

/// The length of an encrypted record that holds the Finished message alone: header, hash (SHA-256 or SHA-384), type and
/// tag. The client's last flight is this and no more, unless the API asked for a certificate: then an answer to that,
/// be it an empty one, stands before it.
const FINISHED: [usize; 2] = [4 + 32 + 1 + 16, 4 + 48 + 1 + 16];

impl<T: Transport> Transport for Watch<T> {
    fn buffers(&mut self) -> &mut dyn Buffers {
        self.below.buffers()
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), Error> {
        if self.progress.phase() == Phase::Securing {
            let progress = &self.progress;
            let output = &self.below.buffers().output()[..amount];
            self.sent.pass(output, |kind, length| {
                if kind == ENCRYPTED && !FINISHED.contains(&length) {
                    progress.certificate_sent();
                }
            });
        }
        self.below.transmit_output(amount, timeout)
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, Error> {
        let known = self.below.buffers().input().len();
        let more = self.below.await_input(timeout)?;
        if self.progress.phase() < Phase::Receiving {
            let input = &self.below.buffers().input()[known..];
            let progress = &self.progress;
            self.received.pass(input, |_, _| progress.record_came());
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

/// The length of a record's header: type, version, length.
const HEADER: usize = 5;

/// The records of one direction, which come in pieces of any size.
#[derive(Debug, Default)]
struct Records {
    header: [u8; HEADER],
    /// How much of the header is there.
    have: usize,
    /// How much of the record is still to come.
    left: usize,
}

impl Records {
    /// Passes over `bytes`, and tells `each` record's type and length once its header is there.
    fn pass(&mut self, mut bytes: &[u8], mut each: impl FnMut(u8, usize)) {
        while let Some((&byte, rest)) = bytes.split_first() {
            if self.left > 0 {
                let passed = self.left.min(bytes.len());
                self.left -= passed;
                bytes = &bytes[passed..];
                continue;
            }
            self.header[self.have] = byte;
            self.have += 1;
            bytes = rest;
            if self.have == HEADER {
                let [kind, _, _, high, low] = self.header;
                self.left = usize::from(u16::from_be_bytes([high, low]));
                self.have = 0;
                each(kind, self.left);
            }
        }
    }
}
