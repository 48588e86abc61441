//! The client: one API, the connection to it, and one attempt at a time over that connection.

use std::io::Read;
use std::sync::Arc;
use std::time::Duration;

use ureq::http::header::{ACCEPT, CONTENT_LENGTH, CONTENT_TYPE, RETRY_AFTER, TRANSFER_ENCODING};
use ureq::http::{self, HeaderMap, HeaderName, HeaderValue, Uri, Version};
use ureq::{Agent, SendBody};

use super::connector::LayeredConnector;
use super::error::{ErrorContext, Sent, UnknownFraming, explain, plain, refuses_our_certificate};
use super::exchange::Ready;
use super::progress::{Phase, Progress, Purpose};
use super::resolver::{CachingResolver, KnownAddresses, lock};
use super::transport::BUFFER;
use super::{Answer, Attempt, Body, End, Probe, Request, USER_AGENT, proxy, redact, tls};
use crate::dns;
use crate::document::Document;
use crate::request::{Connection, Url};
use crate::system;
use crate::system::error::{Error, Kind};
use crate::system::time::Deadline;

const JSON: HeaderValue = HeaderValue::from_static("application/json");
const FORM: HeaderValue = HeaderValue::from_static("application/x-www-form-urlencoded");

/// The piece size for a streamed body.
const STREAM_BUFFER: usize = 64 << 10;

/// Room for the lines that every request has: method, host, user agent, length and type of the body.
const USUAL_LINES: usize = 1024;

/// The limit for the head of an answer. It is generous because the API may repeat the request's headers, cookies
/// included.
const HEAD: usize = 64 * 1024;

/// A kept connection that was idle for this long is not reused, because the API may be about to close it.
const IDLE: Duration = Duration::from_secs(1);

/// A connection to one API, kept between attempts.
pub(crate) struct Client {
    agent: Agent,
    /// The URL that most requests go to, parsed once.
    usual: (Url, Uri),
    progress: Arc<Progress>,
    has_certificate: bool,
    max_response: u64,
    origin: String,
    proxy: Option<String>,
    known: KnownAddresses,
}

impl Client {
    /// Prepares to reach `url`: chooses the proxy, and reads the trusted certificates if the URL is https. Does not
    /// connect.
    ///
    /// # Errors
    /// [`Kind::Config`] or [`Kind::Usage`] if a proxy, certificate or key cannot be used.
    pub(crate) fn new(connection: &Connection, url: &Url) -> system::error::Result<Client> {
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
            .input_buffer_size(HEAD)
            .max_response_header_size(HEAD)
            .output_buffer_size(BUFFER)
            .max_idle_age(IDLE)
            .timeout_resolve(Some(connection.connect_timeout))
            .timeout_connect(Some(connection.connect_timeout));
        if url.is_https() || tls_proxy {
            config = config.tls_config(tls::settings(connection)?);
        }
        let progress = Progress::new();
        let uri = uri(url)?;
        let authority = uri.authority().map(ToString::to_string).unwrap_or_default();
        let connector = LayeredConnector::new(progress.clone(), authority);
        let names = CachingResolver {
            resolver: dns::Resolver::system(connection.family),
            progress: progress.clone(),
            known: KnownAddresses::default(),
        };
        let known = names.known.clone();
        Ok(Client {
            agent: Agent::with_parts(config.build(), connector, names),
            usual: (url.clone(), uri),
            progress,
            has_certificate: connection.identity.is_some(),
            max_response: connection.max_response,
            origin: url.origin().to_owned(),
            proxy: proxy_name,
            known,
        })
    }

    /// The proxy in front of the API, as `HOST:PORT`.
    pub(crate) fn proxy(&self) -> Option<&str> {
        self.proxy.as_deref()
    }

    /// Performs every step before a request, within `deadline`, and sends no byte of a request.
    pub(crate) fn probe(&self, deadline: Deadline) -> Probe {
        self.progress.begin(deadline, Purpose::Probe, 0);
        let nothing = Request {
            method: "POST",
            url: &self.usual.0,
            headers: &[],
            secrets: &[],
            url_secret: None,
            body: Body::Json(&Document::empty()),
        };
        let error = match self.exchange(&nothing) {
            Err(ureq::Error::Other(end)) if end.is::<Ready>() => {
                self.progress.reach(Phase::Ready);
                None
            }
            Err(error) => Some(self.error(&error)),
            Ok(_) => None,
        };
        let known = lock(&self.known);
        Probe {
            phase: self.progress.phase(),
            addresses: known.as_ref().map_or(Vec::new(), |(_, addresses)| {
                addresses.iter().map(|address| address.ip()).collect()
            }),
            error,
        }
    }

    /// Sends `request` once and reads the answer, within `deadline`.
    pub(crate) fn attempt(&self, request: &Request, deadline: Deadline) -> Attempt {
        let purpose = Purpose::Request {
            buffer: self.buffer(request),
        };
        let size = match &request.body {
            Body::Json(document) => document.len(),
            Body::Form(_) => 0,
        };
        self.progress.begin(deadline, purpose, size);
        let mut result = self.exchange(request);
        if result.is_err() && self.progress.needs_new_connection() {
            self.progress.begin(deadline, purpose, size);
            result = self.exchange(request);
        }
        self.progress.end();
        match result {
            Ok(answer) => Attempt::Answered(answer),
            Err(error) => {
                // The name may have a new address now.
                *lock(&self.known) = None;
                // In TLS 1.3 we may have sent the request before the API rejects our certificate. But the API must
                // accept the certificate before it reads any byte of the request (RFC 8446, section 4.4.2.4), so it
                // processed nothing.
                if self.progress.phase() <= Phase::Waiting
                    && self.progress.may_refuse_certificate()
                    && refuses_our_certificate(&error)
                {
                    self.progress.reach(Phase::Securing);
                }
                let unsent = self.progress.phase() < Phase::Sending;
                let error = self.error(&error);
                if unsent {
                    Attempt::Unsent(error)
                } else {
                    Attempt::Unanswered(error)
                }
            }
        }
    }

    /// The size of the output buffer for a request. One that fits is sent with one write; a larger buffer would only be
    /// filled with zeros. What a proxy and TLS add is not known here.
    fn buffer(&self, request: &Request) -> usize {
        let Some(body) = request.body.bytes() else {
            return STREAM_BUFFER;
        };
        if self.proxy.is_some() || request.url.is_https() {
            return BUFFER;
        }
        let headers = request.headers.iter();
        let headers = headers.map(|(name, value)| name.len() + value.len());
        let secrets = request.secrets.iter();
        let secrets = secrets.map(|(name, secret)| name.len() + secret.len());
        let lines: usize = headers
            .chain(secrets)
            .map(|length| length + ": \r\n".len())
            .sum();
        let head = USUAL_LINES + request.url.as_str().len() + lines;
        BUFFER.min(body.len().saturating_add(head))
    }

    /// Whether the API closed the connection before the last attempt had written its whole request.
    pub(crate) fn was_cut_short(&self) -> bool {
        self.progress.is_cut_short()
    }

    fn exchange(&self, request: &Request) -> Result<Answer, ureq::Error> {
        let uri = match *request.url == self.usual.0 {
            true => self.usual.1.clone(),
            false => Uri::try_from(request.url.as_str()).map_err(http::Error::from)?,
        };
        let head = http::Request::builder().method(request.method).uri(uri);
        let (mut head, ()) = head.body(())?.into_parts();
        head.headers = headers(request)?;
        let response = match (request.body.bytes(), &request.body) {
            (None, Body::Json(document)) => {
                let mut reader = Sent(document.reader());
                let body = SendBody::from_reader(&mut reader);
                self.agent.run(http::Request::from_parts(head, body))
            }
            (bytes, _) => {
                let body = bytes.unwrap_or_default();
                self.agent.run(http::Request::from_parts(head, body))
            }
        }?;
        if !is_framed(&response) {
            return Err(ureq::Error::Other(Box::new(UnknownFraming)));
        }
        let mut answer = self.read(response);
        let secrets = request.secrets.iter().map(|(_, secret)| secret);
        redact::redact(&mut answer, secrets.chain(request.url_secret));
        Ok(answer)
    }

    fn read(&self, mut response: http::Response<ureq::Body>) -> Answer {
        let status = response.status();
        let headers = texts(response.headers());
        // Most answers are short, and reserving this much costs almost nothing.
        let mut body = Vec::with_capacity(1024);
        let mut reader = response.body_mut().as_reader();
        let mut end = match (&mut reader).take(self.max_response).read_to_end(&mut body) {
            Err(why) => End::Broken(self.broken(&ureq::Error::from(why))),
            Ok(_) if (body.len() as u64) < self.max_response => End::Whole,
            Ok(_) => match reader.read(&mut [0]) {
                Ok(0) => End::Whole,
                _ => End::OverLimit,
            },
        };
        if !has_memory_for(&body) {
            body.truncate(SMALL);
            body.shrink_to_fit();
            if end == End::Whole || end == End::OverLimit {
                end = End::Broken("not enough memory".to_owned());
            }
        }
        let version = match response.version() {
            Version::HTTP_10 => "HTTP/1.0",
            _ => "HTTP/1.1",
        };
        let retry_after = headers
            .iter()
            .find(|(name, _)| *name == RETRY_AFTER.as_str());
        Answer {
            version,
            status: status.as_u16(),
            reason: status.canonical_reason().unwrap_or(""),
            retry_after: retry_after.map(|(_, value)| value.clone()),
            headers,
            body,
            end,
            repeats_secret: false,
        }
    }

    /// Why an answer ended early.
    fn broken(&self, error: &ureq::Error) -> String {
        match error {
            ureq::Error::Timeout(_) => "timed out".to_owned(),
            error => plain(error),
        }
    }

    fn error(&self, error: &ureq::Error) -> Error {
        let phase = self.progress.phase();
        let origin = &self.origin;
        let proxy = self.proxy.as_ref();
        let (doing, whom) = match (phase, proxy) {
            (Phase::Resolving, None) => ("looking up the host of", origin),
            (Phase::Resolving | Phase::Connecting, Some(proxy)) => {
                ("connecting to the proxy", proxy)
            }
            (Phase::Connecting, None) | (Phase::Securing, Some(_)) => ("connecting to", origin),
            (Phase::Securing, None) => ("setting up TLS with", origin),
            (Phase::Ready | Phase::Sending, _) => ("sending to", origin),
            (Phase::Waiting, _) => ("waiting for the answer of", origin),
            (Phase::Receiving, _) => ("reading the answer of", origin),
        };
        let through = match proxy {
            Some(proxy) if phase == Phase::Securing => format!(" through the proxy {proxy}"),
            _ => String::new(),
        };
        let host = self.usual.1.host().unwrap_or_default();
        let reason = explain(
            error,
            &ErrorContext {
                sent: phase >= Phase::Sending,
                host: host.trim_matches(['[', ']']),
                has_certificate: self.has_certificate,
                may_refuse_certificate: self.progress.may_refuse_certificate(),
                unsupported: self
                    .progress
                    .unsupported()
                    .filter(|_| self.usual.0.is_https()),
            },
        );
        let what = match reason.kind {
            Kind::Input => reason.why,
            _ => format!("{doing} {whom}{through}: {}", reason.why),
        };
        match reason.hint {
            Some(hint) => Error::new(reason.kind, what).hint(hint),
            None => Error::new(reason.kind, what),
        }
    }
}

fn uri(url: &Url) -> system::error::Result<Uri> {
    Uri::try_from(url.as_str())
        .map_err(|why| Error::new(Kind::Usage, format!("reading the URL '{url}': {why}")))
}

/// The header lines of `request`, except those that ureq adds.
fn headers(request: &Request) -> Result<HeaderMap, http::Error> {
    let mut headers = HeaderMap::new();
    for (name, value) in request.headers {
        let name = HeaderName::from_bytes(name.as_bytes())?;
        headers.append(name, HeaderValue::from_str(value)?);
    }
    for (name, secret) in request.secrets {
        let name = HeaderName::from_bytes(name.as_bytes())?;
        let mut value = HeaderValue::from_bytes(secret.expose().as_bytes())?;
        value.set_sensitive(true);
        headers.append(name, value);
    }
    let typed = headers.contains_key(CONTENT_TYPE);
    if !headers.contains_key(ACCEPT) {
        headers.append(ACCEPT, JSON);
    }
    match &request.body {
        Body::Form(_) => drop(headers.append(CONTENT_TYPE, FORM)),
        Body::Json(document) => {
            if !document.is_empty() && !typed {
                headers.append(CONTENT_TYPE, JSON);
            }
            if document.bytes().is_none() {
                headers.append(CONTENT_LENGTH, document.len().into());
            }
        }
    }
    Ok(headers)
}

/// Whether the end of the body of `response` is known. ureq searches Transfer-Encoding for `chunked` and ignores
/// everything else, so a body in a coding that we do not decode would be read as the document, chunk headers included.
/// HTTP/1.0 does not define this header; an answer that has it anyway is framed incorrectly (RFC 9112, section 6.1).
fn is_framed(response: &http::Response<ureq::Body>) -> bool {
    let mut codings = response.headers().get_all(TRANSFER_ENCODING).iter();
    match (codings.next(), codings.next()) {
        (None, _) => true,
        (Some(coding), None) => {
            response.version() == Version::HTTP_11
                && coding.as_bytes().eq_ignore_ascii_case(b"chunked")
        }
        (Some(_), Some(_)) => false,
    }
}

/// Up to this length, the check for memory is skipped.
const SMALL: usize = 64 << 10;

/// The steps that follow (search the body for secrets, select a part of it) take up to three times the memory of the
/// body. If that memory is not available, the process would abort after the API accepted the document and before
/// anything is reported. So it is allocated here on trial, while the answer can still be reported as broken.
fn has_memory_for(body: &[u8]) -> bool {
    let mut trial = Vec::<u8>::new();
    let is_there = body.len() <= SMALL || trial.try_reserve_exact(3 * body.len()).is_ok();
    // Keeps the compiler from removing the unused allocation.
    std::hint::black_box(&trial);
    is_there
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
