//! The transport below TLS: the TCP socket, and the bytes on the wire.
//!
//! Each read and write of a [`TcpTransport`] ends with the deadline of the attempt, whatever ureq asks for and however slowly the
//! peer drips, so nothing above it can outlive the deadline. Once the request comes next, the socket notes the moment when
//! a byte of it leaves, which decides whether sending again is safe. It reports to [`Progress`].

use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use ureq::unversioned::transport::{
    Buffers, ConnectionDetails, Connector, Either, NextTimeout, Transport,
};
use ureq::{Error, Timeout};

use super::buffers::GrowingBuffers;
use super::progress::{Phase, Progress, Purpose};
use crate::system::error;
use crate::system::time::{Clock, Deadline, SystemClock};

/// Why a connection was lost, in words.
pub(super) fn reason(why: &io::Error) -> String {
    match why.kind() {
        ErrorKind::UnexpectedEof => "the connection was closed".to_owned(),
        _ => error::reason(why),
    }
}

/// Opens the TCP connection, unless a proxy's tunnel stands already.
#[derive(Debug)]
pub(super) struct TcpConnector {
    progress: Arc<Progress>,
    /// The addresses that did not answer while another one was left.
    silent: Mutex<Vec<SocketAddr>>,
}

impl TcpConnector {
    pub(super) fn new(progress: Arc<Progress>) -> TcpConnector {
        TcpConnector {
            progress,
            silent: Mutex::default(),
        }
    }
}

/// How long an address may take to answer while another one is left.
const SILENCE: Duration = Duration::from_secs(2);

impl<In: Transport> Connector<In> for TcpConnector {
    type Out = Either<In, TcpTransport>;

    fn connect(
        &self,
        details: &ConnectionDetails,
        tunnel: Option<In>,
    ) -> Result<Option<Self::Out>, Error> {
        if let Some(tunnel) = tunnel {
            self.progress.reach(Phase::Securing);
            return Ok(Some(Either::A(tunnel)));
        }
        self.progress.reach(Phase::Connecting);
        let deadline = self.progress.deadline().at_most(*details.timeout.after);
        let mut failure = Error::HostNotFound;
        let mut silent = self.silent.lock().unwrap_or_else(PoisonError::into_inner);
        let mut addresses = details.addrs.to_vec();
        if !addresses.iter().all(|address| silent.contains(address)) {
            addresses.retain(|address| !silent.contains(address));
        }
        for (index, address) in addresses.iter().enumerate() {
            let left = deadline.left();
            if left.is_zero() {
                return Err(Error::Timeout(Timeout::Connect));
            }
            // The last address may take all that is left; one before it not so long, and once only, so that a dead
            // address does not cost the whole deadline.
            let is_last = index + 1 == addresses.len();
            let share = match is_last {
                true => left,
                false => SILENCE.min(left / 2),
            };
            match TcpStream::connect_timeout(address, share.max(Duration::from_millis(1))) {
                Ok(stream) => {
                    stream.set_nodelay(true)?;
                    self.progress.reach(Phase::Securing);
                    let config = details.config;
                    return Ok(Some(Either::B(TcpTransport {
                        stream,
                        buffers: GrowingBuffers::new(
                            config.input_buffer_size(),
                            match self.progress.purpose() {
                                Purpose::Stream => STREAMED,
                                _ => config.output_buffer_size(),
                            },
                        ),
                        progress: self.progress.clone(),
                        limits: [None; 2],
                        blocking: true,
                        prompt: false,
                        pause: Deadline::after(Duration::ZERO),
                        unsent: Vec::new(),
                    })));
                }
                Err(error) if error.kind() == ErrorKind::TimedOut => {
                    if !is_last {
                        silent.push(*address);
                    }
                    failure = Error::Timeout(Timeout::Connect)
                }
                Err(error) => failure = Error::Io(error),
            }
        }
        Err(failure)
    }
}

/// A TCP connection that obeys the deadline.
#[derive(Debug)]
pub(super) struct TcpTransport {
    stream: TcpStream,
    buffers: GrowingBuffers,
    progress: Arc<Progress>,
    /// The socket's read and write time limits as they are set now.
    limits: [Option<Duration>; 2],
    /// Whether reads and writes of the socket wait, as it is set now.
    blocking: bool,
    /// The last answer took at most [`PROMPT`].
    prompt: bool,
    /// Until this is over, answers are slept for.
    pause: Deadline,
    /// The rest of a write that stopped because something came in: it goes out before anything else.
    unsent: Vec<u8>,
}

/// A streamed body is read and written in pieces of this size.
const STREAMED: usize = 64 << 10;

/// A write waits no longer than this before it looks whether an answer came meanwhile.
const SLICE: Duration = Duration::from_millis(100);

/// An API that has accepted the document before it read all of it, and then takes not a byte for so many times
/// [`SLICE`], wants no more of it.
const PATIENCE: u32 = 7;

/// How much may be left of writes that something unasked interrupted, again and again.
const MAX_UNSENT: usize = 256 << 10;

/// Time limits are rounded up to this, so that not every read and write costs a system call to set one; short ones are
/// not.
const GRAIN: Duration = Duration::from_millis(100);
const FINE: Duration = Duration::from_secs(2);

/// To fall asleep and be woken costs tens of microseconds, more on a virtual machine: for an answer that is there
/// sooner, most of the time of a delivery. Where the last answer took no longer than this, the next one is looked for
/// again and again for as long before it is slept for; each look yields the processor, for the API may need this core.
/// The first answer of a connection is always slept for, and so are those of an API that takes longer.
const PROMPT: Duration = Duration::from_micros(100);

/// A look in vain is followed by so many times its length without one, so that looking costs a twentieth at most where
/// it does not pay: on a busy core a yield comes back after milliseconds only.
const PAUSE: u32 = 20;

impl TcpTransport {
    /// Lets reads and writes wait, or not.
    fn block(&mut self, blocking: bool) -> io::Result<()> {
        if self.blocking != blocking {
            self.stream.set_nonblocking(!blocking)?;
            self.blocking = blocking;
        }
        Ok(())
    }

    /// Whether the peer has neither closed the connection nor sent anything. The socket is left not to wait: reads and
    /// writes set it as they need it.
    fn says_nothing(&mut self) -> bool {
        self.block(false).is_ok()
            && (self.stream.peek(&mut [0])).is_err_and(|why| why.kind() == ErrorKind::WouldBlock)
    }

    /// Whether a write that would have to wait is better put off, for what came may be the answer.
    fn is_interrupted(&mut self) -> bool {
        matches!(self.progress.phase(), Phase::Sending | Phase::Waiting)
            && self.unsent.len() < MAX_UNSENT
            && !self.says_nothing()
    }

    /// Writes no more, and says whether that was part of the request.
    fn stop(&mut self, has_more: bool) {
        // Once the answer is awaited, all that is written is TLS's goodbye.
        if has_more && self.progress.phase() <= Phase::Sending || !self.unsent.is_empty() {
            self.progress.cut_short(true);
        }
        self.progress.stop();
    }

    /// Sets the socket's limit for what comes next to what is left.
    fn limit(&mut self, writing: bool, timeout: NextTimeout) -> Result<(), Error> {
        let left = self.progress.deadline().left().min(*timeout.after);
        if left.is_zero() {
            return Err(Error::Timeout(timeout.reason));
        }
        let limit = match left {
            Duration::MAX => None,
            left if left < FINE => Some(left),
            left => Some(
                GRAIN * u32::try_from(left.as_millis() / GRAIN.as_millis() + 1).unwrap_or(u32::MAX),
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
        &mut self.buffers
    }

    /// Writes what is left of earlier writes, and then the output. Where the peer takes no more for now, but has said
    /// something, the rest is kept for later, so that the layers above can look whether it is the answer.
    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), Error> {
        let end = Deadline::UNLIMITED.at_most(*timeout.after);
        if self.progress.phase() == Phase::Ready && self.progress.is_kept() && !self.says_nothing()
        {
            self.progress.found_closed();
            return Err(Error::Io(ErrorKind::ConnectionReset.into()));
        }
        // Before a byte of the request has left, there is nothing to be answered.
        let mut waits = self.progress.phase() < Phase::Sending;
        let is_rest = !self.unsent.is_empty();
        let mut slices = 0;
        let mut written = 0;
        while !self.progress.is_stopped() && (written < amount || !self.unsent.is_empty()) {
            self.block(waits)?;
            if waits {
                let left = NextTimeout {
                    after: end.left().min(SLICE).into(),
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
                    waits = self.progress.phase() < Phase::Sending;
                }
                Err(error) => match error.kind() {
                    ErrorKind::Interrupted => {}
                    ErrorKind::WouldBlock | ErrorKind::TimedOut if waits => {
                        slices += 1;
                        waits = false;
                        if self.progress.phase() == Phase::Receiving && slices == PATIENCE {
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
                    // An API that refuses early answers and closes while the body is still on its way: the answer
                    // may be there to be read.
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

    /// Waits for input; does not wait where there is no time for it.
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
        let mut polling = looks || answer && self.prompt && self.pause.is_over();
        loop {
            let waited = clock.elapsed();
            if polling && !looks && waited > PROMPT {
                polling = false;
                self.pause = Deadline::after(waited * PAUSE);
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
                        self.prompt = clock.elapsed() <= PROMPT;
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

    /// Whether the connection may be kept. What the peer does until the next request is seen when that is written.
    fn is_open(&mut self) -> bool {
        !self.progress.is_stopped() && self.unsent.is_empty()
    }
}
