//! A [`Server`] on a real loopback socket: it accepts, records and reports, until it is dropped.
//!
//! It owns sockets and threads. Its [`Serve`] decides what is sent on a connection: a handler function (here) or a
//! script (`script.rs`), either of them over TLS (`tls.rs`). Plain std, because the demo API includes this file too.
//!
//! Always true: nothing outlives the `Server` value; everything that exited clients have sent is read before
//! [`Server::finish`] checks it.
use super::http::{Inbox, Part, ReadOutcome, Request, Response};
use super::transport::{Secure, Tcp, Transport};
use std::cell::RefCell;
use std::io;
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, Weak};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// How long players and waiters are given before a test counts as stuck.
const PATIENCE: Duration = Duration::from_secs(10);

/// Requests that a handler's server keeps; all are counted, but a flood must not fill the memory.
const KEPT: usize = 10_000;

/// What happens on a connection. One value serves all of a server's connections, each on its own thread.
pub trait Serve: Send + Sync {
    fn serve(&self, server: &Shared, number: usize, tcp: Tcp);

    /// What is still missing when the test is over.
    fn missing(&self, _connections: usize) -> Vec<String> {
        Vec::new()
    }
}

/// The part of a server that its threads share.
pub struct Shared {
    port: u16,
    scheme: &'static str,
    host: &'static str,
    started: Instant,
    log: Mutex<Vec<String>>,
    complaints: Mutex<Vec<String>>,
    requests: Mutex<(Vec<Request>, usize)>,
    arrived: Condvar,
    life: Mutex<Life>,
    changed: Condvar,
}

#[derive(Default)]
struct Life {
    ending: bool,
    /// The address of the connection that only wakes the acceptor.
    waker: Option<SocketAddr>,
    accepted: usize,
    playing: usize,
    sockets: Vec<Weak<TcpStream>>,
}

thread_local! {
    /// The servers of this test: the runner shows their logs, and calls their ports PORT, PORT2 and so on.
    static OURS: RefCell<Vec<Weak<Shared>>> = const { RefCell::new(Vec::new()) };
}

/// The living servers that this thread started, in order.
pub fn ours() -> Vec<Arc<Shared>> {
    OURS.with_borrow(|all| all.iter().filter_map(Weak::upgrade).collect())
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // A thread that panicked reports it itself; a poisoned lock must not hide the report.
    mutex.lock().unwrap_or_else(|e| e.into_inner())
}

impl Shared {
    /// Adds a line to the log that a failing test prints.
    pub fn log(&self, line: impl AsRef<str>) {
        let at = self.started.elapsed().as_secs_f64();
        lock(&self.log).push(format!("{at:8.3} {}", line.as_ref()));
    }

    /// Records an error that fails the test at its end.
    pub fn complain(&self, line: impl AsRef<str>) {
        self.log(format!("WRONG: {}", line.as_ref()));
        lock(&self.complaints).push(line.as_ref().into());
    }

    /// Records a request, or more of the one recorded last on its connection.
    pub fn record(&self, request: Request, more: bool) {
        let mut requests = lock(&self.requests);
        let (kept, count) = &mut *requests;
        let same = |r: &&mut Request| r.connection == request.connection;
        match kept.iter_mut().rev().find(same).filter(|_| more) {
            Some(earlier) => *earlier = request,
            None => {
                *count += 1;
                if kept.len() < KEPT {
                    kept.push(request);
                }
            }
        }
        self.arrived.notify_all();
    }

    /// Waits, and returns whether the test ended meanwhile.
    pub fn pause(&self, time: Duration) -> bool {
        let (life, _) = self
            .changed
            .wait_timeout_while(lock(&self.life), time, |l| !l.ending)
            .unwrap_or_else(|e| e.into_inner());
        life.ending
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// What happened, one line for each event, with seconds since the start.
    pub fn transcript(&self) -> String {
        lock(&self.log).iter().map(|l| format!("{l}\n")).collect()
    }
}

/// A server. Dropping it ends it, and fails the test when its script was not played exactly.
pub struct Server {
    shared: Arc<Shared>,
    serve: Arc<dyn Serve>,
    address: SocketAddr,
    acceptor: Option<JoinHandle<Vec<JoinHandle<()>>>>,
}

impl Server {
    /// Answers any number of requests on any number of connections with what `answer` makes of them.
    pub fn handler(answer: impl Fn(&Request) -> Response + Send + Sync + 'static) -> Server {
        Server::start(loopback(), None, Arc::new(Handler::new(answer, None)))
    }

    /// Serves on a listener until dropped. `host` is what URLs name; with it they are https.
    pub fn start(
        listener: TcpListener,
        host: Option<&'static str>,
        serve: Arc<dyn Serve>,
    ) -> Server {
        let address = listener.local_addr().expect("a bound listener");
        let v6 = address.is_ipv6();
        let shared = Arc::new(Shared {
            port: address.port(),
            scheme: if host.is_some() { "https" } else { "http" },
            host: host.unwrap_or(if v6 { "[::1]" } else { "127.0.0.1" }),
            started: Instant::now(),
            log: Mutex::default(),
            complaints: Mutex::default(),
            requests: Mutex::default(),
            arrived: Condvar::new(),
            life: Mutex::default(),
            changed: Condvar::new(),
        });
        OURS.with_borrow_mut(|all| {
            all.retain(|s| s.strong_count() > 0);
            all.push(Arc::downgrade(&shared));
        });
        let acceptor = {
            let (shared, serve) = (shared.clone(), serve.clone());
            thread::spawn(move || accept_all(&listener, &shared, &serve))
        };
        Server {
            shared,
            serve,
            address,
            acceptor: Some(acceptor),
        }
    }

    pub fn port(&self) -> u16 {
        self.shared.port
    }

    /// `http://127.0.0.1:PORT` and the path. The text is leaked, so that it mixes with literals in a list of arguments.
    pub fn url(&self, path: &str) -> &'static str {
        self.url_on(self.shared.host, path)
    }

    /// The URL under another name of this machine.
    pub fn url_on(&self, host: &str, path: &str) -> &'static str {
        let Shared { scheme, port, .. } = &*self.shared;
        format!("{scheme}://{host}:{port}{path}").leak()
    }

    /// The requests so far, in the order in which they were begun.
    pub fn requests(&self) -> Vec<Request> {
        lock(&self.shared.requests).0.clone()
    }

    /// How many requests there were, also beyond those that are kept.
    pub fn count(&self) -> usize {
        lock(&self.shared.requests).1
    }

    /// How many connections were accepted.
    pub fn connections(&self) -> usize {
        lock(&self.shared.life).accepted
    }

    /// Waits until `count` requests have been recorded, and returns them.
    #[track_caller]
    pub fn wait_for(&self, count: usize) -> Vec<Request> {
        let guard = lock(&self.shared.requests);
        let (guard, waited) = self
            .shared
            .arrived
            .wait_timeout_while(guard, PATIENCE, |r| r.1 < count)
            .unwrap_or_else(|e| e.into_inner());
        assert!(
            !waited.timed_out(),
            "request {count} never came\n{}",
            self.shared.transcript()
        );
        guard.0.clone()
    }

    /// Waits until nothing that clients sent, who have all ended, is on its way any more: the kernel has no connection
    /// left, and none is being served.
    pub fn wait_idle(&self) {
        let start = Instant::now();
        let port = format!(":{:04X}", self.port());
        let is_idle = || {
            let table = std::fs::read_to_string("/proc/net/tcp").expect("Linux");
            let is_open = |line: &str| {
                let mut words = line.split_whitespace().skip(1);
                let (local, remote) = (words.next(), words.next());
                let ours = [local, remote]
                    .iter()
                    .flatten()
                    .any(|it| it.ends_with(&port));
                // LISTEN and TIME_WAIT.
                ours && !matches!(words.next(), Some("0A" | "06"))
            };
            !table.lines().any(is_open) && lock(&self.shared.life).playing == 0
        };
        // Twice, as a connection may be in neither for a moment.
        while !(is_idle() && is_idle()) {
            assert!(
                start.elapsed() < PATIENCE,
                "never idle\n{}",
                self.transcript()
            );
            thread::sleep(Duration::from_millis(1));
        }
    }

    /// The only request; fails when there was none, or another.
    #[track_caller]
    pub fn request(&self) -> Request {
        let mut all = self.requests();
        assert_eq!(all.len(), 1, "one request\n{}", self.shared.transcript());
        all.remove(0)
    }

    pub fn transcript(&self) -> String {
        self.shared.transcript()
    }

    /// Ends the server, fails the test when its script was not played exactly, and returns what it was sent.
    #[track_caller]
    pub fn finish(mut self) -> Vec<Request> {
        let complaints = self.end();
        assert!(complaints.is_empty(), "{complaints}");
        self.requests()
    }

    /// Ends the server and returns what was wrong, instead of failing.
    pub fn complaints(mut self) -> Vec<String> {
        self.end();
        std::mem::take(&mut *lock(&self.shared.complaints))
    }

    fn end(&mut self) -> String {
        let Some(acceptor) = self.acceptor.take() else {
            return String::new();
        };
        let shared = &self.shared;
        {
            let mut life = lock(&shared.life);
            life.ending = true;
            // Behind all real connections in the queue, so that these are accepted first.
            let waker = TcpStream::connect_timeout(&self.address, PATIENCE).expect("own listener");
            life.waker = waker.local_addr().ok();
        }
        shared.changed.notify_all();
        let players = acceptor.join().unwrap_or_default();
        // What has arrived can still be read; after it, the players see the end.
        shared.shut(Shutdown::Read);
        let (life, waited) = shared
            .changed
            .wait_timeout_while(lock(&shared.life), PATIENCE, |l| l.playing > 0)
            .unwrap_or_else(|e| e.into_inner());
        drop(life);
        if waited.timed_out() {
            shared.complain("a connection was still busy when the test ended");
        }
        shared.shut(Shutdown::Both);
        for player in players {
            let _ = player.join(); // one that panicked has complained
        }
        for line in self.serve.missing(self.connections()) {
            shared.complain(line);
        }
        match lock(&shared.complaints).as_slice() {
            [] => String::new(),
            wrong => format!(
                "the server was not used as scripted:\n  {}\nserver log:\n{}",
                wrong.join("\n  "),
                shared.transcript()
            ),
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let complaints = self.end();
        if !complaints.is_empty() && !thread::panicking() {
            panic!("{complaints}");
        }
    }
}

impl Shared {
    fn shut(&self, how: Shutdown) {
        for socket in lock(&self.life).sockets.iter().filter_map(Weak::upgrade) {
            let _ = socket.shutdown(how); // already gone is just as well
        }
    }
}

/// A free port of 127.0.0.1.
pub fn loopback() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").expect("a loopback port")
}

fn accept_all(
    listener: &TcpListener,
    shared: &Arc<Shared>,
    serve: &Arc<dyn Serve>,
) -> Vec<JoinHandle<()>> {
    let mut players: Vec<JoinHandle<()>> = Vec::new();
    loop {
        let (tcp, peer) = match listener.accept() {
            Ok(accepted) => accepted,
            Err(e) => {
                shared.complain(format!("accept: {e}"));
                return players;
            }
        };
        let tcp = Tcp(Arc::new(tcp));
        let number = {
            let mut life = lock(&shared.life);
            if life.waker == Some(peer) {
                return players;
            }
            life.sockets.retain(|s| s.strong_count() > 0);
            life.sockets.push(Arc::downgrade(&tcp.0));
            life.accepted += 1;
            life.playing += 1;
            life.accepted - 1
        };
        shared.log(format!("connection {number}: accepted"));
        let _ = tcp.0.set_nodelay(true);
        let (shared, serve) = (shared.clone(), serve.clone());
        players.retain(|p| !p.is_finished());
        players.push(thread::spawn(move || {
            let _playing = Playing(&shared);
            serve.serve(&shared, number, tcp);
        }));
    }
}

/// Counts a player out, also when it panics.
struct Playing<'a>(&'a Shared);

impl Drop for Playing<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            self.0.complain("a server thread panicked");
        }
        lock(&self.0.life).playing -= 1;
        self.0.changed.notify_all();
    }
}

/// [`Serve`] by a function.
pub struct Handler<F> {
    answer: F,
    secure: Option<Arc<dyn Secure>>,
}

impl<F: Fn(&Request) -> Response + Send + Sync> Handler<F> {
    pub fn new(answer: F, secure: Option<Arc<dyn Secure>>) -> Handler<F> {
        Handler { answer, secure }
    }

    fn converse(&self, server: &Shared, number: usize, tcp: Tcp) -> io::Result<()> {
        let mut transport: Box<dyn Transport> = match &self.secure {
            Some(secure) => secure.accept(tcp)?,
            None => Box::new(tcp),
        };
        let mut inbox = Inbox::new(number);
        while let ReadOutcome::Done(request) = inbox.read(&mut transport, Part::Whole)? {
            let response = (self.answer)(&request);
            server.record(request, false);
            if !response.delay.is_zero() {
                server.pause(response.delay);
            }
            if response.hangs_up {
                return Ok(());
            }
            transport.write_all(&response.to_bytes())?;
            transport.flush()?;
            if response.closes {
                break;
            }
        }
        transport.close_notify();
        Ok(())
    }
}

impl<F: Fn(&Request) -> Response + Send + Sync> Serve for Handler<F> {
    fn serve(&self, server: &Shared, number: usize, tcp: Tcp) {
        if let Err(e) = self.converse(server, number, tcp) {
            server.log(format!("connection {number}: {e}"));
        }
    }
}
