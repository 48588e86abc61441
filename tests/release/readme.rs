//! The README cannot rot: what it shows is run as it stands, in a home directory with the file that it names, against
//! an API in the place of `https://api.example.com`.

use crate::support::{Dir, Response, Runner, Server, Unreachable, binary, dir, find, need, test};
use std::os::unix::fs::{PermissionsExt, symlink};

const README: &str = include_str!("../../README.md");
const API: &str = "https://api.example.com/data";
const TOKEN: &str = "s3cr3t";
const DOCUMENT: &str = r#"{"key1":"value1","key2":"value2"}"#;

/// The texts of all blocks of this kind.
fn blocks(kind: &str) -> Vec<&'static str> {
    let fence = format!("\n```{kind}\n");
    let blocks = README.split(&fence).skip(1);
    blocks
        .map(|rest| rest.split("\n```\n").next().unwrap())
        .collect()
}

/// The API of the README: it demands the token, and answers with what it was sent.
fn api() -> Server {
    Server::handler(|request| {
        if request.headers("authorization") != [format!("Bearer {TOKEN}")] {
            return Response::json(401, "{}");
        }
        Response::json(200, format!("{{\"received\":{}}}\n", request.text()))
    })
}

/// A home with the token, and with `authpost` in a directory for programs.
fn home() -> Dir {
    let home = dir();
    home.write(".api-token", format!("{TOKEN}\n"), 0o600);
    home.write("bin/.keep", "", 0o600);
    home.write("events.ndjson", format!("{DOCUMENT}\n"), 0o600);
    home.write("report.json", DOCUMENT, 0o600);
    symlink(binary(), home.join("bin/authpost")).unwrap();
    home
}

/// The search path, with the home's programs in the place of the local ones.
const PATH: &str = "/usr/local/bin:/usr/bin:/bin";

/// Runs a line for the shell, with this environment and no more than cron gives.
fn shell(line: &str, home: &Dir, server: &Server) -> Runner {
    let line = line.replace(API, server.url("/data"));
    let path = PATH.replace("/usr/local", &home.path().display().to_string());
    Runner::program("/bin/sh")
        .in_dir(home)
        .env("HOME", home.path())
        .env("PATH", path)
        .args(["-c", &line])
}

/// The document of the only request.
#[track_caller]
fn sent(server: &Server) -> String {
    let requests = server.requests();
    assert_eq!(requests.len(), 1);
    assert_eq!(requests[0].line(), "POST /data HTTP/1.1");
    assert_eq!(requests[0].header("content-type"), Some("application/json"));
    requests[0].text().to_owned()
}

/// Each block in a home of its own, where a command finds what those before it left.
#[test]
fn every_command_line_does_what_it_shows() {
    let mut seen = Vec::new();
    for block in blocks("console") {
        let home = home();
        for command in block.strip_prefix("$ ").unwrap().split("\n$ ") {
            assert!(!command.contains('\n'), "{command}");
            let program = command.split(' ').next().unwrap();
            seen.push(program);
            if program != "authpost" && !need(program) {
                continue;
            }
            let server = api();
            let run = shell(&format!("({command}\n) 2>&1"), &home, &server);
            // Where a token is stored, it is typed.
            let output = if program == "install" {
                std::fs::remove_file(home.join(".api-token")).unwrap();
                run.stdin(format!("{TOKEN}\n")).run().unjudged()
            } else {
                run.run().unjudged()
            };
            assert_eq!(output.code, Some(0), "$ {command}\n{output:?}");
            if program == "install" {
                let file = std::fs::metadata(home.join(".api-token")).unwrap();
                assert_eq!(file.permissions().mode() & 0o777, 0o600);
            } else if command.contains(" check ") {
                assert_eq!(server.count(), 0);
                assert!(output.stdout.lines().all(|line| line.starts_with("ok ")));
            } else {
                assert_eq!(sent(&server), DOCUMENT);
            }
        }
    }
    let all = ["install", "authpost", "authpost", "authpost", "curl"];
    assert_eq!(seen, all);
}

/// The names of what `make dist` builds for this version. `make dist-test` installs with these lines.
#[test]
fn it_installs_what_is_released() {
    let version = env!("CARGO_PKG_VERSION");
    let release = format!(
        "{}/releases/download/v{version}",
        env!("CARGO_PKG_REPOSITORY")
    );
    for what in [
        format!("curl -fsSL {release}/authpost-{version}-x86_64-linux.tar.gz | sudo tar "),
        format!("curl -fsSLO {release}/authpost_{version}-1_amd64.deb && "),
        format!("sudo rpm -i {release}/authpost-{version}-1.x86_64.rpm`"),
        format!("podman run --rm ghcr.io/authpost/authpost:{version} "),
        "`cargo install authpost`".into(),
        format!("`git clone {} && ", env!("CARGO_PKG_REPOSITORY")),
    ] {
        assert!(README.contains(&what), "{what}");
    }
}

/// The rest is in the manual.
#[test]
fn it_is_short() {
    let lines = README.lines().count();
    assert!(lines <= 200, "{lines} lines");
}

/// The API is down when the first line sends, and back when the second one flushes.
#[test]
fn the_spool_keeps_what_the_crontab_sends() {
    let lines = crontab(1);
    let [send, flush, metrics] = &lines[..] else {
        panic!("three lines");
    };
    let home = home();
    home.write("node_exporter/.keep", "", 0o600);
    let here = |line: &str| {
        let dir = home.path().display();
        line.replace("/var/spool/", &format!("{dir}/"))
            .replace("/var/lib/", &format!("{dir}/"))
    };
    let server = api();
    let nobody = Unreachable::refusing();
    let down = send.replace(API, nobody.url("/data"));
    let run = |line: &str| shell(&here(line), &home, &server).run();
    run(&format!("{down} --tries 1")).code(0);
    let waiting = || {
        std::fs::read_dir(home.join("authpost/queue"))
            .unwrap()
            .count()
    };
    assert_eq!(waiting(), 1);
    assert_eq!(server.count(), 0);
    // The first document waits for an API that is not there; another one gets through, and the flush finds nothing due.
    run(send).code(0);
    assert_eq!(sent(&server), DOCUMENT);
    run(flush).code(0);
    assert_eq!(waiting(), 1);
    run(metrics).code(0);
    let text = home.read("node_exporter/authpost.prom");
    let pending = "\nauthpost_spool_pending_messages{dir=";
    assert!(text.contains(pending) && text.contains(" 1\n"), "{text}");
}

/// The commands of a crontab, which are found where packages and the tarball install them.
fn crontab(number: usize) -> Vec<String> {
    let (first, lines) = blocks("crontab")[number].split_once('\n').unwrap();
    assert_eq!(first, format!("PATH={PATH}"));
    lines.lines().map(command_of).collect()
}

/// What crontab(5) runs of a line: all that stands behind the five fields.
fn command_of(line: &str) -> String {
    let mut rest = line;
    for _ in 0..5 {
        rest = rest.split_once(' ').unwrap().1.trim_start();
    }
    rest.to_owned()
}

/// As crontab(5) says: five fields, then a line for sh, in which a bare `%` would end it.
#[test]
fn the_crontab_line_sends_in_silence() {
    let lines = crontab(0);
    let [line] = &lines[..] else {
        panic!("one line");
    };
    let command = line.replace("\\%", "\0");
    assert!(!command.contains('%'), "{command}");
    let (home, server) = (home(), api());
    shell(&command.replace('\0', "%"), &home, &server)
        .run()
        .code(0);
    let document = sent(&server);
    let day = document.strip_prefix(r#"{"host":"web1","day":""#).unwrap();
    assert!(
        day.starts_with("20") && day.len() == "2026-01-31\"}".len(),
        "{day}"
    );
}

/// systemd puts the environment's values into ExecStart by itself; sh does the same here.
#[test]
fn the_systemd_service_sends_in_silence() {
    let unit = blocks("ini")[0];
    let line = unit
        .lines()
        .find_map(|line| line.strip_prefix("ExecStart="));
    let (home, server) = (home(), api());
    for credential in unit
        .lines()
        .filter_map(|l| l.strip_prefix("LoadCredential="))
    {
        let content = match credential.split_once(':').unwrap().0 {
            "api-token" => TOKEN,
            _ => "{\"n\": 1.10}",
        };
        home.write(credential.split_once(':').unwrap().0, content, 0o400);
    }
    shell(line.unwrap(), &home, &server)
        .env("CREDENTIALS_DIRECTORY", home.path())
        .run()
        .code(0);
    assert_eq!(sent(&server), "{\"n\": 1.10}");
}

/// systemd loads both units as they stand, and has nothing to say of them.
#[test]
fn systemd_accepts_the_service_and_the_timer() {
    if !need("systemd-analyze") {
        return;
    }
    let units = blocks("ini");
    let service = units[0].replace("=authpost ", &format!("={} ", binary().display()));
    let verify = |service: &str| {
        Runner::program(find("systemd-analyze").unwrap())
            .file("report.service", service)
            .file("report.timer", units[1])
            .args(["verify", "./report.service", "./report.timer"])
            .run()
    };
    verify(&service).code(0);
    // And it is read at all: no version knows this code.
    let wrong = service.replace("USAGE DATAERR", "USAGE DATAERROR");
    let said = verify(&wrong).unjudged().stderr;
    assert!(said.contains("DATAERROR"), "{said}");
}

/// A run that did not end by itself may have sent the document.
#[test]
fn systemd_restarts_the_service_after_tempfail_only() {
    let unit = blocks("ini")[0];
    let prevented: Vec<_> = unit
        .lines()
        .filter_map(|line| line.strip_prefix("RestartPreventExitStatus="))
        .flat_map(str::split_whitespace)
        .filter(|status| !status.starts_with("SIG"))
        .collect();
    let failures: Vec<_> = README
        .lines()
        .filter_map(|line| line.strip_prefix("| ")?.split_once(" | "))
        .filter(|(code, _)| code.parse::<u8>().is_ok_and(|code| code > 0))
        .map(|(_, row)| row.split(" | ").next().unwrap())
        .filter(|name| *name != "TEMPFAIL")
        .collect();
    assert_eq!(prevented, failures);
    assert!(failures.len() > 5, "{failures:?}");
}

/// The table of exit codes says what the help says.
#[test]
fn the_exit_codes_are_those_of_the_help() {
    let help = test().arg("--help").run().unjudged().stdout;
    let (_, codes) = help
        .split_once("\nExit codes, as in sysexits(3):\n")
        .unwrap();
    let codes = codes.split("\n\n").next().unwrap();
    let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let is_row = |line: &&str| {
        let code = line
            .strip_prefix("| ")
            .and_then(|line| line.split_once(" |"));
        code.is_some_and(|(code, _)| code.parse::<u8>().is_ok())
    };
    let rows = README.lines().filter(is_row);
    let table: Vec<_> = rows.map(|row| words(&row.replace('|', " "))).collect();
    assert_eq!(words(&table.join(" ")), words(codes));
}

#[test]
fn it_names_the_rust_that_is_needed() {
    let needed = concat!("needs Rust ", env!("CARGO_PKG_RUST_VERSION"), " or later");
    assert!(README.contains(needed), "{needed}");
}
