//! The transport of HTTP: TCP, or a layer above it. Plain std, because the demo API includes this file; TLS is in
//! `tls.rs`.
use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;

/// A layer between TCP and HTTP.
pub trait Secure: Send + Sync {
    /// Performs the handshake as the server.
    fn accept(&self, tcp: Tcp) -> io::Result<Box<dyn Transport>>;

    /// Performs the handshake, but writes only the first `bytes` of the server's first flight.
    fn accept_partly(&self, tcp: Tcp, bytes: usize) -> io::Result<()>;
}

/// A connection ready for HTTP.
pub trait Transport: Read + Write {
    /// Announces the end, if the layer can (TLS: close_notify).
    fn close_notify(&mut self) {}

    /// Ends TLS with this fatal alert.
    fn alert(&mut self, _code: u8) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

/// A socket that a player and its transport share. It is closed when both are dropped.
#[derive(Clone, Debug)]
pub struct Tcp(pub Arc<TcpStream>);

impl Tcp {
    /// Ends our direction (FIN).
    pub fn shut_write(&self) {
        let _ = self.0.shutdown(Shutdown::Write); // fails if the client is gone
    }
}

impl Transport for Tcp {}

impl Read for Tcp {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        (&*self.0).read(into)
    }
}

impl Write for Tcp {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        (&*self.0).write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
