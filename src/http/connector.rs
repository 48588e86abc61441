//! Opens a connection, and stacks the transports of its layers on each other.

use std::sync::Arc;

use ureq::Error;
use ureq::unversioned::transport::{
    ConnectProxyConnector, ConnectionDetails, Connector, Either, RustlsConnector, Transport,
};

use super::exchange::RequestTransport;
use super::handshake::Watch;
use super::progress::{Phase, Progress};
use super::transport::TcpConnector;

/// Opens the connections of one client. For a tunnel, ureq calls it again to connect to the proxy.
#[derive(Debug)]
pub(super) struct LayeredConnector {
    tunnel: ConnectProxyConnector,
    tcp: TcpConnector,
    tls: RustlsConnector,
    progress: Arc<Progress>,
    /// The host and port of the API.
    authority: String,
}

impl LayeredConnector {
    pub(super) fn new(progress: Arc<Progress>, authority: String) -> LayeredConnector {
        LayeredConnector {
            tunnel: ConnectProxyConnector::default(),
            tcp: TcpConnector::new(progress.clone()),
            tls: RustlsConnector::default(),
            progress,
            authority,
        }
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
        let socket = match self.tunnel.connect(details, None::<()>)? {
            Some(Either::B(tunnel)) => tunnel,
            _ => self.tcp.connect(details)?,
        };
        self.progress.reach(Phase::Securing);
        self.progress.connected();
        let transport = match details.needs_tls() {
            true => {
                let watched = Watch::new(socket, self.progress.clone());
                self.tls
                    .connect(details, Some(watched))?
                    .map(Transport::boxed)
            }
            false => Some(socket),
        };
        let to_api = details
            .uri
            .authority()
            .is_some_and(|authority| authority.as_str() == self.authority);
        Ok(transport.map(|transport| match to_api {
            true => Either::B(RequestTransport::new(transport, self.progress.clone())),
            false => Either::A(transport),
        }))
    }
}
