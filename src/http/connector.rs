//! Opens a connection, and stacks the transports of its layers on each other.

use std::io::ErrorKind;
use std::net::{SocketAddr, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ureq::unversioned::transport::{
    ConnectProxyConnector, ConnectionDetails, Connector, Either, RustlsConnector, Transport,
};
use ureq::{Error, Timeout};

use super::exchange::RequestTransport;
use super::handshake::Watch;
use super::progress::{Phase, Progress};
use super::transport::TcpTransport;

/// How long an address may take to answer while there is another one to try.
const ADDRESS_TIMEOUT: Duration = Duration::from_secs(2);

/// Opens the connections of one client. For a tunnel, ureq calls it again to connect to the proxy.
pub(super) struct LayeredConnector {
    tunnel: ConnectProxyConnector,
    tls: RustlsConnector,
    progress: Arc<Progress>,
    /// The host and port of the API.
    authority: String,
    /// The addresses that did not answer while there was another one to try.
    silent: Mutex<Vec<SocketAddr>>,
}

impl LayeredConnector {
    pub(super) fn new(progress: Arc<Progress>, authority: String) -> LayeredConnector {
        LayeredConnector {
            tunnel: ConnectProxyConnector::default(),
            tls: RustlsConnector::default(),
            progress,
            authority,
            silent: Mutex::default(),
        }
    }

    /// Connects to the first address that answers.
    fn tcp(&self, details: &ConnectionDetails) -> Result<TcpStream, Error> {
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
            // The last address may use all the remaining time; each one before it less, and only once, so that an
            // unreachable address does not use up the whole deadline.
            let is_last = index + 1 == addresses.len();
            let share = match is_last {
                true => left,
                false => ADDRESS_TIMEOUT.min(left / 2),
            };
            match TcpStream::connect_timeout(address, share.max(Duration::from_millis(1))) {
                Ok(stream) => {
                    stream.set_nodelay(true)?;
                    return Ok(stream);
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

/// The connection to a proxy, or the one to the API.
type Connection = Either<Box<dyn Transport>, RequestTransport>;

impl Connector for LayeredConnector {
    type Out = Connection;

    fn connect(
        &self,
        details: &ConnectionDetails,
        _: Option<()>,
    ) -> Result<Option<Connection>, Error> {
        let progress = || self.progress.clone();
        let socket = match self.tunnel.connect(details, None::<()>)? {
            Some(Either::B(tunnel)) => tunnel,
            _ => {
                let most = details.config.input_buffer_size();
                TcpTransport::new(self.tcp(details)?, most, progress()).boxed()
            }
        };
        self.progress.reach(Phase::Securing);
        self.progress.connected();
        let transport = match details.needs_tls() {
            true => {
                let watched = Watch::new(socket, progress());
                let secured = self.tls.connect(details, Some(watched))?;
                secured.map(Transport::boxed)
            }
            false => Some(socket),
        };
        let authority = details.uri.authority().map(|authority| authority.as_str());
        Ok(transport.map(|transport| match authority {
            Some(to) if to == self.authority => {
                Either::B(RequestTransport::new(transport, progress()))
            }
            _ => Either::A(transport),
        }))
    }
}
