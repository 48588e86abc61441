//! One attempt at a request: what went out, and what came back.
//!
//! The only room that names `ureq`, and the only one that exposes a [`Secret`]. It follows no redirect, repeats
//! nothing and judges nothing: an [`Attempt`] says what happened, and above all whether a byte of the request left.

mod proxy;
mod trust;
mod wire;

use std::fmt;
use std::io::Read;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ureq::config::Config;
use ureq::http::header::{ACCEPT, CONTENT_LENGTH, CONTENT_TYPE, RETRY_AFTER};
use ureq::http::{self, HeaderMap, HeaderName, HeaderValue, Uri, Version};
use ureq::unversioned::resolver::{ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{
    ConnectProxyConnector, Connector, NextTimeout, RustlsConnector,
};
use ureq::{Agent, SendBody};

use crate::body::Document;
use crate::dns;
use crate::error::{self, Error, Kind};
use crate::plan::{Connection, Url};
use crate::secret::Secret;
use crate::time::Budget;

pub use trust::Origin as TrustOrigin;
use wire::{ExchangeConnector, Phase, Progress, WireConnector};

/// `authpost/VERSION`, as a User-Agent (RFC 9110, section 10.1.5).
pub const USER_AGENT: &str = concat!("authpost/", env!("CARGO_PKG_VERSION"));

/// Bodies and answers pass through buffers of this size. A request below it is one write.
const BUFFER: usize = 16 * 1024;

/// A kept connection that was idle for this long is not used again: the API may be about to close it.
const IDLE: Duration = Duration::from_secs(1);

/// What goes out.
#[derive(Debug)]
pub struct Request<'a> {
    /// The method on the wire.
    pub method: &'a str,
    /// Where to.
    pub url: &'a Url,
    /// Headers that anybody may see.
    pub headers: &'a [(String, String)],
    /// Headers that nobody may see.
    pub secrets: &'a [(String, Secret)],
    /// The body.
    pub body: Body<'a>,
}

/// What a request carries.
#[derive(Debug)]
pub enum Body<'a> {
    /// A JSON document, or nothing.
    Json(&'a Document),
    /// `application/x-www-form-urlencoded`, which holds secrets (RFC 6749).
    Form(&'a Secret),
}

/// What one attempt came to.
#[derive(Debug)]
pub enum Attempt {
    /// Not a byte of the request left.
    Unsent(Fault),
    /// Some of the request left, and no answer came back: the API may have taken it.
    Unanswered(Fault),
    /// The API answered.
    Answered(Answer),
}

/// Why there is no answer.
#[derive(Debug)]
pub struct Fault {
    /// What kind of thing went wrong.
    pub kind: FaultKind,
    /// Doing what, on what: why.
    pub what: String,
    /// The remedy, where there is one.
    pub hint: Option<String>,
}

/// What kind of thing went wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultKind {
    /// It may well work in a moment: no name server, no route, refused, reset, out of time.
    Passing,
    /// It will not work again in this run: a certificate that does not hold.
    Lasting,
    /// A proxy refuses our credentials.
    ProxyDenied,
    /// Our own document could not be read while it was being sent.
    Document,
}

/// What the API said.
#[derive(Debug)]
pub struct Answer {
    /// `HTTP/1.1`, or what the API speaks.
    pub version: &'static str,
    /// The status code.
    pub status: u16,
    /// Its usual words; the API's own are not kept.
    pub reason: &'static str,
    /// All headers, in the order they came.
    pub headers: Vec<(String, String)>,
    /// The body, as far as it was kept.
    pub body: Vec<u8>,
    /// Whether that is all of it.
    pub end: End,
    /// Whether one of the request's secrets stands in the body.
    pub repeats_secret: bool,
}

impl Answer {
    /// The first value of the header `name`, given in small letters.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.as_str())
    }

    /// `Retry-After` (RFC 9110, section 10.2.3), as it came.
    pub fn retry_after(&self) -> Option<&str> {
        self.header(RETRY_AFTER.as_str())
    }
}

/// How an answer's body ended.
#[derive(Debug, PartialEq, Eq)]
pub enum End {
    /// As the API said it would.
    Whole,
    /// We stopped reading at the limit.
    OverLimit,
    /// It broke off, for this reason.
    Broken(String),
}

/// A connection to one API, kept between attempts.
#[derive(Debug)]
pub struct Client {
    agent: Agent,
    progress: Arc<Progress>,
    max_response: u64,
    origin: String,
    proxy: Option<String>,
    known: Known,
}

/// The addresses of the host that was looked up last.
type Known = Arc<Mutex<Option<(String, ResolvedSocketAddrs)>>>;

fn lock(known: &Known) -> MutexGuard<'_, Option<(String, ResolvedSocketAddrs)>> {
    known.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Client {
    /// Prepares to reach `url`: chooses the proxy, and reads the trusted certificates when it is https. Connects to
    /// nothing.
    ///
    /// # Errors
    /// [`Kind::Config`] or [`Kind::Usage`] when a proxy, certificate or key cannot be used.
    pub fn new(connection: &Connection, url: &Url) -> error::Result<Client> {
        let proxy = proxy::choose(connection, url)?;
        let proxy_name = proxy
            .as_ref()
            .map(|proxy| format!("{}:{}", proxy.host(), proxy.port()));
        let tls_proxy = proxy
            .as_ref()
            .is_some_and(|proxy| proxy.uri().scheme_str() == Some("https"));
        let mut config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .proxy(proxy)
            .user_agent(USER_AGENT)
            .input_buffer_size(BUFFER)
            .output_buffer_size(BUFFER)
            .max_idle_age(IDLE)
            .timeout_resolve(Some(connection.connect_timeout))
            .timeout_connect(Some(connection.connect_timeout));
        if url.is_https() || tls_proxy {
            config = config.tls_config(trust::settings(connection)?);
        }
        let progress = Progress::new();
        let uri = uri(url)?;
        let connector =
            ().chain(ConnectProxyConnector::default())
                .chain(WireConnector(progress.clone()))
                .chain(RustlsConnector::default())
                .chain(ExchangeConnector {
                    progress: progress.clone(),
                    authority: uri.authority().map(ToString::to_string).unwrap_or_default(),
                });
        let names = Names {
            resolver: dns::Resolver::system(connection.family),
            progress: progress.clone(),
            known: Known::default(),
        };
        let known = names.known.clone();
        Ok(Client {
            agent: Agent::with_parts(config.build(), connector, names),
            progress,
            max_response: connection.max_response,
            origin: url.origin().to_owned(),
            proxy: proxy_name,
            known,
        })
    }

    /// Sends `request` once and reads the answer, all within `budget`.
    pub fn attempt(&self, request: &Request, budget: Budget) -> Attempt {
        self.progress.begin(budget);
        match self.exchange(request) {
            Ok(answer) => Attempt::Answered(answer),
            Err(error) => {
                // The name may have moved to another address.
                *lock(&self.known) = None;
                let unsent =
                    self.progress.phase() < Phase::Sending || refuses_our_certificate(&error);
                let fault = self.fault(&error);
                if unsent {
                    Attempt::Unsent(fault)
                } else {
                    Attempt::Unanswered(fault)
                }
            }
        }
    }

    fn exchange(&self, request: &Request) -> Result<Answer, ureq::Error> {
        let mut head = http::Request::builder()
            .method(request.method)
            .uri(Uri::try_from(request.url.as_str()).map_err(http::Error::from)?);
        for (name, value) in request.headers {
            head = head.header(name, value);
        }
        for (name, secret) in request.secrets {
            let mut value =
                HeaderValue::from_bytes(secret.expose().as_bytes()).map_err(http::Error::from)?;
            value.set_sensitive(true);
            head = head.header(name, value);
        }
        let given = |name| {
            head.headers_ref()
                .is_some_and(|headers| headers.contains_key(name))
        };
        let (typed, accepts) = (given(CONTENT_TYPE), given(ACCEPT));
        if !accepts {
            head = head.header(ACCEPT, "application/json");
        }
        let response = match &request.body {
            Body::Json(document) => {
                if !document.is_empty() && !typed {
                    head = head.header(CONTENT_TYPE, "application/json");
                }
                match document.bytes() {
                    Some(bytes) => self.agent.run(head.body(bytes)?),
                    None => {
                        let mut reader = document.reader();
                        let head = head.header(CONTENT_LENGTH, document.len());
                        self.agent
                            .run(head.body(SendBody::from_reader(&mut reader))?)
                    }
                }
            }
            Body::Form(form) => {
                let head = head.header(CONTENT_TYPE, "application/x-www-form-urlencoded");
                self.agent.run(head.body(form.expose())?)
            }
        }?;
        let mut answer = self.read(response);
        answer.repeats_secret = request.secrets.iter().any(|(_, secret)| {
            let word = secret
                .expose()
                .rsplit(' ')
                .next()
                .unwrap_or_default()
                .as_bytes();
            !word.is_empty() && answer.body.windows(word.len()).any(|window| window == word)
        });
        Ok(answer)
    }

    fn read(&self, mut response: http::Response<ureq::Body>) -> Answer {
        let status = response.status();
        let headers = texts(response.headers());
        let mut body = Vec::new();
        let mut reader = response.body_mut().as_reader();
        let end = match (&mut reader).take(self.max_response).read_to_end(&mut body) {
            Err(why) => End::Broken(self.broken(&ureq::Error::from(why))),
            Ok(_) if (body.len() as u64) < self.max_response => End::Whole,
            Ok(_) => match reader.read(&mut [0]) {
                Ok(0) => End::Whole,
                _ => End::OverLimit,
            },
        };
        let version = match response.version() {
            Version::HTTP_10 => "HTTP/1.0",
            _ => "HTTP/1.1",
        };
        Answer {
            version,
            status: status.as_u16(),
            reason: status.canonical_reason().unwrap_or(""),
            headers,
            body,
            end,
            repeats_secret: false,
        }
    }

    /// Why an answer broke off.
    fn broken(&self, error: &ureq::Error) -> String {
        match error {
            ureq::Error::Timeout(_) => "out of time".to_owned(),
            error => plain(error),
        }
    }

    fn fault(&self, error: &ureq::Error) -> Fault {
        let phase = self.progress.phase();
        let origin = &self.origin;
        let doing = match (phase, &self.proxy) {
            (Phase::Resolving, None) => format!("looking up the host of {origin}"),
            (Phase::Resolving | Phase::Connecting, Some(proxy)) => {
                format!("connecting to the proxy {proxy}")
            }
            (Phase::Securing, Some(proxy)) => {
                format!("connecting to {origin} through the proxy {proxy}")
            }
            (Phase::Connecting, None) => format!("connecting to {origin}"),
            (Phase::Securing, None) => format!("setting up TLS with {origin}"),
            (Phase::Sending, _) => format!("sending to {origin}"),
            (Phase::Waiting, _) => format!("waiting for the answer of {origin}"),
            (Phase::Receiving, _) => format!("reading the answer of {origin}"),
        };
        let (kind, why, hint) = explain(error, phase);
        Fault {
            kind,
            what: format!("{doing}: {why}"),
            hint,
        }
    }
}

fn uri(url: &Url) -> error::Result<Uri> {
    Uri::try_from(url.as_str())
        .map_err(|why| Error::new(Kind::Usage, format!("reading the URL '{url}': {why}")))
}

fn texts(headers: &HeaderMap) -> Vec<(String, String)> {
    let text = |(name, value): (&HeaderName, &HeaderValue)| {
        (
            name.as_str().to_owned(),
            String::from_utf8_lossy(value.as_bytes()).into_owned(),
        )
    };
    headers.iter().map(text).collect()
}

/// Whether the API ended TLS because of the certificate that we showed, or did not show. TLS 1.3 tells so only after
/// the request may have left, but a server must have our certificate accepted before it reads a byte of it
/// (RFC 8446, section 4.4.2.4), so nothing was processed.
fn refuses_our_certificate(error: &ureq::Error) -> bool {
    let text = error.to_string();
    text.contains("received fatal alert:")
        && [
            "CertificateRequired",
            "BadCertificate",
            "UnknownCA",
            "CertificateUnknown",
            "CertificateExpired",
            "CertificateRevoked",
            "UnsupportedCertificate",
            "AccessDenied",
        ]
        .iter()
        .any(|alert| text.ends_with(alert))
}

/// What to say when ureq finds that the client's certificate and key do not fit together.
pub fn unfit_identity() -> Error {
    Error::new(Kind::Config, "using the client certificate: --cert and --key do not fit together, or are of a kind not known here")
        .hint("give the certificate's own key: RSA of 2048 bits or more, ECDSA P-256 or P-384, or Ed25519")
}

/// Why there is no answer, in words, with the remedy.
fn explain(error: &ureq::Error, phase: Phase) -> (FaultKind, String, Option<String>) {
    let passing = |why: String| (FaultKind::Passing, why, None);
    if let ureq::Error::Other(inner) = error
        && let Some(failure) = inner.downcast_ref::<dns::Failure>()
    {
        return (
            FaultKind::Passing,
            failure.to_string(),
            Some(failure.remedy().to_owned()),
        );
    }
    match error {
        ureq::Error::Timeout(_) => passing("out of time".to_owned()),
        ureq::Error::HostNotFound => passing("it has no address".to_owned()),
        ureq::Error::ConnectProxyFailed(why) if why.contains("407") => (
            FaultKind::ProxyDenied,
            "the proxy asks for a user and a password, or refuses the ones given (407)".to_owned(),
            Some("give them as http://USER:PASSWORD@HOST:PORT, in HTTPS_PROXY rather than in --proxy".to_owned()),
        ),
        ureq::Error::ConnectProxyFailed(why) => passing(why.replace("server ", "")),
        error => {
            let text = plain(error);
            match certificate(&text) {
                Some((why, hint)) => (FaultKind::Lasting, why.to_owned(), Some(hint.to_owned())),
                None if phase == Phase::Sending && text.starts_with("the document") => {
                    (FaultKind::Document, text, None)
                }
                None => passing(text),
            }
        }
    }
}

/// rustls's words for what is wrong with a certificate, and ours. They are held by tests: rustls does not promise them.
fn certificate(text: &str) -> Option<(&'static str, &'static str)> {
    const CLOCK: &str = "tell the API's owner; or check this machine's clock with 'date'";
    const KNOWN: &[(&str, &str, &str)] = &[
        ("certificate expired", "its certificate has expired", CLOCK),
        ("Expired", "its certificate has expired", CLOCK),
        ("not valid yet", "its certificate is not valid yet", CLOCK),
        (
            "not valid for name",
            "its certificate is for another name",
            "check the host in the URL, or tell the API's owner",
        ),
        (
            "NotValidForName",
            "its certificate is for another name",
            "check the host in the URL, or tell the API's owner",
        ),
        (
            "UnknownIssuer",
            "its certificate comes from an authority that is not trusted here, or an intermediate one is missing",
            "give your own authority's certificate with --cacert; or tell the API's owner to send the whole chain",
        ),
        (
            "CaUsedAsEndEntity",
            "its certificate is an authority's own, not a server's",
            "tell the API's owner to install a server certificate",
        ),
        (
            "invalid peer certificate",
            "its certificate does not hold",
            "tell the API's owner",
        ),
        (
            "received fatal alert: CertificateRequired",
            "the API asks for a client certificate",
            "give one with --cert and --key",
        ),
        (
            "received fatal alert: UnknownCA",
            "the API does not trust our client certificate",
            "check --cert",
        ),
        (
            "received fatal alert: BadCertificate",
            "the API refuses our client certificate",
            "check --cert and --key",
        ),
        (
            "received fatal alert: CertificateUnknown",
            "the API refuses our client certificate",
            "check --cert and --key",
        ),
        (
            "received fatal alert: CertificateExpired",
            "our client certificate has expired",
            "renew --cert",
        ),
        (
            "received fatal alert: CertificateRevoked",
            "our client certificate is revoked",
            "renew --cert",
        ),
        (
            "received fatal alert: AccessDenied",
            "the API refuses our client certificate",
            "check --cert and --key",
        ),
    ];
    KNOWN
        .iter()
        .find(|(theirs, ..)| text.contains(theirs))
        .map(|(_, why, hint)| (*why, *hint))
}

/// An error of ureq's in plain words, without its prefixes.
fn plain(error: &ureq::Error) -> String {
    match error {
        ureq::Error::Io(why) => match why.kind() {
            std::io::ErrorKind::UnexpectedEof => "the connection was closed".to_owned(),
            _ => error::reason(why),
        },
        ureq::Error::Protocol(why) => format!("what came is not HTTP ({why})"),
        ureq::Error::LargeResponseHeader(..) => "the head of the answer is too large".to_owned(),
        error => error.to_string(),
    }
}

/// Our resolver, in the shape that ureq asks for. It remembers the addresses, so that the next document over a kept
/// connection does not look them up again, until a connection fails.
struct Names {
    resolver: dns::Resolver,
    progress: Arc<Progress>,
    known: Known,
}

impl Resolver for Names {
    fn resolve(
        &self,
        uri: &Uri,
        _: &Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let mut known = lock(&self.known);
        let authority = uri.authority().map_or("", |authority| authority.as_str());
        if let Some((name, addresses)) = &*known
            && name == authority
        {
            return Ok(addresses.clone());
        }
        self.progress.reach(Phase::Resolving);
        let host = uri.host().unwrap_or_default();
        let port = uri
            .port_u16()
            .unwrap_or(if uri.scheme_str() == Some("https") {
                443
            } else {
                80
            });
        let budget = self.progress.budget().at_most(*timeout.after);
        let found = self
            .resolver
            .lookup(host, port, budget)
            .map_err(|failure| ureq::Error::Other(Box::new(failure)))?;
        let mut addresses = self.empty();
        for address in found.into_iter().take(16) {
            addresses.push(address);
        }
        *known = Some((authority.to_owned(), addresses.clone()));
        Ok(addresses)
    }
}

impl fmt::Debug for Names {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Names")
    }
}
