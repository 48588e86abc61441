//! The options of curl, each defined once: how it is written, and what becomes of it.
//!
//! Why something is not carried over is in the table of [`suggest`](crate::cli::suggest), which gives the same answer
//! if the option is given to authpost itself.

use super::CurlCommand;
use crate::system::error::Result;

/// What becomes of an option.
#[derive(Clone, Copy)]
pub(super) enum Carry {
    /// Nothing: authpost does so anyway, or the option only changes what curl shows.
    Needless,
    /// An option of authpost with the same value.
    Same(&'static str),
    /// An option of authpost that takes a time. curl counts seconds.
    Seconds(&'static str),
    /// A header with this name.
    Header(&'static str),
    /// A part of the request, read by this function.
    Part(fn(&mut CurlCommand, &str) -> Result<()>),
    /// An option of authpost with the same value, and a warning.
    Risky(&'static str),
    /// It is not carried over, and a note says so.
    Dropped,
    /// authpost cannot make such a request.
    Refused,
}

/// What is known of an option.
pub(super) struct CurlOption {
    pub(super) takes_value: bool,
    pub(super) carry: Carry,
}

/// The option with this long name.
pub(super) fn long(name: &str) -> Option<CurlOption> {
    find(&|_, long| long == name).or_else(|| {
        // A switch can be turned off.
        let option = find(&|_, long| Some(long) == name.strip_prefix("no-"))?;
        (!option.takes_value).then_some(CurlOption {
            takes_value: false,
            carry: Carry::Needless,
        })
    })
}

/// The option with this letter.
pub(super) fn short(letter: char) -> Option<CurlOption> {
    find(&|short, _| short.starts_with(letter))
}

fn find(is_meant: &dyn Fn(&str, &str) -> bool) -> Option<CurlOption> {
    let dropped = |names: &str, takes_value| {
        names
            .split_ascii_whitespace()
            .map(|word| word.split_once('/').unwrap_or(("", word)))
            .any(|(short, long)| is_meant(short, long))
            .then_some(CurlOption {
                takes_value,
                carry: Carry::Dropped,
            })
    };
    OPTIONS
        .iter()
        .find(|(short, long, ..)| is_meant(short, long))
        .map(|&(_, _, takes_value, carry)| CurlOption { takes_value, carry })
        .or_else(|| dropped(DROPPED, false))
        .or_else(|| dropped(DROPPED_WITH_VALUE, true))
}

use Carry::{Header, Needless, Part, Refused, Risky, Same, Seconds};

/// Letter, long name, whether it takes a value, and what becomes of it.
const OPTIONS: &[(&str, &str, bool, Carry)] = &[
    ("", "url", true, Part(CurlCommand::url)),
    ("X", "request", true, Part(CurlCommand::method)),
    ("d", "data", true, Part(CurlCommand::data)),
    ("", "data-ascii", true, Part(CurlCommand::data)),
    ("", "data-binary", true, Part(CurlCommand::data)),
    ("", "data-raw", true, Part(CurlCommand::raw_data)),
    ("", "json", true, Part(CurlCommand::json)),
    ("T", "upload-file", true, Part(CurlCommand::upload)),
    ("F", "form", true, Refused),
    ("", "form-string", true, Refused),
    ("", "data-urlencode", true, Refused),
    ("", "url-query", true, Refused),
    ("G", "get", false, Refused),
    ("I", "head", false, Refused),
    (":", "next", false, Refused),
    ("", "digest", false, Refused),
    ("", "negotiate", false, Refused),
    ("", "ntlm", false, Refused),
    ("", "ntlm-wb", false, Refused),
    ("", "aws-sigv4", true, Refused),
    ("", "unix-socket", true, Refused),
    ("", "abstract-unix-socket", true, Refused),
    ("H", "header", true, Part(CurlCommand::header)),
    ("A", "user-agent", true, Header("User-Agent")),
    ("e", "referer", true, Header("Referer")),
    ("b", "cookie", true, Part(CurlCommand::cookie)),
    ("u", "user", true, Part(CurlCommand::user)),
    ("", "oauth2-bearer", true, Part(CurlCommand::bearer)),
    ("n", "netrc", false, Part(CurlCommand::user)),
    ("", "netrc-file", true, Part(CurlCommand::user)),
    ("", "netrc-optional", false, Part(CurlCommand::user)),
    ("", "basic", false, Needless),
    ("m", "max-time", true, Seconds("timeout")),
    ("", "connect-timeout", true, Seconds("connect-timeout")),
    ("", "retry", true, Part(CurlCommand::retry)),
    ("", "retry-delay", true, Seconds("wait")),
    ("", "retry-max-time", true, Seconds("timeout")),
    ("", "retry-connrefused", false, Needless),
    ("", "cacert", true, Same("cacert")),
    ("E", "cert", true, Part(CurlCommand::cert)),
    ("", "key", true, Same("key")),
    ("k", "insecure", false, Risky("insecure")),
    ("x", "proxy", true, Part(CurlCommand::proxy)),
    ("4", "ipv4", false, Same("ipv4")),
    ("6", "ipv6", false, Same("ipv6")),
    ("o", "output", true, Part(CurlCommand::output)),
    ("v", "verbose", false, Needless),
    ("s", "silent", false, Needless),
    ("S", "show-error", false, Needless),
    ("f", "fail", false, Needless),
    ("", "fail-with-body", false, Needless),
    ("", "fail-early", false, Needless),
    ("#", "progress-bar", false, Needless),
    ("", "progress-meter", false, Needless),
    ("N", "buffer", false, Needless),
    ("", "styled-output", false, Needless),
    ("q", "disable", false, Needless),
    ("g", "globoff", false, Needless),
    ("", "compressed", false, Needless),
    ("", "http1.1", false, Needless),
    ("", "proto", true, Needless),
    ("", "proto-redir", true, Needless),
    ("1", "tlsv1", false, Needless),
    ("", "tlsv1.0", false, Needless),
    ("", "tlsv1.1", false, Needless),
    ("", "tlsv1.2", false, Needless),
    ("", "ssl", false, Needless),
    ("", "ssl-reqd", false, Needless),
    ("", "keepalive", false, Needless),
    ("", "tcp-nodelay", false, Needless),
];

/// The other switches of curl, with their letters.
const DROPPED: &str = "0/http1.0 2/sslv2 3/sslv3 B/use-ascii J/remote-header-name L/location M/manual O/remote-name \
    R/remote-time V/version Z/parallel a/append i/include j/junk-session-cookies l/list-only p/proxytunnel alpn anyauth ca-native \
    cert-status clobber compressed-ssh create-dirs crlf disable-eprt disable-epsv disallow-username-in-url \
    doh-cert-status doh-insecure false-start form-escape ftp-create-dirs ftp-pasv ftp-pret ftp-skip-pasv-ip ftp-ssl-ccc \
    ftp-ssl-control haproxy-protocol http0.9 http2 http2-prior-knowledge http3 http3-only ignore-content-length \
    location-trusted mail-rcpt-allowfails metalink mptcp npn out-null parallel-immediate path-as-is post301 post302 post303 \
    proxy-anyauth proxy-basic proxy-ca-native proxy-digest proxy-http2 proxy-insecure proxy-negotiate proxy-ntlm \
    proxy-ssl-allow-beast proxy-ssl-auto-client-cert proxy-tlsv1 raw remote-name-all remove-on-error retry-all-errors \
    sasl-ir sessionid skip-existing socks5-basic socks5-gssapi socks5-gssapi-nec ssl-allow-beast ssl-auto-client-cert \
    ssl-no-revoke ssl-revoke-best-effort suppress-connect-headers tcp-fastopen tftp-no-options tls-earlydata tlsv1.3 \
    tr-encoding trace-ids trace-time xattr";

/// The other options of curl that take a value, with their letters.
const DROPPED_WITH_VALUE: &str = "C/continue-at D/dump-header K/config P/ftp-port Q/quote U/proxy-user Y/speed-limit \
    c/cookie-jar h/help r/range t/telnet-option w/write-out y/speed-time z/time-cond alt-svc capath cert-type ciphers \
    connect-to create-file-mode crlfile curves delegation dns-interface dns-ipv4-addr dns-ipv6-addr dns-servers doh-url \
    dump-ca-embed ech egd-file engine etag-compare etag-save expect100-timeout ftp-account ftp-alternative-to-user \
    ftp-method ftp-ssl-ccc-mode happy-eyeballs-timeout-ms haproxy-clientip hostpubmd5 hostpubsha256 hsts interface \
    ip-tos ipfs-gateway keepalive-cnt keepalive-time key-type knownhosts krb libcurl limit-rate local-port \
    login-options mail-auth mail-from mail-rcpt max-filesize max-redirs noproxy output-dir parallel-max \
    parallel-max-host pass pinnedpubkey preproxy proto-default proxy-cacert proxy-capath proxy-cert proxy-cert-type \
    proxy-ciphers proxy-crlfile proxy-header proxy-key proxy-key-type proxy-pass proxy-pinnedpubkey \
    proxy-service-name proxy-tls13-ciphers proxy-tlsauthtype proxy-tlspassword proxy-tlsuser proxy1.0 pubkey \
    random-file rate request-target resolve sasl-authzid service-name sigalgs socks4 socks4a socks5 \
    socks5-gssapi-service socks5-hostname stderr tftp-blksize tls-max tls13-ciphers tlsauthtype tlspassword tlsuser \
    trace trace-ascii trace-config upload-flags variable vlan-priority";
