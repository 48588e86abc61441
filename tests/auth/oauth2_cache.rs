//! The cache of access tokens, the lock for fetching one, new refresh tokens, and the second token after a 401.
use crate::auth::oauth2::{api, client, issued, issuer, issuer_with, post, post_without_cache};
use crate::support::{Dir, Response, Runner, Server, Unreachable, binary, dir, find, need, test};
use std::fs::{self, File, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::sync::mpsc;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

const OK: &str = "HTTP/1.1 200 OK\n";
const CACHE: &str = r#","cache":"cache""#;
const REFRESH: &str =
    r#","cache":"cache","grant":"refresh_token","refresh_token_file":"tokens/refresh""#;

fn mode(dir: &Dir, name: &str) -> u32 {
    fs::metadata(dir.join(name)).unwrap().permissions().mode() & 0o7777
}

/// The file of the only token in the cache.
fn entry(dir: &Dir) -> String {
    let mut files = dir.list();
    files.retain(|name| name.starts_with("cache/") && name.ends_with(".json"));
    assert_eq!(files.len(), 1, "{files:?}");
    files.remove(0)
}

/// A run that the API takes, with the `n`th token.
#[track_caller]
fn accepted(run: Runner, n: usize) {
    run.run()
        .stdout(format!("\"Bearer t0ken-{n}\""))
        .stderr(OK)
        .code(0);
}

#[test]
fn a_token_serves_many_runs() {
    let (issuer, api, dir) = (issuer(), api(), dir());
    for _ in 0..3 {
        accepted(post(&api, client(&issuer, CACHE)).in_dir(&dir), 1);
    }
    assert_eq!((issuer.count(), api.count()), (1, 3));
    assert_eq!(mode(&dir, "cache"), 0o700);
    let files = dir.list();
    let [json, lock, config] = &files[..] else {
        panic!("{files:?}");
    };
    assert_eq!((mode(&dir, json), mode(&dir, lock)), (0o600, 0o600));
    assert_eq!(config, "oauth2.json");
    let name = json.strip_prefix("cache/oauth2-").unwrap();
    let (hash, end) = name.split_at(16);
    assert!(
        hash.bytes().all(|b| b.is_ascii_hexdigit()) && end == ".json",
        "{name}"
    );
    assert!(dir.read(json).contains("t0ken-1"));
    assert!(!dir.read(json).contains("s3cret"));
}

/// A run that the API takes, with a token that is not kept; the user is told, for cron may not set HOME.
#[track_caller]
fn without_a_place(run: Runner) {
    run.run()
        .stdout("\"Bearer t0ken-1\"")
        .stderr(format!("authpost: there is no place to keep the access token (HOME is not set), so every run asks for a new one; 'cache' in 'oauth2.json' names one\n{OK}"))
        .code(0);
}

#[test]
fn the_cache_is_where_custom_has_it() {
    for (env, place) in [
        (
            &[
                ("CACHE_DIRECTORY", "a:b"),
                ("XDG_CACHE_HOME", "x"),
                ("HOME", "h"),
            ][..],
            Some("a"),
        ),
        (
            &[("XDG_CACHE_HOME", "x"), ("HOME", "h")],
            Some("x/authpost"),
        ),
        (
            &[("XDG_CACHE_HOME", ""), ("HOME", "h")],
            Some("h/.cache/authpost"),
        ),
        (&[("HOME", "h")], Some("h/.cache/authpost")),
        (&[], None),
    ] {
        let (issuer, api) = (issuer(), api());
        let mut run = post_without_cache(&api, client(&issuer, ""));
        let dir = run.dir();
        for (name, list) in env {
            let full = |part| dir.join(part).display().to_string();
            let list: Vec<_> = list
                .split(':')
                .filter(|p| !p.is_empty())
                .map(full)
                .collect();
            run = run.env(name, list.join(":"));
        }
        match place {
            Some(_) => accepted(run, 1),
            None => without_a_place(run),
        }
        let found: Vec<_> = dir
            .list()
            .iter()
            .filter(|name| name.contains("oauth2-") && name.ends_with(".json"))
            .map(|name| name.rsplit_once('/').unwrap().0.to_owned())
            .collect();
        assert_eq!(found, Vec::from_iter(place), "{env:?}");
    }
    // The specification says that a relative one is to be ignored.
    let (issuer, api) = (issuer(), api());
    let run = post_without_cache(&api, client(&issuer, "")).env("XDG_CACHE_HOME", "x");
    let dir = run.dir();
    without_a_place(run);
    assert_eq!(dir.list(), ["oauth2.json"]);
}

/// What is in the cache is as old as we say, by turning back the time in it.
#[test]
fn a_token_is_used_until_30_seconds_before_its_end() {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .as_secs();
    for (obtained, requests) in [
        (now, 1),
        (now - 3600 + 40, 1),
        (now - 3600 + 30, 2),
        (now - 3600, 2),
        (0, 2),
        // The clock was set back: nobody knows how old it is.
        (now + 60, 2),
        (u64::MAX, 2),
    ] {
        let (issuer, api, dir) = (issuer(), api(), dir());
        accepted(post(&api, client(&issuer, CACHE)).in_dir(&dir), 1);
        make_older(&dir, obtained);
        accepted(post(&api, client(&issuer, CACHE)).in_dir(&dir), requests);
        assert_eq!(issuer.count(), requests, "obtained {obtained}, now {now}");
    }
}

fn nothing_is_cached(dir: &Dir) {
    let files = dir.list();
    let is_entry = |name: &String| name.ends_with(".json") && name.contains('/');
    assert!(!files.iter().any(is_entry), "{files:?}");
}

/// Says in the cache that its token was obtained then.
fn make_older(dir: &Dir, obtained: u64) {
    let (file, text) = (entry(dir), dir.read(entry(dir)));
    let (start, rest) = text.split_once("\"obtained\":").unwrap();
    let rest = rest.trim_start_matches(|c: char| c.is_ascii_digit());
    dir.write(file, format!("{start}\"obtained\":{obtained}{rest}"), 0o600);
}

#[test]
fn a_token_that_ends_soon_is_not_kept() {
    for members in [
        "\"expires_in\":30",
        "\"expires_in\":0",
        "\"expires_in\":30.9",
        "\"expires_in\":\"0.5\"",
        "\"expires_in\":-5",
        "\"expires_in\":\"-5\"",
    ] {
        let issuer = issuer_with(move |_, n| Response::json(200, issued(n, members)));
        let (api, dir) = (api(), dir());
        accepted(post(&api, client(&issuer, CACHE)).in_dir(&dir), 1);
        accepted(post(&api, client(&issuer, CACHE)).in_dir(&dir), 2);
        nothing_is_cached(&dir);
    }
}

/// Some endpoints write the number as a string, or with a fraction.
#[test]
fn a_lifetime_in_quotes_or_with_a_fraction_is_one() {
    for lifetime in ["\"3600\"", "3599.97", "\"3599.97\"", "3.6e3", "1e300"] {
        let members = format!("\"expires_in\":{lifetime}");
        let issuer = issuer_with(move |_, n| Response::json(200, issued(n, &members)));
        let (api, dir) = (api(), dir());
        for _ in 0..2 {
            accepted(post(&api, client(&issuer, CACHE)).in_dir(&dir), 1);
        }
    }
}

#[test]
fn a_token_without_a_lifetime_is_kept_for_a_minute() {
    for members in [
        "\"scope\":\"s\"",
        "\"expires_in\":null",
        "\"expires_in\":\"soon\"",
    ] {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        for (age, n) in [(0, 1), (50, 1), (60, 2)] {
            let issuer = issuer_with(move |_, n| Response::json(200, issued(n, members)));
            let (api, dir) = (api(), dir());
            accepted(post(&api, client(&issuer, CACHE)).in_dir(&dir), 1);
            make_older(&dir, now.as_secs() - age);
            accepted(post(&api, client(&issuer, CACHE)).in_dir(&dir), n);
        }
    }
    let (requests, _) = twenty(CACHE, |n| issued(n, "\"scope\":\"s\""));
    assert_eq!(requests, 1);
    // Or until the API refuses it.
    let issuer = issuer_with(|_, n| Response::json(200, issued(n, "\"scope\":\"s\"")));
    let dir = dir();
    accepted(post(&api(), client(&issuer, CACHE)).in_dir(&dir), 1);
    let (api, _) = api_that_takes(2);
    for _ in 0..2 {
        let run = post(&api, client(&issuer, CACHE)).in_dir(&dir);
        run.run().stdout("1").stderr(OK).code(0);
    }
    assert_eq!((issuer.count(), api.count()), (2, 3));
}

/// Within a run as well: the second try comes after the end of the first token.
#[test]
fn a_token_that_ends_between_two_tries_is_replaced() {
    let issuer = issuer_with(|_, n| Response::json(200, issued(n, "\"expires_in\":1")));
    let api = Server::handler(|request| match request.header("Authorization") {
        Some("Bearer t0ken-1") => Response::json(503, "{}").header("Retry-After", "1"),
        _ => Response::json(200, "1"),
    });
    post(&api, client(&issuer, ""))
        .run()
        .stdout("1")
        .stderr(OK)
        .code(0);
    assert_eq!((issuer.count(), api.count()), (2, 2));
}

#[test]
fn a_grant_is_known_by_all_that_makes_it() {
    let (issuer, api, dir) = (issuer(), api(), dir());
    let url = issuer.url("/token");
    let other_url = issuer.url("/token?tenant=2");
    let file = |url: &str, id: &str, secret: &str, more: &str| {
        format!(
            r#"{{"token_url":"{url}","client_id":"{id}","client_secret":"{secret}","cache":"cache"{more}}}"#
        )
    };
    let files = [
        file(url, "a", "s", ""),
        file(other_url, "a", "s", ""),
        file(url, "b", "s", ""),
        file(url, "a", "s", r#","scope":"x""#),
        file(url, "a", "s", r#","scope":"y""#),
        file(url, "a", "s", r#","audience":"x""#),
    ];
    for round in 0..2 {
        for (n, file) in files.iter().enumerate() {
            accepted(post(&api, file.as_str()).in_dir(&dir), n + 1);
        }
        assert_eq!(issuer.count(), files.len(), "round {round}");
    }
    // A new secret is put to the test; the method is not part of the grant.
    accepted(post(&api, file(url, "a", "new", "")).in_dir(&dir), 7);
    let body = file(url, "a", "new", r#","auth_method":"body""#);
    accepted(post(&api, body).in_dir(&dir), 7);
    // What nobody has vouched for is not for runs that ask who is there.
    let insecure = post(&api, file(url, "b", "s", ""))
        .arg("--insecure")
        .in_dir(&dir);
    insecure
        .run()
        .stdout("\"Bearer t0ken-8\"")
        .stderr("authpost: no certificate is checked (--insecure): anyone on the network path can read the token\nHTTP/1.1 200 OK\n")
        .code(0);
    accepted(post(&api, file(url, "b", "s", "")).in_dir(&dir), 3);
}

#[test]
fn a_damaged_cache_is_as_good_as_none() {
    for damage in ["", "{", "null", "[]", "{}", "\0\0\0"] {
        let (issuer, api, dir) = (issuer(), api(), dir());
        accepted(post(&api, client(&issuer, CACHE)).in_dir(&dir), 1);
        let file = entry(&dir);
        dir.write(&file, damage, 0o600);
        accepted(post(&api, client(&issuer, CACHE)).in_dir(&dir), 2);
        accepted(post(&api, client(&issuer, CACHE)).in_dir(&dir), 2);
        // Cut off anywhere, as by a disk that lost its end.
        let whole = dir.read(&file);
        let half = &whole[..whole.len() / 2];
        dir.write(&file, half, 0o600);
        accepted(post(&api, client(&issuer, CACHE)).in_dir(&dir), 3);
    }
}

#[test]
fn a_cache_that_cannot_be_written_is_told_and_done_without() {
    let (issuer, api) = (issuer(), api());
    let run = || post(&api, client(&issuer, CACHE)).file("cache", "in the way");
    run()
        .run()
        .stdout("\"Bearer t0ken-1\"")
        .stderr("authpost: the access token cannot be kept in 'cache' (File exists), so every run asks for a new one; 'cache' in 'oauth2.json' names another place\nHTTP/1.1 200 OK\n")
        .code(0);
    run().arg("-q").run().code(0);
    // A disk without room: no file may grow, and the signal that would tell so is ignored.
    let full = "trap '' XFSZ; ulimit -f 0; exec \"$@\"";
    let run = post(&api, client(&issuer, CACHE)).shell(full);
    let dir = run.dir();
    run.run()
        .stdout("\"Bearer t0ken-3\"")
        .stderr_like("authpost: the access token cannot be kept in 'cache/oauth2-*.json' (File too large), so every run asks for a new one; 'cache' in 'oauth2.json' names another place\nHTTP/1.1 200 OK\n")
        .code(0);
    let left = dir.list();
    assert!(left.iter().all(|name| !name.contains(".json.")), "{left:?}");
}

#[test]
fn a_cache_that_others_can_write_is_not_believed() {
    let (issuer, api, dir) = (issuer(), api(), dir());
    accepted(post(&api, client(&issuer, CACHE)).in_dir(&dir), 1);
    fs::set_permissions(dir.join("cache"), Permissions::from_mode(0o770)).unwrap();
    post(&api, client(&issuer, CACHE))
        .in_dir(&dir)
        .run()
        .stdout("\"Bearer t0ken-2\"")
        .stderr("authpost: the access token cannot be kept in 'cache' (its group or everybody may write to it), so every run asks for a new one; inspect it, then: chmod 700 'cache'\nHTTP/1.1 200 OK\n")
        .code(0);
    fs::set_permissions(dir.join("cache"), Permissions::from_mode(0o755)).unwrap();
    accepted(post(&api, client(&issuer, CACHE)).in_dir(&dir), 1);
}

/// Whether a process has a lock file open: it is past its first look into the cache, or about to take that.
fn stands_in_line(pid: i32) -> bool {
    let Ok(open) = fs::read_dir(format!("/proc/{pid}/fd")) else {
        return false;
    };
    open.flatten()
        .filter_map(|fd| fs::read_link(fd.path()).ok())
        .any(|file| file.extension().is_some_and(|end| end == "lock"))
}

/// Starts twenty runs, and lets the endpoint answer the first of them when all stand in line. How many it asked.
fn twenty(members: &str, answer: impl Fn(usize) -> String + Send + Sync + 'static) -> (usize, Dir) {
    let (release, released) = mpsc::channel();
    let released = Mutex::new(released);
    let issuer = issuer_with(move |_, n| {
        if n == 1 {
            released.lock().unwrap().recv().unwrap();
        }
        Response::json(200, answer(n))
    });
    let (api, dir) = (api(), dir());
    dir.write("tokens/refresh", "r3fresh-0", 0o600);
    dir.write("oauth2.json", client(&issuer, members), 0o600);
    let args = ["--oauth2-file", "oauth2.json", api.url("/")];
    let runs: Vec<_> = (0..20)
        .map(|_| test().args(args).in_dir(&dir).spawn())
        .collect();
    let deadline = Instant::now() + Duration::from_secs(20);
    while Instant::now() < deadline && !runs.iter().all(|run| stands_in_line(run.pid())) {
        thread::sleep(Duration::from_millis(1));
    }
    release.send(()).unwrap();
    for run in runs {
        run.wait()
            .stdout("\"Bearer t0ken-1\"")
            .stderr(OK)
            .within(0.0, 10.0)
            .code(0);
    }
    assert_eq!(api.count(), 20);
    (issuer.count(), dir)
}

#[test]
fn twenty_runs_make_one_token_request() {
    let (requests, _) = twenty(CACHE, |n| issued(n, "\"expires_in\":3600"));
    assert_eq!(requests, 1);
}

#[test]
fn twenty_runs_use_a_refresh_token_once() {
    let members = "\"expires_in\":3600,\"refresh_token\":\"r3fresh-1\"";
    let (requests, dir) = twenty(REFRESH, move |n| issued(n, members));
    assert_eq!(requests, 1);
    assert_eq!(dir.read("tokens/refresh"), "r3fresh-1\n");
}

#[test]
fn waiting_for_another_run_draws_from_the_budget() {
    let (issuer, dir) = (issuer(), dir());
    let api = api();
    accepted(post(&api, client(&issuer, CACHE)).in_dir(&dir), 1);
    let file = entry(&dir);
    fs::remove_file(dir.join(&file)).unwrap();
    let lock = File::open(dir.join(file.replace(".json", ".lock"))).unwrap();
    lock.lock().unwrap();
    post(&api, client(&issuer, CACHE))
        .in_dir(&dir)
        .args(["--timeout", "300ms"])
        .run()
        .stderr_like(
            "authpost: fetching a token from http://127.0.0.1:PORT/token: another run is still at it*\n\
             hint: try later, it is safe: the document was not sent\n",
        )
        .within(0.3, 0.8)
        .code(75);
    // The lock of a run that is gone holds nobody up.
    drop(lock);
    accepted(post(&api, client(&issuer, CACHE)).in_dir(&dir), 2);
}

/// Two configurations with caches of their own meet at the refresh token that they share.
#[test]
fn runs_that_share_a_refresh_token_take_turns() {
    let (issuer, dir) = (issuer(), dir());
    dir.write("tokens/refresh", "r3fresh", 0o600);
    std::os::unix::fs::symlink("refresh", dir.join("tokens/alias")).unwrap();
    let lock = File::create(dir.join("tokens/refresh.lock")).unwrap();
    lock.lock().unwrap();
    let members = r#","cache":"other","grant":"refresh_token","refresh_token_file":"tokens/alias""#;
    post(&Server::never(), client(&issuer, members))
        .in_dir(&dir)
        .args(["--timeout", "300ms"])
        .run()
        .stderr_like("authpost: fetching a token from *: another run is still at it*\nhint: *\n")
        .code(75);
    assert_eq!(issuer.count(), 0);
}

#[test]
fn a_new_refresh_token_is_on_disk_before_the_access_token_is_used() {
    let issuer = issuer_with(|_, n| {
        let members = format!("\"expires_in\":31,\"refresh_token\":\"r3fresh-{n}\"");
        Response::json(200, issued(n, &members))
    });
    let dir = dir();
    dir.write("tokens/refresh", "r3fresh-0", 0o640);
    let file = dir.join("tokens/refresh");
    let seen = file.clone();
    let api = Server::handler(move |_| {
        let stored = fs::read_to_string(&seen).unwrap();
        Response::json(200, format!("{stored:?}"))
    });
    for n in 1..=3 {
        post(&api, client(&issuer, REFRESH))
            .in_dir(&dir)
            .run()
            .stdout(format!("\"r3fresh-{n}\\n\""))
            .stderr(OK)
            .code(0);
        // Not a token that ends in a second: the next run is to ask again.
        let _ = fs::remove_file(dir.join(entry(&dir)));
    }
    let sent: Vec<_> = issuer
        .requests()
        .iter()
        .map(|r| r.text().to_owned())
        .collect();
    let asked = |n| format!("grant_type=refresh_token&refresh_token=r3fresh-{n}");
    assert_eq!(sent, [asked(0), asked(1), asked(2)]);
    assert_eq!(mode(&dir, "tokens/refresh"), 0o640);
    assert_eq!(mode(&dir, "tokens/refresh.lock"), 0o600);
    let files = dir.list();
    assert!(
        !files
            .iter()
            .any(|name| name.contains("probe") || name.contains("/.")),
        "{files:?}"
    );
}

/// What a power cut leaves is decided by the order of system calls: written, synced, renamed, the directory synced, and
/// only then a connection to the API.
#[test]
fn a_new_refresh_token_is_synced_before_the_api_is_reached() {
    if !need("strace") {
        return;
    }
    let issuer = issuer_with(|_, n| {
        Response::json(
            200,
            issued(n, "\"expires_in\":3600,\"refresh_token\":\"r3fresh-1\""),
        )
    });
    let api = api();
    let run = Runner::program(find("strace").unwrap())
        .args([
            "-y",
            "-e",
            "trace=connect,fsync,rename,renameat,renameat2",
            "-o",
            "trace",
        ])
        .arg(binary())
        .args(["--oauth2-file", "oauth2.json", api.url("/data")])
        .file("oauth2.json", client(&issuer, REFRESH))
        .file("tokens/refresh", "r3fresh-0");
    let dir = run.dir();
    accepted(run, 1);
    let trace = dir.read("trace");
    let base = dir.path().display().to_string();
    let steps: Vec<_> = trace
        .lines()
        .filter_map(|line| match line {
            line if line.contains(&format!("htons({})", issuer.port())) => Some("ask"),
            line if line.contains(&format!("htons({})", api.port())) => Some("post"),
            line if line.starts_with("rename") && line.contains("tokens/refresh\")") => {
                Some("rename")
            }
            line if line.starts_with("rename") && line.contains("probe") => Some("probe"),
            line if line.starts_with("fsync") && line.contains(&format!("{base}/tokens>")) => {
                Some("sync dir")
            }
            line if line.starts_with("fsync") && line.contains("tokens/.refresh") => {
                Some("sync file")
            }
            _ => None,
        })
        .collect();
    assert_eq!(
        steps,
        [
            "sync file",
            "probe",
            "sync dir",
            "ask",
            "sync file",
            "rename",
            "sync dir",
            "post"
        ],
        "{trace}"
    );
}

#[test]
fn a_symbolic_link_to_the_refresh_token_stays_one() {
    let issuer = issuer_with(|_, n| {
        Response::json(
            200,
            issued(n, "\"expires_in\":3600,\"refresh_token\":\"r3fresh-1\""),
        )
    });
    let (api, dir) = (api(), dir());
    dir.write("real/refresh", "r3fresh-0", 0o600);
    fs::create_dir(dir.join("tokens")).unwrap();
    std::os::unix::fs::symlink("../real/refresh", dir.join("tokens/refresh")).unwrap();
    accepted(post(&api, client(&issuer, REFRESH)).in_dir(&dir), 1);
    assert_eq!(dir.read("real/refresh"), "r3fresh-1\n");
    assert!(
        fs::symlink_metadata(dir.join("tokens/refresh"))
            .unwrap()
            .is_symlink()
    );
    // It is the new one that the access token in the cache belongs to.
    accepted(post(&api, client(&issuer, REFRESH)).in_dir(&dir), 1);
    assert_eq!(issuer.count(), 1);
}

#[test]
fn a_refresh_token_that_stays_is_left_alone() {
    for members in ["\"expires_in\":0", "\"refresh_token\":\"r3fresh\""] {
        let issuer = issuer_with(move |_, n| Response::json(200, issued(n, members)));
        let (api, dir) = (api(), dir());
        dir.write("tokens/refresh", "r3fresh", 0o400);
        let before = fs::metadata(dir.join("tokens/refresh")).unwrap().ino();
        accepted(post(&api, client(&issuer, REFRESH)).in_dir(&dir), 1);
        let after = fs::metadata(dir.join("tokens/refresh")).unwrap().ino();
        assert_eq!(
            (before, dir.read("tokens/refresh")),
            (after, "r3fresh".into())
        );
    }
}

/// Another refresh token may stand for another person.
#[test]
fn a_refresh_token_put_there_by_hand_is_used_at_once() {
    let (issuer, api, dir) = (issuer(), api(), dir());
    for n in 1..=2 {
        dir.write("tokens/refresh", format!("r3fresh-{n}"), 0o600);
        accepted(post(&api, client(&issuer, REFRESH)).in_dir(&dir), n);
        accepted(post(&api, client(&issuer, REFRESH)).in_dir(&dir), n);
    }
    assert_eq!(issuer.count(), 2);
}

#[test]
fn a_refresh_token_is_not_spent_on_a_full_disk() {
    let issuer = Server::never();
    let full = "trap '' XFSZ; ulimit -f 0; exec \"$@\"";
    let run = post(&Server::never(), client(&issuer, REFRESH))
        .file("tokens/refresh", "r3fresh")
        .shell(full);
    let dir = run.dir();
    run.run()
        .stderr(
            "authpost: making room for the next refresh token beside 'DIR/tokens/refresh': File too large\n\
             hint: make room on that disk; the refresh token in the file has not been used\n",
        )
        .code(73);
    assert_eq!(dir.read("tokens/refresh"), "r3fresh");
}

/// The disk breaks in the very moment: the access token is worth nothing without the refresh token that came with it.
#[test]
fn a_refresh_token_that_cannot_be_kept_ends_the_run() {
    let dir = dir();
    dir.write("tokens/refresh", "r3fresh", 0o600);
    let tokens = dir.join("tokens");
    let issuer = issuer_with(move |_, n| {
        fs::remove_dir_all(&tokens).unwrap();
        Response::json(200, issued(n, "\"refresh_token\":\"r3fresh-1\""))
    });
    post(&Server::never(), client(&issuer, REFRESH))
        .in_dir(&dir)
        .run()
        .stderr(
            "authpost: keeping the new refresh token in 'DIR/tokens/refresh': No such file or directory\n\
             hint: let this user write in that directory; the old refresh token is used up, so authorize anew and put the new one there\n",
        )
        .code(73);
}

/// An API that takes only the `n`th token, and says which keys it was sent.
fn api_that_takes(n: usize) -> (Server, Arc<Mutex<Vec<String>>>) {
    let keys = Arc::<Mutex<Vec<String>>>::default();
    let seen = keys.clone();
    let wanted = format!("Bearer t0ken-{n}");
    let api = Server::handler(move |request| {
        let key = request.header("Idempotency-Key").unwrap();
        seen.lock().unwrap().push(key.to_owned());
        match request.header("Authorization") == Some(&wanted) {
            true => Response::json(200, "1"),
            false => Response::json(401, "{}"),
        }
    });
    (api, keys)
}

#[test]
fn a_token_that_the_api_refuses_is_replaced_once() {
    let (issuer, dir) = (issuer(), dir());
    let (api, keys) = api_that_takes(2);
    let run = || post(&api, client(&issuer, CACHE)).in_dir(&dir);
    run().run().stdout("1").stderr(OK).code(0);
    assert_eq!(issuer.count(), 2);
    {
        let keys = keys.lock().unwrap();
        assert_eq!(keys.len(), 2);
        assert_eq!(keys[0], keys[1], "one document, one key");
    }
    // The one that was refused is not served again.
    run().run().stdout("1").stderr(OK).code(0);
    assert_eq!((issuer.count(), api.count()), (2, 3));

    let (refusing, _) = api_that_takes(99);
    post(&refusing, client(&issuer, CACHE))
        .in_dir(&dir)
        .args(["-v", "-q"])
        .run()
        .stderr_like(
            "> POST http://127.0.0.1:PORT3/data\n**\
             authpost: attempt 1: the API answered 401 Unauthorized; retrying with a new token\n**\
             authpost: the API answered 401 Unauthorized\n\
             hint: the API refuses a token that was just fetched: *\n**",
        )
        .code(77);
    assert_eq!((issuer.count(), refusing.count()), (3, 2));
}

/// Another run was quicker: its token is in the cache, and there is no need for a third.
#[test]
fn a_token_that_another_run_has_replaced_is_taken_from_the_cache() {
    let (issuer, dir) = (issuer(), dir());
    let taken = api_that_takes(2).0;
    accepted(post(&api(), client(&issuer, CACHE)).in_dir(&dir), 1);
    let old = dir.read(entry(&dir));
    post(&taken, client(&issuer, CACHE))
        .in_dir(&dir)
        .run()
        .stdout("1")
        .stderr(OK)
        .code(0);
    let (file, new) = (entry(&dir), dir.read(entry(&dir)));
    dir.write(&file, old, 0o600);
    let (place, text) = (dir.join(&file), new);
    let api = Server::handler(move |request| match request.header("Authorization") {
        Some("Bearer t0ken-2") => Response::json(200, "1"),
        _ => {
            fs::write(&place, &text).unwrap();
            Response::json(401, "{}")
        }
    });
    post(&api, client(&issuer, CACHE))
        .in_dir(&dir)
        .run()
        .stdout("1")
        .stderr(OK)
        .code(0);
    assert_eq!((issuer.count(), api.count()), (2, 2));
}

#[test]
fn a_refused_token_does_not_stay_when_there_is_no_other() {
    let issuer = issuer_with(|_, n| match n {
        1 => Response::json(200, issued(n, "\"expires_in\":3600")),
        _ => Response::json(400, r#"{"error":"invalid_client"}"#),
    });
    let dir = dir();
    let (api, _) = api_that_takes(99);
    post(&api, client(&issuer, CACHE))
        .in_dir(&dir)
        .run()
        .stdout("{}")
        .stderr(
            "HTTP/1.1 401 Unauthorized\n\
             authpost: the API answered 401 Unauthorized; no new token: fetching a token from http://127.0.0.1:PORT/token: it answered 400 Bad Request: invalid_client\n\
             hint: check 'client_id' and the client's secret in 'oauth2.json'; some endpoints want 'auth_method' body\n  {}\n",
        )
        .code(77);
    assert_eq!((issuer.count(), api.count()), (2, 1));
    nothing_is_cached(&dir);
}

/// All that fails, looked through for what nobody may see.
#[test]
fn secrets_are_not_told() {
    let nowhere = Unreachable::refusing();
    let answer = |status, body: &'static str| issuer_with(move |_, _| Response::json(status, body));
    let issuers = [
        answer(400, r#"{"error":"r3fresh"}"#),
        answer(400, r#"{"error":"x","error_description":"for s3cret"}"#),
        answer(500, r#"{"error":"s3cret"}"#),
        answer(200, r#"{"access_token":"t0ken\n"}"#),
        answer(200, r#"{"access_token":"t0ken","token_type":"s3cret"}"#),
        issuer_with(|_, _| Response::new(302, "").header("Location", "/s3cret?r3fresh")),
        answer(
            200,
            r#"{"access_token":"t0ken","refresh_token":"r3fresh-2","expires_in":99}"#,
        ),
        answer(200, r#"{"access_token":"t0ken""#),
    ];
    let (refusing, _) = api_that_takes(99);
    let mut files: Vec<_> = issuers
        .iter()
        .map(|issuer| client(issuer, REFRESH))
        .collect();
    let url = nowhere.url("/token");
    files.push(format!(
        r#"{{"token_url":"{url}","client_id":"c","client_secret":"s3cret"}}"#
    ));
    files.push(
        r#"{"token_url":"https://login.test/","client_id":"s","client_secret":["s3cret"]}"#.into(),
    );
    files.push(r#"{"client_secret":"s3cret","#.into());
    for file in files {
        let run = post(&refusing, file.as_str())
            .file("tokens/refresh", "r3fresh")
            .args(["-v", "--tries", "2", "--wait", "0", "--report"]);
        let dir = run.dir();
        let told = run.run().unjudged();
        let said = format!("{}{}{:?}", told.stdout, told.stderr, dir.list());
        assert_ne!(told.code, Some(0), "{said}");
        for secret in ["s3cret", "r3fresh", "t0ken", "Y2wxZW50OnMzY3JldA"] {
            assert!(
                !said.contains(secret),
                "{secret} of {file} is told:\n{said}"
            );
        }
        for name in dir.list().iter().filter(|name| name.starts_with("cache/")) {
            let kept = dir.read(name);
            assert!(
                !kept.contains("s3cret") && !kept.contains("r3fresh"),
                "{kept}"
            );
        }
    }
}

/// A person's own shell has HOME, and cron has it too: the usual case, from an empty environment.
#[test]
fn nothing_is_needed_but_the_file() {
    let (issuer, api) = (issuer(), api());
    let file = client(&issuer, "");
    let run = test().file("oauth2.json", file);
    let home = run.dir();
    let args = ["--oauth2-file", "oauth2.json", api.url("/"), "a=b"];
    let run = run.env("HOME", home.path()).args(args);
    accepted(run, 1);
    assert_eq!(mode(&home, ".cache"), 0o700);
    assert_eq!(mode(&home, ".cache/authpost"), 0o700);
}
