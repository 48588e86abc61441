//! `authpost check`: a line for each finding, the exit code that a run would have, and nothing sent.
use crate::support::{Ca, Dir, Leaf, Runner, Server, Tls, Unreachable, conn, dir, test};
use std::fs::File;

const TOKEN: &str = "t0ken-that-stays-here";

fn check() -> Runner {
    test().arg("check")
}

/// An API over TLS, and a directory with all that a run needs to reach it.
struct Api {
    ca: Ca,
    dir: Dir,
}

impl Api {
    fn new() -> Api {
        let api = Api {
            ca: Ca::new("Test CA"),
            dir: dir(),
        };
        api.dir.write("ca.pem", api.ca.pem(), 0o600);
        api.dir.write("token", TOKEN, 0o600);
        api
    }

    fn tls(&self) -> Tls {
        Tls::new(&self.ca.issue(Leaf::new("localhost")))
    }

    /// Shakes hands, and fails the test when a byte follows.
    fn greeting(&self) -> Server {
        self.tls().script([conn().read_end()])
    }

    fn check(&self) -> Runner {
        check()
            .in_dir(&self.dir)
            .args(["--cacert", "ca.pem", "--token-file", "token"])
    }
}

#[test]
fn all_is_well() {
    let api = Api::new();
    let server = api.greeting();
    let out = api
        .check()
        .args(["--lock", "run.lock", server.url("/data?q=secret"), "k=v"])
        .run()
        .stdout_like(
            "ok    POST https://localhost:PORT/data?…\n\
            ok    the lock 'run.lock' is free\n\
            ok    the document is JSON, 9 bytes\n\
            ok    the token comes from the token file 'token'\n\
            ok    trusted certificates: 'ca.pem' (--cacert)\n\
            ok    https://localhost:PORT is at *127.0.0.1*\n\
            ok    https://localhost:PORT accepts connections\n\
            ok    TLS ok, certificate valid\n",
        )
        .code(0);
    assert!(!out.stdout.contains(TOKEN));
    assert_eq!(server.finish().len(), 0);

    let server = api.greeting();
    api.check().args(["-q", server.url("/")]).run().code(0);
    drop(server);

    let server = Server::script([conn().read_end()]);
    check()
        .args(["--no-auth", server.url("/")])
        .run()
        .stdout(
            "ok    POST http://127.0.0.1:PORT/\n\
            ok    there is no document: the request has no body\n\
            ok    no token is sent (--no-auth)\n\
            ok    http://127.0.0.1:PORT is at 127.0.0.1\n\
            ok    http://127.0.0.1:PORT accepts connections\n",
        )
        .code(0);
}

#[test]
fn a_line_of_a_crontab_is_checked_as_it_stands() {
    let api = Api::new();
    let server = api.greeting();
    api.check()
        .args([
            "-q",
            "--splay",
            "10m",
            "--max-time",
            "1h",
            "--tries",
            "9",
            "--pick",
            "/id",
        ])
        .args(["--expect", "/ok:=true", "--idempotent", server.url("/")])
        .run()
        .within(0.0, 3.0)
        .code(0);
    check()
        .args(["--dry-run", "https://api.test/"])
        .run()
        .stderr(
            "authpost: reading the command line: --dry-run means nothing to 'authpost check'\n\
            hint: authpost check [OPTIONS] URL [ITEM]...\n",
        )
        .code(64);
}

/// What is wrong before anything is connected: the line that says so, and the code.
#[test]
fn what_is_wrong_here_is_told_with_the_remedy() {
    for (options, line, code) in [
        (&["-d", "{\"a\":1,}"][..], "FAIL  checking --data: *", 65),
        (
            &["-d", "@none.json"],
            "FAIL  opening 'none.json': No such file or directory",
            66,
        ),
        (
            &["--token-file", "none"],
            "FAIL  reading the token file 'none': No such file or directory; put *",
            78,
        ),
        (
            &["--token-file", "two-lines"],
            "FAIL  reading the token file 'two-lines': the token has more than one line in it (character 4); *",
            78,
        ),
        (
            &["--token-env", "NOWHERE"],
            "FAIL  reading the environment variable that --token-env names: it is not set; *",
            78,
        ),
        (
            &["--token-command", "exit 3"],
            "FAIL  running --token-command: it failed (exit status: 3); *",
            75,
        ),
        (
            &["--lock", "none/lock"],
            "FAIL  taking the lock 'none/lock': No such file or directory; give --lock *",
            73,
        ),
        (
            &["--header-file", "none"],
            "FAIL  reading the header file 'none': No such file or directory*",
            78,
        ),
    ] {
        // All the rest is tested all the same.
        let server = Server::script([conn().read_end()]);
        let run = check()
            .env("PATH", "/usr/bin:/bin")
            .file("two-lines", "abc\ndef");
        let run = match options[0].starts_with("--token") {
            true => run,
            false => run.arg("--no-auth"),
        };
        let out = run
            .arg("-q")
            .args(options)
            .arg(server.url("/"))
            .run()
            .stdout_like(&format!("{line}\n"))
            .code(code);
        assert_eq!(out.stdout.lines().count(), 1);
    }
}

#[test]
fn the_first_failure_decides_and_all_are_told() {
    let nobody = Unreachable::refusing();
    check()
        .word(nobody.port().to_string(), "CLOSED")
        .args(["-q", "-d", "{", "--token-file", "none", nobody.url("/")])
        .run()
        .stdout_like(
            "FAIL  checking --data: *\n\
            FAIL  reading the token file 'none': *\n\
            FAIL  connecting to http://127.0.0.1:CLOSED: Connection refused\n",
        )
        .code(65);
}

#[test]
fn a_lock_that_is_held_is_told() {
    let dir = dir();
    let held = File::create(dir.join("run.lock")).unwrap();
    held.lock().unwrap();
    let server = Server::script([conn().read_end()]);
    check()
        .in_dir(&dir)
        .args(["-q", "--no-auth", "--lock", "run.lock", server.url("/")])
        .run()
        .stdout("FAIL  taking the lock 'run.lock': another run holds it\n")
        .code(75);
}

#[test]
fn files_of_secrets_that_others_can_read_are_doubtful() {
    let ca = Ca::new("Test CA");
    let me = ca.issue(Leaf::client("me"));
    let server = Tls::new(&ca.issue(Leaf::new("localhost")))
        .client_ca(&ca)
        .script([conn().read_end()]);
    check()
        .file("ca.pem", ca.pem())
        .file_mode("token", TOKEN, 0o644)
        .file_mode("headers", "X-Api-Key: hunter2\n", 0o640)
        .file_mode("me.pem", me.pem(), 0o644)
        .file_mode("me.key", me.key_pem(), 0o604)
        .args(["-q", "--token-file", "token", "--header-file", "headers"])
        .args(["--cacert", "ca.pem", "--cert", "me.pem", "--key", "me.key"])
        .arg(server.url("/"))
        .run()
        .stdout(
            "warn  other users can access 'token' (mode 644); chmod 600 'token'\n\
            warn  other users can access 'headers' (mode 640); chmod 600 'headers'\n\
            warn  other users can access 'me.key' (mode 604); chmod 600 'me.key'\n",
        )
        .code(0);
}

#[test]
fn a_jwt_says_when_it_ends() {
    let run = |token: &str| {
        let server = Server::script([conn().read_end()]);
        check().token(token).args(["-q", server.url("/")]).run()
    };
    // {"exp":1300819380}
    let out = run("e30.eyJleHAiOjEzMDA4MTkzODB9.sig")
        .stdout_like(
            "FAIL  the token expired * d ago (2011-03-22 18:43:00 UTC), it says; get a new one\n",
        )
        .code(77);
    assert!(!out.stdout.contains("eyJ"));
    // {"exp":99999999999}
    run("e30.eyJleHAiOjk5OTk5OTk5OTk5fQ.sig").code(0);
    let server = Server::script([conn().read_end()]);
    check()
        .token("e30.eyJleHAiOjk5OTk5OTk5OTk5fQ.sig")
        .arg(server.url("/"))
        .run()
        .stdout_like("**ok    the token expires in * d (5138-11-16 09:46:39 UTC), it says\n**")
        .code(0);
    // A run that cannot reach the API would not come to be refused.
    let nobody = Unreachable::refusing();
    check()
        .token("e30.eyJleHAiOjEzMDA4MTkzODB9.sig")
        .args(["-q", nobody.url("/")])
        .run()
        .stdout_like("FAIL  the token expired *\nFAIL  connecting to *\n")
        .code(75);
}

#[test]
fn trust_and_identity_are_tested() {
    let ca = Ca::new("Test CA");
    let tls = Tls::new(&ca.issue(Leaf::new("localhost").expired()));
    let server = tls.script([conn().handshake_fails()]);
    check()
        .file("ca.pem", ca.pem())
        .args(["-q", "--no-auth", "--cacert", "ca.pem", server.url("/")])
        .run()
        .stdout(
            "FAIL  setting up TLS with https://localhost:PORT: its certificate, or one that it sends along, has expired (2001-01-01 00:00:00 UTC); \
            tell the API's owner to renew it; or check this machine's clock with 'date'\n",
        )
        .code(75);
    drop(server);

    let server = tls.script([conn().read_end()]);
    check()
        .args(["-q", "--no-auth", "--insecure", server.url("/")])
        .run()
        .stdout(
            "warn  no certificate is checked (--insecure); give your own CA's certificate with --cacert instead\n",
        )
        .code(0);
    check()
        .args(["-q", "--no-auth", "--cacert", "none.pem", "https://localhost/"])
        .run()
        .stdout(
            "FAIL  reading the trusted certificates (--cacert) from 'none.pem': No such file or directory; \
            give the path of a PEM file that this user can read\n",
        )
        .code(78);
}

#[test]
fn an_api_that_wants_to_know_who_we_are_says_so_to_a_check_too() {
    let ca = Ca::new("Test CA");
    let identity = ca.issue(Leaf::new("localhost"));
    for tls in [Tls::new(&identity).only12(), Tls::new(&identity).only13()] {
        let server = tls.client_ca(&ca).script([conn().handshake_fails()]);
        check()
            .file("ca.pem", ca.pem())
            .args(["-q", "--no-auth", "--cacert", "ca.pem", server.url("/")])
            .run()
            .stdout(
                "FAIL  setting up TLS with https://localhost:PORT: the API asks for a client certificate; \
                give one with --cert and --key\n",
            )
            .code(75);
    }
}

#[test]
fn a_key_that_does_not_fit_is_told_after_the_rest() {
    let ca = Ca::new("Test CA");
    let (me, you) = (ca.issue(Leaf::client("me")), ca.issue(Leaf::client("you")));
    let server = Tls::new(&ca.issue(Leaf::new("localhost"))).script([conn().raw().read_end()]);
    check()
        .file("ca.pem", ca.pem())
        .file("me.pem", me.pem())
        .file("me.key", you.key_pem())
        .args(["-q", "--no-auth", "--cacert", "ca.pem", "--cert", "me.pem", "--key", "me.key"])
        .arg(server.url("/"))
        .run()
        .stderr_like("authpost: using the client certificate: --cert and --key do not fit together*\nhint: *\n")
        .code(78);
}

#[test]
fn hosts_that_cannot_be_reached_are_told() {
    check()
        .args(["-q", "--no-auth", "https://a,test/"])
        .run()
        .stdout_like("FAIL  looking up the host of https://a,test: *\n")
        .code(75);
    let silent = Unreachable::silent();
    check()
        .word(silent.port().to_string(), "SILENT")
        .args(["-q", "--no-auth", "--timeout", "200ms", silent.url("/")])
        .run()
        .within(0.2, 0.7)
        .stdout("FAIL  connecting to http://127.0.0.1:SILENT: timed out\n")
        .code(75);
}

#[test]
fn the_proxy_is_asked_for_the_tunnel() {
    let api = Api::new();
    let yes = "HTTP/1.1 200 OK\r\n\r\n";
    let proxied = |server: &Server| {
        let proxy = format!("http://127.0.0.1:{}", server.port());
        api.check()
            .args(["--proxy", &proxy])
            .arg("https://localhost:1/")
    };
    let server = api
        .tls()
        .script([conn().raw().read().reply(yes).handshake().read_end()]);
    proxied(&server)
        .run()
        .stdout(
            "ok    POST https://localhost:1/\n\
            ok    there is no document: the request has no body\n\
            ok    the token comes from the token file 'token'\n\
            ok    trusted certificates: 'ca.pem' (--cacert)\n\
            ok    the proxy 127.0.0.1:PORT is at 127.0.0.1\n\
            ok    the proxy 127.0.0.1:PORT accepts connections\n\
            ok    the proxy connects to https://localhost:1\n\
            ok    TLS ok, certificate valid\n",
        )
        .code(0);
    drop(server);
    let no = "HTTP/1.1 407 No\r\nContent-Length: 0\r\n\r\n";
    let server = api.tls().script([conn().raw().read().reply(no).close()]);
    proxied(&server)
        .arg("-q")
        .run()
        .stdout_like("FAIL  connecting to https://localhost:1 through the proxy 127.0.0.1:PORT: the proxy asks for a user *\n")
        .code(77);
}

#[test]
fn lines_that_cannot_be_sent_are_told_up_to_the_tenth() {
    let server = Server::script([conn().read_end()]);
    let lines: String = (0..25)
        .map(|n| format!("{n}\n{}", if n % 2 == 0 { "{\n" } else { "\n" }))
        .collect();
    let found = check()
        .file("in", format!("\n{lines}"))
        .args(["--no-auth", "--lines", "in", server.url("/")])
        .run()
        .stdout_like("ok    POST *\nFAIL  line 3: not JSON: column 2: the document ends too early\nFAIL  line 7: **")
        .code(65)
        .stdout;
    let told = found.lines().filter(|line| line.starts_with("FAIL  line "));
    assert_eq!(told.count(), 10, "{found}");
    assert!(
        found.contains("\nFAIL  13 of 38 lines cannot be sent\n"),
        "{found}"
    );
}

#[test]
fn every_line_is_tested() {
    let server = Server::script([conn().read_end()]);
    check()
        .file("in", "{\"n\":1}\n")
        .args(["--no-auth", "--lines", "in", server.url("/")])
        .run()
        .stdout_like("ok    POST *\nok    all lines are JSON, 1 of them\n**")
        .code(0);
    drop(server);
    let server = Server::script([conn().read_end()]);
    check()
        .args(["-q", "--no-auth", "--lines", "none", server.url("/")])
        .run()
        .stdout_like("FAIL  opening 'none': No such file or directory*\n")
        .code(66);
}

#[test]
fn findings_that_cannot_be_written_are_an_error() {
    check()
        .args(["--no-auth", "https://localhost/"])
        .shell("exec \"$@\" >/dev/full")
        .run()
        .stderr("authpost: writing to standard output: No space left on device\nhint: make room where it goes\n")
        .code(73);
}

#[test]
fn a_spool_stands_in_for_an_api_that_is_down() {
    let nobody = Unreachable::refusing();
    let down = || {
        let run = check().args(["--no-auth", nobody.url("/")]);
        run.word(nobody.port().to_string(), "PORT")
    };
    let refused = "FAIL  connecting to http://127.0.0.1:PORT: Connection refused\n";
    down().run().stdout_like(&format!("**{refused}")).code(75);
    let kept = "ok    the document would be stored in the spool until the API is reached\n";
    down()
        .args(["--spool", "s"])
        .run()
        .stdout_like(&format!("**{refused}{kept}"))
        .code(0);
    // What stops a run before that stops it all the same.
    down()
        .args(["--spool", "s", "-d", "{"])
        .run()
        .stdout_like(&format!("**{refused}"))
        .code(65);
}
