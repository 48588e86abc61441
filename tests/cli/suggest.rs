//! Words of other programs, and misspellings: each is answered by a hint, and a command in it works as it is printed.
use crate::support::{Ca, Leaf, Runner, Server, Tls, binary, conn, test};

#[allow(dead_code, reason = "the tests read its table")]
#[path = "../../src/cli/suggest.rs"]
mod table;

/// An API for `api.example.com` behind a proxy, and all files that the commands name.
struct Api {
    ca: Ca,
    tls: Tls,
}

impl Api {
    fn new() -> Api {
        let ca = Ca::new("Test CA");
        let tls = Tls::new(&ca.issue(Leaf::new("api.example.com").name("api.example.com")));
        Api { ca, tls }
    }

    /// Runs `command` in a shell. Only the address of the proxy is another.
    #[track_caller]
    fn works(&self, command: &str) {
        let sends = !command.contains("--dry-run") && !command.contains(" from-curl ");
        let proxy = self.tls.script(sends.then(|| {
            conn()
                .raw()
                .read()
                .reply("HTTP/1.1 200 Connection established\r\n\r\n")
                .handshake()
                .read()
                .reply_json(200, r#"{"ok":true}"#)
        }));
        let address = format!("http://127.0.0.1:{}", proxy.port());
        let client = self.ca.issue(Leaf::client("client"));
        let bin = binary();
        let run = Runner::program("/bin/sh");
        let dir = run.dir();
        let path = format!("{}:/usr/bin:/bin", bin.parent().unwrap().display());
        run.arg("-c")
            .arg(command.replace("http://proxy.example.com:3128", &address))
            .env("PATH", path)
            .env("HOME", dir.path())
            .env("HTTPS_PROXY", &address)
            .env("SSL_CERT_FILE", "ca.pem")
            .env("AUTHPOST_TOKEN", "t0ken")
            .file("ca.pem", self.ca.pem())
            .file("client.pem", client.pem())
            .file("client.key", client.key_pem())
            .file(".api-token", "t0ken")
            .file(".api-password", "user:password")
            .file("headers.txt", "Cookie: id=7\n")
            .file("authpost.conf", "--timeout=30s\n")
            .file("notes.txt", "text\n")
            .file("document.json", document(command))
            .run()
            .stdout_like("**")
            .stderr_like("**")
            .code(0);
    }
}

/// What `document.json` holds: a byte order mark where `command` cuts one off.
fn document(command: &str) -> &'static str {
    match command.starts_with("tail -c +4 ") {
        true => "\u{feff}{}",
        false => "{}",
    }
}

/// The hint that these arguments lead to, with nothing sent.
#[track_caller]
fn hint(run: Runner, code: i32) -> String {
    let out = run
        .exactly()
        .token("t0ken")
        .run()
        .stderr_like("authpost: *\nhint: *\n")
        .code(code);
    out.stderr
        .split_once("\nhint: ")
        .unwrap()
        .1
        .trim_end()
        .to_owned()
}

/// What a hint tells to run.
#[track_caller]
fn command(hint: &str) -> &str {
    hint.split_once(": ").expect(hint).1
}

const URL: &str = "https://api.example.com/data";

#[test]
fn words_of_other_programs() {
    let words: Vec<_> = table::FOREIGN.iter().flat_map(|row| row.words()).collect();
    for (at, word) in words.iter().enumerate() {
        assert!(!words[..at].contains(word), "{word} is there twice");
    }
    for row in table::FOREIGN {
        let expected = format!("{}: {}", row.why, row.command);
        assert_eq!(command(&expected), row.command, "a colon in '{}'", row.why);
        for word in row.words() {
            assert_eq!(
                hint(test().args([word, URL, "key=value"]), 64),
                expected,
                "{word}"
            );
        }
    }
}

#[test]
fn the_commands_of_the_table_work() {
    let api = Api::new();
    for row in table::FOREIGN {
        api.works(row.command);
    }
}

#[test]
fn forms_of_other_programs() {
    let api = Api::new();
    for (args, code) in [
        // HTTPie's items.
        (&[URL, "X-Name:value"][..], 64),
        (&[URL, "Authorization:Bearer s3cret"], 64),
        (&[URL, "name==value"], 64),
        (&[URL, "{\"key\":\"value\"}"], 64),
        (&[URL, "@document.json"], 64),
        // curl's -d and --json.
        (&["-d", "key=value", URL], 65),
        (&["-d", "document.json", URL], 65),
        (&["--json", "{\"key\":\"value\"}", URL], 64),
        // Single quotes in cmd.exe.
        (&["-d", "'{\"key\":\"value\"}'", URL], 65),
        (&["-d", "'{key:value}'", URL], 65),
        (&["-d", "\u{feff}{}", URL], 65),
        (&["-d", "@bom.json", URL], 65),
        (&["api.example.com/data", "key=value"], 64),
    ] {
        let run = test().args(args).file("bom.json", "\u{feff}{}");
        let hint = hint(run, code);
        assert!(!hint.contains("s3cret"), "{hint}");
        api.works(command(&hint));
    }
}

#[test]
fn misspelt_options_and_verbs() {
    for (word, meant) in [
        (
            "--token-flie",
            "--token-file FILE: read the token from FILE",
        ),
        (
            "--TIMEOUT",
            "--timeout TIME: total deadline per document [default: 60s]",
        ),
        (
            "--time-out",
            "--timeout TIME: total deadline per document [default: 60s]",
        ),
        (
            "--datta",
            "-d, --data JSON: document to send; @FILE reads a file, @- stdin",
        ),
        (
            "--idempotant",
            "--idempotent: also retry when the outcome is unknown",
        ),
        ("chekc", "authpost check [OPTIONS] URL [ITEM]..."),
        ("Flush", "authpost flush [OPTIONS] DIR"),
        ("lst", "authpost list [OPTIONS] DIR"),
    ] {
        assert_eq!(
            hint(test().args([word, URL]), 64),
            format!("did you mean {meant}"),
            "{word}"
        );
    }
    // What is near to nothing gets no guess.
    for word in ["--nope", "-Z", "--time"] {
        assert_eq!(
            hint(test().args([word, URL]), 64),
            "'authpost --help' lists all options"
        );
    }
    let server = Server::never();
    let first =
        "the URL comes first, with its scheme: authpost https://api.example.com/data key=value";
    assert_eq!(hint(test().args(["data", server.url("/")]), 64), first);
}
