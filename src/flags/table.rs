//! Every option, once. Parser, help, manual page and completions are rendered from these rows.

use super::draft::Page;
use super::{Flag, Group, Shell, Verb, VerbRow};
use crate::dns::Family;
use crate::plan::{self, Input, Method, Source};

/// What authpost can be told to do, in the order of the help.
pub const VERBS: &[VerbRow] = &[
    VerbRow {
        verb: Verb::Send,
        word: "",
        operands: "URL [ITEM]...",
        brief: "send one JSON document, or with --lines one for each line of a file",
    },
    VerbRow {
        verb: Verb::Check,
        word: "check",
        operands: "URL [ITEM]...",
        brief: "test everything that can be tested without sending the document or the token",
    },
    VerbRow {
        verb: Verb::Flush,
        word: "flush",
        operands: "DIR",
        brief: "deliver what waits in the spool DIR and is due",
    },
    VerbRow {
        verb: Verb::List,
        word: "list",
        operands: "DIR",
        brief: "list the messages in the spool: those that wait, and those that are dead",
    },
    VerbRow {
        verb: Verb::Show,
        word: "show",
        operands: "DIR ID",
        brief: "show a message: its fate so far, headers and body",
    },
    VerbRow {
        verb: Verb::Retry,
        word: "retry",
        operands: "DIR ID...",
        brief: "make messages due, the dead ones too; each keeps its key",
    },
    VerbRow {
        verb: Verb::Drop,
        word: "drop",
        operands: "DIR ID...",
        brief: "remove messages for good",
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
/// What a line that sends may say, `check` takes as well: put the word before it, and it is tested as it stands.
const SENDING: &[Verb] = &[Verb::Send, Verb::Check];

/// Enough to write the file by.
const OAUTH2: &str = "FILE is a JSON object of strings (RFC 6749):

  token_url           the token endpoint: https, or this machine
  client_id           the client
  client_secret       its secret; or
  client_secret_file  a file that holds its secret and nothing else
  grant               client_credentials [default] or refresh_token
  refresh_token_file  for refresh_token: a file that holds the refresh
                      token and nothing else; replaced when the endpoint
                      hands out a new one, so in a directory that
                      authpost can write to
  scope               what to ask for, as the endpoint wants it
  audience            the same, where the endpoint knows it
  auth_method         basic [default]: id and secret in a header;
                      body: in the form
  cache               the directory to keep the access token in

For example:

  { \"token_url\": \"https://login.example.com/oauth2/token\",
    \"client_id\": \"reports\",
    \"client_secret_file\": \"reports.secret\",
    \"scope\": \"data:write\" }

A path that does not begin with / begins at FILE's directory. The endpoint is reached as the API is: through the same \
proxy, trusting the same certificates.

The access token is kept until 30 seconds before its end, for all runs of this user: in cache, else in \
$CACHE_DIRECTORY (which systemd sets), else in $XDG_CACHE_HOME/authpost, else in ~/.cache/authpost. When the API refuses \
it (401), a new one is fetched, once.";

/// The options, in the order of the help.
pub const FLAGS: &[Flag] = &[
    Flag {
        long: "data",
        short: Some('d'),
        value: Some("JSON"),
        group: Group::Body,
        verbs: SENDING,
        brief: "the whole document; @FILE reads it from a file, @- from standard input",
        text: "It is checked to be JSON (RFC 8259) before anything is connected, and sent as the very bytes given. A \
               file of any size is sent without being held in memory.",
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
        long: "method",
        short: Some('X'),
        value: Some("POST|PUT|PATCH"),
        group: Group::Body,
        verbs: SENDING,
        brief: "the method [default: POST]",
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
        long: "token-file",
        short: None,
        value: Some("FILE"),
        group: Group::Token,
        verbs: SENDING,
        brief: "read the token from FILE, which holds nothing else",
        text: "White space around the token is dropped. FILE may be /dev/stdin, a FIFO, or a credential of systemd's \
               (${CREDENTIALS_DIRECTORY}/NAME).\n\n\
               The token comes from exactly one place; where no option names one, from the environment variable \
               AUTHPOST_TOKEN. There is no option that takes the token itself: every user of the machine could read it.",
        set: |draft, value| {
            draft.source(Source::File(value.path()?));
            Ok(())
        },
    },
    Flag {
        long: "token-env",
        short: None,
        value: Some("NAME"),
        group: Group::Token,
        verbs: SENDING,
        brief: "read the token from the environment variable NAME",
        text: "",
        set: |draft, value| {
            let name = value.text()?;
            if name.is_empty() || name.contains(['=', '\0']) {
                return Err("it is not the name of a variable".to_owned());
            }
            draft.source(Source::Env(name));
            Ok(())
        },
    },
    Flag {
        long: "token-command",
        short: None,
        value: Some("COMMAND"),
        group: Group::Token,
        verbs: SENDING,
        brief: "read the token from the output of COMMAND, run by sh -c",
        text: "The command counts against --timeout, and is stopped with all its children when the time is over. It is \
               run once more when the API refuses the token (401).",
        set: |draft, value| {
            draft.source(Source::Command(value.text()?));
            Ok(())
        },
    },
    Flag {
        long: "oauth2-file",
        short: None,
        value: Some("FILE"),
        group: Group::Token,
        verbs: SENDING,
        brief: "fetch the token from an OAuth2 token endpoint, as FILE says",
        text: OAUTH2,
        set: |draft, value| {
            draft.source(Source::OAuth2(value.path()?));
            Ok(())
        },
    },
    Flag {
        long: "no-auth",
        short: None,
        value: None,
        group: Group::Token,
        verbs: SENDING,
        brief: "send no token",
        text: "",
        set: |draft, _| {
            draft.source(Source::None);
            Ok(())
        },
    },
    Flag {
        long: "auth-scheme",
        short: None,
        value: Some("WORD"),
        group: Group::Token,
        verbs: SENDING,
        brief: "the word before the token in Authorization [default: Bearer]",
        text: "For Basic the token reads user:password, and is encoded as RFC 7617 asks for.",
        set: |draft, value| {
            let word = value.text()?;
            if !plan::is_token(&word) {
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
        group: Group::Token,
        verbs: SENDING,
        brief: "send the bare token in the header NAME, such as X-API-Key",
        text: "",
        set: |draft, value| {
            let name = value.text()?;
            plan::check_header(&name, "")?;
            draft.auth_header = Some(name);
            Ok(())
        },
    },
    Flag {
        long: "header",
        short: Some('H'),
        value: Some("'NAME: VALUE'"),
        group: Group::Token,
        verbs: SENDING,
        brief: "send this header too; may be given many times",
        text: "Authorization and Cookie are refused here, because every user of the machine can read a command line: \
               see --header-file.",
        set: |draft, value| draft.header(&value.text()?),
    },
    Flag {
        long: "header-file",
        short: None,
        value: Some("FILE"),
        group: Group::Token,
        verbs: SENDING,
        brief: "send the headers in FILE too, one 'NAME: VALUE' a line, kept as secret as the token",
        text: "",
        set: |draft, value| {
            draft.header_files.push(value.path()?);
            Ok(())
        },
    },
    Flag {
        long: "timeout",
        short: None,
        value: Some("TIME"),
        group: Group::Delivery,
        verbs: DELIVERING,
        brief: "the budget of a delivery, everything included [default: 60s]",
        text: "Fetching the token, looking up the name, connecting, TLS, sending, waiting and all further tries draw \
               from it; reading the document does not. A TIME is written as 500ms, 30, 30s, 5m or 1h.",
        set: |draft, value| {
            draft.timeout = Some(value.positive_duration()?);
            Ok(())
        },
    },
    Flag {
        long: "connect-timeout",
        short: None,
        value: Some("TIME"),
        group: Group::Delivery,
        verbs: SENDING,
        brief: "how long the name may take, and then the connection with TLS [default: 10s]",
        text: "",
        set: |draft, value| {
            draft.connect_timeout = Some(value.positive_duration()?);
            Ok(())
        },
    },
    Flag {
        long: "tries",
        short: None,
        value: Some("N"),
        group: Group::Delivery,
        verbs: SENDING,
        brief: "how many times to try at most [default: 4]",
        text: "Only what is safe is tried again: what never left, and what the API says it has not processed (408, \
               425, 429, 503). After 500, 502, 504 or a connection that broke the API may have processed it: then \
               only with --idempotent.",
        set: |draft, value| {
            draft.tries = Some(match value.number()? {
                0 => return Err("it must be at least 1".to_owned()),
                tries => tries,
            });
            Ok(())
        },
    },
    Flag {
        long: "wait",
        short: None,
        value: Some("TIME"),
        group: Group::Delivery,
        verbs: SENDING,
        brief: "the first wait between tries, doubling, with full jitter [default: 1s]",
        text: "Retry-After, where the API gives it, makes a wait longer, never shorter; where it does not fit the budget, the run ends \
               at once.",
        set: |draft, value| {
            draft.wait = Some(value.duration()?);
            Ok(())
        },
    },
    Flag {
        long: "max-wait",
        short: None,
        value: Some("TIME"),
        group: Group::Delivery,
        verbs: SENDING,
        brief: "the longest such wait [default: 30s]",
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
        group: Group::Delivery,
        verbs: SENDING,
        brief: "the API honours the idempotency key, or repeating is harmless: try again in doubt too",
        text: "",
        set: |draft, _| {
            draft.idempotent = true;
            Ok(())
        },
    },
    Flag {
        long: "idempotency-key",
        short: None,
        value: Some("KEY"),
        group: Group::Delivery,
        verbs: SENDING,
        brief: "the key of this document [default: a random UUID]",
        text: "It is the same on every try, so that an API that honours it takes the document once.\n\n\
               With --lines it is what the keys begin with: KEY-1 for line 1, and for a group KEY- and the number \
               of its first line. So the same file can be sent again, in the same groups, and nothing is taken twice.",
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
        group: Group::Delivery,
        verbs: SENDING,
        brief: "the header that carries the key [default: Idempotency-Key]",
        text: "",
        set: |draft, value| {
            let name = value.text()?;
            plan::check_header(&name, "")?;
            draft.key_header = Some(name);
            Ok(())
        },
    },
    Flag {
        long: "no-idempotency-key",
        short: None,
        value: None,
        group: Group::Delivery,
        verbs: SENDING,
        brief: "send no key",
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
        group: Group::Delivery,
        verbs: DELIVERING,
        brief: "wait first, at random up to this long, so that not all machines call at once",
        text: "The wait counts against --max-time, but not against --timeout.",
        set: |draft, value| {
            draft.splay = Some(value.duration()?);
            Ok(())
        },
    },
    Flag {
        long: "lock",
        short: None,
        value: Some("FILE"),
        group: Group::Delivery,
        verbs: DELIVERING,
        brief: "stop at once (75) while another run holds the lock on FILE",
        text: "FILE is made if it is missing, and stays. What counts is the lock on it, which ends with the process, \
               however that ends; so a FILE that is left over blocks nobody.",
        set: |draft, value| {
            draft.lock = Some(value.path()?);
            Ok(())
        },
    },
    Flag {
        long: "max-time",
        short: None,
        value: Some("TIME"),
        group: Group::Delivery,
        verbs: DELIVERING,
        brief: "the time for the whole run, the wait of --splay included [default: no limit]",
        text: "Waiting for standard input is not bounded by it, nor for a FIFO given as --data, --lines, --config, a \
               certificate or an item's file: such a run lasts until their writers are done, or have come at all.",
        set: |draft, value| {
            draft.max_time = Some(value.positive_duration()?);
            Ok(())
        },
    },
    Flag {
        long: "spool",
        short: None,
        value: Some("DIR"),
        group: Group::Delivery,
        verbs: SENDING,
        brief: "keep the document in DIR until the API has it; 'authpost flush DIR' tries again",
        text: "It is on the disk before its first byte goes out. Then it is sent as without --spool. What was not sent, \
               or not processed, waits in DIR, and the run ends well (0): put 'authpost flush -q DIR' into a crontab. \
               When the token is refused it waits too (77). What the API refuses (76), and without --idempotent what it \
               may have taken (74), lies dead in DIR for a person to look at: see list, show, retry and drop.\n\n\
               DIR is made if it is missing, for this user alone. A message notes where its token is found, not the \
               token; so prefer --token-file to the environment, which a crontab does not have. A spool holds up to \
               10,000 messages and 256 MiB; then new ones are refused (73) and nothing is sent.\n\n\
               With --lines only the lines that the API does not take go there. The run does not stop then: once the \
               API is down, what follows is kept without being tried.",
        set: |draft, value| {
            draft.spool = Some(value.path()?);
            Ok(())
        },
    },
    Flag {
        long: "all",
        short: None,
        value: None,
        group: Group::Delivery,
        verbs: &[Verb::Retry, Verb::Drop],
        brief: "all messages that are dead, instead of those with an ID",
        text: "",
        set: |draft, _| {
            draft.all = true;
            Ok(())
        },
    },
    Flag {
        long: "expect",
        short: None,
        value: Some("POINTER=VALUE"),
        group: Group::Delivery,
        verbs: SENDING,
        brief: "accept a 2xx answer only if it says so: /ok:=true, /status=done; may be given many times",
        text: "POINTER is a JSON Pointer (RFC 6901). POINTER:=JSON compares with a JSON value, POINTER=TEXT with a \
               string.",
        set: |draft, value| draft.expectation(&value.text()?),
    },
    Flag {
        long: "cacert",
        short: None,
        value: Some("FILE"),
        group: Group::Connection,
        verbs: SENDING,
        brief: "trust only the certificate authorities in FILE (PEM)",
        text: "Otherwise those in the file that SSL_CERT_FILE names, else the system's, else the ones built in.",
        set: |draft, value| {
            draft.cacert = Some(value.path()?);
            Ok(())
        },
    },
    Flag {
        long: "cert",
        short: None,
        value: Some("FILE"),
        group: Group::Connection,
        verbs: SENDING,
        brief: "the client's certificate, with its chain (PEM)",
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
        group: Group::Connection,
        verbs: SENDING,
        brief: "the client's private key (PEM) [default: the file of --cert]",
        text: "PKCS#8, PKCS#1 or SEC1, not encrypted.",
        set: |draft, value| {
            draft.cert_key = Some(value.path()?);
            Ok(())
        },
    },
    Flag {
        long: "proxy",
        short: None,
        value: Some("URL"),
        group: Group::Connection,
        verbs: SENDING,
        brief: "go through this HTTP proxy [default: HTTPS_PROXY or HTTP_PROXY, else ALL_PROXY]",
        text: "Hosts that NO_PROXY names are reached directly; so is this machine, unless --proxy is given. The proxy is \
               asked for a tunnel (CONNECT), for https and http alike, and looks up the host itself. Every user of the \
               machine can read a password in --proxy: put it into the variable.",
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
        group: Group::Connection,
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
        group: Group::Connection,
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
        group: Group::Connection,
        verbs: SENDING,
        brief: "send the token over plain http to another machine",
        text: "Without it a token goes over plain http to this machine only: 127.0.0.0/8, ::1 and localhost.",
        set: |draft, _| {
            draft.allow_http = true;
            Ok(())
        },
    },
    Flag {
        long: "insecure",
        short: None,
        value: None,
        group: Group::Connection,
        verbs: SENDING,
        brief: "check no certificate; anybody on the way can then read the token",
        text: "",
        set: |draft, _| {
            draft.insecure = true;
            Ok(())
        },
    },
    Flag {
        long: "max-response",
        short: None,
        value: Some("SIZE"),
        group: Group::Connection,
        verbs: SENDING,
        brief: "how much of an answer to keep [default: 16M]",
        text: "A longer answer is cut there, and a line says so.",
        set: |draft, value| {
            draft.max_response = Some(value.size()?);
            Ok(())
        },
    },
    Flag {
        long: "lines",
        short: None,
        value: Some("FILE"),
        group: Group::Lines,
        verbs: SENDING,
        brief: "send one document for each line of FILE, over one connection; - is standard input",
        text: "Each line is a JSON text (NDJSON). Blank lines are passed over. A line that is not JSON is told by its \
               number, and the rest goes on; so is one that the API refuses. When the API is not reached, keeps failing, \
               or refuses the token, the run stops after all tries, and says which --skip goes on from there. Where \
               the API asks to slow down (429, Retry-After) each line waits for that as long as its --timeout \
               lasts, however many tries it takes.\n\n\
               The run ends with a line on standard error that counts the lines, and with the exit code of the worst \
               that happened.",
        set: |draft, value| {
            draft.lines = Some(value.path()?);
            Ok(())
        },
    },
    Flag {
        long: "group",
        short: None,
        value: Some("N"),
        group: Group::Lines,
        verbs: SENDING,
        brief: "send up to N lines in one request, as a JSON array",
        text: "A group ends early at --group-bytes, and before a line that cannot be sent. It is accepted or refused \
               as a whole.",
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
        group: Group::Lines,
        verbs: SENDING,
        brief: "how large such an array may grow [default: 1M]",
        text: "A line that is larger by itself goes out in an array of its own.",
        set: |draft, value| {
            draft.group_bytes = Some(value.size()?);
            Ok(())
        },
    },
    Flag {
        long: "failed",
        short: None,
        value: Some("FILE"),
        group: Group::Lines,
        verbs: SENDING,
        brief: "append to FILE the lines that were not accepted, as they were",
        text: "Those are the lines that are not JSON, or too long, and those that the API refused. When the run stops \
               early, the lines from there on are not among them: --skip sends those. FILE is on disk before the run ends.",
        set: |draft, value| {
            draft.failed = Some(value.path()?);
            Ok(())
        },
    },
    Flag {
        long: "skip",
        short: None,
        value: Some("N"),
        group: Group::Lines,
        verbs: SENDING,
        brief: "pass over the first N lines; the others keep their numbers",
        text: "",
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
        group: Group::Lines,
        verbs: SENDING,
        brief: "the longest line that is sent [default: 16M]",
        text: "A longer one is told by its number, and the rest goes on.",
        set: |draft, value| {
            draft.max_line = Some(value.size()?);
            Ok(())
        },
    },
    Flag {
        long: "rate",
        short: None,
        value: Some("N"),
        group: Group::Lines,
        verbs: SENDING,
        brief: "start at most N deliveries a second; 0.1 is one in ten seconds",
        text: "",
        set: |draft, value| {
            draft.interval = Some(value.interval()?);
            Ok(())
        },
    },
    Flag {
        long: "quiet",
        short: Some('q'),
        value: None,
        group: Group::Output,
        verbs: QUIET,
        brief: "print nothing on success",
        text: "",
        set: |draft, _| {
            draft.quiet = true;
            Ok(())
        },
    },
    Flag {
        long: "verbose",
        short: Some('v'),
        value: None,
        group: Group::Output,
        verbs: DELIVERING,
        brief: "print the headers of request and answer, and every try; secrets are never shown",
        text: "",
        set: |draft, _| {
            draft.verbose = true;
            Ok(())
        },
    },
    Flag {
        long: "pretty",
        short: None,
        value: None,
        group: Group::Output,
        verbs: SENDING,
        brief: "re-indent the answer [default: on a terminal only]",
        text: "The order of keys, duplicate keys and the text of numbers and strings stay as they came. On a terminal \
               control characters are shown escaped, in any output.",
        set: |draft, _| {
            draft.pretty = true;
            Ok(())
        },
    },
    Flag {
        long: "pick",
        short: None,
        value: Some("POINTER"),
        group: Group::Output,
        verbs: SENDING,
        brief: "print only the value at this JSON Pointer (RFC 6901); text without its quotes",
        text: "",
        set: |draft, value| {
            draft.pick = Some(crate::json::Pointer::parse(&value.text()?)?);
            Ok(())
        },
    },
    Flag {
        long: "report",
        short: None,
        value: None,
        group: Group::Output,
        verbs: DELIVERING,
        brief: "print one line of JSON about the delivery instead of the answer",
        text: "Its members: outcome (accepted, refused, unavailable, unsent, unknown, spooled), exit, status, tries, seconds, \
               key, method, url, error, and response: the answer's JSON as it came, or a string. With --lines also \
               line, its number; for a group line and last_line. A line that cannot be sent is reported as well.",
        set: |draft, _| {
            draft.report = true;
            Ok(())
        },
    },
    Flag {
        long: "json",
        short: None,
        value: None,
        group: Group::Output,
        verbs: &[Verb::List],
        brief: "list as JSON, one message a line",
        text: "",
        set: |draft, _| {
            draft.json = true;
            Ok(())
        },
    },
    Flag {
        long: "dry-run",
        short: None,
        value: None,
        group: Group::Output,
        verbs: &[Verb::Send],
        brief: "print the request that would go out, the token masked; connect to nothing",
        text: "The document is read and checked; the token is not fetched.",
        set: |draft, _| {
            draft.dry_run = true;
            Ok(())
        },
    },
    Flag {
        long: "config",
        short: None,
        value: Some("FILE"),
        group: Group::Itself,
        verbs: ANY,
        brief: "read arguments from FILE first, one a line [default: AUTHPOST_CONFIG]",
        text: "Blank lines and lines that start with # are passed over. What the command line says comes later, and so \
               wins.",
        // Read before everything else, by a pass of its own.
        set: |draft, value| match draft.in_config {
            true => Err("a config file cannot name another".to_owned()),
            false => value.path().map(drop),
        },
    },
    Flag {
        long: "help",
        short: Some('h'),
        value: None,
        group: Group::Itself,
        verbs: ANY,
        brief: "-h says how to use it in short, --help all of it",
        text: "",
        set: |draft, _| {
            draft.page.get_or_insert(Page::Help { all: true });
            Ok(())
        },
    },
    Flag {
        long: "man",
        short: None,
        value: None,
        group: Group::Itself,
        verbs: ANY,
        brief: "print the manual page, for man -l -",
        text: "",
        set: |draft, _| {
            draft.page.get_or_insert(Page::Man);
            Ok(())
        },
    },
    Flag {
        long: "completions",
        short: None,
        value: Some("bash|zsh|fish"),
        group: Group::Itself,
        verbs: ANY,
        brief: "print the completions for a shell",
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
        group: Group::Itself,
        verbs: ANY,
        brief: "print the version, the target, the TLS library and how it is linked",
        text: "",
        set: |draft, _| {
            draft.page.get_or_insert(Page::Version);
            Ok(())
        },
    },
];
