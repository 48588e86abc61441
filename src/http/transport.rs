//! The transport below TLS: the TCP socket and its bytes.
//!
//! Each read and write of a [`TcpTransport`] ends with the deadline of the attempt, whatever ureq asks for and however
//! slowly the peer sends, so no layer above can outlive the deadline. From [`Phase::Ready`] on, the socket records the
//! moment when a byte of the request is sent, which decides whether a retry is safe. It reports to [`Progress`].

use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use ureq::Error;
use ureq::unversioned::transport::{Buffers, NextTimeout, Transport};

use super::buffers::GrowingBuffers;
use super::progress::{Phase, Progress, Purpose};
use crate::system::error;
use crate::system::time::{Clock, Deadline, SystemClock};

/// Why a connection was lost, as a message.
pub(super) fn reason(why: &io::Error) -> String {
    match why.kind() {
        ErrorKind::UnexpectedEof => "the connection was closed".to_owned(),
        _ => error::reason(why),
    }
}

/// A TCP connection that respects the deadline.
pub(super) struct TcpTransport {
    stream: TcpStream,
    buffers: GrowingBuffers,
    progress: Arc<Progress>,
    /// The socket's current read and write timeouts.
    limits: [Option<Duration>; 2],
    /// Whether the socket is in blocking mode.
    blocking: bool,
    /// The last answer arrived within [`POLL_TIME`].
    prompt: bool,
    /// Until this is over, wait for answers without polling.
    poll_pause: Deadline,
    /// The rest of a write that stopped because input arrived: it is written before anything else.
    unsent: Vec<u8>,
}

/// The size of the output buffer, unless a request needs another one.
pub(super) const BUFFER: usize = 16 << 10;

/// A write blocks at most this long before it checks whether an answer has arrived.
const WRITE_SLICE: Duration = Duration::from_millis(100);

/// If an API has accepted the document before reading all of it, and then reads no byte for this many times [`WRITE_SLICE`],
/// it does not want the rest.
const MAX_IDLE_SLICES: u32 = 7;

/// The limit for unsent data that accumulates when unsolicited input interrupts writes again and again.
const MAX_UNSENT: usize = 256 << 10;

/// Longer timeouts are rounded up to a multiple of this, so that most reads and writes need no system call to set one.
/// Short ones are exact.
const TIMEOUT_STEP: Duration = Duration::from_millis(100);
const EXACT_BELOW: Duration = Duration::from_secs(2);

/// Blocking costs tens of microseconds for the sleep and the wake-up, and more on a virtual machine. For an answer that
/// arrives sooner, that is most of the time of a delivery. So if the last answer took no longer than this, the next one
/// is polled for this long before the read blocks. Each poll yields the processor, because the API may need this core.
/// The first answer of a connection is never polled for, nor are the answers of a slower API.
const POLL_TIME: Duration = Duration::from_micros(100);

/// After an unsuccessful poll, do not poll for 20 times its duration, so that polling costs at most a twentieth of the
/// time where it does not help: on a busy core a yield returns only after milliseconds.
const POLL_PAUSE_FACTOR: u32 = 20;

impl TcpTransport {
    /// The transport of a new connection, with an input buffer of at most so many bytes.
    pub(super) fn new(stream: TcpStream, most: usize, progress: Arc<Progress>) -> TcpTransport {
        TcpTransport {
            stream,
            buffers: GrowingBuffers::new(most),
            progress,
            limits: [None; 2],
            blocking: true,
            prompt: false,
            poll_pause: Deadline::after(Duration::ZERO),
            unsent: Vec::new(),
        }
    }

    /// Sets the socket's blocking mode.
    fn block(&mut self, blocking: bool) -> io::Result<()> {
        if self.blocking != blocking {
            self.stream.set_nonblocking(!blocking)?;
            self.blocking = blocking;
        }
        Ok(())
    }

    /// Whether the peer has neither closed the connection nor sent anything. Leaves the socket non-blocking; reads and
    /// writes set the mode that they need.
    fn is_idle(&mut self) -> bool {
        self.block(false).is_ok()
            && (self.stream.peek(&mut [0])).is_err_and(|why| why.kind() == ErrorKind::WouldBlock)
    }

    /// Whether a write that would block should be postponed, because the input that arrived may be the answer.
    fn is_interrupted(&mut self) -> bool {
        matches!(self.progress.phase(), Phase::Sending | Phase::Waiting)
            && self.unsent.len() < MAX_UNSENT
            && !self.is_idle()
    }

    /// Ends all writing, and records whether part of the request is lost by it.
    fn stop(&mut self, has_more: bool) {
        // Once the request is written, the only thing left to write is TLS's close_notify.
        if has_more && self.progress.phase() <= Phase::Sending || !self.unsent.is_empty() {
            self.progress.cut_short(true);
        }
        self.progress.stop();
    }

    /// Sets the socket's timeout for the next operation to the time that is left.
    fn limit(&mut self, writing: bool, timeout: NextTimeout) -> Result<(), Error> {
        let left = self.progress.deadline().left().min(*timeout.after);
        if left.is_zero() {
            return Err(Error::Timeout(timeout.reason));
        }
        let limit = match left {
            Duration::MAX => None,
            left if left < EXACT_BELOW => Some(left),
            left => Some(
                TIMEOUT_STEP
                    * u32::try_from(left.as_millis() / TIMEOUT_STEP.as_millis() + 1)
                        .unwrap_or(u32::MAX),
            ),
        };
        let set = &mut self.limits[usize::from(writing)];
        if *set != limit {
            if writing {
                self.stream.set_write_timeout(limit)?;
            } else {
                self.stream.set_read_timeout(limit)?;
            }
            *set = limit;
        }
        Ok(())
    }
}

impl Transport for TcpTransport {
    fn buffers(&mut self) -> &mut dyn Buffers {
        self.buffers.want_output(match self.progress.purpose() {
            Purpose::Request { buffer } => buffer,
            Purpose::Probe => BUFFER,
        });
        &mut self.buffers
    }

    /// Writes the rest of earlier writes, and then the output. If the peer accepts no more for now but has sent something,
    /// the rest is kept for later, so that the layers above can check whether it is the answer.
    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), Error> {
        let end = Deadline::UNLIMITED.at_most(*timeout.after);
        if self.progress.phase() == Phase::Ready && self.progress.is_kept() && !self.is_idle() {
            self.progress.found_closed();
            return Err(Error::Io(ErrorKind::ConnectionReset.into()));
        }
        // Before a byte of the request was sent, there can be no answer.
        let mut waits = self.progress.phase() < Phase::Sending;
        let is_rest = !self.unsent.is_empty();
        let mut slices = 0;
        let mut written = 0;
        while !self.progress.is_stopped() && (written < amount || !self.unsent.is_empty()) {
            self.block(waits)?;
            if waits {
                let left = NextTimeout {
                    after: end.left().min(WRITE_SLICE).into(),
                    ..timeout
                };
                self.limit(true, left)?;
            }
            let result = match self.unsent.is_empty() {
                true => self.stream.write(&self.buffers.output()[written..amount]),
                false => self.stream.write(&self.unsent),
            };
            match result {
                Ok(count) => {
                    match self.unsent.is_empty() {
                        true => written += count,
                        false => drop(self.unsent.drain(..count)),
                    }
                    slices = 0;
                    if self.progress.phase() == Phase::Ready {
                        self.progress.reach(Phase::Sending);
                    }
                    self.progress.written(count);
                    waits = self.progress.phase() < Phase::Sending;
                }
                Err(error) => match error.kind() {
                    ErrorKind::Interrupted => {}
                    ErrorKind::WouldBlock | ErrorKind::TimedOut if waits => {
                        slices += 1;
                        waits = false;
                        self.progress.written(0);
                        if self.progress.phase() == Phase::Receiving && slices == MAX_IDLE_SLICES {
                            self.stop(written < amount);
                        }
                    }
                    ErrorKind::WouldBlock if self.is_interrupted() => {
                        let rest = &self.buffers.output()[written..amount];
                        self.unsent.extend_from_slice(rest);
                        self.progress.cut_short(true);
                        return Ok(());
                    }
                    ErrorKind::WouldBlock => waits = true,
                    // An API may reject early and close while the body is still being sent: its answer may be
                    // available to read.
                    ErrorKind::BrokenPipe | ErrorKind::ConnectionReset => {
                        if self.progress.phase() == Phase::Ready && self.progress.is_kept() {
                            self.progress.found_closed();
                            return Err(Error::Io(error));
                        }
                        self.stop(written < amount);
                    }
                    _ => return Err(Error::Io(error)),
                },
            }
        }
        if is_rest && !self.progress.is_stopped() {
            self.progress.cut_short(false);
        }
        Ok(())
    }

    /// Waits for input, but not if no time is left for it.
    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, Error> {
        let end = Deadline::UNLIMITED.at_most(*timeout.after);
        let looks = timeout.after.is_zero();
        if !self.unsent.is_empty() && (!looks || self.progress.phase() == Phase::Receiving) {
            let whole = NextTimeout {
                after: ureq::unversioned::transport::time::Duration::NotHappening,
                ..timeout
            };
            self.transmit_output(0, if looks { whole } else { timeout })?;
        }
        let answer = self.progress.phase() == Phase::Waiting;
        let clock = SystemClock::start();
        let mut polling = looks || answer && self.prompt && self.poll_pause.is_over();
        loop {
            let waited = clock.elapsed();
            if polling && !looks && waited > POLL_TIME {
                polling = false;
                self.poll_pause = Deadline::after(waited * POLL_PAUSE_FACTOR);
            }
            self.block(!polling)?;
            if !polling {
                let left = NextTimeout {
                    after: end.left().into(),
                    ..timeout
                };
                self.limit(false, left)?;
            }
            match self.stream.read(self.buffers.input_append_buf()) {
                Ok(count) => {
                    if answer {
                        self.prompt = clock.elapsed() <= POLL_TIME;
                    }
                    self.buffers.input_appended(count);
                    return Ok(count > 0);
                }
                Err(error) => match error.kind() {
                    ErrorKind::Interrupted => {}
                    ErrorKind::WouldBlock if polling && !looks => thread::yield_now(),
                    ErrorKind::WouldBlock | ErrorKind::TimedOut => {
                        return Err(Error::Timeout(timeout.reason));
                    }
                    _ => return Err(Error::Io(error)),
                },
            }
        }
    }

    /// Whether the connection may be kept. A close by the peer before the next request is detected when that is written.
    fn is_open(&mut self) -> bool {
        !self.progress.is_stopped() && self.unsent.is_empty()
    }
}
