//! The script of a server: a list of connections, each a list of steps.
//!
//! ```ignore
//! let server = Server::script([
//!     conn().read().reply_json(503, "{}").close(),
//!     conn().read().reply_json(200, r#"{"ok":true}"#),
//! ]);
//! ```
//! The script is exact: a missing or unexpected connection or request fails the test when the server ends. After its
//! last step a connection stays open until the client is done with it.
//! A client may be gone before it is answered: timeouts are tested that way.
use super::http::{Inbox, Part, ReadOutcome, Response, is_end};
use super::server::{Serve, Server, Shared, loopback};
use super::transport::{Secure, Tcp, Transport};
use socket2::{Domain, SockRef, Socket, Type};
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

/// The steps of one connection.
#[derive(Clone, Debug, Default)]
pub struct Conn {
    steps: Vec<Step>,
    raw: bool,
}

/// Accepts a connection; what happens on it is what the methods add.
pub fn conn() -> Conn {
    Conn::default()
}

#[derive(Clone, Debug)]
enum Step {
    Read(Part),
    ReadEnd,
    Reply(Vec<u8>),
    Drip(Vec<u8>, Duration),
    Wait(Duration),
    Stall,
    NeverRead,
    HalfClose,
    Close,
    Cut,
    Reset,
    Alert(u8),
    Handshake,
    HandshakeFails,
    HandshakeCut(usize),
}

impl Conn {
    fn then(mut self, step: Step) -> Conn {
        self.steps.push(step);
        self
    }

    /// Reads one whole request, by Content-Length or chunked; after [`Conn::read_head`], the rest of that one.
    pub fn read(self) -> Conn {
        self.then(Step::Read(Part::Whole))
    }

    /// Reads a request up to its empty line, and leaves its content in the kernel.
    pub fn read_head(self) -> Conn {
        self.then(Step::Read(Part::Head))
    }

    /// Reads until `n` bytes of the request are there, and no more than that.
    pub fn read_bytes(self, n: usize) -> Conn {
        self.then(Step::Read(Part::Bytes(n)))
    }

    /// Waits for the client to close; fails when it sends instead.
    pub fn read_end(self) -> Conn {
        self.then(Step::ReadEnd)
    }

    /// Sends these bytes, or a [`Response`].
    pub fn reply(self, bytes: impl Into<Vec<u8>>) -> Conn {
        self.then(Step::Reply(bytes.into()))
    }

    pub fn reply_json(self, status: u16, json: &str) -> Conn {
        self.reply(Response::json(status, json))
    }

    /// Sends a byte, and another one whenever this time has passed.
    pub fn drip(self, bytes: impl Into<Vec<u8>>, every: Duration) -> Conn {
        self.then(Step::Drip(bytes.into(), every))
    }

    /// Does nothing for a while; cut short when the test ends.
    pub fn wait(self, time: Duration) -> Conn {
        self.then(Step::Wait(time))
    }

    /// Keeps the connection open without an answer, and discards what arrives, until the client closes or the test
    /// ends.
    pub fn stall(self) -> Conn {
        self.then(Step::Stall)
    }

    /// Keeps the connection open and reads nothing, through a small receive buffer, until the test ends.
    pub fn never_read(self) -> Conn {
        self.then(Step::NeverRead)
    }

    /// Ends our direction only (FIN); later steps can still read.
    pub fn half_close(self) -> Conn {
        self.then(Step::HalfClose)
    }

    /// Closes both directions properly. If bytes of the client are unread, the kernel adds a reset.
    pub fn close(self) -> Conn {
        self.then(Step::Close)
    }

    /// Closes without close_notify; over plain TCP the same as [`Conn::close`].
    pub fn cut(self) -> Conn {
        self.then(Step::Cut)
    }

    /// Closes with a reset (RST).
    pub fn reset(self) -> Conn {
        self.then(Step::Reset)
    }

    /// Ends TLS with this fatal alert (RFC 8446, section 6), and closes.
    pub fn alert(self, code: u8) -> Conn {
        self.then(Step::Alert(code))
    }

    /// On a TLS server: no handshake before [`Conn::handshake`], so the steps use plain TCP. For a peer that is silent
    /// (`.stall()`) or sends garbage (`.reply("220 smtp\r\n")`), and for a proxy:
    /// `.read().reply(…).handshake().read()`.
    pub fn raw(mut self) -> Conn {
        self.raw = true;
        self
    }

    /// Starts TLS now.
    pub fn handshake(mut self) -> Conn {
        self.raw = true;
        self.then(Step::Handshake)
    }

    /// Starts the handshake, and expects that it fails, by the client or by the check of its certificate.
    pub fn handshake_fails(mut self) -> Conn {
        self.raw = true;
        self.then(Step::HandshakeFails)
    }

    /// Sends only the first `bytes` of the server's half of the handshake, and closes.
    pub fn handshake_cut(mut self, bytes: usize) -> Conn {
        self.raw = true;
        self.then(Step::HandshakeCut(bytes))
    }

    fn is_deaf(&self) -> bool {
        self.steps.iter().any(|s| matches!(s, Step::NeverRead))
    }
}

impl Server {
    /// Plays the connections in the order in which they are accepted.
    pub fn script(connections: impl IntoIterator<Item = Conn>) -> Server {
        Server::play(connections, None, "127.0.0.1:0")
    }

    /// The same on another address, such as `[::1]:0`.
    pub fn script_on(address: &str, connections: impl IntoIterator<Item = Conn>) -> Server {
        Server::play(connections, None, address)
    }

    /// Fails the test at the first connection.
    pub fn never() -> Server {
        Server::script([])
    }

    pub(super) fn play(
        connections: impl IntoIterator<Item = Conn>,
        secure: Option<Arc<dyn Secure>>,
        address: &str,
    ) -> Server {
        let connections: Vec<Conn> = connections.into_iter().collect();
        let host = secure.is_some().then_some("localhost");
        let listener = match connections.iter().any(Conn::is_deaf) {
            true => narrow(address.parse().expect("an address")),
            false if address == "127.0.0.1:0" => loopback(),
            false => TcpListener::bind(address).expect("a free port"),
        };
        let script = Script {
            connections,
            secure,
        };
        Server::start(listener, host, Arc::new(script))
    }
}

/// A listener whose connections buffer only a few kilobytes: the size counts from before the handshake of TCP on.
fn narrow(address: SocketAddr) -> TcpListener {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None).expect("a socket");
    socket.set_recv_buffer_size(4096).expect("SO_RCVBUF");
    socket.bind(&address.into()).expect("a free port");
    socket.listen(128).expect("listen");
    socket.into()
}

struct Script {
    connections: Vec<Conn>,
    secure: Option<Arc<dyn Secure>>,
}

impl Serve for Script {
    fn serve(&self, server: &Shared, number: usize, tcp: Tcp) {
        let unexpected = conn().read().reply_json(500, "\"unexpected\"").close();
        let script = self.connections.get(number);
        let conn = script.unwrap_or(&unexpected);
        let mut player = Player {
            server,
            number,
            secure: self.secure.as_ref(),
            inbox: Inbox::new(number),
            transport: Box::new(tcp.clone()),
            tcp,
            speaks_http: true,
        };
        let verdict = player.play(conn);
        let log = |line: &str| server.log(format!("connection {number}: {line}"));
        let complain = |line: &str| server.complain(format!("connection {number}: {line}"));
        match (verdict, script) {
            (Ok(()), Some(_)) => log("played"),
            (Err(wrong), Some(_)) => complain(&wrong),
            (Ok(()), None) => complain("unexpected, with a request"),
            (Err(_), None) => complain("unexpected"),
        }
    }

    fn missing(&self, connections: usize) -> Vec<String> {
        (connections..self.connections.len())
            .map(|n| format!("connection {n}: never came"))
            .collect()
    }
}

struct Player<'a> {
    server: &'a Shared,
    number: usize,
    secure: Option<&'a Arc<dyn Secure>>,
    inbox: Inbox,
    transport: Box<dyn Transport>,
    tcp: Tcp,
    /// False before the handshake on a TLS server: bytes that are read then are recorded only if they are a request.
    speaks_http: bool,
}

impl Player<'_> {
    /// Plays all steps; the error is what the client did wrong.
    fn play(&mut self, conn: &Conn) -> Result<(), String> {
        if self.secure.is_some() {
            self.speaks_http = false;
            if !conn.raw {
                self.step(&Step::Handshake)?;
            }
        }
        for (n, step) in conn.steps.iter().enumerate() {
            self.step(step).map_err(|e| format!("step {n}: {e}"))?;
        }
        match conn.steps.last() {
            Some(Step::Stall | Step::NeverRead | Step::Close | Step::Cut | Step::Reset) => Ok(()),
            Some(Step::HandshakeFails | Step::HandshakeCut(_) | Step::Alert(_)) => Ok(()),
            _ => self.read_end(),
        }
    }

    fn step(&mut self, step: &Step) -> Result<(), String> {
        match step {
            Step::Read(part) => return self.read(*part),
            Step::ReadEnd => return self.read_end(),
            Step::Handshake => return self.handshake(),
            Step::HandshakeFails => return self.handshake_fails(),
            Step::HandshakeCut(bytes) => {
                let done = self.secured()?.accept_partly(self.tcp.clone(), *bytes);
                self.log_err("handshake", done);
                self.close();
            }
            Step::Reply(bytes) => {
                self.log(format!("reply, {} bytes", bytes.len()));
                self.send(bytes);
            }
            Step::Drip(bytes, every) => {
                self.log(format!("drip, {} bytes", bytes.len()));
                for byte in bytes.chunks(1) {
                    if !self.send(byte) || self.server.pause(*every) {
                        break;
                    }
                }
            }
            Step::Wait(time) => drop(self.server.pause(*time)),
            Step::Stall => {
                self.log("stall");
                let copied = io::copy(&mut self.transport, &mut io::sink());
                self.log_err("stall", copied);
            }
            Step::NeverRead => {
                self.log("never read");
                self.server.pause(Duration::MAX);
            }
            Step::HalfClose => {
                self.transport.close_notify();
                self.tcp.shut_write();
            }
            Step::Close => {
                self.transport.close_notify();
                self.close();
            }
            Step::Cut => self.close(),
            Step::Alert(code) => {
                self.log(format!("alert {code}"));
                self.transport
                    .alert(*code)
                    .map_err(|e| format!("alert: {e}"))?;
                self.close();
            }
            Step::Reset => {
                self.log("reset");
                let linger = SockRef::from(&*self.tcp.0).set_linger(Some(Duration::ZERO));
                linger.map_err(|e| e.to_string())?;
            }
        }
        Ok(())
    }

    fn read(&mut self, part: Part) -> Result<(), String> {
        let more = self.inbox.is_midway();
        let (request, short) = match self.inbox.read(&mut self.transport, part) {
            Ok(ReadOutcome::Done(request)) => (request, false),
            Ok(ReadOutcome::Short(request)) => (request, true),
            Ok(ReadOutcome::Ended) => return Err("a request was due, but the client closed".into()),
            Err(e) => return Err(format!("a request was due: {e}")),
        };
        let size = request.raw().len();
        if self.speaks_http || !matches!(part, Part::Bytes(_)) {
            self.log(format!("read, {size} bytes: {}", request.line()));
            self.server.record(request, more);
        }
        match short {
            true => Err(format!("the client closed after {size} bytes of a request")),
            false => Ok(()),
        }
    }

    fn read_end(&mut self) -> Result<(), String> {
        loop {
            let more = self.inbox.is_midway();
            match self.inbox.read(&mut self.transport, Part::Whole) {
                Ok(ReadOutcome::Done(rest) | ReadOutcome::Short(rest)) if more => {
                    self.server.record(rest, more)
                }
                Ok(ReadOutcome::Done(request) | ReadOutcome::Short(request)) => {
                    let line = request.line().to_string();
                    self.server.record(request, false);
                    return Err(format!("an unexpected request: {line}"));
                }
                Ok(ReadOutcome::Ended) => {
                    self.log("the client closed");
                    return Ok(());
                }
                Err(e) => {
                    self.log(format!("the client closed: {e}"));
                    return Ok(());
                }
            }
        }
    }

    fn secured(&self) -> Result<&Arc<dyn Secure>, String> {
        self.secure.ok_or("this server has no certificate".into())
    }

    fn handshake(&mut self) -> Result<(), String> {
        let accepted = self.secured()?.accept(self.tcp.clone());
        self.transport = accepted.map_err(|e| format!("TLS handshake: {e}"))?;
        self.log("TLS handshake");
        self.speaks_http = true;
        Ok(())
    }

    fn handshake_fails(&mut self) -> Result<(), String> {
        let Err(e) = self.secured()?.accept(self.tcp.clone()) else {
            return Err("the TLS handshake went well".into());
        };
        self.log(format!("TLS handshake failed: {e}"));
        // Not closed at once: with bytes unread that would reset the connection, and overtake our alert.
        self.tcp.shut_write();
        let _ = io::copy(&mut self.tcp, &mut io::sink());
        Ok(())
    }

    /// Returns whether the client was still there.
    fn send(&mut self, bytes: &[u8]) -> bool {
        let sent = self
            .transport
            .write_all(bytes)
            .and_then(|()| self.transport.flush());
        self.log_err("reply", sent.map(|()| 0))
    }

    /// The socket itself closes when the player is dropped: after its last step, which this is.
    fn close(&mut self) {
        self.log("close");
        self.tcp.shut_write(); // the FIN leaves first, even where a reset follows
    }

    fn log(&self, line: impl AsRef<str>) {
        let line = line.as_ref();
        self.server
            .log(format!("connection {}: {line}", self.number));
    }

    fn log_err<T>(&self, what: &str, result: io::Result<T>) -> bool {
        match &result {
            Err(e) if is_end(e) => self.log(format!("{what}: the client is gone")),
            Err(e) => self.log(format!("{what}: {e}")),
            Ok(_) => {}
        }
        result.is_ok()
    }
}
