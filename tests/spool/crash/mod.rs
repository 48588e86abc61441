//! Nothing accepted is ever lost: eleven proofs.
//!
//! Each runs in full with `AUTHPOST_CRASH=full` (`make crash-test`), and otherwise as a smaller cut of itself. They
//! look at the spool's directory and at what an API saw, the [`Oracle`], and know nothing else of authpost. What each
//! one found when the protection that it is for was taken out of the code is noted with it.
mod clock;
mod crowd;
mod damage;
mod disk;
mod fault;
mod kill;
mod order;
mod power;
mod resume;
mod resume_power;
mod volume;

use crate::support::{Dir, Response, Server, binary, dir, last_line};
use std::collections::HashMap;
use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicU16, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

/// Whether the proofs run in full.
pub fn full() -> bool {
    std::env::var_os("AUTHPOST_CRASH").is_some_and(|size| size == "full")
}

/// One number in full, another one in the smaller cut.
fn size(in_full: usize, otherwise: usize) -> usize {
    if full() { in_full } else { otherwise }
}

/// Random enough to find things, and the same in every run.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        // Numerical Recipes' generator; the upper bits are the good ones.
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }
}

/// A request that an API saw.
#[derive(Clone, Debug)]
struct Seen {
    /// The how many-eth connection it came on.
    connection: usize,
    key: String,
    body: String,
    /// What it was answered; 0 is a connection closed without an answer.
    status: u16,
}

/// An API that forgets nothing.
struct Oracle {
    server: Server,
    seen: Arc<Mutex<Vec<Seen>>>,
    answer: Arc<AtomicU16>,
}

impl Oracle {
    /// One that answers what [`Oracle::answer`] says, 200 at first.
    fn new() -> Oracle {
        let answer = Arc::new(AtomicU16::new(200));
        let says = answer.clone();
        let mut oracle = Oracle::deciding(move |_, _| says.load(Ordering::SeqCst));
        oracle.answer = answer;
        oracle
    }

    /// One that decides by the body, and by how often it saw it before.
    fn deciding(decide: impl Fn(&str, usize) -> u16 + Send + Sync + 'static) -> Oracle {
        let seen: Arc<Mutex<Vec<Seen>>> = Arc::default();
        let (log, counts) = (seen.clone(), Mutex::new(HashMap::<String, usize>::new()));
        let server = Server::handler(move |request| {
            let body = request.text().to_owned();
            let before = {
                let mut counts = counts.lock().unwrap();
                let count = counts.entry(body.clone()).or_default();
                *count += 1;
                *count - 1
            };
            let status = decide(&body, before);
            let key = request.header("idempotency-key").unwrap_or("").to_owned();
            log.lock().unwrap().push(Seen {
                connection: request.connection,
                key,
                body,
                status,
            });
            match status {
                0 => Response::hang_up(),
                status => Response::json(status, "{}"),
            }
        });
        Oracle {
            server,
            seen,
            answer: Arc::default(),
        }
    }

    fn answer(&self, status: u16) {
        self.answer.store(status, Ordering::SeqCst);
    }

    fn url(&self) -> &'static str {
        self.server.url("/data")
    }

    fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    /// What `body` was answered, each time.
    fn answers(&self, body: &str) -> Vec<u16> {
        let seen = self.seen.lock().unwrap();
        seen.iter()
            .filter(|it| it.body == body)
            .map(|it| it.status)
            .collect()
    }

    /// No document came under two keys.
    fn one_key_each(&self) {
        let mut keys = HashMap::new();
        for seen in self.seen() {
            let key = keys
                .entry(seen.body.clone())
                .or_insert_with(|| seen.key.clone());
            assert_eq!(*key, seen.key, "two keys for {}", seen.body);
        }
    }
}

/// A document of fixed length, unlike any other.
fn body(number: u64) -> String {
    format!("{{\"n\":\"{number:012}\"}}")
}

/// A number that no other test has.
fn fresh() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    NEXT.fetch_add(1, Ordering::SeqCst)
}

/// The text of a message with the checksum that it must have.
pub fn sealed(text: &str) -> String {
    let text = &text[..text.len() - 22];
    format!("{text}\nend {:016x}\n", checksum(text))
}

/// FNV-1a with 64 bits.
pub fn checksum(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |sum, byte| {
        (sum ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3)
    })
}

/// What is in a spool, by place.
#[derive(Debug, Default, PartialEq)]
struct Inventory {
    tmp: Vec<String>,
    queue: Vec<String>,
    active: Vec<String>,
    dead: Vec<String>,
}

/// A directory with a spool `s` in it.
#[derive(Clone)]
struct Place {
    path: PathBuf,
    url: &'static str,
    _dir: Option<Dir>,
}

impl Place {
    fn new(url: &'static str) -> Place {
        let dir = dir();
        Place {
            path: dir.path().to_owned(),
            url,
            _dir: Some(dir),
        }
    }

    fn spool(&self) -> PathBuf {
        self.path.join("s")
    }

    /// Makes the spool's directories, as authpost would.
    fn lay_out(&self) {
        use std::os::unix::fs::PermissionsExt;
        for name in ["tmp", "queue", "active", "dead", "state", "targets"] {
            fs::create_dir_all(self.spool().join(name)).unwrap();
        }
        fs::set_permissions(self.spool(), PermissionsExt::from_mode(0o700)).unwrap();
        fs::write(self.spool().join("lock"), "").unwrap();
    }

    /// The text of a message with this number, as authpost would write it, and its name.
    fn message(&self, number: u64, idempotent: bool) -> (String, String) {
        let tag = checksum(&format!("POST {}", self.url)) & (!0 >> 16);
        let id = format!("{number:014x}{:04x}{tag:012x}", number as u16);
        let body = body(number);
        let head = format!(
            "{{\"allow_http\":true,\"authpost\":1,\"cacert\":null,\"cert\":null,\"cert_key\":null,\
             \"connect_timeout_ms\":10000,\"created\":{},\"expect\":[],\"family\":0,\"header_files\":[],\"headers\":[],\
             \"id\":\"{id}\",\"idempotency_header\":\"Idempotency-Key\",\"idempotent\":{idempotent},\"insecure\":false,\
             \"key\":\"key-{number}\",\"length\":{},\"max_response\":16777216,\"method\":\"POST\",\"proxy\":null,\
             \"token\":null,\"token_form\":{{\"scheme\":\"Bearer\"}},\"url\":\"{}\"}}",
            now(),
            body.len(),
            self.url
        );
        (id, sealed(&format!("{head}\n{body}{}", "?".repeat(22))))
    }

    /// Puts it into a place of the spool. Its name.
    fn plant(&self, place: &str, number: u64, idempotent: bool) -> String {
        let (id, text) = self.message(number, idempotent);
        fs::write(self.spool().join(place).join(&id), text).unwrap();
        id
    }

    /// authpost, or a program before it, with these arguments.
    fn command(&self, before: &[&str], args: &[&str]) -> Command {
        let binary = binary();
        let mut words = before.to_vec();
        words.push(binary.to_str().unwrap());
        words.extend(args);
        let mut command = Command::new(words[0]);
        command
            .args(&words[1..])
            .env_clear()
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
            .current_dir(&self.path)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        command
    }

    fn run(&self, before: &[&str], args: &[&str]) -> Ended {
        Ended::of(self.command(before, args).output().unwrap())
    }

    fn flush(&self) -> Ended {
        self.lose_backoff();
        self.run(&[], &["flush", "-q", "s"])
    }

    /// Makes everything due: to lose what is remembered of a target loses nothing. The file may be locked, so it stays.
    fn lose_backoff(&self) {
        let targets = fs::read_dir(self.spool().join("targets"));
        for target in targets.into_iter().flatten().flatten() {
            let emptied = fs::OpenOptions::new().write(true).open(target.path());
            let _ = emptied.and_then(|file| file.set_len(0));
        }
    }

    /// Flushes until nothing is pending: each one stops at a message that is not accepted.
    fn drain(&self) {
        for _ in 0..100_000 {
            self.flush();
            let is_empty = |place| {
                fs::read_dir(self.spool().join(place))
                    .unwrap()
                    .next()
                    .is_none()
            };
            if is_empty("queue") && is_empty("active") {
                return;
            }
        }
        panic!("never delivered: {:?}", self.inventory());
    }

    fn inventory(&self) -> Inventory {
        let bodies = |place: &str| {
            let mut found = Vec::new();
            for entry in fs::read_dir(self.spool().join(place))
                .into_iter()
                .flatten()
                .flatten()
            {
                let text = fs::read_to_string(entry.path()).unwrap_or_default();
                found.push(content(&text).unwrap_or("damaged").to_owned());
            }
            found.sort();
            found
        };
        Inventory {
            tmp: bodies("tmp"),
            queue: bodies("queue"),
            active: bodies("active"),
            dead: bodies("dead"),
        }
    }

    /// The arguments that send `body` by way of the spool.
    fn sending<'a>(&self, body: &'a str, idempotent: bool) -> Vec<&'a str> {
        let mut args = vec![
            "-q",
            "--no-auth",
            "--spool",
            "s",
            "--tries",
            "1",
            "-d",
            body,
        ];
        args.extend(idempotent.then_some("--idempotent"));
        args.push(self.url);
        args
    }
}

/// The body of a message that is whole.
fn content(text: &str) -> Option<&str> {
    let whole = text.len() > 22 && text.is_char_boundary(text.len() - 22) && sealed(text) == text;
    whole.then(|| text[..text.len() - 22].split_once('\n').unwrap().1)
}

/// How a run ended.
#[derive(Debug)]
struct Ended {
    /// None after a signal.
    code: Option<i32>,
    /// Without its last line.
    stderr: String,
    /// What that claims.
    claim: String,
}

impl Ended {
    fn of(output: Output) -> Ended {
        let signal = output.status.signal();
        assert!(
            matches!(signal, None | Some(9)),
            "it died of signal {signal:?}"
        );
        let mut stderr = output.stderr;
        let last = last_line::take(&mut stderr).pop();
        Ended {
            code: output.status.code().filter(|code| *code < 128),
            stderr: String::from_utf8_lossy(&stderr).into_owned(),
            claim: last.map(|last| last.claim).unwrap_or_default(),
        }
    }
}

fn now() -> u64 {
    std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap()
        .as_secs()
}

/// One system call of a run: its name, the how many-eth of that name it is, and the line that strace wrote.
#[derive(Clone, Debug)]
struct Call {
    name: String,
    number: usize,
    line: String,
}

/// The system calls that `args` makes.
fn calls(place: &Place, args: &[&str]) -> Vec<Call> {
    let log = place.path.join("trace");
    let before = ["strace", "-y", "-o", log.to_str().unwrap()];
    place.run(&before, args);
    let mut counts = HashMap::<String, usize>::new();
    let text = fs::read_to_string(&log).unwrap();
    let calls = text.lines().filter_map(|line| {
        let (name, _) = line.split_once('(')?;
        let known = !name.is_empty()
            && name
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
        let count = known.then(|| counts.entry(name.to_owned()).or_default())?;
        *count += 1;
        Some(Call {
            name: name.to_owned(),
            number: *count,
            line: line.to_owned(),
        })
    });
    calls.collect()
}

impl Call {
    /// The arguments that make strace do `what` at this call.
    fn inject(&self, what: &str) -> String {
        format!("inject={}:{what}:when={}", self.name, self.number)
    }

    /// Whether it concerns a file of the spool in `place`.
    fn is_in(&self, place: &Path) -> bool {
        self.line.contains(&format!("{}/", place.display()))
            || self.line.contains(&format!("{}>", place.display()))
            || self.line.contains(&format!("{}\"", place.display()))
    }
}
