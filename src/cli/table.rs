//! All verbs, options, forms of an item and environment variables, each defined once. Parser, help, manual page and
//! completions use these rows.

use super::draft::Page;
use super::{Flag, HelpSection, Manual, Shell, Verb, VerbRow};
use crate::document::GroupFormat;
use crate::output::Color;
use crate::request::Family;
use crate::request::{self, Expect, Input, Method, TokenSource};

/// The verbs, in the order of the help.
pub(super) const VERBS: &[VerbRow] = &[
    VerbRow {
        verb: Verb::Send,
        word: "",
        operands: "URL [ITEM]...",
        brief: "send one JSON document, or with --lines one per line of a file",
        text: "",
    },
    VerbRow {
        verb: Verb::Check,
        word: "check",
        operands: "URL [ITEM]...",
        brief: "test the setup; send neither the document nor the token",
        text: "",
    },
    VerbRow {
        verb: Verb::Flush,
        word: "flush",
        operands: "DIR",
        brief: "send the due messages in DIR, a spool: a queue of documents on disk",
        text: "",
    },
    VerbRow {
        verb: Verb::List,
        word: "list",
        operands: "DIR",
        brief: "list the messages in a spool: pending, and dead-lettered (set aside for review)",
        text: "",
    },
    VerbRow {
        verb: Verb::Show,
        word: "show",
        operands: "DIR ID",
        brief: "show a message: state, last error, headers and body",
        text: "",
    },
    VerbRow {
        verb: Verb::Retry,
        word: "retry",
        operands: "DIR ID...",
        brief: "make messages due now, dead-lettered ones too",
        text: "",
    },
    VerbRow {
        verb: Verb::Drop,
        word: "drop",
        operands: "DIR ID...",
        brief: "delete messages permanently",
        text: "",
    },
    VerbRow {
        verb: Verb::FromCurl,
        word: "from-curl",
        operands: "curl ARGUMENT...",
        brief: "print the authpost command that sends what a curl command sends",
        text: "Put 'authpost from-curl' before a curl command, as copied from the documentation of an API. Nothing is sent. \
               Standard output gets the authpost command, which can be used in a shell and in a crontab. Standard error \
               says which secrets to save in which files, and which of curl's options are not carried over.",
    },
];

const ANY: &[Verb] = &[
    Verb::Send,
    Verb::Check,
    Verb::Flush,
    Verb::List,
    Verb::Show,
    Verb::Retry,
    Verb::Drop,
];
const DELIVERING: &[Verb] = &[Verb::Send, Verb::Check, Verb::Flush];
const QUIET: &[Verb] = &[
    Verb::Send,
    Verb::Check,
    Verb::Flush,
    Verb::Retry,
    Verb::Drop,
];
/// The options for sending. `check` accepts all of them but --dry-run: put `check` before the arguments to test them.
const SENDING: &[Verb] = &[Verb::Send, Verb::Check];

/// The format of the OAuth2 file.
const OAUTH2: &str = "FILE is a JSON object. All its values are strings (RFC 6749):

  token_url           the token endpoint: https, or
                      http to this machine
  client_id           the client's id
  client_secret       the client's secret; or
  client_secret_file  a file that contains only it
  grant               client_credentials [default], or
                      refresh_token
  refresh_token_file  for refresh_token: a file that
                      contains only the refresh token.
                      authpost replaces the file when
                      the endpoint issues a new one,
                      so it needs write access to the
                      directory
  scope               the scope to request, as the
                      endpoint defines it
  audience            the audience to request, if the
                      endpoint expects one
  auth_method         basic [default]: send id and
                      secret in a header; body: send
                      them in the form
  cache               the directory for the cached
                      access token

Any other member, such as resource, is sent to the endpoint as a parameter. It
must not be a secret.

For example:

  { \"token_url\": \"https://login.example.com/token\",
    \"client_id\": \"reports\",
    \"client_secret_file\": \"reports.secret\",
    \"scope\": \"data:write\" }

A relative path starts at FILE's directory. The endpoint is reached like the API: through the same proxy, with the \
same trusted certificates.

The access token is cached until 30 seconds before it expires (for a minute if the endpoint does not say when), and \
all runs of this user share it. The cache directory is cache, else $CACHE_DIRECTORY (which systemd sets), else \
$XDG_CACHE_HOME/authpost, else ~/.cache/authpost. If the API refuses the token (401), authpost fetches a new one, once.";

/// The options, in the order of the help.
pub(super) const FLAGS: &[Flag] = &[
    Flag {
        long: "data",
        short: Some('d'),
        value: Some("JSON"),
        group: HelpSection::Body,
        verbs: SENDING,
        brief: "document to send; @FILE reads a file, @- stdin",
        text: "authpost checks that the document is JSON (RFC 8259) before it connects, and sends it byte for byte \
               as given. A file of any size is streamed, never loaded into memory.",
        set: |draft, value| {
            let text = value.text()?;
            draft.data = Some(match text.strip_prefix('@') {
                Some("") => return Err("there is no file name behind the @".to_owned()),
                Some("-") => Input::Stdin,
                Some(path) => Input::File(path.into()),
                None => Input::Text(text),
            });
            Ok(())
        },
    },
    Flag {
        long: "no-body",
        short: None,
        value: None,
        group: HelpSection::Body,
        verbs: SENDING,
        brief: "send a request without a document",
        text: "Without items, --data or --lines there is no document. That is an error, because it is most often a \
               mistake: authpost never reads standard input unasked.",
        set: |draft, _| {
            draft.no_body = true;
            Ok(())
        },
    },
    Flag {
        long: "method",
        short: Some('X'),
        value: Some("POST|PUT|PATCH"),
        group: HelpSection::Body,
        verbs: SENDING,
        brief: "HTTP method [default: POST]",
        text: "",
        set: |draft, value| {
            let word = value.text()?;
            let method = Method::parse(&word.to_ascii_uppercase());
            draft.method =
                Some(method.ok_or_else(|| format!("'{word}' is none of POST, PUT and PATCH"))?);
            Ok(())
        },
    },
    Flag {
        long: "url-file",
        short: None,
        value: Some("FILE"),
        group: HelpSection::Token,
        verbs: SENDING,
        brief: "read a secret URL (a webhook) from FILE",
        text: "For webhooks such as those of Slack, Discord and Teams: whoever knows such a URL can post to it. \
               FILE contains only the URL, and all arguments are items: authpost --url-file ~/.slack-webhook \
               text=hello. Messages show the URL as https://HOST/…. A plain http URL is refused as it is with a \
               token, see --allow-http.\n\n\
               With --spool, the path of FILE is stored instead of the URL, and FILE is read again at each \
               delivery. All documents for one FILE are delivered in order, even if the URL in it changes.\n\n\
               No token is sent, not even that of AUTHPOST_TOKEN, unless an option names one.",
        set: |draft, value| {
            let file = value.path()?;
            if file.to_string_lossy().contains("://") {
                return Err("it is a URL, and not the path of a file that contains one; every user of this machine \
                            could read it here, so replace it"
                    .to_owned());
            }
            draft.url_file = Some(file);
            Ok(())
        },
    },
    Flag {
        long: "token-file",
        short: None,
        value: Some("FILE"),
        group: HelpSection::Token,
        verbs: SENDING,
        brief: "read the token from FILE",
        text: "FILE contains only the token. White space around it is dropped. FILE may be /dev/stdin, a FIFO, or a \
               systemd credential (${CREDENTIALS_DIRECTORY}/NAME).\n\n\
               The token comes from exactly one source. Without an option that names one, it is the environment \
               variable AUTHPOST_TOKEN. No option takes the token itself, because every user of the machine can \
               read command lines.",
        set: |draft, value| {
            draft.source(TokenSource::File(value.path()?));
            Ok(())
        },
    },
    Flag {
        long: "token-env",
        short: None,
        value: Some("NAME"),
        group: HelpSection::Token,
        verbs: SENDING,
        brief: "read the token from environment variable NAME",
        text: "",
        set: |draft, value| {
            let name = value.text()?;
            if name.is_empty() || name.contains(['=', '\0']) {
                return Err("it is not the name of a variable".to_owned());
            }
            draft.source(TokenSource::Env(name));
            Ok(())
        },
    },
    Flag {
        long: "token-command",
        short: None,
        value: Some("COMMAND"),
        group: HelpSection::Token,
        verbs: SENDING,
        brief: "run COMMAND with sh -c; its output is the token",
        text: "Its run time counts toward --timeout. At the deadline COMMAND is killed; its child processes are \
               too, unless standard input is a terminal. COMMAND runs once more if the API refuses the token (401).",
        set: |draft, value| {
            draft.source(TokenSource::Command(value.text()?));
            Ok(())
        },
    },
    Flag {
        long: "oauth2-file",
        short: None,
        value: Some("FILE"),
        group: HelpSection::Token,
        verbs: SENDING,
        brief: "get the token by OAuth2, as configured in FILE",
        text: OAUTH2,
        set: |draft, value| {
            draft.source(TokenSource::OAuth2(value.path()?));
            Ok(())
        },
    },
    Flag {
        long: "no-auth",
        short: None,
        value: None,
        group: HelpSection::Token,
        verbs: SENDING,
        brief: "send no token",
        text: "",
        set: |draft, _| {
            draft.source(TokenSource::None);
            Ok(())
        },
    },
    Flag {
        long: "auth-scheme",
        short: None,
        value: Some("WORD"),
        group: HelpSection::Token,
        verbs: SENDING,
        brief: "authentication scheme [default: Bearer]",
        text: "The scheme is the word before the token in the Authorization header. For Basic, the token is \
               user:password; authpost encodes it as RFC 7617 requires.",
        set: |draft, value| {
            let word = value.text()?;
            if !request::is_token(&word) {
                return Err("it must be one word".to_owned());
            }
            draft.scheme = Some(word);
            Ok(())
        },
    },
    Flag {
        long: "auth-header",
        short: None,
        value: Some("NAME"),
        group: HelpSection::Token,
        verbs: SENDING,
        brief: "send the token in header NAME, with no scheme",
        text: "This replaces the Authorization header. Example: --auth-header X-API-Key.",
        set: |draft, value| {
            let name = value.text()?;
            request::check_header(&name, "")?;
            draft.auth_header = Some(name);
            Ok(())
        },
    },
    Flag {
        long: "header",
        short: Some('H'),
        value: Some("'NAME: VALUE'"),
        group: HelpSection::Token,
        verbs: SENDING,
        brief: "add a request header; may be repeated",
        text: "Headers with credentials (Authorization, Cookie, Proxy-Authorization) are refused here, because \
               every user of the machine can read command lines. Use --header-file instead.",
        set: |draft, value| draft.header(&value.text()?),
    },
    Flag {
        long: "header-file",
        short: None,
        value: Some("FILE"),
        group: HelpSection::Token,
        verbs: SENDING,
        brief: "add the headers in FILE, one per line",
        text: "Each line is 'NAME: VALUE'. The values stay as secret as the token.",
        set: |draft, value| {
            draft.header_files.push(value.path()?);
            Ok(())
        },
    },
    Flag {
        long: "timeout",
        short: None,
        value: Some("TIME"),
        group: HelpSection::Delivery,
        verbs: DELIVERING,
        brief: "total deadline per document [default: 60s]",
        text: "It covers fetching the token, DNS, connecting, TLS, sending, waiting for the answer, and all \
               retries. Reading the document does not count. Examples of TIME: 500ms, 30 (seconds), 30s, 5m, 1h.",
        set: |draft, value| {
            draft.timeout = Some(value.positive_duration()?);
            Ok(())
        },
    },
    Flag {
        long: "connect-timeout",
        short: None,
        value: Some("TIME"),
        group: HelpSection::Delivery,
        verbs: SENDING,
        brief: "timeout for DNS, then for connect and TLS [default: 10s]",
        text: "If the host has several addresses, one that does not answer takes 2 seconds at most, and is not \
               tried again in this run while another is left.\n\n\
               Names are looked up in /etc/hosts and with the servers of /etc/resolv.conf, and nowhere else: \
               /etc/nsswitch.conf is not consulted.",
        set: |draft, value| {
            draft.connect_timeout = Some(value.positive_duration()?);
            Ok(())
        },
    },
    Flag {
        long: "tries",
        short: None,
        value: Some("N"),
        group: HelpSection::Delivery,
        verbs: SENDING,
        brief: "maximum number of attempts per document",
        text: "authpost retries only when that is safe: when nothing was sent, or when the API says that it did not \
               process the document (408, 425, 429, 503). After any other 5xx or a broken connection the outcome is \
               unknown: the API may have processed the document. authpost then retries only with --idempotent.\n\n\
               Without --tries, temporary failures are retried until the deadline (--timeout): an API that cannot \
               be reached, 408, 425, 429, 503, a --token-command that fails; with --idempotent also 502, 504 and a \
               broken connection. After another 5xx, such as 500, --idempotent makes at most 4 attempts. With \
               --spool there are at most 4 in any case, because flush retries later; only if the API asks to slow \
               down (429, Retry-After) does the run wait and retry until the deadline.",
        set: |draft, value| {
            draft.max_attempts = Some(match value.number()? {
                0 => return Err("it must be at least 1".to_owned()),
                attempts => attempts,
            });
            Ok(())
        },
    },
    Flag {
        long: "wait",
        short: None,
        value: Some("TIME"),
        group: HelpSection::Delivery,
        verbs: SENDING,
        brief: "backoff before the first retry [default: 1s]",
        text: "The backoff doubles with each retry. Full jitter applies: the actual wait is random, between zero \
               and the backoff, so that many clients do not retry at the same moment. If the API sends Retry-After, \
               the wait is at least that long. If Retry-After exceeds the time left before the deadline, the run \
               ends at once.",
        set: |draft, value| {
            draft.wait = Some(value.duration()?);
            Ok(())
        },
    },
    Flag {
        long: "max-wait",
        short: None,
        value: Some("TIME"),
        group: HelpSection::Delivery,
        verbs: SENDING,
        brief: "longest backoff [default: 30s]",
        text: "",
        set: |draft, value| {
            draft.max_wait = Some(value.duration()?);
            Ok(())
        },
    },
    Flag {
        long: "idempotent",
        short: None,
        value: None,
        group: HelpSection::Delivery,
        verbs: SENDING,
        brief: "also retry when the outcome is unknown",
        text: "Use it if the API honours the idempotency key (an id that is the same on every attempt, so that the \
               API recognises a repeat), or if processing a document twice is harmless.",
        set: |draft, _| {
            draft.idempotent = true;
            Ok(())
        },
    },
    Flag {
        long: "idempotency-key",
        short: None,
        value: Some("KEY"),
        group: HelpSection::Delivery,
        verbs: SENDING,
        brief: "one id for all attempts [default: random UUID]",
        text: "KEY, the idempotency key, is sent in a header with each attempt. An API that honours it processes \
               the document once, even if it receives the document several times. A message in a spool keeps its \
               idempotency key, also after 'authpost retry'.\n\n\
               With --lines, KEY is a prefix. Line 1 is sent with KEY-1; a group is sent with KEY- and the number \
               of its first line. So the same file can be sent again, in the same groups, and such an API processes \
               nothing twice.",
        set: |draft, value| {
            let key = value.text()?;
            if key.is_empty() || key.len() > 255 || !key.bytes().all(|byte| byte.is_ascii_graphic())
            {
                return Err("it must be 1 to 255 visible ASCII characters".to_owned());
            }
            draft.key = Some(key);
            Ok(())
        },
    },
    Flag {
        long: "idempotency-header",
        short: None,
        value: Some("NAME"),
        group: HelpSection::Delivery,
        verbs: SENDING,
        brief: "header for the idempotency key [default: Idempotency-Key]",
        text: "",
        set: |draft, value| {
            let name = value.text()?;
            request::check_header(&name, "")?;
            draft.key_header = Some(name);
            Ok(())
        },
    },
    Flag {
        long: "no-idempotency-key",
        short: None,
        value: None,
        group: HelpSection::Delivery,
        verbs: SENDING,
        brief: "send no idempotency key",
        text: "",
        set: |draft, _| {
            draft.no_key = true;
            Ok(())
        },
    },
    Flag {
        long: "splay",
        short: None,
        value: Some("TIME"),
        group: HelpSection::Delivery,
        verbs: DELIVERING,
        brief: "first sleep a random time, at most TIME",
        text: "This keeps many machines from calling the API at the same time. The sleep counts toward --max-time, \
               but not toward --timeout.",
        set: |draft, value| {
            draft.splay = Some(value.duration()?);
            Ok(())
        },
    },
    Flag {
        long: "lock",
        short: None,
        value: Some("FILE"),
        group: HelpSection::Delivery,
        verbs: DELIVERING,
        brief: "exit (75) if another run holds the lock on FILE",
        text: "authpost creates FILE if it is missing, and does not remove it. The lock ends with the process, \
               however the process ends, so a leftover FILE blocks nobody.",
        set: |draft, value| {
            draft.lock = Some(value.path()?);
            Ok(())
        },
    },
    Flag {
        long: "max-time",
        short: None,
        value: Some("TIME"),
        group: HelpSection::Delivery,
        verbs: DELIVERING,
        brief: "deadline for the whole run [default: no limit]",
        text: "--timeout is the deadline for one document; this one is for the whole run, including the sleep of \
               --splay. It does not limit the reading of standard input, or of a FIFO given as --data, --lines, \
               --failed, --config, a certificate or an item's file: the run waits until the other end has opened \
               the FIFO and closed it.",
        set: |draft, value| {
            draft.max_time = Some(value.positive_duration()?);
            Ok(())
        },
    },
    Flag {
        long: "spool",
        short: None,
        value: Some("DIR"),
        group: HelpSection::Delivery,
        verbs: SENDING,
        brief: "keep the document in DIR until it is delivered",
        text: "A spool is a directory that queues documents until the API accepts them. A document in it is called \
               a message. The document is on disk before its first byte is sent. It is then sent as without \
               --spool, but in order: the documents for one method and URL reach the API in the order in which they \
               were stored. If older ones are pending, the run sends them first; if it cannot, the document queues \
               behind them.\n\n\
               If the document was not sent, or if the API did not process it, the message stays pending in DIR and \
               the run exits 0. Run 'authpost flush -q DIR' from cron to send the pending messages that are due, \
               which means that it is time for their next attempt. If the token is refused, the message stays \
               pending too, but the run exits 77. If the API refuses the document (76), or if the outcome is \
               unknown and --idempotent is not given (74), the message is dead-lettered: it stays in DIR for \
               review, and flush does not send it. See list, show, retry and drop.\n\n\
               authpost creates DIR if it is missing, for this user only. A message stores the source of the token, \
               not the token. Prefer --token-file to an environment variable, which cron does not have.\n\n\
               With --lines, only the lines that the API does not accept are stored. The run does not stop at them. \
               Once the API is down, the remaining lines are stored without an attempt. Until the run ends, other \
               runs for the same method and URL queue behind it.",
        set: |draft, value| {
            draft.spool = Some(value.path()?);
            Ok(())
        },
    },
    Flag {
        long: "spool-limit",
        short: None,
        value: Some("SIZE"),
        group: HelpSection::Delivery,
        verbs: SENDING,
        brief: "size limit of the spool [default: 256M]",
        text: "SIZE is a number of bytes; the suffixes K, M and G are powers of 1024. When the spool is full, new \
               documents are refused (73) and nothing is sent. Dead-lettered messages count too. Several runs at \
               the same time may exceed the limit.",
        set: |draft, value| {
            draft.spool_limit = Some(value.size()?);
            Ok(())
        },
    },
    Flag {
        long: "alert-after",
        short: None,
        value: Some("TIME"),
        group: HelpSection::Delivery,
        verbs: DELIVERING,
        brief: "warn if messages are pending for TIME [default: 24h]",
        text: "The warning comes once a day for each method and URL, even with --quiet. flush prints it; if flush \
               has not run for TIME, the runs that use --spool print it.",
        set: |draft, value| {
            draft.alert_after = Some(value.positive_duration()?);
            Ok(())
        },
    },
    Flag {
        long: "now",
        short: None,
        value: None,
        group: HelpSection::Delivery,
        verbs: &[Verb::Retry],
        brief: "send them now, not at the next flush",
        text: "Older messages for the same method and URL are sent first.",
        set: |draft, _| {
            draft.now = true;
            Ok(())
        },
    },
    Flag {
        long: "all",
        short: None,
        value: None,
        group: HelpSection::Delivery,
        verbs: &[Verb::Retry, Verb::Drop],
        brief: "all dead-lettered messages",
        text: "It replaces the IDs.",
        set: |draft, _| {
            draft.all = true;
            Ok(())
        },
    },
    Flag {
        long: "expect",
        short: None,
        value: Some("POINTER=VALUE"),
        group: HelpSection::Delivery,
        verbs: SENDING,
        brief: "require this in a 2xx answer, e.g. /ok:=true",
        text: "An answer that does not match is not accepted (76). POINTER is a JSON Pointer (RFC 6901): the path \
               of a value in the answer, such as /items/0/id. POINTER=TEXT compares with a string: /status=done. \
               POINTER:=JSON compares with a JSON value: /ok:=true. !POINTER requires that the value is missing or \
               null: !/errors. A '=' in the pointer is written \\=. The option may be repeated; all must match.",
        set: |draft, value| draft.expectation(&value.text()?),
    },
    Flag {
        long: "any-answer",
        short: None,
        value: None,
        group: HelpSection::Delivery,
        verbs: SENDING,
        brief: "accept a web page (HTML) with a 2xx status too",
        text: "Without it, a 2xx answer that is a web page is not accepted (76): it comes from a login form, a \
               captive portal or a proxy, and not from an API. JSON, an empty answer and plain text are accepted.",
        set: |draft, _| {
            draft.any_answer = true;
            Ok(())
        },
    },
    Flag {
        long: "accept-status",
        short: None,
        value: Some("STATUS"),
        group: HelpSection::Delivery,
        verbs: SENDING,
        brief: "count this status as accepted, e.g. 409",
        text: "It is for an API that answers 409 when the document exists already. STATUS is from 300 to 599. \
               --pick applies to such an answer, --expect only to 2xx. The option may be repeated.",
        set: |draft, value| {
            let text = value.text()?;
            draft.expect.push(match text.parse() {
                Ok(status @ 300..=599) => Expect::Status(status),
                _ => return Err(format!("'{text}' is not a status from 300 to 599")),
            });
            Ok(())
        },
    },
    Flag {
        long: "cacert",
        short: None,
        value: Some("FILE"),
        group: HelpSection::Connection,
        verbs: SENDING,
        brief: "trust only the CA certificates in FILE (PEM)",
        text: "By default authpost trusts the certificates in the file that SSL_CERT_FILE names and in the \
               directories that SSL_CERT_DIR names; without these variables, those of the system; without these, \
               the built-in ones.",
        set: |draft, value| {
            draft.cacert = Some(value.path()?);
            Ok(())
        },
    },
    Flag {
        long: "cert",
        short: None,
        value: Some("FILE"),
        group: HelpSection::Connection,
        verbs: SENDING,
        brief: "client certificate with its chain (PEM)",
        text: "",
        set: |draft, value| {
            draft.cert = Some(value.path()?);
            Ok(())
        },
    },
    Flag {
        long: "key",
        short: None,
        value: Some("FILE"),
        group: HelpSection::Connection,
        verbs: SENDING,
        brief: "private key file [default: the --cert file]",
        text: "The private key of the client certificate, in PEM: PKCS#8, PKCS#1 or SEC1, not encrypted.",
        set: |draft, value| {
            draft.cert_key = Some(value.path()?);
            Ok(())
        },
    },
    Flag {
        long: "proxy",
        short: None,
        value: Some("URL"),
        group: HelpSection::Connection,
        verbs: SENDING,
        brief: "HTTP proxy [default: from the environment]",
        text: "The default is HTTPS_PROXY or HTTP_PROXY, by the scheme of the API's URL, else ALL_PROXY. Lower-case \
               names take precedence; under CGI, HTTP_PROXY in capitals is ignored. Hosts in NO_PROXY are reached \
               directly. So is this machine, unless --proxy is given. authpost asks the proxy for a tunnel \
               (CONNECT), for https and http alike, and the proxy resolves the API's host name. A URL with a \
               password is refused here, because every user of the machine can read command lines: put it in the \
               environment variable.",
        set: |draft, value| {
            let url = value.text()?;
            if url.contains('@') {
                return Err(
                    "every user of this machine can read its password there: put the URL into HTTPS_PROXY".to_owned()
                );
            }
            draft.proxy = Some(url);
            Ok(())
        },
    },
    Flag {
        long: "ipv4",
        short: Some('4'),
        value: None,
        group: HelpSection::Connection,
        verbs: SENDING,
        brief: "use IPv4 addresses only",
        text: "",
        set: |draft, _| {
            draft.family = Some(Family::V4);
            Ok(())
        },
    },
    Flag {
        long: "ipv6",
        short: Some('6'),
        value: None,
        group: HelpSection::Connection,
        verbs: SENDING,
        brief: "use IPv6 addresses only",
        text: "",
        set: |draft, _| {
            draft.family = Some(Family::V6);
            Ok(())
        },
    },
    Flag {
        long: "allow-http",
        short: None,
        value: None,
        group: HelpSection::Connection,
        verbs: SENDING,
        brief: "allow the token over http to other machines",
        text: "Without it, the token goes over plain http to this machine only: 127.0.0.0/8, ::1 and localhost.",
        set: |draft, _| {
            draft.allow_http = true;
            Ok(())
        },
    },
    Flag {
        long: "insecure",
        short: None,
        value: None,
        group: HelpSection::Connection,
        verbs: SENDING,
        brief: "do not verify certificates; exposes the token",
        text: "Anybody on the network path can then read the token.",
        set: |draft, _| {
            draft.insecure = true;
            Ok(())
        },
    },
    Flag {
        long: "max-response",
        short: None,
        value: Some("SIZE"),
        group: HelpSection::Connection,
        verbs: SENDING,
        brief: "longest answer to keep [default: 16M]",
        text: "A longer answer is cut off there, and a note says so; the document is still accepted. SIZE is as for \
               --spool-limit.",
        set: |draft, value| {
            draft.max_response = Some(value.size()?);
            Ok(())
        },
    },
    Flag {
        long: "lines",
        short: None,
        value: Some("FILE"),
        group: HelpSection::Lines,
        verbs: SENDING,
        brief: "send each line of FILE (NDJSON); - reads stdin",
        text: "Each line is one JSON document. All are sent over one connection. Blank lines are skipped. A file \
               whose first line is only an opening bracket is refused: it is one document over many lines. If a \
               line is not JSON, or if the API refuses it, authpost prints its number and continues. If the API \
               cannot be reached, keeps failing, or refuses the token, the run stops after the last attempt and \
               prints the --skip option that continues from there. If the API asks to slow down (429, Retry-After), \
               each line waits as long as its --timeout allows.\n\n\
               The answers are printed only with --pick or --report. At the end, one line on standard error counts \
               the lines; if the run stopped early, also those that were not sent. The exit code is that of the \
               most severe failure.",
        set: |draft, value| {
            draft.lines = Some(value.path()?);
            Ok(())
        },
    },
    Flag {
        long: "group",
        short: None,
        value: Some("N"),
        group: HelpSection::Lines,
        verbs: SENDING,
        brief: "send up to N lines per request",
        text: "The lines are sent as a JSON array, or as --group-format says. A group ends early when it reaches \
               --group-bytes, and before a line that cannot be sent. The API accepts or refuses a group as a whole.",
        set: |draft, value| {
            draft.group = Some(match value.number()? {
                0 => return Err("it must be at least 1".to_owned()),
                lines => lines,
            });
            Ok(())
        },
    },
    Flag {
        long: "group-bytes",
        short: None,
        value: Some("SIZE"),
        group: HelpSection::Lines,
        verbs: SENDING,
        brief: "largest group in bytes [default: 1M]",
        text: "A single line that is larger is sent in a group of its own.",
        set: |draft, value| {
            draft.group_bytes = Some(value.size()?);
            Ok(())
        },
    },
    Flag {
        long: "all-or-nothing",
        short: None,
        value: None,
        group: HelpSection::Lines,
        verbs: SENDING,
        brief: "check all lines first; send none if one is bad",
        text: "authpost reads FILE twice. If a line is not JSON or too long, it prints the line's number, sends \
               nothing, and exits 65. Lines that are appended meanwhile are not sent. FILE must be a regular file.",
        set: |draft, _| {
            draft.all_or_nothing = true;
            Ok(())
        },
    },
    Flag {
        long: "group-format",
        short: None,
        value: Some("array|ndjson"),
        group: HelpSection::Lines,
        verbs: SENDING,
        brief: "how a group is sent [default: array]",
        text: "With ndjson, the lines are sent unchanged, one below the other, with Content-Type: \
               application/x-ndjson (unless --header gives another). The bulk APIs of Elasticsearch, OpenSearch, \
               VictoriaLogs, ClickHouse and Splunk expect that.",
        set: |draft, value| {
            draft.group_format = Some(match value.text()?.as_str() {
                "array" => GroupFormat::Array,
                "ndjson" => GroupFormat::Ndjson,
                other => return Err(format!("'{other}' is neither array nor ndjson")),
            });
            Ok(())
        },
    },
    Flag {
        long: "failed",
        short: None,
        value: Some("FILE"),
        group: HelpSection::Lines,
        verbs: SENDING,
        brief: "append to FILE the lines that were not accepted",
        text: "These are the lines that are not JSON or too long, and the lines that the API refused. They are \
               written unchanged. If the run stops early, FILE does not contain the lines after that point; send \
               those with --skip. FILE is synced to disk before the run ends.",
        set: |draft, value| {
            draft.failed = Some(value.path()?);
            Ok(())
        },
    },
    Flag {
        long: "resume",
        short: None,
        value: Some("FILE"),
        group: HelpSection::Lines,
        verbs: SENDING,
        brief: "record progress in FILE; continue from there",
        text: "After a kill, a crash or a power cut, run the same command again: it continues. After a finished run \
               it sends only the lines that were added since; a last line without a line feed is left for the next \
               run. authpost recognises the file of --lines by its inode and its first and last bytes: if it was \
               rotated, replaced or truncated, the run ends with 66. With another URL or --method it ends with 64.\n\n\
               Before lines are sent, FILE records that they will be: up to 1000 at a time, or on a slow disk those \
               of one second. If a run is killed, the outcome of these lines is unknown. With --idempotent, the \
               next run sends them again with the same idempotency keys. Without it, the next run prints their \
               numbers and exits 74: find out which was the last one that the API processed, and continue after it \
               with --skip. FILE is locked during the run.",
        set: |draft, value| {
            draft.resume = Some(value.path()?);
            Ok(())
        },
    },
    Flag {
        long: "skip",
        short: None,
        value: Some("N"),
        group: HelpSection::Lines,
        verbs: SENDING,
        brief: "skip the first N lines",
        text: "Lines are still numbered from the start of the file.",
        set: |draft, value| {
            let text = value.text()?;
            let lines = text
                .parse()
                .map_err(|_| format!("'{text}' is not a number"));
            draft.skip = Some(lines?);
            Ok(())
        },
    },
    Flag {
        long: "max-line",
        short: None,
        value: Some("SIZE"),
        group: HelpSection::Lines,
        verbs: SENDING,
        brief: "longest line to send [default: 16M]",
        text: "authpost prints the number of a longer line and continues.",
        set: |draft, value| {
            draft.max_line = Some(value.size()?);
            Ok(())
        },
    },
    Flag {
        long: "rate",
        short: None,
        value: Some("N"),
        group: HelpSection::Lines,
        verbs: SENDING,
        brief: "send at most N lines or groups per second",
        text: "0.1 is one every ten seconds. Retries do not count.",
        set: |draft, value| {
            draft.interval = Some(value.interval()?);
            Ok(())
        },
    },
    Flag {
        long: "quiet",
        short: Some('q'),
        value: None,
        group: HelpSection::Output,
        verbs: QUIET,
        brief: "print nothing on success",
        text: "Two things are still told: pending messages, once a day (--alert-after), and a file with a secret that other \
               users can access.\n\n\
               No progress is shown either. Without -q, an upload, --lines, flush or a wait that takes more than a \
               second shows its progress in one line of standard error, if that is a terminal, and TERM is set and \
               not dumb.",
        set: |draft, _| {
            draft.quiet = true;
            Ok(())
        },
    },
    Flag {
        long: "verbose",
        short: Some('v'),
        value: None,
        group: HelpSection::Output,
        verbs: DELIVERING,
        brief: "print headers and all attempts, without secrets",
        text: "The headers are those of requests and answers.",
        set: |draft, _| {
            draft.verbose = true;
            Ok(())
        },
    },
    Flag {
        long: "pretty",
        short: None,
        value: None,
        group: HelpSection::Output,
        verbs: SENDING,
        brief: "indent the answer [default: on a terminal only]",
        text: "The order of names, duplicate names, and the text of numbers and strings stay unchanged. On a terminal, \
               control characters are shown escaped, in any output.",
        set: |draft, _| {
            draft.pretty = true;
            Ok(())
        },
    },
    Flag {
        long: "color",
        short: None,
        value: Some("auto|always|never"),
        group: HelpSection::Output,
        verbs: ANY,
        brief: "colour the output [default: auto]",
        text: "The status, JSON, and the words before errors and hints are coloured; what --pick and --report print \
               is not. With auto, standard output and standard error are each coloured if they are a terminal, and \
               TERM is set and not dumb. NO_COLOR turns colours off; otherwise CLICOLOR_FORCE turns them on for \
               both, also in a file or a pipe.",
        set: |draft, value| {
            let word = value.text()?;
            let color = Color::parse(&word);
            draft.color =
                Some(color.ok_or_else(|| format!("'{word}' is none of auto, always and never"))?);
            Ok(())
        },
    },
    Flag {
        long: "pick",
        short: None,
        value: Some("POINTER"),
        group: HelpSection::Output,
        verbs: SENDING,
        brief: "print only the value at a path like /items/0/id",
        text: "POINTER is a JSON Pointer (RFC 6901), as for --expect. The value is printed in exactly one \
               line: a string without its quotes, but as JSON if it has a line break; anything else as JSON. With \
               --lines there is such a line for each document, an empty one if there is no such value. The status \
               line is not printed. If an answer that accepts the document has no such value, the run ends with 76 \
               and says that the document was accepted.",
        set: |draft, value| {
            draft.pick = Some(crate::json::Pointer::parse(&value.text()?)?);
            Ok(())
        },
    },
    Flag {
        long: "report",
        short: None,
        value: None,
        group: HelpSection::Output,
        verbs: DELIVERING,
        brief: "print one line of JSON instead of the answer",
        text: "The line describes the outcome. There is one for each document, also with --quiet, and also when the \
               document is not sent because something is wrong with the command line, an input or the token. Its \
               members: outcome (accepted, refused, unavailable, unsent, unknown, spooled), exit (the exit code), \
               status (of HTTP), tries (the number of attempts), seconds, key (the idempotency key), method, url, \
               error, complete (false if the answer was cut off), response (the answer's JSON, unchanged) and text \
               (an answer that is not JSON, as a string). With --lines there is also line, its number; for a group, \
               line and last_line. If the command line cannot be read, method and url are null.",
        set: |draft, _| {
            draft.report = true;
            Ok(())
        },
    },
    Flag {
        long: "json",
        short: None,
        value: None,
        group: HelpSection::Output,
        verbs: &[Verb::List],
        brief: "print JSON, one message per line",
        text: "",
        set: |draft, _| {
            draft.json = true;
            Ok(())
        },
    },
    Flag {
        long: "metrics",
        short: None,
        value: None,
        group: HelpSection::Output,
        verbs: &[Verb::List],
        brief: "print metrics for Prometheus",
        text: "There are four gauges, with the labels dir and target: authpost_spool_pending_messages, \
               authpost_spool_dead_lettered_messages, authpost_spool_oldest_pending_age_seconds, and \
               authpost_spool_last_delivery_timestamp_seconds. authpost-spool(7) shows how to collect them, and a rule \
               that alerts.",
        set: |draft, _| {
            draft.metrics = true;
            Ok(())
        },
    },
    Flag {
        long: "dry-run",
        short: None,
        value: None,
        group: HelpSection::Output,
        verbs: &[Verb::Send],
        brief: "print the request, but do not send it",
        text: "authpost reads and checks the document, a token in a file or a variable, and the header files, but \
               connects to nothing. The output says where each secret comes from and how long it is. The token of \
               --token-command or --oauth2-file is not fetched.",
        set: |draft, _| {
            draft.dry_run = true;
            Ok(())
        },
    },
    Flag {
        long: "config",
        short: None,
        value: Some("FILE"),
        group: HelpSection::Itself,
        verbs: ANY,
        brief: "read arguments from FILE [default: $AUTHPOST_CONFIG]",
        text: "FILE has one argument per line. Blank lines and lines that start with # are skipped. The command \
               line is read after FILE, and overrides it.",
        set: |draft, value| match draft.in_config {
            true => Err("a config file cannot name another".to_owned()),
            false => value.path().map(drop),
        },
    },
    Flag {
        long: "help",
        short: Some('h'),
        value: None,
        group: HelpSection::Itself,
        verbs: ANY,
        brief: "-h prints a summary, --help prints everything",
        text: "",
        set: |draft, _| {
            draft.help(true);
            Ok(())
        },
    },
    Flag {
        long: "man",
        short: None,
        value: Some("[=spool]"),
        group: HelpSection::Itself,
        verbs: ANY,
        brief: "print the manual page (view with man -l -)",
        text: "--man=spool prints authpost-spool(7), which explains the spool.",
        set: |draft, value| {
            let page = match value.text()?.as_str() {
                "" => Manual::Authpost,
                "spool" => Manual::Spool,
                other => return Err(format!("there is no page '{other}'; there is 'spool'")),
            };
            draft.page.get_or_insert(Page::Man(page));
            Ok(())
        },
    },
    Flag {
        long: "completions",
        short: None,
        value: Some("bash|zsh|fish"),
        group: HelpSection::Itself,
        verbs: ANY,
        brief: "print a shell completion script",
        text: "",
        set: |draft, value| {
            let shell = match value.text()?.as_str() {
                "bash" => Shell::Bash,
                "zsh" => Shell::Zsh,
                "fish" => Shell::Fish,
                other => return Err(format!("'{other}' is none of bash, zsh and fish")),
            };
            draft.page.get_or_insert(Page::Completions(shell));
            Ok(())
        },
    },
    Flag {
        long: "version",
        short: Some('V'),
        value: None,
        group: HelpSection::Itself,
        verbs: ANY,
        brief: "print version, target, TLS library and linking",
        text: "",
        set: |draft, _| {
            draft.page.get_or_insert(Page::Version);
            Ok(())
        },
    },
];

/// The options that `-h` shows, so that it fits a screen.
pub(super) const COMMON: &[&str] = &[
    "data",
    "method",
    "token-file",
    "token-env",
    "header",
    "timeout",
    "idempotent",
    "spool",
    "expect",
    "cacert",
    "lines",
    "quiet",
    "verbose",
    "pick",
    "report",
    "dry-run",
];

/// The forms of an item, with the value that each produces.
pub(super) const ITEMS: &[(&str, &str)] = &[
    ("name=text", "a string"),
    (
        "name:=json",
        "JSON as it is: n:=1.10 ok:=true tags:='[\"a\"]'",
    ),
    ("name=@file", "the text of a file, as a string"),
    ("name:=@file", "the JSON in a file"),
    (
        "a[b]=x a[]=x a[0]=x a[\\0]=x",
        "nested: member b, a new element, element 0, member 0",
    ),
];

/// The environment variables.
pub(super) const ENVIRONMENT: &[(&str, &str)] = &[
    (
        "AUTHPOST_TOKEN",
        "the token, if no option names another source",
    ),
    (
        "AUTHPOST_CONFIG",
        "the config file, if --config is not given",
    ),
    (
        "HTTPS_PROXY, HTTP_PROXY, ALL_PROXY, NO_PROXY",
        "the proxy, and the hosts to reach directly; lower case works too",
    ),
    (
        "SSL_CERT_FILE, SSL_CERT_DIR",
        "trusted CAs, if --cacert is not given",
    ),
    (
        "CACHE_DIRECTORY, XDG_CACHE_HOME, HOME",
        "OAuth2 token cache, see --oauth2-file",
    ),
    (
        "NO_COLOR, CLICOLOR_FORCE",
        "turn colours off; turn them on, also in files and pipes",
    ),
];

/// Commands, each with what it shows. The first one is in `-h` too.
pub(super) const EXAMPLES: &[(&str, &str)] = &[
    (
        "AUTHPOST_TOKEN=… authpost https://api.example.com/data key1=value1 key2=value2",
        "token from the environment",
    ),
    (
        "authpost --token-file /etc/api.token -d @report.json \\\n    https://api.example.com/data",
        "document from a file",
    ),
    (
        "authpost -q --token-file ~/.api-token --idempotent \\\n    https://api.example.com/data n:=1",
        "for cron: silent unless it fails; also retries when the outcome is unknown",
    ),
];
