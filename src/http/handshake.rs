//! Reads from the TLS records whether the API requested a client certificate, and whether an alert rejects ours.
//!
//! ureq does not report this, and rustls's message for an alert is the same whenever the alert arrives. [`Watch`] sits
//! directly below TLS and reads the header of each record, which is never encrypted (RFC 8446, section 5), and the
//! first byte of the record's content. Invariant: an alert counts as a rejection only if it can mean nothing else.

use std::sync::Arc;

use ureq::Error;
use ureq::unversioned::transport::{Buffers, NextTimeout, Transport};

use super::error::Unsupported;
use super::progress::{Phase, Progress};

/// A connection whose TLS records are examined until the answer arrives.
pub(super) struct Watch {
    below: Box<dyn Transport>,
    progress: Arc<Progress>,
    sent: Records,
    received: Records,
}

impl Watch {
    pub(super) fn new(below: Box<dyn Transport>, progress: Arc<Progress>) -> Watch {
        Watch {
            below,
            progress,
            sent: Records::default(),
            received: Records::default(),
        }
    }
}

/// The type of an encrypted record; in the handshake it means TLS 1.3.
const ENCRYPTED: u8 = 23;

/// The type of a handshake record in TLS 1.2, which is not encrypted until the handshake is complete. After the request
/// it can only start a renegotiation.
const HANDSHAKE: u8 = 22;

/// The first byte of the message with which TLS 1.2 answers a certificate request, even with an empty list.
const CERTIFICATE: u8 = 11;

/// The length of an encrypted record that holds only the Finished message: header, hash (SHA-256 or SHA-384), type and
/// tag. The client's last flight is exactly this, unless the API requested a certificate: then our answer, which may
/// be an empty list, precedes it.
const FINISHED: [usize; 2] = [4 + 32 + 1 + 16, 4 + 48 + 1 + 16];

impl Transport for Watch {
    fn buffers(&mut self) -> &mut dyn Buffers {
        self.below.buffers()
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), Error> {
        if self.progress.phase() == Phase::Securing {
            let progress = &self.progress;
            let output = &self.below.buffers().output()[..amount];
            self.sent.pass(output, |kind, length, first| {
                let answers = match kind {
                    ENCRYPTED => !FINISHED.contains(&length),
                    kind => kind == HANDSHAKE && first == CERTIFICATE,
                };
                if answers {
                    progress.certificate_sent();
                }
            });
        }
        self.below.transmit_output(amount, timeout)
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, Error> {
        let known = self.below.buffers().input().len();
        let more = self.below.await_input(timeout)?;
        let phase = self.progress.phase();
        if phase < Phase::Receiving {
            let input = &self.below.buffers().input()[known..];
            let progress = &self.progress;
            if phase == Phase::Securing && input.starts_with(b"HTTP/") {
                progress.unsupported_came(Unsupported::PlainHttp);
            }
            self.received.pass(input, |kind, _, _| {
                progress.record_came();
                if phase >= Phase::Sending && kind == HANDSHAKE {
                    progress.unsupported_came(Unsupported::Renegotiation);
                }
            });
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

/// The length of a record's header (type, version, length) and of the first byte of its content.
const HEADER: usize = 5 + 1;

/// The records of one direction, read in pieces of any size.
#[derive(Default)]
struct Records {
    header: [u8; HEADER],
    /// How many bytes of the header have been read.
    have: usize,
    /// How many bytes of the record are still to come.
    left: usize,
}

impl Records {
    /// Consumes `bytes`, and calls `each` with a record's type, length and first byte once that has arrived.
    fn pass(&mut self, mut bytes: &[u8], mut each: impl FnMut(u8, usize, u8)) {
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
            let [kind, _, _, high, low, first] = self.header;
            let length = usize::from(u16::from_be_bytes([high, low]));
            // An empty record has no first byte.
            if self.have == HEADER || self.have == HEADER - 1 && length == 0 {
                self.left = length.saturating_sub(1);
                self.have = 0;
                each(kind, length, first);
            }
        }
    }
}
