//! How far an attempt has come: what the transports of one client share, and what decides whether sending again is safe.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::error::Unsupported;
use crate::system::time::Deadline;

/// How far an attempt has come. The order matters: from [`Phase::Sending`] on, the API may have seen the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Phase {
    /// Asking for the addresses of the host.
    Resolving,
    /// Opening the connection, to the API or to a proxy.
    Connecting,
    /// Agreeing on keys.
    Securing,
    /// The request comes next; not a byte of it has left.
    Ready,
    /// Writing the request.
    Sending,
    /// The request is written; nothing has come back.
    Waiting,
    /// The answer is coming in.
    Receiving,
}

/// What the transports of one client share: the deadline they obey, how far they came, and how far they may go.
#[derive(Debug)]
pub(super) struct Progress(Mutex<ProgressState>);

#[derive(Debug)]
struct ProgressState {
    phase: Phase,
    deadline: Deadline,
    purpose: Purpose,
    /// The connection is one of an earlier attempt.
    kept: bool,
    /// Such a connection was closed before a byte of the request left.
    found_closed: bool,
    /// Nothing more is written on this connection.
    stopped: bool,
    /// Not all of the request was written.
    cut_short: bool,
    /// How many TLS records came since we answered the API's request for a client certificate; `None` when it made none.
    since_certificate: Option<u32>,
    /// What the peer said that does not belong there.
    unsupported: Option<Unsupported>,
}

/// What an attempt is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// To see how far it comes: it stops where the request would begin.
    Probe,
    /// A request that is in memory.
    Request,
    /// A request whose body is streamed, so that larger pieces pay.
    Stream,
}

impl Progress {
    /// Before any attempt.
    pub(super) fn new() -> Arc<Progress> {
        Arc::new(Progress(Mutex::new(ProgressState {
            phase: Phase::Resolving,
            deadline: Deadline::UNLIMITED,
            purpose: Purpose::Request,
            kept: true,
            found_closed: false,
            stopped: false,
            cut_short: false,
            since_certificate: None,
            unsupported: None,
        })))
    }

    fn lock(&self) -> MutexGuard<'_, ProgressState> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A new attempt begins, and ends with `deadline`.
    pub(super) fn begin(&self, deadline: Deadline, purpose: Purpose) {
        *self.lock() = ProgressState {
            phase: Phase::Resolving,
            deadline,
            purpose,
            kept: true,
            found_closed: false,
            stopped: false,
            cut_short: false,
            since_certificate: None,
            unsupported: None,
        };
    }

    /// How far the attempt has come.
    pub(super) fn phase(&self) -> Phase {
        self.lock().phase
    }

    /// The attempt has come this far.
    pub(super) fn reach(&self, phase: Phase) {
        self.lock().phase = phase;
    }

    /// What the attempt may still take.
    pub(super) fn deadline(&self) -> Deadline {
        self.lock().deadline
    }

    /// Whether the API went away, or answered, before all of the request was written.
    pub(super) fn is_cut_short(&self) -> bool {
        self.lock().cut_short
    }

    /// Whether some of the request is kept back, or will not be written at all.
    pub(super) fn cut_short(&self, is_cut: bool) {
        self.lock().cut_short = is_cut;
    }

    /// Nothing more is to be written: the peer is gone, or has answered and wants no more. What it said can be read.
    pub(super) fn stop(&self) {
        self.lock().stopped = true;
    }

    pub(super) fn is_stopped(&self) -> bool {
        self.lock().stopped
    }

    /// A connection is new: no certificate was asked for on it, and nothing unsupported was said.
    pub(super) fn connected(&self) {
        let mut state = self.lock();
        state.kept = false;
        state.since_certificate = None;
        state.unsupported = None;
    }

    /// The peer said what does not belong there.
    pub(super) fn unsupported_came(&self, unsupported: Unsupported) {
        self.lock().unsupported = Some(unsupported);
    }

    /// What the peer said that does not belong there.
    pub(super) fn unsupported(&self) -> Option<Unsupported> {
        self.lock().unsupported
    }

    pub(super) fn is_kept(&self) -> bool {
        self.lock().kept
    }

    /// A connection of an earlier attempt was closed before a byte of the request left.
    pub(super) fn found_closed(&self) {
        self.lock().found_closed = true;
    }

    /// Whether the request can go out on a new connection at once.
    pub(super) fn needs_new_connection(&self) -> bool {
        self.lock().found_closed
    }

    /// The API asked for a certificate, and we answered.
    pub(super) fn certificate_sent(&self) {
        self.lock().since_certificate = Some(0);
    }

    /// A TLS record came.
    pub(super) fn record_came(&self) {
        if let Some(count) = &mut self.lock().since_certificate {
            *count += 1;
        }
    }

    /// Whether an alert, if the last record was one, was all that the API answered to our certificate. What else came
    /// before it (a ticket, for one) shows that the API had accepted the certificate.
    pub(super) fn may_refuse_certificate(&self) -> bool {
        self.lock().since_certificate == Some(1)
    }

    pub(super) fn purpose(&self) -> Purpose {
        self.lock().purpose
    }
}
