//! What HTTP is spoken over: TCP, or a layer above it. Plain std: TLS itself is in `tls.rs`, and the demo API goes without.
use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;

/// A layer between TCP and HTTP.
pub trait Secure: Send + Sync {
    /// Shakes hands as the server.
    fn accept(&self, tcp: Tcp) -> io::Result<Box<dyn Wire>>;

    /// Shakes hands, but writes only the first `bytes` of the server's first flight.
    fn accept_partly(&self, tcp: Tcp, bytes: usize) -> io::Result<()>;
}

/// A connection ready for HTTP.
pub trait Wire: Read + Write {
    /// Says goodbye, where the layer has a way to (TLS: close_notify).
    fn goodbye(&mut self) {}

    /// Breaks TLS off with this fatal alert.
    fn alert(&mut self, _code: u8) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

/// A socket that its player and its wire share. It closes when the last of them lets go.
#[derive(Clone, Debug)]
pub struct Tcp(pub Arc<TcpStream>);

impl Tcp {
    /// Ends our direction (FIN).
    pub fn shut_write(&self) {
        let _ = self.0.shutdown(Shutdown::Write); // fails when the client is gone, which is no matter
    }
}

impl Wire for Tcp {}

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
