//! The resolver against scripted name servers on loopback, and against dnsmasq, an independent implementation.
//!
//! A script receives each question and sends anything it wants, from a real socket. Servers are injected by address,
//! because resolv.conf cannot specify a port.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![allow(clippy::print_stdout)] // a skipped test says so

#[path = "../../tests/support/skip.rs"]
#[allow(unreachable_pub)] // shared with the tests from outside
mod skip;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::address::{NO_ROUTE, rank};
use super::exchange::SECOND_FAMILY_WAIT;
use super::message::MAX_ADDRESSES;
use super::*;

const CNAME: u16 = 5;
const NOERROR: u16 = 0x8180;
const NXDOMAIN: u16 = 0x8183;
const SERVFAIL: u16 = 0x8182;
const TRUNCATED: u16 = 0x8380;
/// A deadline so long that a test which reaches it has failed.
const LONG: Duration = Duration::from_secs(20);

// ---- helpers for scripts ----

/// A question as it was received.
struct Asked {
    bytes: Vec<u8>,
    name: String,
    kind: u16,
    from: SocketAddr,
    socket: Option<UdpSocket>,
}

impl Asked {
    fn read(bytes: &[u8], from: SocketAddr, socket: Option<UdpSocket>) -> Asked {
        let mut at = 12;
        let mut labels = Vec::new();
        while bytes[at] != 0 {
            let end = at + 1 + usize::from(bytes[at]);
            labels.push(String::from_utf8(bytes[at + 1..end].to_vec()).unwrap());
            at = end;
        }
        assert_eq!(bytes.len(), at + 5, "one question and nothing else");
        assert_eq!(bytes[2..12], [1, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
        assert_eq!(bytes[at + 3..], [0, 1]);
        Asked {
            bytes: bytes.to_vec(),
            name: labels.join("."),
            kind: u16::from_be_bytes([bytes[at + 1], bytes[at + 2]]),
            from,
            socket,
        }
    }

    fn line(&self) -> String {
        let kind = if self.kind == A { "A" } else { "AAAA" };
        format!("{kind} {}", self.name)
    }

    fn id(&self) -> u16 {
        u16::from_be_bytes([self.bytes[0], self.bytes[1]])
    }

    fn send(&self, message: &[u8]) {
        let socket = self.socket.as_ref().expect("asked over UDP");
        let _ = socket.send_to(message, self.from);
    }

    /// An answer with these flags and records.
    fn answer(&self, flags: u16, records: &[Record]) -> Vec<u8> {
        let mut message = self.bytes[..2].to_vec();
        for field in [flags, 1, u16::try_from(records.len()).unwrap(), 0, 0] {
            message.extend(field.to_be_bytes());
        }
        message.extend(&self.bytes[12..]);
        for record in records {
            message.extend(&record.0);
        }
        message
    }

    /// One address of the type that was asked for.
    fn ip(&self, last: u8) -> Record {
        record(&self.name, self.kind, &rdata(self.kind, last))
    }
}

#[derive(Clone)]
struct Record(Vec<u8>);

fn record(owner: &str, kind: u16, rdata: &[u8]) -> Record {
    raw_record(&message::encode(owner).unwrap(), kind, 1, rdata)
}

fn raw_record(owner: &[u8], kind: u16, class: u16, rdata: &[u8]) -> Record {
    let mut bytes = owner.to_vec();
    bytes.extend(kind.to_be_bytes());
    bytes.extend(class.to_be_bytes());
    bytes.extend([0, 0, 0, 60]);
    bytes.extend(u16::try_from(rdata.len()).unwrap().to_be_bytes());
    bytes.extend(rdata);
    Record(bytes)
}

fn alias(owner: &str, target: &str) -> Record {
    record(owner, CNAME, &message::encode(target).unwrap())
}

/// 127.0.0.`last` or ::`last`.
fn rdata(kind: u16, last: u8) -> Vec<u8> {
    let mut bytes = if kind == A {
        vec![127, 0, 0]
    } else {
        vec![0; 15]
    };
    bytes.push(last);
    bytes
}

fn v4(last: u8) -> SocketAddr {
    SocketAddr::new(Ipv4Addr::new(127, 0, 0, last).into(), 443)
}

fn v6(last: u16) -> SocketAddr {
    SocketAddr::new(Ipv6Addr::new(0, 0, 0, 0, 0, 0, 0, last).into(), 443)
}

// ---- the scripted server ----

struct Server {
    address: SocketAddr,
    log: Arc<Mutex<Vec<String>>>,
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
    tcp: bool,
}

impl Server {
    fn udp(script: impl FnMut(&Asked) + Send + 'static) -> Server {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        Server::start(socket, script)
    }

    fn udp_and_tcp(
        udp: impl FnMut(&Asked) + Send + 'static,
        tcp: impl FnMut(TcpStream) + Send + 'static,
    ) -> Server {
        loop {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            if let Ok(socket) = UdpSocket::bind(listener.local_addr().unwrap()) {
                let mut server = Server::start(socket, udp);
                server.listen(listener, tcp);
                return server;
            }
        }
    }

    fn start(socket: UdpSocket, mut script: impl FnMut(&Asked) + Send + 'static) -> Server {
        let address = socket.local_addr().unwrap();
        let log = Arc::new(Mutex::new(Vec::new()));
        let stop = Arc::new(AtomicBool::new(false));
        let thread = thread::spawn({
            let log = Arc::clone(&log);
            move || {
                let mut buffer = [0; 600];
                loop {
                    let (len, from) = socket.recv_from(&mut buffer).unwrap();
                    if &buffer[..len] == b"stop" {
                        return;
                    }
                    let asked =
                        Asked::read(&buffer[..len], from, Some(socket.try_clone().unwrap()));
                    log.lock().unwrap().push(asked.line());
                    script(&asked);
                }
            }
        });
        Server {
            address,
            log,
            stop,
            threads: vec![thread],
            tcp: false,
        }
    }

    fn listen(
        &mut self,
        listener: TcpListener,
        mut script: impl FnMut(TcpStream) + Send + 'static,
    ) {
        self.tcp = true;
        let stop = Arc::clone(&self.stop);
        let log = Arc::clone(&self.log);
        self.threads.push(thread::spawn(move || {
            loop {
                let (stream, _) = listener.accept().unwrap();
                if stop.load(Ordering::SeqCst) {
                    return;
                }
                log.lock().unwrap().push("TCP".to_owned());
                script(stream);
            }
        }));
    }

    /// Waits until every received question was read, and returns them.
    fn asked(mut self) -> Vec<String> {
        self.shut_down();
        std::mem::take(&mut *self.log.lock().unwrap())
    }

    fn shut_down(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.send_to(b"stop", self.address).unwrap();
        if self.tcp {
            drop(TcpStream::connect(self.address));
        }
        for thread in self.threads.drain(..) {
            let result = thread.join();
            assert!(result.is_ok() || thread::panicking(), "a script failed");
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.shut_down();
    }
}

/// Answers `A` and `AAAA` with addresses that end in these bytes; no bytes mean no address.
fn known(a: &'static [u8], aaaa: &'static [u8]) -> impl FnMut(&Asked) + Send + 'static {
    move |asked| {
        let lasts = if asked.kind == A { a } else { aaaa };
        let records: Vec<Record> = lasts.iter().map(|&last| asked.ip(last)).collect();
        asked.send(&asked.answer(NOERROR, &records));
    }
}

fn always(flags: u16) -> impl FnMut(&Asked) + Send + 'static {
    move |asked| asked.send(&asked.answer(flags, &[]))
}

fn silent() -> Server {
    Server::udp(|_| {})
}

/// Reads one message from a TCP stream; `None` at its end.
fn tcp_question(stream: &mut TcpStream) -> Option<Asked> {
    let mut len = [0; 2];
    stream.read_exact(&mut len).ok()?;
    let mut bytes = vec![0; u16::from_be_bytes(len).into()];
    stream.read_exact(&mut bytes).ok()?;
    Some(Asked::read(&bytes, stream.peer_addr().unwrap(), None))
}

fn framed(message: &[u8]) -> Vec<u8> {
    let mut bytes = u16::try_from(message.len()).unwrap().to_be_bytes().to_vec();
    bytes.extend(message);
    bytes
}

fn conf(servers: &[&Server]) -> Conf {
    Conf {
        servers: servers.iter().map(|server| server.address).collect(),
        search: Vec::new(),
        ndots: 1,
        timeout: LONG,
        attempts: 2,
        use_tcp: false,
        note: None,
    }
}

fn no_files(family: Family) -> Resolver {
    Resolver {
        family,
        files: Files {
            hosts: "/nonexistent/hosts".into(),
            resolv_conf: "/nonexistent/resolv.conf".into(),
            hostname: "/nonexistent/hostname".into(),
        },
    }
}

fn ask(family: Family, conf: &Conf, host: &str) -> Result<Vec<SocketAddr>, ResolveError> {
    no_files(family).ask(conf, host, 443, Deadline::after(LONG))
}

fn ask_v4(server: &Server) -> Result<Vec<SocketAddr>, ResolveError> {
    ask(Family::V4, &conf(&[server]), "api.example")
}

/// The message of a failure, without ports.
fn says(result: Result<Vec<SocketAddr>, ResolveError>) -> String {
    let text = result.expect_err("a failure").to_string();
    let mut shown = String::new();
    let mut rest = text.as_str();
    while let Some(at) = rest.find("127.0.0.1:") {
        let (before, after) = rest.split_at(at + "127.0.0.1".len());
        shown.push_str(before);
        rest = after[1..].trim_start_matches(|c: char| c.is_ascii_digit());
    }
    shown + rest
}

/// A port of 127.0.0.1 that refuses connections: a socket that is connected elsewhere holds it.
fn refusing() -> (UdpSocket, SocketAddr) {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.connect("127.0.0.1:9").unwrap();
    let address = socket.local_addr().unwrap();
    (socket, address)
}

/// A temporary directory for one test, removed at its end.
struct Dir(PathBuf);

impl Dir {
    fn new() -> Dir {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::SeqCst);
        let dir =
            std::env::temp_dir().join(format!("authpost-dns-{}-{number}", std::process::id()));
        fs::create_dir(&dir).unwrap();
        Dir(dir)
    }

    fn resolver(&self, family: Family) -> Resolver {
        Resolver {
            family,
            files: Files {
                hosts: self.0.join("hosts"),
                resolv_conf: self.0.join("resolv.conf"),
                hostname: self.0.join("hostname"),
            },
        }
    }

    fn write(&self, name: &str, text: impl AsRef<[u8]>) {
        fs::write(self.0.join(name), text).unwrap();
    }

    fn conf(&self, text: &str) -> Conf {
        self.write("resolv.conf", text);
        Conf::read(&self.resolver(Family::Any).files)
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

// ---- without a server ----

#[test]
fn addresses_are_taken_as_they_are() {
    let resolver = no_files(Family::Any);
    let over = Deadline::after(Duration::ZERO); // nothing to wait for
    for (host, expected) in [
        ("192.0.2.1", "192.0.2.1:80"),
        ("::1", "[::1]:80"),
        ("[::1]", "[::1]:80"),
        ("[2001:DB8::1]", "[2001:db8::1]:80"),
        ("fe80::1%7", "[fe80::1%7]:80"),
        ("[fe80::1%7]", "[fe80::1%7]:80"),
    ] {
        let expected: SocketAddr = expected.parse().unwrap();
        assert_eq!(
            resolver.lookup(host, 80, over),
            Ok(vec![expected]),
            "{host}"
        );
    }
    if let Ok(index) = fs::read_to_string("/sys/class/net/lo/ifindex") {
        let expected = format!("[fe80::1%{}]:80", index.trim()).parse().unwrap();
        assert_eq!(resolver.lookup("fe80::1%lo", 80, over), Ok(vec![expected]));
    }
    assert_eq!(literal("fe80::1%../lo", 80), None);
    assert_eq!(literal("fe80::1%", 80), None);
}

#[test]
fn addresses_of_the_other_family_are_refused() {
    let over = Deadline::after(Duration::ZERO);
    let failure = no_files(Family::V6).lookup("192.0.2.1", 80, over);
    assert_eq!(failure, Err(ResolveError::NoAddress(Family::V6, None)));
    assert_eq!(says(failure), "it is not an IPv6 address");
    let failure = no_files(Family::V4).lookup("[::1]", 80, over);
    assert_eq!(says(failure), "it is not an IPv4 address");
}

#[test]
fn localhost_is_this_machine_whatever_the_files_say() {
    let dir = Dir::new();
    dir.write("hosts", "192.0.2.1 localhost api.localhost\n");
    let loopback4: SocketAddr = "127.0.0.1:80".parse().unwrap();
    let loopback6: SocketAddr = "[::1]:80".parse().unwrap();
    let has_v6 = UdpSocket::bind("[::1]:0").is_ok();
    for name in [
        "localhost",
        "LOCALHOST",
        "localhost.",
        "api.localhost",
        "a.b.Localhost.",
    ] {
        let found = |family| dir.resolver(family).lookup(name, 80, Deadline::after(LONG));
        assert_eq!(found(Family::V4), Ok(vec![loopback4]), "{name}");
        assert_eq!(found(Family::V6), Ok(vec![loopback6]), "{name}");
        let both = if has_v6 {
            vec![loopback6, loopback4]
        } else {
            vec![loopback4, loopback6]
        };
        assert_eq!(found(Family::Any), Ok(both), "{name}");
    }
    assert!(!is_localhost("localhost.example"));
    assert!(!is_localhost("notlocalhost"));
}

#[test]
fn bad_names_are_refused_before_anything_is_read() {
    let long_label = "a".repeat(64);
    let long_name = "a.".repeat(127) + "a";
    for (host, why) in [
        (
            "",
            "the name is empty, or has an empty part between two dots",
        ),
        (
            ".",
            "the name is empty, or has an empty part between two dots",
        ),
        (
            "a..b",
            "the name is empty, or has an empty part between two dots",
        ),
        (
            ".a",
            "the name is empty, or has an empty part between two dots",
        ),
        (
            "a..",
            "the name is empty, or has an empty part between two dots",
        ),
        (
            &long_label,
            "the name has a part of more than 63 characters",
        ),
        (&long_name, "the name has more than 253 characters"),
        (
            "bücher.example",
            "the name is not ASCII; DNS needs its punycode form (xn--...)",
        ),
        (
            "a b",
            "the name has a character that is not a letter, digit, hyphen or dot",
        ),
        (
            "a\0b",
            "the name has a character that is not a letter, digit, hyphen or dot",
        ),
        (
            "[api.example]",
            "the name has a character that is not a letter, digit, hyphen or dot",
        ),
        ("10.0.0.256", "the name is an IPv4 address gone wrong"),
        ("127.1", "the name is an IPv4 address gone wrong"),
        ("10.0.0.1.", "the name is an IPv4 address gone wrong"),
    ] {
        let failure = no_files(Family::Any).lookup(host, 80, Deadline::after(LONG));
        assert!(matches!(failure, Err(ResolveError::BadName(_))), "{host}");
        assert_eq!(says(failure), why, "{host}");
    }
    // At the limits, and in common forms.
    assert!(message::encode(&"a".repeat(63)).is_ok());
    assert!(message::encode(&("a.".repeat(126) + "a")).is_ok());
    assert!(message::encode("_x.xn--bcher-kva.example").is_ok());
}

#[test]
fn hosts_file() {
    let dir = Dir::new();
    dir.write(
        "hosts",
        b"# 127.0.0.9 api.example\n\
          127.0.0.1\tfirst API.Example other # api.remark\n\
          \n\
          \xff\xfe not.text\n\
          notanaddress api.example\n\
          127.0.0.2 api.example\n\
          127.0.0.1 api.example\n\
          ::1 api.example\n\
          fe80::1%1 scoped.example\n\
          127.0.0.3 dotted.example.\r\n\
          127.0.0.4",
    );
    let found = |family, name: &str| {
        dir.resolver(family)
            .lookup(name, 443, Deadline::after(LONG))
    };
    assert_eq!(found(Family::V4, "api.example"), Ok(vec![v4(1), v4(2)]));
    assert_eq!(found(Family::V4, "aPi.eXample."), Ok(vec![v4(1), v4(2)]));
    assert_eq!(found(Family::V4, "other"), Ok(vec![v4(1)]));
    assert_eq!(found(Family::V6, "api.example"), Ok(vec![v6(1)]));
    let scoped = "[fe80::1%1]:443".parse().unwrap();
    assert_eq!(found(Family::Any, "scoped.example"), Ok(vec![scoped]));
    assert_eq!(found(Family::Any, "dotted.example"), Ok(vec![v4(3)]));
    // If the file has no address of this family, the name servers are asked.
    let resolver = dir.resolver(Family::V6);
    assert!(resolver.hosts("api.remark", 443).is_empty());
    let over = resolver.lookup("first", 443, Deadline::after(Duration::ZERO));
    assert!(matches!(over, Err(ResolveError::TimedOut(_))), "{over:?}");
}

#[test]
fn resolv_conf() {
    let dir = Dir::new();
    let text = "; remark\n\
                # nameserver 192.0.2.9\n\
                nameserver 192.0.2.1 # remark\n\
                nameserver  2001:db8::1\n\
                nameserver nonsense\n\
                nameserver\n\
                nameserver fe80::1%1\n\
                nameserver 192.0.2.4\n\
                domain first.example second.example\n\
                search a.example b.example. .\n\
                options ndots:3 timeout:7 unknown attempts:4 rotate ndots:x\n\
                sortlist 192.0.2.0\n";
    let conf = dir.conf(text);
    let servers = ["192.0.2.1:53", "[2001:db8::1]:53", "[fe80::1%1]:53"];
    assert_eq!(conf.servers, servers.map(|server| server.parse().unwrap()));
    assert_eq!(conf.search, ["a.example", "b.example"]);
    assert_eq!((conf.ndots, conf.attempts), (3, 4));
    assert_eq!(conf.timeout, Duration::from_secs(7));
    assert_eq!(conf.note, None);

    let last_wins = dir.conf("search a.example\ndomain b.example c.example\nsearch\n");
    assert_eq!(last_wins.search, ["b.example"]);
    let high = dir.conf("options ndots:99\noptions timeout:99 attempts:99\n");
    assert_eq!((high.ndots, high.attempts), (15, 5));
    assert_eq!(high.timeout, Duration::from_secs(30));
    let low = dir.conf("options ndots:0 timeout:0 attempts:0");
    assert_eq!((low.ndots, low.attempts), (0, 1));
    assert_eq!(low.timeout, Duration::from_secs(1));
    let plain = dir.conf("nameserver 192.0.2.1");
    assert_eq!((plain.ndots, plain.attempts), (1, 2));
    assert_eq!(plain.timeout, Duration::from_secs(5));
}

#[test]
fn without_name_servers_this_machine_is_asked_and_the_reason_told() {
    let dir = Dir::new();
    let path = dir.0.join("resolv.conf");
    let path = path.display();
    let this: Vec<SocketAddr> = vec!["127.0.0.1:53".parse().unwrap()];

    let none = Conf::read(&dir.resolver(Family::Any).files);
    assert_eq!(none.servers, this);
    let note = format!("{path} cannot be read: No such file or directory");
    assert_eq!(none.note.as_deref(), Some(note.as_str()));

    let empty = dir.conf("search a.example\nnameserver nonsense\n");
    assert_eq!(empty.servers, this);
    let note = format!("{path} names no server");
    assert_eq!(empty.note.as_deref(), Some(note.as_str()));

    let refused = ServerError::Unreachable("Connection refused".to_owned());
    assert_eq!(
        empty.failure(&[(this[0], refused)]).to_string(),
        format!("no usable answer: 127.0.0.1 cannot be asked: Connection refused ({note})"),
    );
}

#[test]
fn the_search_list_falls_back_to_the_domain_of_the_host_name() {
    let dir = Dir::new();
    dir.write("hostname", "web1.corp.example\n");
    assert_eq!(dir.conf("").search, ["corp.example"]);
    assert!(dir.conf("search .").search.is_empty());
    assert_eq!(dir.conf("domain a.example").search, ["a.example"]);
    dir.write("hostname", "web1\n");
    assert!(dir.conf("").search.is_empty());
}

#[test]
fn names_to_try() {
    let dir = Dir::new();
    let conf = dir.conf("search a.example b.example\noptions ndots:2");
    let names = |host| -> Vec<String> {
        let names = conf.names(host);
        assert_eq!(names.iter().filter(|(_, as_given)| *as_given).count(), 1);
        names.into_iter().map(|(name, _)| name).collect()
    };
    assert_eq!(names("h"), ["h.a.example", "h.b.example", "h"]);
    assert_eq!(names("h.x"), ["h.x.a.example", "h.x.b.example", "h.x"]);
    assert_eq!(
        names("h.x.y"),
        ["h.x.y", "h.x.y.a.example", "h.x.y.b.example"]
    );
    assert_eq!(names("h."), ["h"]);
}

#[test]
fn addresses_without_a_route_are_left_out_and_each_comes_once() {
    // Linux lets no plain socket connect to the broadcast address, so it works as "no route".
    let nowhere: SocketAddr = "255.255.255.255:443".parse().unwrap();
    assert_eq!(rank(nowhere), NO_ROUTE);
    assert_eq!(
        ordered(vec![nowhere, v4(2), v4(1), nowhere, v4(2)]),
        [v4(2), v4(1)]
    );
    if UdpSocket::bind("[::1]:0").is_ok() {
        assert_eq!(ordered(vec![v4(1), v6(1)]), [v6(1), v4(1)]);
    }
    let many: Vec<SocketAddr> = (1..=40).map(v4).collect();
    assert_eq!(ordered(many.clone()), many[..MAX_ADDRESSES]);
    assert_eq!(ordered(vec![nowhere]), [nowhere]);
    assert_eq!(ordered(vec![nowhere, nowhere]), [nowhere]);
}

#[test]
fn failures_read_well() {
    let server = "10.0.0.1:53".parse().unwrap();
    let no_name = ResolveError::NoSuchName(server);
    assert_eq!(no_name.to_string(), "no such name (asked 10.0.0.1)");
    let any = ResolveError::NoAddress(Family::Any, Some(server));
    assert_eq!(any.to_string(), "the name has no address (asked 10.0.0.1)");
    let v6 = ResolveError::NoAddress(Family::V6, Some(server));
    assert_eq!(
        v6.to_string(),
        "the name has no IPv6 address (asked 10.0.0.1)"
    );
    assert_eq!(v6.remedy(), "leave out -6, or add an AAAA record");
    let link_local = ResolveError::NoSuchName("[fe80::1%2]:53".parse().unwrap());
    assert_eq!(link_local.to_string(), "no such name (asked fe80::1)");
}

// ---- one good server ----

#[test]
fn both_families_are_asked_at_once_on_one_port_with_two_ids() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let server = Server::udp({
        let seen = Arc::clone(&seen);
        let mut first: Option<(Vec<u8>, SocketAddr)> = None;
        // Answers only after both questions arrived: a resolver that asks them one after the other would time out.
        move |asked| {
            seen.lock().unwrap().push((asked.from, asked.id()));
            let answer = asked.answer(NOERROR, &[asked.ip(1)]);
            match first.take() {
                None => first = Some((answer, asked.from)),
                Some((earlier, _)) => {
                    asked.send(&answer);
                    asked.send(&earlier);
                }
            }
        }
    });
    let has_v6 = rank(v6(1)) != NO_ROUTE;
    for _ in 0..4 {
        let found = ask(Family::Any, &conf(&[&server]), "api.example");
        let both = if has_v6 {
            [v6(1), v4(1)]
        } else {
            [v4(1), v6(1)]
        };
        assert_eq!(found, Ok(both.to_vec()));
    }
    let asked = server.asked();
    assert_eq!(asked, ["AAAA api.example", "A api.example"].repeat(4));
    let seen = seen.lock().unwrap();
    for pair in seen.chunks(2) {
        assert_eq!(pair[0].0, pair[1].0, "one port for the two questions");
        assert_ne!(pair[0].1, pair[1].1, "two ids");
    }
    let mut ids: Vec<u16> = seen.iter().map(|(_, id)| *id).collect();
    let mut ports: Vec<u16> = seen.iter().map(|(from, _)| from.port()).collect();
    ids.dedup();
    ports.dedup();
    assert!(ids.len() > 4, "fresh ids: {ids:?}");
    assert!(ports.len() > 1, "fresh ports: {ports:?}");
}

#[test]
fn one_family_is_asked_for_alone() {
    let server = Server::udp(known(&[1, 2], &[1]));
    assert_eq!(ask_v4(&server), Ok(vec![v4(1), v4(2)]));
    assert_eq!(
        ask(Family::V6, &conf(&[&server]), "api.example."),
        Ok(vec![v6(1)])
    );
    assert_eq!(server.asked(), ["A api.example", "AAAA api.example"]);
}

#[test]
fn one_family_is_enough() {
    let server = Server::udp(known(&[1], &[]));
    let conf = conf(&[&server]);
    assert_eq!(ask(Family::Any, &conf, "api.example"), Ok(vec![v4(1)]));
    let none = ask(Family::V6, &conf, "api.example");
    assert_eq!(
        none,
        Err(ResolveError::NoAddress(Family::V6, Some(server.address)))
    );
    assert_eq!(says(none), "the name has no IPv6 address (asked 127.0.0.1)");
}

#[test]
fn the_other_family_failing_does_not_matter() {
    for flags in [SERVFAIL, NXDOMAIN, 0x8184, 0x8185, 0x8181] {
        let server = Server::udp(move |asked| match asked.kind {
            A => asked.send(&asked.answer(NOERROR, &[asked.ip(1)])),
            _ => asked.send(&asked.answer(flags, &[])),
        });
        let found = ask(Family::Any, &conf(&[&server]), "api.example");
        assert_eq!(found, Ok(vec![v4(1)]), "{flags:x}");
        assert_eq!(server.asked().len(), 2);
    }
}

#[test]
fn the_other_family_staying_out_costs_little() {
    for lost in [A, AAAA] {
        let server = Server::udp(move |asked| {
            if asked.kind != lost {
                asked.send(&asked.answer(NOERROR, &[asked.ip(1)]));
            }
        });
        let begun = Instant::now();
        let found = ask(Family::Any, &conf(&[&server]), "api.example");
        let expected = if lost == A { v6(1) } else { v4(1) };
        assert_eq!(found, Ok(vec![expected]));
        let took = begun.elapsed();
        assert!(
            took < SECOND_FAMILY_WAIT + Duration::from_secs(2),
            "{took:?}"
        );
        assert_eq!(server.asked().len(), 2);
    }
}

#[test]
fn no_address_is_not_concluded_from_half_an_answer() {
    // A says "none", AAAA is not answered: whether there is an address is unknown.
    let server = Server::udp(|asked| {
        if asked.kind == A {
            asked.send(&asked.answer(NOERROR, &[]));
        }
    });
    let mut conf = conf(&[&server]);
    conf.timeout = Duration::from_millis(50);
    let failure = ask(Family::Any, &conf, "api.example");
    assert_eq!(says(failure), "no answer in time: 127.0.0.1 did not answer");
    assert_eq!(server.asked().len(), 4);
}

#[test]
fn no_such_name() {
    let server = Server::udp(always(NXDOMAIN));
    let failure = ask(Family::Any, &conf(&[&server]), "api.example");
    assert_eq!(failure, Err(ResolveError::NoSuchName(server.address)));
    assert_eq!(says(failure), "no such name (asked 127.0.0.1)");
    assert_eq!(
        server.asked(),
        ["AAAA api.example", "A api.example"],
        "NXDOMAIN is final"
    );
}

#[test]
fn names_compare_without_case() {
    let server = Server::udp(|asked| {
        let mut answer = asked.answer(NOERROR, &[record("API.EXAMPLE", A, &rdata(A, 1))]);
        answer[12..24].make_ascii_uppercase();
        asked.send(&answer);
    });
    assert_eq!(
        ask(Family::V4, &conf(&[&server]), "Api.eXample"),
        Ok(vec![v4(1)])
    );
    assert_eq!(server.asked(), ["A Api.eXample"]);
}

#[test]
fn over_ipv6_too() {
    let Ok(socket) = UdpSocket::bind("[::1]:0") else {
        return skip::note("this machine has no IPv6");
    };
    let address = socket.local_addr().unwrap();
    let mut conf = conf(&[]);
    conf.servers.push(address);
    let server = thread::spawn(move || {
        let mut buffer = [0; 600];
        let (len, from) = socket.recv_from(&mut buffer).unwrap();
        let asked = Asked::read(&buffer[..len], from, Some(socket));
        known(&[1], &[])(&asked);
    });
    assert_eq!(ask(Family::V4, &conf, "api.example"), Ok(vec![v4(1)]));
    server.join().unwrap();
}

// ---- more than one server ----

#[test]
fn the_next_server_is_asked_when_one_is_no_use() {
    let cut = |asked: &Asked| {
        let answer = asked.answer(NOERROR, &[asked.ip(9)]);
        asked.send(&answer[..answer.len() - 1]);
    };
    let headless = |asked: &Asked| {
        // FORMERR in the form of some servers: only the header.
        let [a, b] = asked.id().to_be_bytes();
        asked.send(&[a, b, 0x80, 0x01, 0, 0, 0, 0, 0, 0, 0, 0]);
    };
    let useless = [
        Server::udp(always(SERVFAIL)),
        Server::udp(always(0x8181)), // FORMERR
        Server::udp(always(0x8184)), // NOTIMP
        Server::udp(always(0x8185)), // REFUSED
        Server::udp(always(0x8186)), // YXDOMAIN
        Server::udp(always(0x8000)), // a referral
        Server::udp(cut),
        Server::udp(headless),
    ];
    for useless in useless {
        let good = Server::udp(known(&[1], &[]));
        let conf = conf(&[&useless, &good]);
        let begun = Instant::now();
        assert_eq!(ask(Family::Any, &conf, "api.example"), Ok(vec![v4(1)]));
        assert!(begun.elapsed() < Duration::from_secs(5), "not by timeout");
        assert_eq!(useless.asked().len(), 2);
        assert_eq!(good.asked().len(), 2);
    }
}

#[test]
fn a_closed_port_is_passed_over_at_once() {
    let (_held, closed) = refusing();
    let good = Server::udp(known(&[1], &[]));
    let mut conf = conf(&[&good]);
    conf.servers.insert(0, closed);
    let begun = Instant::now();
    assert_eq!(ask(Family::Any, &conf, "api.example"), Ok(vec![v4(1)]));
    assert!(begun.elapsed() < Duration::from_secs(5), "not by timeout");

    conf.servers.truncate(1);
    let failure = ask(Family::V4, &conf, "api.example");
    assert_eq!(
        says(failure),
        "no usable answer: 127.0.0.1 cannot be asked: Connection refused"
    );
}

#[test]
fn a_silent_server_leaves_time_for_the_next_however_short_the_budget() {
    let dead = silent();
    let good = Server::udp(known(&[1], &[]));
    let conf = conf(&[&dead, &good]);
    let deadline = Deadline::after(Duration::from_millis(800));
    let found = no_files(Family::V4).ask(&conf, "api.example", 443, deadline);
    assert_eq!(found, Ok(vec![v4(1)]));
    assert_eq!(dead.asked(), ["A api.example"]);
}

#[test]
fn a_server_that_lives_is_asked_first_for_the_next_suffix() {
    let dead = silent();
    let good = Server::udp(|asked| match asked.name.as_str() {
        "api" => asked.send(&asked.answer(NOERROR, &[asked.ip(1)])),
        _ => asked.send(&asked.answer(NXDOMAIN, &[])),
    });
    let mut conf = conf(&[&dead, &good]);
    conf.timeout = Duration::from_millis(100);
    conf.search = vec!["a.example".to_owned(), "b.example".to_owned()];
    assert_eq!(ask(Family::V4, &conf, "api"), Ok(vec![v4(1)]));
    assert_eq!(dead.asked(), ["A api.a.example"]);
    assert_eq!(
        good.asked(),
        ["A api.a.example", "A api.b.example", "A api"]
    );
}

#[test]
fn attempts_are_rounds_over_all_servers() {
    let order = Arc::new(Mutex::new(Vec::new()));
    let numbered = |number: u8| {
        let order = Arc::clone(&order);
        Server::udp(move |asked| {
            order.lock().unwrap().push(number);
            asked.send(&asked.answer(SERVFAIL, &[]));
        })
    };
    let (one, two) = (numbered(1), numbered(2));
    let mut conf = conf(&[&one, &two]);
    conf.attempts = 3;
    let failure = ask(Family::V4, &conf, "api.example");
    assert_eq!(
        says(failure),
        "no usable answer: 127.0.0.1 answered SERVFAIL (it could not find out); \
         127.0.0.1 answered SERVFAIL (it could not find out)"
    );
    assert_eq!((one.asked().len(), two.asked().len()), (3, 3));
    assert_eq!(*order.lock().unwrap(), [1, 2, 1, 2, 1, 2]);
}

#[test]
fn a_lost_question_is_asked_again() {
    let mut lost = false;
    let server = Server::udp(move |asked| {
        if std::mem::replace(&mut lost, true) {
            asked.send(&asked.answer(NOERROR, &[asked.ip(1)]));
        }
    });
    let mut conf = conf(&[&server]);
    conf.timeout = Duration::from_millis(200);
    assert_eq!(ask(Family::V4, &conf, "api.example"), Ok(vec![v4(1)]));
}

#[test]
fn every_server_is_named_with_its_trouble() {
    let (_held, closed) = refusing();
    let (failing, dead) = (Server::udp(always(SERVFAIL)), silent());
    let mut conf = conf(&[&failing, &dead]);
    conf.servers.insert(0, closed);
    conf.timeout = Duration::from_millis(50);
    conf.attempts = 1;
    let failure = ask(Family::V4, &conf, "api.example");
    assert!(matches!(failure, Err(ResolveError::Servers(_))));
    assert_eq!(
        says(failure),
        "no usable answer: 127.0.0.1 cannot be asked: Connection refused; \
         127.0.0.1 answered SERVFAIL (it could not find out); 127.0.0.1 did not answer"
    );
}

// ---- the search list ----

/// Answers each name as `script` says; other names do not exist.
fn names(script: &'static [(&'static str, u16)]) -> impl FnMut(&Asked) + Send + 'static {
    move |asked| {
        let flags = script.iter().find(|(name, _)| *name == asked.name);
        match flags {
            Some((_, 1)) => asked.send(&asked.answer(NOERROR, &[asked.ip(1)])),
            Some((_, 0)) => {} // no answer
            Some((_, flags)) => asked.send(&asked.answer(*flags, &[])),
            None => asked.send(&asked.answer(NXDOMAIN, &[])),
        }
    }
}

/// Looks up `host` with the search list `a b c`; returns the result and the names that were asked for.
fn search(
    host: &str,
    script: &'static [(&'static str, u16)],
) -> (Result<Vec<SocketAddr>, ResolveError>, String) {
    let server = Server::udp(names(script));
    let mut conf = conf(&[&server]);
    conf.search = ["a", "b", "c"].map(str::to_owned).to_vec();
    conf.timeout = Duration::from_millis(50);
    conf.attempts = 1;
    let result = ask(Family::V4, &conf, host);
    (result, server.asked().join(" ").replace("A ", ""))
}

#[test]
fn the_search_list_is_gone_through() {
    let (result, asked) = search("h", &[("h.b", 1)]);
    assert_eq!((result, asked.as_str()), (Ok(vec![v4(1)]), "h.a h.b"));
    // After NODATA the search continues, as after NXDOMAIN.
    let (result, asked) = search("h", &[("h.a", NOERROR), ("h", 1)]);
    assert_eq!((result, asked.as_str()), (Ok(vec![v4(1)]), "h.a h.b h.c h"));
    let (result, asked) = search("h.x", &[("h.x.a", 1)]);
    assert_eq!((result, asked.as_str()), (Ok(vec![v4(1)]), "h.x h.x.a"));
    let (result, asked) = search("h.x.", &[("h.x.a", 1)]);
    assert!(matches!(result, Err(ResolveError::NoSuchName(_))));
    assert_eq!(asked, "h.x");
}

#[test]
fn the_end_of_the_search_says_the_weightiest_thing() {
    let (result, asked) = search("h", &[]);
    assert!(matches!(result, Err(ResolveError::NoSuchName(_))));
    assert_eq!(asked, "h.a h.b h.c h");
    let (result, _) = search("h", &[("h.b", NOERROR)]);
    assert!(matches!(result, Err(ResolveError::NoAddress(..))));
    let (result, asked) = search("h", &[("h.a", NOERROR), ("h.b", SERVFAIL)]);
    assert_eq!(
        says(result),
        "no usable answer: 127.0.0.1 answered SERVFAIL (it could not find out), for 'h.b'"
    );
    assert_eq!(asked, "h.a h.b h.c h", "SERVFAIL goes on");
    let (result, _) = search("h.x", &[("h.x", SERVFAIL)]);
    assert_eq!(
        says(result),
        "no usable answer: 127.0.0.1 answered SERVFAIL (it could not find out)"
    );
    // The name was found, so earlier failures do not matter.
    let (result, _) = search("h", &[("h.a", SERVFAIL), ("h", 1)]);
    assert_eq!(result, Ok(vec![v4(1)]));
}

#[test]
fn where_nobody_answers_only_the_name_as_given_is_tried_still() {
    let (result, asked) = search("h", &[("h.a", 0)]);
    assert_eq!(
        says(result),
        "no answer in time: 127.0.0.1 did not answer, for 'h.a'"
    );
    assert_eq!(asked, "h.a h");
    let (result, asked) = search("h", &[("h.a", 0), ("h", 1)]);
    assert_eq!((result, asked.as_str()), (Ok(vec![v4(1)]), "h.a h"));
    let (result, asked) = search("h.x", &[("h.x", 0)]);
    assert!(matches!(result, Err(ResolveError::TimedOut(_))));
    assert_eq!(asked, "h.x");
}

#[test]
fn a_suffix_that_makes_the_name_too_long_is_left_out() {
    let server = Server::udp(always(NXDOMAIN));
    let mut conf = conf(&[&server]);
    conf.search = vec!["a.".repeat(125) + "a", "b c".to_owned()];
    let failure = ask(Family::V4, &conf, "host.example");
    assert!(matches!(failure, Err(ResolveError::NoSuchName(_))));
    assert_eq!(server.asked(), ["A host.example"]);
}

// ---- time ----

/// The resolver gives up when the limit is over, and not much later.
fn ends_with<T: std::fmt::Debug>(limit: Duration, ask: impl FnOnce() -> Result<T, ResolveError>) {
    let begun = Instant::now();
    let failure = ask();
    let took = begun.elapsed();
    assert!(
        matches!(failure, Err(ResolveError::TimedOut(_))),
        "{failure:?}"
    );
    assert!(
        took >= limit && took < limit + Duration::from_millis(500),
        "{took:?}"
    );
}

#[test]
fn a_silent_server_ends_with_the_budget() {
    let server = silent();
    let mut conf = conf(&[&server, &server, &server]);
    conf.search = vec!["a.example".to_owned()];
    let limit = Duration::from_millis(600);
    ends_with(limit, || {
        no_files(Family::Any).ask(&conf, "api", 443, Deadline::after(limit))
    });
}

#[test]
fn without_a_budget_the_timeout_of_resolv_conf_holds() {
    let server = silent();
    let mut conf = conf(&[&server]);
    conf.timeout = Duration::from_millis(100);
    let begun = Instant::now();
    let failure = no_files(Family::V4).ask(&conf, "api.example", 443, Deadline::UNLIMITED);
    assert_eq!(says(failure), "no answer in time: 127.0.0.1 did not answer");
    let took = begun.elapsed();
    assert!(took < Duration::from_secs(5), "{took:?}");
    assert_eq!(server.asked().len(), 2, "two attempts");
}

#[test]
fn a_spent_budget_asks_nobody() {
    let server = Server::udp(known(&[1], &[1]));
    let over = Deadline::after(Duration::ZERO);
    let failure = no_files(Family::Any).ask(&conf(&[&server]), "api.example", 443, over);
    assert_eq!(
        says(failure),
        "no answer in time: the time was up before a name server could be asked"
    );
    assert!(server.asked().is_empty());
}

#[test]
fn a_flood_of_wrong_ids_does_not_extend_the_budget() {
    let stop = Arc::new(AtomicBool::new(false));
    let server = Server::udp({
        let stop = Arc::clone(&stop);
        move |asked| {
            let mut forged = asked.answer(NOERROR, &[asked.ip(66)]);
            while !stop.load(Ordering::SeqCst) {
                let id = asked.id();
                let wrong = u16::from_be_bytes([forged[0], forged[1]]).wrapping_add(1);
                let wrong = if wrong == id {
                    id.wrapping_add(1)
                } else {
                    wrong
                };
                forged[..2].copy_from_slice(&wrong.to_be_bytes());
                asked.send(&forged);
            }
        }
    });
    let limit = Duration::from_millis(400);
    let begun = Instant::now();
    let failure = no_files(Family::V4).ask(
        &conf(&[&server]),
        "api.example",
        443,
        Deadline::after(limit),
    );
    let took = begun.elapsed();
    stop.store(true, Ordering::SeqCst);
    assert!(
        matches!(failure, Err(ResolveError::TimedOut(_))),
        "{failure:?}"
    );
    assert!(took < limit + Duration::from_millis(500), "{took:?}");
}

// ---- forged and broken datagrams ----

#[test]
fn what_does_not_answer_the_question_is_dropped_and_waited_past() {
    let server = Server::udp(|asked| {
        let forged = asked.answer(NOERROR, &[asked.ip(66)]);
        let mut other_id = forged.clone();
        other_id[1] ^= 1;
        let mut other_name = forged.clone();
        other_name[13] = b'x';
        let mut other_kind = forged.clone();
        other_kind[26] ^= AAAA as u8 ^ A as u8;
        let mut other_class = forged.clone();
        other_class[28] = 3;
        let mut no_answer = forged.clone();
        no_answer[2] &= 0x7f;
        let mut other_opcode = forged.clone();
        other_opcode[2] |= 0x28;
        let mut two_questions = forged.clone();
        two_questions[5] = 2;
        let mut no_question = forged.clone();
        no_question[5] = 0;
        for message in [
            &other_id,
            &other_name,
            &other_kind,
            &other_class,
            &no_answer,
            &other_opcode,
            &two_questions,
            &no_question,
            &asked.bytes, // echoed
            &Vec::new(),
            &vec![0],
            &vec![0xff; 1000],
        ] {
            asked.send(message);
        }
        asked.send(&asked.answer(NOERROR, &[asked.ip(1)]));
    });
    assert_eq!(ask_v4(&server), Ok(vec![v4(1)]));
    assert_eq!(server.asked().len(), 1);
}

#[test]
fn another_sender_is_not_heard() {
    let server = Server::udp(|asked| {
        let forger = UdpSocket::bind("127.0.0.1:0").unwrap();
        let forged = asked.answer(NOERROR, &[asked.ip(66)]);
        forger.send_to(&forged, asked.from).unwrap();
        asked.send(&asked.answer(NOERROR, &[asked.ip(1)]));
    });
    assert_eq!(ask_v4(&server), Ok(vec![v4(1)]));
}

#[test]
fn the_answer_to_one_question_is_not_taken_for_the_other() {
    // Swapped ids: each answer is for the other question.
    let server = Server::udp({
        let mut first: Option<u16> = None;
        move |asked| match first.take() {
            None => first = Some(asked.id()),
            Some(id) => {
                let mut swapped = asked.answer(NOERROR, &[asked.ip(66)]);
                swapped[..2].copy_from_slice(&id.to_be_bytes());
                asked.send(&swapped);
                asked.send(&asked.answer(NOERROR, &[asked.ip(1)]));
            }
        }
    });
    let found = ask(Family::Any, &conf(&[&server]), "api.example");
    assert_eq!(found, Ok(vec![v4(1)]));
}

// ---- TCP ----

/// Sends truncated answers over UDP; `tcp` answers on the stream.
fn truncating(tcp: impl FnMut(TcpStream) + Send + 'static) -> Server {
    let udp = |asked: &Asked| asked.send(&asked.answer(TRUNCATED, &[asked.ip(66)]));
    Server::udp_and_tcp(udp, tcp)
}

#[test]
fn a_truncated_answer_is_asked_for_over_tcp() {
    let server = truncating(|mut stream| {
        while let Some(asked) = tcp_question(&mut stream) {
            let records: Vec<Record> = (1..=3).map(|last| asked.ip(last)).collect();
            let answer = framed(&asked.answer(NOERROR, &records));
            let _ = stream.write_all(&answer);
        }
    });
    assert_eq!(ask_v4(&server), Ok(vec![v4(1), v4(2), v4(3)]));
    let both = ask(Family::Any, &conf(&[&server]), "api.example").unwrap();
    assert_eq!(both.len(), 6);
    let asked = server.asked();
    assert_eq!(asked.iter().filter(|line| *line == "TCP").count(), 2);
}

#[test]
fn with_use_vc_all_goes_over_tcp() {
    let server = Server::udp_and_tcp(
        |_| {},
        |mut stream| {
            while let Some(asked) = tcp_question(&mut stream) {
                let answer = framed(&asked.answer(NOERROR, &[asked.ip(1)]));
                let _ = stream.write_all(&answer);
            }
        },
    );
    let mut conf = conf(&[&server]);
    conf.option("use-vc");
    let found = ask(Family::V4, &conf, "api.example");
    assert_eq!(found, Ok(vec![v4(1)]));
    assert_eq!(server.asked()[0], "TCP");
}

#[test]
fn what_udp_answered_is_not_asked_again_over_tcp() {
    let server = Server::udp_and_tcp(
        {
            let mut held: Option<Vec<u8>> = None;
            // AAAA complete, then A truncated.
            move |asked| match asked.kind {
                AAAA => held = Some(asked.answer(NOERROR, &[asked.ip(1)])),
                _ => {
                    asked.send(&held.take().unwrap());
                    asked.send(&asked.answer(TRUNCATED, &[]));
                }
            }
        },
        |mut stream| {
            let asked = tcp_question(&mut stream).unwrap();
            assert_eq!(asked.kind, A);
            let answer = framed(&asked.answer(NOERROR, &[asked.ip(1)]));
            stream.write_all(&answer).unwrap();
            assert!(tcp_question(&mut stream).is_none());
        },
    );
    let found = ask(Family::Any, &conf(&[&server]), "api.example").unwrap();
    assert!(
        found.contains(&v4(1)) && found.contains(&v6(1)),
        "{found:?}"
    );
}

#[test]
fn tcp_answers_may_come_in_any_order_among_others_and_in_pieces() {
    let server = truncating(|mut stream| {
        let first = tcp_question(&mut stream).unwrap();
        let second = tcp_question(&mut stream).unwrap();
        let mut bytes = framed(b"");
        bytes.extend(framed(b"nonsense"));
        let mut forged = first.answer(NOERROR, &[first.ip(66)]);
        forged[1] ^= 1;
        bytes.extend(framed(&forged));
        bytes.extend(framed(&second.answer(NOERROR, &[second.ip(1)])));
        bytes.extend(framed(&first.answer(NOERROR, &[first.ip(1)])));
        stream.set_nodelay(true).unwrap();
        for byte in bytes {
            stream.write_all(&[byte]).unwrap();
        }
    });
    let found = ask(Family::Any, &conf(&[&server]), "api.example").unwrap();
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(
        found.contains(&v4(1)) && found.contains(&v6(1)),
        "{found:?}"
    );
}

#[test]
fn an_answer_of_64_kib() {
    let server = truncating(|mut stream| {
        let asked = tcp_question(&mut stream).unwrap();
        // A compressed owner, 16 bytes per record; two alternating addresses.
        let count = (65535 - asked.bytes.len()) / 16;
        let records: Vec<Record> = (0..count)
            .map(|n| raw_record(&[0xc0, 12], A, 1, &rdata(A, 1 + (n % 2) as u8)))
            .collect();
        let answer = asked.answer(NOERROR, &records);
        assert!(answer.len() > 65500, "{}", answer.len());
        stream.write_all(&framed(&answer)).unwrap();
    });
    assert_eq!(ask_v4(&server), Ok(vec![v4(1), v4(2)]));
}

#[test]
fn tcp_that_drips_ends_with_the_budget() {
    let server = truncating(|mut stream| {
        let asked = tcp_question(&mut stream).unwrap();
        let answer = framed(&asked.answer(NOERROR, &vec![asked.ip(1); 500]));
        // One byte per 20 ms takes minutes in total, so a timeout per read would never expire.
        for byte in answer {
            thread::sleep(Duration::from_millis(20));
            if stream.write_all(&[byte]).is_err() {
                return;
            }
        }
    });
    let limit = Duration::from_millis(500);
    ends_with(limit, || {
        no_files(Family::V4).ask(
            &conf(&[&server]),
            "api.example",
            443,
            Deadline::after(limit),
        )
    });
}

#[test]
fn tcp_that_ends_early_is_no_answer() {
    type Script = fn(&mut TcpStream, &Asked);
    let scripts: [(Script, &str); 4] = [
        (|_, _| {}, "closed the connection early"),
        (
            |stream, _| stream.write_all(&[0]).unwrap(),
            "closed the connection early",
        ),
        (
            |stream, asked| {
                let answer = framed(&asked.answer(NOERROR, &[asked.ip(1)]));
                stream.write_all(&answer[..answer.len() - 1]).unwrap();
            },
            "closed the connection early",
        ),
        (
            |stream, asked| {
                let answer = framed(&asked.answer(TRUNCATED, &[asked.ip(1)]));
                stream.write_all(&answer).unwrap();
            },
            "sent a truncated answer even over TCP",
        ),
    ];
    for (script, expected) in scripts {
        let bad = truncating(move |mut stream| {
            let asked = tcp_question(&mut stream).unwrap();
            script(&mut stream, &asked);
        });
        let failure = ask_v4(&bad);
        assert_eq!(
            says(failure),
            format!("no usable answer: 127.0.0.1 {expected}")
        );
        // The next server is asked.
        let good = Server::udp(known(&[1], &[]));
        let found = ask(Family::V4, &conf(&[&bad, &good]), "api.example");
        assert_eq!(found, Ok(vec![v4(1)]));
    }
}

#[test]
fn half_of_the_tcp_answers_will_do() {
    // Old servers answer one question per connection.
    let server = truncating(|mut stream| {
        let _ = tcp_question(&mut stream).unwrap();
        let second = tcp_question(&mut stream).unwrap();
        let answer = framed(&second.answer(NOERROR, &[second.ip(1)]));
        stream.write_all(&answer).unwrap();
    });
    let found = ask(Family::Any, &conf(&[&server]), "api.example");
    assert_eq!(found, Ok(vec![v4(1)]));
}

#[test]
fn truncated_without_tcp_is_told() {
    let server = loop {
        // A port on which only UDP is open.
        let server = Server::udp(|asked| asked.send(&asked.answer(TRUNCATED, &[])));
        if TcpListener::bind(server.address).is_ok() {
            break server;
        }
    };
    assert_eq!(
        says(ask_v4(&server)),
        "no usable answer: 127.0.0.1 cannot be asked: Connection refused"
    );
}

// ---- the message format, without a network ----

/// Parses `records` as the answer to a question for the A records of `api.example`.
fn read(records: &[Record]) -> Option<Reply> {
    let (name, asked) = api_example();
    let query = for_a(asked.id(), &name);
    query.reply(&asked.answer(NOERROR, records))
}

/// A question for the IPv4 addresses of `name`.
fn for_a(id: u16, name: &[u8]) -> Query<'_> {
    Query { id, name, kind: A }
}

fn api_example() -> (Vec<u8>, Asked) {
    let name = message::encode("api.example").unwrap();
    let query = for_a(0x1234, &name);
    let asked = Asked::read(&query.message(), v4(1), None);
    (name, asked)
}

fn found(lasts: &[u8]) -> Option<Reply> {
    let ips = lasts.iter().map(|&last| v4(last).ip()).collect();
    Some(Reply::Addresses(ips))
}

const MALFORMED: Option<Reply> = Some(Reply::Failed("sent a malformed answer"));
const ENDLESS: Option<Reply> = Some(Reply::Failed(
    "answered with aliases (CNAME) that have no end",
));

fn a(owner: &str, last: u8) -> Record {
    record(owner, A, &rdata(A, last))
}

#[test]
fn aliases_are_followed_in_any_order() {
    let chain = [
        alias("api.example", "b.example"),
        alias("B.example", "c.example"),
        a("c.Example", 1),
        a("c.example", 2),
    ];
    assert_eq!(read(&chain), found(&[1, 2]));
    let mut reversed = chain.clone();
    reversed.reverse();
    assert_eq!(read(&reversed), found(&[2, 1]));
    assert_eq!(read(&chain[..2]), Some(Reply::NoAddress));

    let long = |aliases: u8| -> Option<Reply> {
        let name = |n| match n {
            0 => "api.example".to_owned(),
            n => format!("n{n}.example"),
        };
        let mut records: Vec<Record> = (0..aliases)
            .map(|n| alias(&name(n), &name(n + 1)))
            .collect();
        records.push(a(&name(aliases), 1));
        read(&records)
    };
    assert_eq!(long(32), found(&[1]));
    assert_eq!(long(33), ENDLESS);
}

#[test]
fn alias_loops_end() {
    assert_eq!(read(&[alias("api.example", "api.example")]), ENDLESS);
    let two = [
        alias("api.example", "b.example"),
        alias("b.example", "api.example"),
        a("c.example", 1),
    ];
    assert_eq!(read(&two), ENDLESS);
}

#[test]
fn records_of_others_are_not_taken() {
    assert_eq!(read(&[a("evil.example", 1)]), Some(Reply::NoAddress));
    let mixed = [
        a("evil.example", 9),
        a("b.example", 8), // not where the alias leads
        alias("evil.example", "d.example"),
        alias("api.example", "c.example"),
        a("c.example", 1),
        a("c.example", 1),
        raw_record(&message::encode("c.example").unwrap(), A, 3, &[9; 4]),
        raw_record(&message::encode("c.example").unwrap(), 46, 1, &[9; 40]),
        raw_record(&message::encode("c.example").unwrap(), AAAA, 1, &[9; 16]),
        a("c.example", 2),
    ];
    assert_eq!(read(&mixed), found(&[1, 2]));
    // An address of the name itself takes precedence over an alias beside it.
    let both = [alias("api.example", "evil.example"), a("api.example", 1)];
    assert_eq!(read(&both), found(&[1]));
}

#[test]
fn at_most_16_addresses_are_kept() {
    let records: Vec<Record> = (1..=40).map(|last| a("api.example", last)).collect();
    let first: Vec<u8> = (1..=16).collect();
    assert_eq!(read(&records), found(&first));
}

#[test]
fn compression() {
    // The name begins at offset 12, its "example" at 16, the first record at 29.
    let compressed = [
        raw_record(&[0xc0, 12], CNAME, 1, &[1, b'b', 0xc0, 16]),
        raw_record(&[1, b'b', 0xc0, 16], A, 1, &rdata(A, 1)),
        raw_record(&[0xc0, 41], A, 1, &rdata(A, 2)), // into the data of the first
    ];
    assert_eq!(read(&compressed), found(&[1, 2]));

    for (owner, why) in [
        (&[0xc0, 29][..], "itself"),
        (&[0xc0, 30], "its own second byte"),
        (&[0xc0, 35], "forward"),
        (&[0xff, 0xff], "outside"),
        (&[1, b'a', 0xc0, 29], "its own first label"),
        (&[1, b'a', 0xc0, 31], "itself after a label"),
        (&[0x80, 0], "a reserved length"),
        (&[0x40], "a reserved length"),
        (&[63, b'a'], "a label that ends outside"),
        (&[0xc0], "half a pointer"),
    ] {
        let record = raw_record(owner, A, 1, &rdata(A, 1));
        assert_eq!(read(&[record]), MALFORMED, "{why}");
    }

    // Each pointer points to the previous one: backwards, but many of them.
    let mut data = vec![0xc0, 12];
    for n in 0..5000_u16 {
        data.extend((0xc000 | (41 + 2 * n)).to_be_bytes());
    }
    let last = 0xc000_u16 | (41 + 2 * 5000);
    let chain = [
        raw_record(&[0xc0, 12], 16, 1, &data),
        raw_record(&last.to_be_bytes(), A, 1, &rdata(A, 1)),
    ];
    assert_eq!(read(&chain), MALFORMED);

    // A name over 255 bytes, composed of two halves.
    let half = "abcdefg.".repeat(16);
    let half = message::encode(half.trim_end_matches('.')).unwrap();
    let mut long = half[..half.len() - 1].to_vec();
    long.extend([0xc0, 41]);
    let too_long = [
        raw_record(&[0xc0, 12], 16, 1, &half),
        raw_record(&long, A, 1, &rdata(A, 1)),
    ];
    assert_eq!(read(&too_long), MALFORMED);
}

#[test]
fn lengths_that_lie() {
    let good = a("api.example", 1);
    let lie = |record: &Record, at_from_end: usize, value: u16| {
        let mut bytes = record.0.clone();
        let at = bytes.len() - at_from_end;
        bytes[at..at + 2].copy_from_slice(&value.to_be_bytes());
        Record(bytes)
    };
    for len in [0, 3, 5, 4000, 0xffff] {
        assert_eq!(read(&[lie(&good, 6, len)]), MALFORMED, "{len}");
        assert_eq!(
            read(&[good.clone(), lie(&good, 6, len)]),
            MALFORMED,
            "{len}"
        );
    }
    for rdata in [&[][..], &[1, 2, 3], &[1, 2, 3, 4, 5], &[1; 16]] {
        assert_eq!(read(&[record("api.example", A, rdata)]), MALFORMED);
    }
    // An alias whose name ends before or after its data does.
    let name = message::encode("b.example").unwrap();
    for rdata in [&name[..name.len() - 1], &[&name[..], &[0]].concat(), &[]] {
        assert_eq!(read(&[record("api.example", CNAME, rdata)]), MALFORMED);
    }
    // Counts that are higher or lower than the number of records.
    let (name, asked) = api_example();
    let query = for_a(asked.id(), &name);
    let mut message = asked.answer(NOERROR, &[good.clone(), good]);
    message[7] = 3;
    assert_eq!(query.reply(&message), MALFORMED);
    message[6..8].copy_from_slice(&[0xff, 0xff]);
    assert_eq!(query.reply(&message), MALFORMED);
    message[6..8].copy_from_slice(&[0, 1]);
    assert_eq!(query.reply(&message), found(&[1]));
    message[6..8].copy_from_slice(&[0, 0]);
    assert_eq!(query.reply(&message), Some(Reply::NoAddress));
}

#[test]
fn rcodes() {
    let (name, asked) = api_example();
    let query = for_a(asked.id(), &name);
    for rcode in 0..16 {
        let records = [a("api.example", 1)];
        let reply = query.reply(&asked.answer(NOERROR | rcode, &records));
        match rcode {
            0 => assert_eq!(reply, found(&[1])),
            3 => assert_eq!(reply, Some(Reply::NoSuchName)),
            _ => assert!(matches!(reply, Some(Reply::Failed(_))), "{rcode}"),
        }
    }
}

/// A valid answer with an alias, compression and two addresses.
fn good_answer() -> (Vec<u8>, Vec<u8>) {
    let (name, asked) = api_example();
    let records = [
        raw_record(&[0xc0, 12], CNAME, 1, &[1, b'b', 0xc0, 16]),
        raw_record(&[0xc0, 41], A, 1, &rdata(A, 1)),
        raw_record(&[1, b'b', 0xc0, 16], A, 1, &rdata(A, 2)),
    ];
    (name, asked.answer(NOERROR, &records))
}

#[test]
fn a_good_answer_cut_anywhere_is_not_believed() {
    let (name, message) = good_answer();
    let query = for_a(0x1234, &name);
    assert_eq!(query.reply(&message), found(&[1, 2]));
    for len in 0..message.len() {
        let reply = query.reply(&message[..len]);
        let expected = if len < 29 { None } else { MALFORMED };
        assert_eq!(reply, expected, "{len}");
    }
}

#[test]
fn a_good_answer_with_any_byte_changed_does_no_harm() {
    let (name, message) = good_answer();
    let query = for_a(0x1234, &name);
    for at in 0..message.len() {
        for value in 0..=255 {
            let mut changed = message.clone();
            changed[at] = value;
            let reply = query.reply(&changed);
            let same_but_for_case = changed.eq_ignore_ascii_case(&message);
            let question = at < 2 || (12..29).contains(&at);
            if question && !same_but_for_case {
                assert_eq!(reply, None, "byte {at} = {value}");
            }
        }
    }
}

#[test]
fn noise_does_no_harm() {
    let (name, message) = good_answer();
    let query = for_a(0x1234, &name);
    // Knuth's MMIX generator: the same noise in each run.
    let mut state: u64 = 1;
    let mut random = move || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(state >> 33).unwrap()
    };
    for _ in 0..100_000 {
        let mut noisy = message.clone();
        for _ in 0..=random() % 6 {
            let at = 29 + random() % (noisy.len() - 29);
            noisy[at] = [0, 1, 5, 12, 29, 63, 0xc0, 0xff, random() as u8][random() % 9];
        }
        noisy[7] = random() as u8 % 6;
        noisy.truncate(noisy.len() - random() % 8);
        // The result is never more than can be used.
        match query.reply(&noisy) {
            Some(Reply::Addresses(ips)) => assert!((1..=MAX_ADDRESSES).contains(&ips.len())),
            Some(Reply::NoAddress | Reply::Failed(_)) => {}
            other => panic!("{other:?} from {noisy:?}"),
        }
    }
}

#[test]
fn the_worst_answer_is_read_fast() {
    // 64 KiB of records, each with an owner that is as expensive as possible, and an alias loop that makes the parser read
    // them 17 times.
    let (name, asked) = api_example();
    let query = for_a(asked.id(), &name);
    let mut data = vec![0xc0, 12];
    for n in 0..250_u16 {
        data.extend((0xc000 | (41 + 2 * n)).to_be_bytes());
    }
    let costly = (0xc000_u16 | (41 + 2 * 240)).to_be_bytes();
    let mut records = vec![
        raw_record(&[0xc0, 12], 16, 1, &data),
        alias("api.example", "api.example"),
    ];
    records.extend((0..5000).map(|_| raw_record(&costly, 16, 1, &[])));
    let message = asked.answer(NOERROR, &records);
    assert!(message.len() < 65536);
    // Time of this thread: that of the clock on the wall depends on what else runs.
    let worked = || {
        let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
        Duration::try_from(time).unwrap()
    };
    let begun = worked();
    assert_eq!(query.reply(&message), ENDLESS);
    let took = worked() - begun;
    // It takes most of a second, unoptimized; it would take half a minute if pointers were not counted.
    assert!(took < Duration::from_secs(10), "{took:?}");
}

// ---- an independent server ----

struct Dnsmasq {
    child: Child,
    address: SocketAddr,
}

impl Drop for Dnsmasq {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Starts dnsmasq on a free port; `None` if it is not installed.
fn dnsmasq() -> Option<Dnsmasq> {
    let program = [
        "/usr/sbin/dnsmasq",
        "/usr/local/sbin/dnsmasq",
        "/usr/bin/dnsmasq",
    ]
    .into_iter()
    .find(|path| std::path::Path::new(path).exists());
    let Some(program) = program else {
        skip::note("dnsmasq is not installed");
        return None;
    };
    let mut said = String::new();
    // Another process may take the port between our releasing it and dnsmasq's binding it.
    for _ in 0..10 {
        let port = UdpSocket::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let mut command = Command::new(program);
        command
            .args(["--no-daemon", "--conf-file=/dev/null", "--no-resolv"])
            .args(["--no-hosts", "--bind-interfaces", "--local-ttl=60"])
            .args(["--listen-address=127.0.0.1", "--local=/#/"])
            .arg(format!("--port={port}"))
            .args(["--host-record=two.example,127.0.0.2,::2"])
            .args(["--host-record=four.example,127.0.0.4"])
            .args(["--address=/wild.example/127.0.0.5"])
            .args(["--cname=alias.example,four.example"])
            .args(["--cname=twice.example,alias.example"]);
        for last in 1..=60 {
            command.arg(format!("--host-record=big.example,127.0.0.{last}"));
        }
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // dnsmasq prints "started" once its sockets are open.
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        said = String::new();
        let started = lines.any(|line| {
            let line = line.unwrap_or_default();
            said = format!("{said}{line}\n");
            line.contains(" started, ")
        });
        // Read the rest, because a full pipe would block dnsmasq.
        thread::spawn(move || lines.for_each(drop));
        let address = SocketAddr::new(Ipv4Addr::LOCALHOST.into(), port);
        let server = Dnsmasq { child, address };
        if started {
            return Some(server);
        }
    }
    panic!("dnsmasq does not start: {said}");
}

#[test]
fn an_independent_server() {
    let Some(server) = dnsmasq() else { return };
    let mut conf = conf(&[]);
    conf.servers.push(server.address);
    conf.search = vec!["example".to_owned()];

    let both = ask(Family::Any, &conf, "two.example").unwrap();
    assert_eq!(both.len(), 2, "{both:?}");
    assert!(both.contains(&v4(2)) && both.contains(&v6(2)), "{both:?}");
    assert_eq!(ask(Family::V4, &conf, "two.example"), Ok(vec![v4(2)]));
    assert_eq!(ask(Family::V6, &conf, "two.example"), Ok(vec![v6(2)]));
    assert_eq!(ask(Family::V4, &conf, "two"), Ok(vec![v4(2)]), "search");
    assert_eq!(ask(Family::Any, &conf, "TWICE.example"), Ok(vec![v4(4)]));
    assert_eq!(
        ask(Family::Any, &conf, "deep.wild.example"),
        Ok(vec![v4(5)])
    );
    assert_eq!(
        ask(Family::V6, &conf, "four.example."),
        Err(ResolveError::NoAddress(Family::V6, Some(server.address)))
    );
    assert_eq!(
        ask(Family::Any, &conf, "none.example."),
        Err(ResolveError::NoSuchName(server.address))
    );
    // 60 addresses do not fit into 512 bytes, so this uses TCP.
    let big = ask(Family::V4, &conf, "big.example").unwrap();
    assert_eq!(big.len(), MAX_ADDRESSES);
}
