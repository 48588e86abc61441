//! The servers over TLS, by rustls with ring: authpost uses the same, so their bugs would not be found. A test that
//! needs an independent implementation uses nginx.
//!
//! ```ignore
//! let tls = Tls::new(&ca.issue(Leaf::new("localhost"))).only12();
//! let server = tls.script([conn().read().reply_json(200, "{}")]);   // or tls.handler(…)
//! ```
use super::certs::{Ca, Identity};
use super::http::{Request, Response};
use super::script::Conn;
use super::server::{Handler, Server, loopback};
use super::transport::{Secure, Tcp, Transport};
use rustls::crypto::cipher::{AeadKey, Iv, OutboundChunks, OutboundPlainMessage};
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::version::{TLS12, TLS13};
use rustls::{
    ConnectionTrafficSecrets, ContentType, ProtocolVersion, RootCertStore, ServerConfig,
    ServerConnection, StreamOwned, SupportedCipherSuite, SupportedProtocolVersion,
};
use std::io::{self, Read, Write};
use std::sync::{Arc, Mutex};

/// The one provider of all tests.
pub fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}

/// How a server speaks TLS.
pub struct Tls {
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
    versions: Vec<&'static SupportedProtocolVersion>,
    clients: Option<RootCertStore>,
    alpn: Vec<Vec<u8>>,
    tickets: bool,
    provider: Arc<CryptoProvider>,
    handshakes: Arc<Mutex<Vec<Handshake>>>,
}

/// What a finished handshake agreed on.
#[derive(Clone, Debug, PartialEq)]
pub struct Handshake {
    /// `TLSv1_2` or `TLSv1_3`
    pub version: String,
    /// The name that the client asked for (SNI).
    pub name: Option<String>,
    /// The protocol agreed on by ALPN.
    pub alpn: Option<String>,
    /// Whether the client sent a certificate.
    pub client: bool,
}

impl Tls {
    /// TLS 1.2 and 1.3 with this certificate.
    pub fn new(identity: &Identity) -> Tls {
        Tls {
            chain: identity.chain(),
            key: identity.key(),
            versions: vec![&TLS13, &TLS12],
            clients: None,
            alpn: Vec::new(),
            tickets: true,
            provider: provider(),
            handshakes: Arc::default(),
        }
    }

    pub fn only12(mut self) -> Tls {
        self.versions = vec![&TLS12];
        self
    }

    pub fn only13(mut self) -> Tls {
        self.versions = vec![&TLS13];
        self
    }

    /// Speaks only this cipher suite, such as `TLS13_AES_128_GCM_SHA256`.
    pub fn suite(mut self, name: &str) -> Tls {
        let mut provider = ring::default_provider();
        provider
            .cipher_suites
            .retain(|suite| format!("{:?}", suite.suite()) == name);
        assert_eq!(provider.cipher_suites.len(), 1, "{name}");
        self.provider = Arc::new(provider);
        self
    }

    /// Demands a certificate of the client, issued by this authority.
    pub fn client_ca(mut self, ca: &Ca) -> Tls {
        let mut roots = RootCertStore::empty();
        roots.add(ca.der().clone()).expect("a root");
        self.clients = Some(roots);
        self
    }

    /// Speaks these protocols only; a client that offers none of them is refused.
    pub fn alpn(mut self, protocols: &[&str]) -> Tls {
        self.alpn = protocols.iter().map(|p| p.as_bytes().to_vec()).collect();
        self
    }

    /// Sends nothing by which a session could be resumed, so that what follows the handshake is the answer.
    pub fn without_tickets(mut self) -> Tls {
        self.tickets = false;
        self
    }

    /// [`Server::script`] over TLS. Its URLs name `localhost`.
    pub fn script(&self, connections: impl IntoIterator<Item = Conn>) -> Server {
        Server::play(connections, Some(self.layer()), "127.0.0.1:0")
    }

    /// [`Server::script_on`] over TLS.
    pub fn script_on(&self, address: &str, connections: impl IntoIterator<Item = Conn>) -> Server {
        Server::play(connections, Some(self.layer()), address)
    }

    /// [`Server::handler`] over TLS.
    pub fn handler(&self, answer: impl Fn(&Request) -> Response + Send + Sync + 'static) -> Server {
        let handler = Handler::new(answer, Some(self.layer()));
        Server::start(loopback(), Some("localhost"), Arc::new(handler))
    }

    /// The handshakes finished so far, on all servers of this value.
    pub fn handshakes(&self) -> Vec<Handshake> {
        self.handshakes.lock().expect("no panic").clone()
    }

    fn layer(&self) -> Arc<dyn Secure> {
        let builder = ServerConfig::builder_with_provider(self.provider.clone());
        let builder = builder.with_protocol_versions(&self.versions);
        let builder = builder.expect("versions");
        let builder = match &self.clients {
            Some(roots) => {
                let roots = Arc::new(roots.clone());
                let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider());
                builder.with_client_cert_verifier(verifier.build().expect("roots"))
            }
            None => builder.with_no_client_auth(),
        };
        let config = builder.with_single_cert(self.chain.clone(), self.key.clone_key());
        let mut config = config.expect("a certificate and its key");
        config.alpn_protocols = self.alpn.clone();
        config.enable_secret_extraction = true; // for Transport::alert
        if !self.tickets {
            config.send_tls13_tickets = 0;
        }
        Arc::new(Layer {
            config: Arc::new(config),
            handshakes: self.handshakes.clone(),
        })
    }
}

struct Layer {
    config: Arc<ServerConfig>,
    handshakes: Arc<Mutex<Vec<Handshake>>>,
}

impl Layer {
    fn connection(&self) -> io::Result<ServerConnection> {
        ServerConnection::new(self.config.clone()).map_err(io::Error::other)
    }
}

impl Secure for Layer {
    fn accept(&self, mut tcp: Tcp) -> io::Result<Box<dyn Transport>> {
        let mut connection = self.connection()?;
        while connection.is_handshaking() {
            connection.complete_io(&mut tcp)?;
        }
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        self.handshakes.lock().expect("no panic").push(Handshake {
            version: connection
                .protocol_version()
                .map(|v| format!("{v:?}"))
                .unwrap_or_default(),
            name: connection.server_name().map(Into::into),
            alpn: connection.alpn_protocol().map(text),
            client: connection.peer_certificates().is_some(),
        });
        Ok(Box::new(Secured(Some(StreamOwned::new(connection, tcp)))))
    }

    fn accept_partly(&self, mut tcp: Tcp, bytes: usize) -> io::Result<()> {
        let mut connection = self.connection()?;
        while !connection.wants_write() {
            if connection.read_tls(&mut tcp)? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            connection.process_new_packets().map_err(io::Error::other)?;
        }
        let mut flight = Vec::new();
        while connection.wants_write() {
            connection.write_tls(&mut flight)?;
        }
        tcp.write_all(&flight[..bytes.min(flight.len())])
    }
}

/// TLS over TCP, after the handshake; nothing once an alert has ended it.
struct Secured(Option<StreamOwned<ServerConnection, Tcp>>);

impl Secured {
    fn stream(&mut self) -> io::Result<&mut StreamOwned<ServerConnection, Tcp>> {
        self.0.as_mut().ok_or(io::ErrorKind::NotConnected.into())
    }
}

impl Transport for Secured {
    fn close_notify(&mut self) {
        if let Ok(stream) = self.stream() {
            stream.conn.send_close_notify();
            let _ = stream.flush(); // fails if the client is gone
        }
    }

    fn alert(&mut self, code: u8) -> io::Result<()> {
        let stream = self.0.take().ok_or(io::ErrorKind::NotConnected)?;
        let (connection, mut tcp) = stream.into_parts();
        tcp.write_all(&encrypted_alert(connection, code).map_err(io::Error::other)?)
    }
}

/// The record that ends this connection with a fatal alert. rustls sends one only for an error that it found itself.
fn encrypted_alert(connection: ServerConnection, code: u8) -> Result<Vec<u8>, rustls::Error> {
    let suite = connection.negotiated_cipher_suite().expect("a handshake");
    let (sequence, secrets) = connection.dangerous_extract_secrets()?.tx;
    let (key, iv): (AeadKey, Iv) = match secrets {
        ConnectionTrafficSecrets::Aes128Gcm { key, iv }
        | ConnectionTrafficSecrets::Aes256Gcm { key, iv }
        | ConnectionTrafficSecrets::Chacha20Poly1305 { key, iv } => (key, iv),
        _ => return Err(rustls::Error::General("another cipher".into())),
    };
    let mut encrypter = match suite {
        SupportedCipherSuite::Tls13(suite) => suite.aead_alg.encrypter(key, iv),
        SupportedCipherSuite::Tls12(suite) => {
            let (fixed, explicit) = iv
                .as_ref()
                .split_at(suite.aead_alg.key_block_shape().fixed_iv_len);
            suite.aead_alg.encrypter(key, fixed, explicit)
        }
    };
    let alert = OutboundPlainMessage {
        typ: ContentType::Alert,
        version: ProtocolVersion::TLSv1_2,
        payload: OutboundChunks::Single(&[2, code]),
    };
    Ok(encrypter.encrypt(alert, sequence)?.encode())
}

impl Read for Secured {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.stream()?.read(into)
    }
}

impl Write for Secured {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.stream()?.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream()?.flush()
    }
}
