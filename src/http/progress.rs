//! How far an attempt got: shared by the transports of one client, and the basis for deciding whether a retry is safe.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::error::Unsupported;
use crate::system::time::{Clock, Deadline, SystemClock};
use crate::system::watch::{self, Work};

/// How far an attempt got. The order matters: from [`Phase::Sending`] on, the API may have seen the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Phase {
    /// Looking up the addresses of the host.
    Resolving,
    /// Opening the TCP connection, to the API or to a proxy.
    Connecting,
    /// Performing the TLS handshake.
    Securing,
    /// The request comes next; no byte of it was sent.
    Ready,
    /// Writing the request.
    Sending,
    /// The request is written; nothing has been received.
    Waiting,
    /// Receiving the answer.
    Receiving,
}

/// What the transports of one client share: the deadline, how far they got, and how far they may go.
pub(super) struct Progress(Mutex<ProgressState>);

struct ProgressState {
    phase: Phase,
    deadline: Deadline,
    purpose: Purpose,
    /// The connection was opened by an earlier attempt.
    kept: bool,
    /// A kept connection turned out to be closed before a byte of the request was sent.
    found_closed: bool,
    /// Nothing more may be written on this connection.
    stopped: bool,
    /// Not all of the request was written.
    cut_short: bool,
    /// How many TLS records arrived after we answered the API's certificate request; `None` if there was no request.
    since_certificate: Option<u32>,
    /// What the peer sent that is not supported.
    unsupported: Option<Unsupported>,
    /// The upload of a large body.
    upload: Option<Upload>,
}

impl ProgressState {
    /// The state before an attempt that ends with `deadline` and sends a body of so many bytes.
    fn new(deadline: Deadline, purpose: Purpose, size: u64) -> ProgressState {
        ProgressState {
            phase: Phase::Resolving,
            deadline,
            purpose,
            kept: true,
            found_closed: false,
            stopped: false,
            cut_short: false,
            since_certificate: None,
            unsupported: None,
            upload: (size > LARGE).then_some(Upload {
                total: size,
                sent: 0,
                clock: None,
                is_seen: false,
            }),
        }
    }
}

/// How far the upload of a large body is.
struct Upload {
    total: u64,
    sent: u64,
    /// Since the first byte.
    clock: Option<SystemClock>,
    /// Its progress was shown.
    is_seen: bool,
}

impl Upload {
    fn elapsed(&mut self) -> Duration {
        self.clock.get_or_insert_with(SystemClock::start).elapsed()
    }
}

/// A smaller body fits into the buffers of the system, so how far it is cannot be seen.
const LARGE: u64 = 64 << 10;

/// The purpose of an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// To see how far it gets: it stops where the request would begin.
    Probe,
    /// A request, written in pieces of at most so many bytes.
    Request {
        /// The size of the output buffer.
        buffer: usize,
    },
}

impl Progress {
    /// The state before the first attempt.
    pub(super) fn new() -> Arc<Progress> {
        let state = ProgressState::new(Deadline::UNLIMITED, Purpose::Probe, 0);
        Arc::new(Progress(Mutex::new(state)))
    }

    fn lock(&self) -> MutexGuard<'_, ProgressState> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts a new attempt, which ends with `deadline` and sends a body of so many bytes.
    pub(super) fn begin(&self, deadline: Deadline, purpose: Purpose, size: u64) {
        *self.lock() = ProgressState::new(deadline, purpose, size);
    }

    /// Records that so many bytes were written, and tells how far a large body is. What HTTP and TLS add counts too.
    pub(super) fn written(&self, count: usize) {
        let work = {
            let mut state = self.lock();
            let is_sending = state.phase >= Phase::Sending;
            let Some(upload) = state.upload.as_mut().filter(|_| is_sending) else {
                return;
            };
            upload.sent = (upload.sent + count as u64).min(upload.total);
            Work::Upload {
                sent: upload.sent,
                total: upload.total,
                elapsed: upload.elapsed(),
            }
        };
        self.tell(work);
    }

    /// Records that the whole request is written.
    pub(super) fn wait_for_answer(&self) {
        let work = {
            let mut state = self.lock();
            state.phase = Phase::Waiting;
            let Some(upload) = &mut state.upload else {
                return;
            };
            Work::Uploaded {
                total: upload.total,
                elapsed: upload.elapsed(),
            }
        };
        self.tell(work);
    }

    fn tell(&self, work: Work) {
        if watch::report(work)
            && let Some(upload) = &mut self.lock().upload
        {
            upload.is_seen = true;
        }
    }

    /// Ends the attempt.
    pub(super) fn end(&self) {
        let upload = self.lock().upload.take();
        if upload.is_some_and(|upload| upload.is_seen) {
            watch::report(Work::Over);
        }
    }

    /// How far the attempt got.
    pub(super) fn phase(&self) -> Phase {
        self.lock().phase
    }

    /// Records that the attempt got this far.
    pub(super) fn reach(&self, phase: Phase) {
        self.lock().phase = phase;
    }

    /// The deadline of the attempt.
    pub(super) fn deadline(&self) -> Deadline {
        self.lock().deadline
    }

    /// Whether the API closed the connection or answered before all of the request was written.
    pub(super) fn is_cut_short(&self) -> bool {
        self.lock().cut_short
    }

    /// Records whether part of the request is held back, or will never be written.
    pub(super) fn cut_short(&self, is_cut: bool) {
        self.lock().cut_short = is_cut;
    }

    /// Stops all writing: the peer has closed, or has answered and wants no more. What it sent can still be read.
    pub(super) fn stop(&self) {
        self.lock().stopped = true;
    }

    pub(super) fn is_stopped(&self) -> bool {
        self.lock().stopped
    }

    /// Records a new connection: no certificate was requested on it, and nothing unsupported was received.
    pub(super) fn connected(&self) {
        let mut state = self.lock();
        state.kept = false;
        state.since_certificate = None;
        state.unsupported = None;
    }

    /// Records that the peer sent something unsupported.
    pub(super) fn unsupported_came(&self, unsupported: Unsupported) {
        self.lock().unsupported = Some(unsupported);
    }

    /// What the peer sent that is not supported.
    pub(super) fn unsupported(&self) -> Option<Unsupported> {
        self.lock().unsupported
    }

    pub(super) fn is_kept(&self) -> bool {
        self.lock().kept
    }

    /// Records that a kept connection was closed before a byte of the request was sent.
    pub(super) fn found_closed(&self) {
        self.lock().found_closed = true;
    }

    /// Whether the request can be sent on a new connection at once.
    pub(super) fn needs_new_connection(&self) -> bool {
        self.lock().found_closed
    }

    /// Records that the API requested a certificate and we answered.
    pub(super) fn certificate_sent(&self) {
        self.lock().since_certificate = Some(0);
    }

    /// Records that a TLS record arrived.
    pub(super) fn record_came(&self) {
        if let Some(count) = &mut self.lock().since_certificate {
            *count += 1;
        }
    }

    /// Whether the alert, if the last record was one, was the API's only answer to our certificate. Any other record
    /// before it (a session ticket, for example) shows that the API had accepted the certificate.
    pub(super) fn may_refuse_certificate(&self) -> bool {
        self.lock().since_certificate == Some(1)
    }

    pub(super) fn purpose(&self) -> Purpose {
        self.lock().purpose
    }
}
