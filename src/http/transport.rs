//! The transport below TLS: the TCP socket, and the bytes on the wire.
//!
//! Each read and write of a [`Wire`] ends with the budget of the attempt, whatever ureq asks for and however slowly the
//! peer drips, so nothing above it can outlive the budget. Once the request comes next, the socket notes the moment when
//! a byte of it leaves, which decides whether sending again is safe. It reports to [`Progress`].

use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use ureq::unversioned::transport::{
    Buffers, ConnectionDetails, Connector, Either, LazyBuffers, NextTimeout, Transport,
};
use ureq::{Error, Timeout};

use super::progress::{Phase, Progress, Purpose};
use crate::system::error;
use crate::system::time::{Budget, Clock, SystemClock};

/// Why a connection was lost, in words.
pub(super) fn reason(why: &io::Error) -> String {
    match why.kind() {
        ErrorKind::UnexpectedEof => "the connection was closed".to_owned(),
        _ => error::reason(why),
    }
}

/// Opens the TCP connection, unless a proxy's tunnel stands already.
#[derive(Debug)]
pub(super) struct WireConnector(pub Arc<Progress>);

impl<In: Transport> Connector<In> for WireConnector {
    type Out = Either<In, Wire>;

    fn connect(
        &self,
        details: &ConnectionDetails,
        tunnel: Option<In>,
    ) -> Result<Option<Self::Out>, Error> {
        if let Some(tunnel) = tunnel {
            self.0.reach(Phase::Securing);
            return Ok(Some(Either::A(tunnel)));
        }
        self.0.reach(Phase::Connecting);
        let budget = self.0.budget().at_most(*details.timeout.after);
        let mut failure = Error::HostNotFound;
        let addresses: &[_] = &details.addrs;
        for (index, address) in addresses.iter().enumerate() {
            let left = budget.left();
            if left.is_zero() {
                return Err(Error::Timeout(Timeout::Connect));
            }
            // The last address may take all that is left; those before it half each, so that one dead address does
            // not cost the whole budget.
            let share = if index + 1 == addresses.len() {
                left
            } else {
                left / 2
            };
            match TcpStream::connect_timeout(address, share.max(Duration::from_millis(1))) {
                Ok(stream) => {
                    stream.set_nodelay(true)?;
                    self.0.reach(Phase::Securing);
                    let config = details.config;
                    return Ok(Some(Either::B(Wire {
                        stream,
                        buffers: LazyBuffers::new(
                            // A head must fit where HTTP is read, which is above TLS where there is TLS.
                            match details.needs_tls() {
                                true => config.output_buffer_size(),
                                false => config.input_buffer_size(),
                            },
                            match self.0.purpose() {
                                Purpose::Stream => STREAMED,
                                _ => config.output_buffer_size(),
                            },
                        ),
                        progress: self.0.clone(),
                        limits: [None; 2],
                        blocking: true,
                        prompt: false,
                        pause: Budget::of(Duration::ZERO),
                        peer_left: false,
                    })));
                }
                Err(error) if error.kind() == ErrorKind::TimedOut => {
                    failure = Error::Timeout(Timeout::Connect)
                }
                Err(error) => failure = Error::Io(error),
            }
        }
        Err(failure)
    }
}

/// A TCP connection that obeys the budget.
#[derive(Debug)]
pub(super) struct Wire {
    stream: TcpStream,
    buffers: LazyBuffers,
    progress: Arc<Progress>,
    /// The socket's read and write time limits as they are set now.
    limits: [Option<Duration>; 2],
    /// Whether reads and writes of the socket wait, as it is set now.
    blocking: bool,
    /// The last answer took at most [`PROMPT`].
    prompt: bool,
    /// Until this is over, answers are slept for.
    pause: Budget,
    /// A write found the connection closed: write no more, and read what the peer had to say before it left.
    peer_left: bool,
}

/// A streamed body is read and written in pieces of this size.
const STREAMED: usize = 64 << 10;

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

impl Wire {
    /// Lets reads and writes wait, or not.
    fn block(&mut self, blocking: bool) -> io::Result<()> {
        if self.blocking != blocking {
            self.stream.set_nonblocking(!blocking)?;
            self.blocking = blocking;
        }
        Ok(())
    }

    /// Sets the socket's limit for what comes next to what is left.
    fn limit(&mut self, writing: bool, timeout: NextTimeout) -> Result<(), Error> {
        let left = self.progress.budget().left().min(*timeout.after);
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

impl Transport for Wire {
    fn buffers(&mut self) -> &mut dyn Buffers {
        &mut self.buffers
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), Error> {
        let started = Budget::UNLIMITED.at_most(*timeout.after);
        let mut written = 0;
        while written < amount && !self.peer_left {
            let left = NextTimeout {
                after: started.left().into(),
                ..timeout
            };
            self.limit(true, left)?;
            match self.stream.write(&self.buffers.output()[written..amount]) {
                Ok(count) => {
                    written += count;
                    if self.progress.phase() == Phase::Ready {
                        self.progress.reach(Phase::Sending);
                    }
                }
                Err(error) => match error.kind() {
                    ErrorKind::Interrupted => {}
                    ErrorKind::WouldBlock if !self.blocking => self.block(true)?,
                    ErrorKind::WouldBlock | ErrorKind::TimedOut => {
                        return Err(Error::Timeout(timeout.reason));
                    }
                    // An API that refuses early answers and closes while the body is still on its way: the answer
                    // may be there to be read.
                    ErrorKind::BrokenPipe | ErrorKind::ConnectionReset => {
                        self.peer_left = true;
                        self.progress.cut_short();
                    }
                    _ => return Err(Error::Io(error)),
                },
            }
        }
        Ok(())
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, Error> {
        let started = Budget::UNLIMITED.at_most(*timeout.after);
        let answer = self.progress.phase() == Phase::Waiting;
        let clock = SystemClock::start();
        let mut looking = answer && self.prompt && self.pause.is_over();
        loop {
            let waited = clock.elapsed();
            if looking && waited > PROMPT {
                looking = false;
                self.pause = Budget::of(waited * PAUSE);
            }
            self.block(!looking)?;
            if !looking {
                let left = NextTimeout {
                    after: started.left().into(),
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
                    ErrorKind::WouldBlock if !self.blocking => thread::yield_now(),
                    ErrorKind::WouldBlock | ErrorKind::TimedOut => {
                        return Err(Error::Timeout(timeout.reason));
                    }
                    _ => return Err(Error::Io(error)),
                },
            }
        }
    }

    /// A kept connection is open while the peer has neither closed it nor said anything unasked.
    fn is_open(&mut self) -> bool {
        // ureq asks when it puts the connection by, and again before it uses it: only then does it matter.
        if self.progress.phase() >= Phase::Sending {
            return !self.peer_left;
        }
        // The socket is left not to wait: reads and writes set it as they need it.
        !self.peer_left
            && self.block(false).is_ok()
            && (self.stream.peek(&mut [0])).is_err_and(|why| why.kind() == ErrorKind::WouldBlock)
    }
}
