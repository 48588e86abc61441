//! Runs the real binary in isolation: an empty environment, an empty directory, no stdin, nothing inherited.
//!
//! ```ignore
//! test().token("t0ken").args([server.url("/data"), "k=v"]).run()
//!     .stdout("{\"ok\":true}").stderr("HTTP/1.1 200 OK\n").code(0);
//! ```
//! The result is checked in `expect.rs`. Always true: no child outlives its [`Running`], however the test ends.
use super::capture::{Capture, terminal};
use super::dir::{Dir, dir};
use super::expect::Ran;
use super::server;
use rustix::process::{Pid, Signal, kill_process_group};
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

/// How long a child may run by default; no test should come near it.
const WATCHDOG: Duration = Duration::from_secs(30);

/// The binary under test: `AUTHPOST_BIN`, such as a static release build, else the one cargo built for the tests.
pub fn binary() -> PathBuf {
    std::env::var_os("AUTHPOST_BIN").map_or(env!("CARGO_BIN_EXE_authpost").into(), PathBuf::from)
}

/// A run of authpost.
pub fn test() -> Runner {
    Runner::program(binary())
}

enum Stdin {
    Null,
    Bytes(Vec<u8>),
    File(PathBuf),
    Open,
}

/// Whether these arguments of authpost have a URL and no document. A config file may have either.
fn lack_document(args: &[OsString]) -> bool {
    let (mut url, mut document, mut end) = (false, false, false);
    for arg in args.iter().map(|arg| arg.to_string_lossy()) {
        let is_short = arg.starts_with('-') && !arg.starts_with("--");
        let is_item = url && arg.contains('=') && !arg.starts_with([':', '/']);
        document |= is_short && arg.contains('d')
            || ["--data", "--lines", "--no-body", "--config"]
                .iter()
                .any(|option| arg.starts_with(option))
            || is_item && (end || !arg.starts_with('-')) && !arg.contains("://");
        url |= arg.starts_with("http");
        end |= arg == "--";
    }
    url && !document
}

/// A run that has not been started yet.
pub struct Runner {
    program: PathBuf,
    args: Vec<OsString>,
    env: Vec<(OsString, OsString)>,
    files: Vec<(PathBuf, Vec<u8>, u32)>,
    dir: Dir,
    stdin: Stdin,
    /// The width of the terminal that stdout is.
    tty: Option<u16>,
    watchdog: Duration,
    words: Vec<(String, String)>,
    exact: bool,
}

impl Runner {
    /// Runs another program in the same way: the support's own tests, wrappers such as `strace`.
    pub fn program(path: impl Into<PathBuf>) -> Runner {
        Runner {
            program: path.into(),
            args: Vec::new(),
            env: Vec::new(),
            files: Vec::new(),
            dir: dir(),
            stdin: Stdin::Null,
            tty: None,
            watchdog: WATCHDOG,
            words: Vec::new(),
            exact: false,
        }
    }

    /// Adds no `--no-body` to the arguments. Otherwise a run that has a URL and no document is given it, so that a test
    /// which is about something else needs no document.
    pub fn exactly(mut self) -> Runner {
        self.exact = true;
        self
    }

    /// Whether authpost itself is run, by no shell or other program.
    pub fn is_authpost(&self) -> bool {
        self.program == binary()
    }

    /// Whether it may fail silently: a quiet flush does not report that an API is down.
    pub fn may_fail_silently(&self) -> bool {
        let verb = self.args.first().and_then(|arg| arg.to_str());
        let is_quiet = self.args.iter().any(|arg| arg == "-q" || arg == "--quiet");
        matches!(verb, Some("flush" | "retry")) && is_quiet
    }

    /// The arguments that it is run with.
    fn arguments(&self) -> Vec<OsString> {
        let mut all = self.args.clone();
        let name = all.iter().position(|arg| *arg == binary());
        let start = match name {
            Some(at) => at + 1,
            None if self.program == binary() => 0,
            None => return all,
        };
        if !self.exact && lack_document(&all[start..]) {
            all.insert(start, "--no-body".into());
        }
        all
    }

    pub fn arg(mut self, arg: impl AsRef<OsStr>) -> Runner {
        self.args.push(arg.as_ref().into());
        self
    }

    pub fn args<A: AsRef<OsStr>>(mut self, args: impl IntoIterator<Item = A>) -> Runner {
        self.args
            .extend(args.into_iter().map(|a| a.as_ref().into()));
        self
    }

    pub fn env(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Runner {
        self.env.push((name.as_ref().into(), value.as_ref().into()));
        self
    }

    /// Runs it through `/bin/sh`, where `"$@"` stands for it: `exec "$@" >/dev/full`, `ulimit -f 0; exec "$@"`.
    pub fn shell(mut self, script: &str) -> Runner {
        let program = std::mem::replace(&mut self.program, "/bin/sh".into());
        let sh = ["-c".into(), script.into(), "sh".into(), program.into()];
        self.args.splice(0..0, sh);
        self
    }

    /// Sets `AUTHPOST_TOKEN`.
    pub fn token(self, token: &str) -> Runner {
        self.env("AUTHPOST_TOKEN", token)
    }

    /// Writes a file into the directory before the run, mode 0600.
    pub fn file(self, name: impl Into<PathBuf>, content: impl Into<Vec<u8>>) -> Runner {
        self.file_mode(name, content, 0o600)
    }

    pub fn file_mode(
        mut self,
        name: impl Into<PathBuf>,
        content: impl Into<Vec<u8>>,
        mode: u32,
    ) -> Runner {
        self.files.push((name.into(), content.into(), mode));
        self
    }

    /// Runs in this directory instead of a fresh one.
    pub fn in_dir(mut self, dir: &Dir) -> Runner {
        self.dir = dir.clone();
        self
    }

    /// The directory of this run; a copy keeps it alive after it.
    pub fn dir(&self) -> Dir {
        self.dir.clone()
    }

    /// Gives these bytes and then the end on stdin, which is `/dev/null` otherwise.
    pub fn stdin(mut self, bytes: impl Into<Vec<u8>>) -> Runner {
        self.stdin = Stdin::Bytes(bytes.into());
        self
    }

    /// Reads stdin from a file, by its name in the directory or its full path.
    pub fn stdin_from(mut self, file: impl Into<PathBuf>) -> Runner {
        self.stdin = Stdin::File(file.into());
        self
    }

    /// Leaves stdin open and silent: for [`Running::write_stdin`], or to see that it is never read.
    pub fn stdin_open(mut self) -> Runner {
        self.stdin = Stdin::Open;
        self
    }

    /// Makes stdout a terminal. It is in raw mode: bytes arrive as written.
    pub fn tty(self) -> Runner {
        self.tty_of(0)
    }

    /// The same, with so many columns.
    pub fn tty_of(mut self, columns: u16) -> Runner {
        self.tty = Some(columns);
        self
    }

    /// Allows another time than 30 seconds.
    pub fn watchdog(mut self, time: Duration) -> Runner {
        self.watchdog = time;
        self
    }

    /// Replaces a text in the output by a fixed word, as the ports of servers are by `PORT` and the directory by `DIR`.
    pub fn word(mut self, text: impl Into<String>, word: &str) -> Runner {
        self.words.push((text.into(), word.into()));
        self
    }

    /// Runs to the end.
    #[track_caller]
    pub fn run(self) -> Ran {
        self.spawn().wait()
    }

    /// Starts it.
    #[track_caller]
    pub fn spawn(self) -> Running {
        for (name, content, mode) in &self.files {
            self.dir.write(name, content, *mode);
        }
        let mut command = Command::new(&self.program);
        command
            .args(self.arguments())
            .env_clear()
            .envs(self.env.iter().map(|(k, v)| (k, v)))
            .current_dir(self.dir.path())
            .process_group(0) // so that what hangs can be ended with all of its children
            .stderr(Stdio::piped());
        command.stdin(match &self.stdin {
            Stdin::Null => Stdio::null(),
            Stdin::File(file) => File::open(self.dir.join(file))
                .expect("stdin's file")
                .into(),
            Stdin::Bytes(_) | Stdin::Open => Stdio::piped(),
        });
        let terminal = self.tty.map(|columns| {
            let (ours, theirs) = terminal(columns);
            command.stdout(theirs);
            ours
        });
        if terminal.is_none() {
            command.stdout(Stdio::piped());
        }
        let started = Instant::now();
        let spawned = command.spawn();
        drop(command); // and with it our copy of the terminal's far end
        let mut child = spawned.unwrap_or_else(|e| panic!("{}: {e}", self.program.display()));
        let stdout = match terminal {
            Some(file) => Capture::start(file),
            None => Capture::start(child.stdout.take().expect("piped")),
        };
        let stderr = Capture::start(child.stderr.take().expect("piped"));
        let mut stdin = child.stdin.take();
        if let Stdin::Bytes(bytes) = &self.stdin {
            let (mut pipe, bytes) = (stdin.take().expect("piped"), bytes.clone());
            // The child need not read to the end, so the error is ignored.
            thread::spawn(move || drop(pipe.write_all(&bytes)));
        }
        let pid = Pid::from_child(&child);
        let (send, exit) = mpsc::channel();
        thread::spawn(move || {
            let status = child.wait().expect("a child");
            let _ = send.send((status, Instant::now())); // fails once the test has failed
        });
        Running {
            runner: self,
            pid,
            started,
            stdin,
            stdout,
            stderr,
            exit,
            ended: false,
        }
    }

    /// The run as a line for the shell.
    pub fn command_line(&self) -> String {
        let quote = |s: &OsStr| format!("'{}'", s.to_string_lossy().replace('\'', r"'\''"));
        let mut line = String::from("env -i");
        for (k, v) in &self.env {
            line += &format!(" {}={}", k.to_string_lossy(), quote(v));
        }
        line += &format!(" {}", self.program.display());
        for arg in self.arguments() {
            line += &format!(" {}", quote(&arg));
        }
        line
    }

    /// What is replaced in the output, and by what.
    pub fn words(&self) -> Vec<(String, String)> {
        let mut words = vec![(self.dir.path().display().to_string(), "DIR".into())];
        for (n, server) in server::ours().iter().enumerate() {
            let number = if n == 0 {
                String::new()
            } else {
                (n + 1).to_string()
            };
            words.push((server.port().to_string(), format!("PORT{number}")));
        }
        words.extend(self.words.iter().cloned());
        words
    }
}

/// A run under way.
pub struct Running {
    runner: Runner,
    pid: Pid,
    started: Instant,
    stdin: Option<ChildStdin>,
    stdout: Capture,
    stderr: Capture,
    exit: mpsc::Receiver<(ExitStatus, Instant)>,
    ended: bool,
}

impl Running {
    pub fn pid(&self) -> i32 {
        self.pid.as_raw_nonzero().get()
    }

    /// Sends a signal to it, and to what it started.
    pub fn kill(&self, signal: Signal) {
        let _ = kill_process_group(self.pid, signal); // gone already: its status will tell
    }

    /// Writes to a stdin left open by [`Runner::stdin_open`].
    pub fn write_stdin(&mut self, bytes: impl AsRef<[u8]>) {
        let pipe = self.stdin.as_mut().expect("stdin_open()");
        pipe.write_all(bytes.as_ref()).expect("stdin taken");
    }

    pub fn close_stdin(&mut self) {
        self.stdin = None;
    }

    /// Waits until this has been written to stdout.
    #[track_caller]
    pub fn wait_stdout(&self, text: &str) {
        self.stdout.wait_for(text, self.runner.watchdog);
    }

    /// What has been written to stdout until now.
    pub fn stdout(&self) -> String {
        String::from_utf8(self.stdout.bytes()).expect("UTF-8")
    }

    /// Waits until this has been written to stderr.
    #[track_caller]
    pub fn wait_stderr(&self, text: &str) {
        self.stderr.wait_for(text, self.runner.watchdog);
    }

    /// Waits for its end; one that hangs is killed, and fails when it is judged.
    pub fn wait(mut self) -> Ran {
        let left = self.runner.watchdog.saturating_sub(self.started.elapsed());
        let mut faults = Vec::new();
        let exited = self.exit.recv_timeout(left);
        let (status, at) = exited.unwrap_or_else(|_| {
            faults.push(format!(
                "killed, still running after {:?}",
                self.runner.watchdog
            ));
            self.kill(Signal::KILL);
            self.exit.recv().expect("the waiting thread")
        });
        let patience = Duration::from_secs(2);
        if !self.stdout.wait_end(patience) || !self.stderr.wait_end(patience) {
            faults.push("a process that it started still holds its output".into());
            self.kill(Signal::KILL);
        }
        self.ended = true;
        Ran::new(
            &self.runner,
            status,
            at - self.started,
            self.stdout.bytes(),
            self.stderr.bytes(),
            faults,
        )
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if !self.ended {
            self.kill(Signal::KILL);
        }
    }
}
