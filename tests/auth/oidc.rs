//! OAuth2 against a real authorization server: oidc-provider, which is stricter than any script.
//!
//! `npm ci --prefix tests/oidc` installs it; `AUTHPOST_OIDC` names another `node_modules` that holds it.
use crate::support::{Dir, Runner, dir, find, skipped, test};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::OnceLock;
use std::thread;
use std::time::{Duration, Instant};

/// The server that all these tests share. It ends when its stdin closes, which is with us.
struct Provider {
    port: String,
    _process: (Child, ChildStdin),
}

impl Provider {
    /// The running server; `None` where it is not installed.
    fn get() -> Option<&'static Provider> {
        static ONE: OnceLock<Option<Provider>> = OnceLock::new();
        let one = ONE.get_or_init(Provider::start).as_ref();
        if one.is_none() {
            skipped("oidc-provider or node is not installed (npm ci --prefix tests/oidc)");
        }
        one
    }

    fn start() -> Option<Provider> {
        let ours = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/oidc");
        let modules = std::env::var_os("AUTHPOST_OIDC")
            .map_or(format!("{ours}/node_modules").into(), PathBuf::from);
        if !modules.join("oidc-provider").is_dir() {
            return None;
        }
        let mut process = Command::new(find("node")?)
            .arg(format!("{ours}/server.mjs"))
            .arg(modules)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let stdin = process.stdin.take().unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let port = lines
            .by_ref()
            .map_while(Result::ok)
            .find_map(|line| Some(line.strip_prefix("ready on ")?.to_owned()))
            .expect("the server starts");
        // It has more to say, and must not be kept from it.
        thread::spawn(move || lines.for_each(drop));
        Some(Provider {
            port,
            _process: (process, stdin),
        })
    }

    fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    /// A request beside authpost's; the whole answer.
    fn ask(&self, path: &str, head: &str, body: &str) -> String {
        let mut tcp = TcpStream::connect(format!("127.0.0.1:{}", self.port)).unwrap();
        let length = body.len();
        let request = format!(
            "POST {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {length}\r\n\
             Content-Type: application/x-www-form-urlencoded\r\n{head}\r\n{body}"
        );
        tcp.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        tcp.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
        answer
    }

    /// A refresh token for the app, from a person who has just authorized it.
    fn authorized(&self, seconds: u32) -> String {
        let answer = self.ask(&format!("/authorized?seconds={seconds}"), "", "");
        // Written in chunks, of which it is the longest line.
        let token = answer.split("\r\n\r\n").nth(1).unwrap();
        token
            .lines()
            .max_by_key(|line| line.len())
            .unwrap()
            .to_owned()
    }

    /// A run in `dir` as this client, with more members in the OAuth2 file.
    fn post(&self, dir: &Dir, id: &str, secret: &str, members: &str) -> Runner {
        let url = self.url("/token");
        let file = format!(
            r#"{{"token_url":"{url}","client_id":"{id}","client_secret":"{secret}","cache":"cache"{members}}}"#
        );
        dir.write("oauth2.json", file, 0o600);
        test().in_dir(dir).word(&self.port, "PORT").args([
            "--oauth2-file",
            "oauth2.json",
            &self.url("/data"),
            "k=v",
        ])
    }
}

const OK: &str = "HTTP/1.1 200 OK\n";
const REFRESH: &str = r#","grant":"refresh_token","refresh_token_file":"refresh""#;
const ADA: &str = r#"{"client":"app","for":"ada","scope":"openid offline_access"}"#;

/// The text of a member of the only entry in the cache.
fn cached(dir: &Dir, member: &str) -> String {
    let mut files = dir.list();
    files.retain(|name| name.starts_with("cache/") && name.ends_with(".json"));
    let entry = dir.read(&files[0]);
    let (_, rest) = entry.split_once(&format!("\"{member}\":\"")).unwrap();
    rest.split('"').next().unwrap().to_owned()
}

#[test]
fn client_credentials() {
    let Some(provider) = Provider::get() else {
        return;
    };
    for (id, secret, members, answer) in [
        (
            "service",
            r#"p+q:= &\"-._*%20~"#,
            r#","scope":"data:write""#,
            r#"{"client":"service","scope":"data:write"}"#,
        ),
        (
            "poster",
            "s3cret",
            r#","auth_method":"body""#,
            r#"{"client":"poster"}"#,
        ),
    ] {
        let dir = dir();
        for _ in 0..2 {
            let run = provider.post(&dir, id, secret, members);
            run.run().stdout(answer).stderr(OK).code(0);
        }
    }
}

#[test]
fn refusals_of_clients() {
    let Some(provider) = Provider::get() else {
        return;
    };
    provider
        .post(&dir(), "service", "wr0ng", "")
        .run()
        .stderr(
            "authpost: fetching a token from http://127.0.0.1:PORT/token: it answered 401 Unauthorized: invalid_client (client authentication failed)\n\
             hint: check 'client_id' and the client's secret in 'oauth2.json'; some endpoints want 'auth_method' body\n",
        )
        .code(77);
    provider
        .post(&dir(), "poster", "s3cret", r#","auth_method":"body","scope":"openid""#)
        .run()
        .stderr(
            "authpost: fetching a token from http://127.0.0.1:PORT/token: it answered 400 Bad Request: invalid_scope (requested scope is not allowed)\n\
             hint: check 'scope' in 'oauth2.json'\n",
        )
        .code(77);
    provider
        .post(&dir(), "app", "s3cret", "")
        .run()
        .stderr(
            "authpost: fetching a token from http://127.0.0.1:PORT/token: it answered 400 Bad Request: invalid_request (requested grant type is not allowed for this client)\n\
             hint: check 'oauth2.json'\n",
        )
        .code(77);
}

#[test]
fn refresh_tokens_rotate() {
    let Some(provider) = Provider::get() else {
        return;
    };
    let dir = dir();
    let mut last = provider.authorized(100);
    dir.write("refresh", &last, 0o600);
    for _ in 0..3 {
        let run = provider.post(&dir, "app", "s3cret", REFRESH);
        run.run().stdout(ADA).stderr(OK).code(0);
        let next = dir.read("refresh").trim().to_owned();
        assert_ne!(next, last);
        last = next;
        // From the cache, which leaves the refresh token alone.
        let run = provider.post(&dir, "app", "s3cret", REFRESH);
        run.run().stdout(ADA).stderr(OK).code(0);
        assert_eq!(dir.read("refresh").trim(), last);
        std::fs::remove_dir_all(dir.join("cache")).unwrap();
    }
}

/// oidc-provider takes a refresh token that comes twice for stolen, and revokes all that came of it.
#[test]
fn many_runs_use_a_refresh_token_once() {
    let Some(provider) = Provider::get() else {
        return;
    };
    let dir = dir();
    dir.write("refresh", provider.authorized(100), 0o600);
    provider.post(&dir, "app", "s3cret", REFRESH); // writes the file once, not under the eyes of readers
    let args = ["--oauth2-file", "oauth2.json", &provider.url("/data")];
    let start = || test().in_dir(&dir).args(args).spawn();
    for run in Vec::from_iter((0..8).map(|_| start())) {
        run.wait().stdout(ADA).stderr(OK).code(0);
    }
    std::fs::remove_dir_all(dir.join("cache")).unwrap();
    start().wait().stdout(ADA).stderr(OK).code(0);
}

#[test]
fn a_refresh_token_expires_and_is_used_up() {
    let Some(provider) = Provider::get() else {
        return;
    };
    let over = "authpost: fetching a token from http://127.0.0.1:PORT/token: it answered 400 Bad Request: invalid_grant (grant request is invalid)\n\
         hint: the refresh token has expired, was used or is revoked: authorize again and put the new one into 'DIR/refresh'\n";
    let (expiring, dir) = (provider.authorized(1), dir());
    let made = Instant::now();
    let used = provider.authorized(100);
    dir.write("refresh", &used, 0o600);
    let run = provider.post(&dir, "app", "s3cret", REFRESH);
    run.run().stdout(ADA).stderr(OK).code(0);
    dir.write("refresh", &used, 0o600);
    let run = provider.post(&dir, "app", "s3cret", REFRESH);
    run.run().stderr(over).code(77);

    thread::sleep(Duration::from_millis(2100).saturating_sub(made.elapsed()));
    dir.write("refresh", &expiring, 0o600);
    let run = provider.post(&dir, "app", "s3cret", REFRESH);
    run.run().stderr(over).code(77);
    assert_eq!(dir.read("refresh"), expiring);
}

#[test]
fn an_access_token_that_nears_its_end_is_replaced() {
    let Some(provider) = Provider::get() else {
        return;
    };
    let dir = dir();
    let run = || {
        let run = provider.post(&dir, "brief", "s3cret", "").run();
        run.stdout("{\"client\":\"brief\"}").stderr(OK).code(0);
        cached(&dir, "access_token")
    };
    let (first, started) = (run(), Instant::now());
    while run() == first {
        assert!(
            started.elapsed() < Duration::from_secs(5),
            "it is kept for one second"
        );
        thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn a_revoked_access_token_is_replaced() {
    let Some(provider) = Provider::get() else {
        return;
    };
    let dir = dir();
    let run = || provider.post(&dir, "poster", "s3cret", "");
    let answer = r#"{"client":"poster"}"#;
    run().run().stdout(answer).stderr(OK).code(0);
    let first = cached(&dir, "access_token");
    let body = format!("token={first}&client_id=poster&client_secret=s3cret");
    provider.ask("/token/revocation", "", &body);
    run()
        .arg("-v")
        .run()
        .stdout(answer)
        .stderr_like(
            "> POST http://127.0.0.1:PORT/data\n**\
             authpost: attempt 1: the API answered 401 Unauthorized; retrying with a new token\n\
             < HTTP/1.1 200 OK\n**",
        )
        .code(0);
    assert_ne!(cached(&dir, "access_token"), first);
    // Nobody sees the first again.
    run().run().stdout(answer).stderr(OK).code(0);
}

/// Ada has thought better of it.
#[test]
fn a_revoked_refresh_token_needs_a_person() {
    let Some(provider) = Provider::get() else {
        return;
    };
    let dir = dir();
    let refresh = provider.authorized(100);
    dir.write("refresh", &refresh, 0o600);
    let body = format!("token={refresh}&client_id=app&client_secret=s3cret");
    provider.ask("/token/revocation", "", &body);
    provider
        .post(&dir, "app", "s3cret", REFRESH)
        .run()
        .stderr(
            "authpost: fetching a token from http://127.0.0.1:PORT/token: it answered 400 Bad Request: invalid_grant (grant request is invalid)\n\
             hint: the refresh token has expired, was used or is revoked: authorize again and put the new one into 'DIR/refresh'\n",
        )
        .code(77);
}
