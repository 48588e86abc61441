//! Addresses that do not answer, reserved for as long as the value lives.
use socket2::{Domain, Socket, Type};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

/// A loopback port that refuses connections, or ignores them.
pub struct Unreachable {
    port: u16,
    socket: Socket,
    _queue: Vec<TcpStream>,
}

impl Unreachable {
    /// Refuses (RST): bound so that no other process gets it, but not listening.
    pub fn refusing() -> Unreachable {
        let (socket, port) = bound(SocketAddr::from(([127, 0, 0, 1], 0)));
        Unreachable {
            port,
            socket,
            _queue: Vec::new(),
        }
    }

    /// Does not answer at all, as behind a firewall that drops: the accept queue is full, so Linux ignores the SYN.
    pub fn silent() -> Unreachable {
        Unreachable::silent_at(SocketAddr::from(([127, 0, 0, 1], 0)))
    }

    /// The same, on this address.
    pub fn silent_at(address: SocketAddr) -> Unreachable {
        let (socket, port) = bound(address);
        socket.listen(0).expect("listen");
        let address = SocketAddr::new(address.ip(), port);
        let connect = || TcpStream::connect_timeout(&address, Duration::from_millis(200));
        let queue = std::iter::from_fn(|| connect().ok()).take(8).collect();
        Unreachable {
            port,
            socket,
            _queue: queue,
        }
    }

    /// Refuses no longer.
    pub fn listening(self) -> TcpListener {
        self.socket.listen(8).expect("listen");
        self.socket.into()
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// Leaked, as [`Server::url`](super::server::Server::url) is.
    pub fn url(&self, path: &str) -> &'static str {
        format!("http://127.0.0.1:{}{path}", self.port).leak()
    }
}

fn bound(address: SocketAddr) -> (Socket, u16) {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    socket.bind(&address.into()).expect("a free port");
    let address = socket.local_addr().expect("its address");
    (socket, address.as_socket().expect("an IP address").port())
}
