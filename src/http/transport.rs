//! The bytes on the wire: two ureq transports, and what they tell us.
//!
//! [`Wire`] is the TCP socket below TLS. Each of its reads and writes ends with the budget of the attempt, whatever
//! ureq asks for and however slowly the peer drips, so nothing above it can outlive the budget. [`Exchange`] is the
//! request above TLS: it joins head and body into one write, and ends a probe before it. It says that the request comes
//! next, and the socket notes the moment when a byte of it leaves, which decides whether sending again is safe. Both
//! report to [`Progress`].

use std::fmt;
use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use ureq::unversioned::transport::{
    Buffers, ConnectionDetails, Connector, Either, LazyBuffers, NextTimeout, Transport,
};
use ureq::{Error, Timeout};

use crate::system::error;
use crate::system::time::{Budget, Clock, SystemClock};

/// How far an attempt has come. The order matters: from [`Phase::Sending`] on, the API may have seen the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
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

/// What the transports of one client share: the budget they obey, how far they came, and how far they may go.
#[derive(Debug)]
pub struct Progress(Mutex<State>);

#[derive(Debug)]
struct State {
    phase: Phase,
    budget: Budget,
    purpose: Purpose,
    /// The peer went away while it was being sent something.
    cut_short: bool,
    /// How many TLS records came since we answered the API's request for a client certificate; `None` when it made none.
    since_certificate: Option<u32>,
}

/// What an attempt is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// To see how far it comes: it stops where the request would begin.
    Probe,
    /// A request that is in memory.
    Request,
    /// A request whose body is streamed, so that larger pieces pay.
    Stream,
}

impl Progress {
    /// Before any attempt.
    pub fn new() -> Arc<Progress> {
        Arc::new(Progress(Mutex::new(State {
            phase: Phase::Resolving,
            budget: Budget::UNLIMITED,
            purpose: Purpose::Request,
            cut_short: false,
            since_certificate: None,
        })))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A new attempt begins, and ends with `budget`.
    pub fn begin(&self, budget: Budget, purpose: Purpose) {
        *self.lock() = State {
            phase: Phase::Resolving,
            budget,
            purpose,
            cut_short: false,
            since_certificate: None,
        };
    }

    /// How far the attempt has come.
    pub fn phase(&self) -> Phase {
        self.lock().phase
    }

    /// The attempt has come this far.
    pub fn reach(&self, phase: Phase) {
        self.lock().phase = phase;
    }

    /// What the attempt may still take.
    pub fn budget(&self) -> Budget {
        self.lock().budget
    }

    /// Whether the peer went away before the request was written.
    pub fn is_cut_short(&self) -> bool {
        self.lock().cut_short
    }

    /// The peer went away before what is being written was.
    fn cut_short(&self) {
        let mut state = self.lock();
        // Once the answer is awaited, all that is written is TLS's goodbye.
        state.cut_short |= state.phase <= Phase::Sending;
    }

    /// A connection is new, and nobody has asked for a certificate on it.
    pub fn reset_certificate(&self) {
        self.lock().since_certificate = None;
    }

    /// The API asked for a certificate, and we answered.
    pub fn certificate_sent(&self) {
        self.lock().since_certificate = Some(0);
    }

    /// A TLS record came.
    pub fn record_came(&self) {
        if let Some(count) = &mut self.lock().since_certificate {
            *count += 1;
        }
    }

    /// Whether an alert, if the last record was one, was all that the API answered to our certificate. What else came
    /// before it (a ticket, for one) shows that the API had accepted the certificate.
    pub fn may_refuse_certificate(&self) -> bool {
        self.lock().since_certificate == Some(1)
    }

    fn purpose(&self) -> Purpose {
        self.lock().purpose
    }
}

/// Why a connection was lost, in words.
pub fn reason(why: &io::Error) -> String {
    match why.kind() {
        ErrorKind::UnexpectedEof => "the connection was closed".to_owned(),
        _ => error::reason(why),
    }
}

/// A probe has come as far as it may: the request would follow.
#[derive(Debug)]
pub struct Ready;

impl fmt::Display for Ready {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the connection stands")
    }
}

impl std::error::Error for Ready {}

/// How long a probe listens for objections: in TLS 1.3 an API that does not like our certificate says so only when we
/// take the connection to stand.
const OBJECTIONS: Duration = Duration::from_millis(500);

/// Opens the TCP connection, unless a proxy's tunnel stands already.
#[derive(Debug)]
pub struct WireConnector(pub Arc<Progress>);

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
pub struct Wire {
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

/// Puts an [`Exchange`] around the connection to the API; a connection to a proxy stays as it is.
#[derive(Debug)]
pub struct ExchangeConnector {
    /// Shared with the client.
    pub progress: Arc<Progress>,
    /// Host and port of the API.
    pub authority: String,
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

/// The connection as the request and its answer see it.
#[derive(Debug)]
pub struct Exchange<T> {
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
