//! What others, or a run that was killed, left where OAuth2 keeps tokens and locks: none of it is believed blindly, and
//! nothing holds a run up.
use crate::auth::oauth2::{api, client, issued, issuer, issuer_with, post};
use crate::support::{Dir, Response, Runner, Server, binary, dir, find, need, need_root};
use std::fs::{self, File};
use std::os::unix::fs::{MetadataExt, chown, lchown, symlink};
use std::path::Path;
use std::process::Command;
use std::sync::Mutex;
use std::time::Duration;

const OK: &str = "HTTP/1.1 200 OK\n";
const CACHE: &str = r#","cache":"cache""#;
const REFRESH: &str =
    r#","cache":"cache","grant":"refresh_token","refresh_token_file":"tokens/refresh""#;
const NOBODY: u32 = 65534;

fn fifo(path: impl AsRef<Path>) {
    let made = Command::new(find("mkfifo").unwrap())
        .arg(path.as_ref())
        .status();
    assert!(made.unwrap().success());
}

/// The file in the cache whose name ends so.
fn cached(dir: &Dir, end: &str) -> std::path::PathBuf {
    let mut files = dir.list();
    files.retain(|name| name.starts_with("cache/") && name.ends_with(end));
    assert_eq!(files.len(), 1, "{files:?}");
    dir.join(&files[0])
}

/// Runs, gets the `n`th token, and says this about the cache.
#[track_caller]
fn told(api: &Server, issuer: &Server, dir: &Dir, n: usize, about: &str) {
    let note = match about {
        "" => String::new(),
        _ => format!("authpost: the access token cannot be kept in {about}\n"),
    };
    post(api, client(issuer, CACHE))
        .in_dir(dir)
        .watchdog(Duration::from_secs(10))
        .run()
        .stdout(format!("\"Bearer t0ken-{n}\""))
        .stderr(format!("{note}{OK}"))
        .code(0);
}

/// Somebody was quicker in a place that all may write to, and made the directory with a token of theirs in it, and a
/// lock that would hang whoever opens it.
#[test]
fn a_cache_that_another_user_made_is_not_used() {
    if !need_root() || !need("mkfifo") {
        return;
    }
    let (issuer, api, dir) = (issuer(), api(), dir());
    told(&api, &issuer, &dir, 1, "");
    let (entry, lock) = (cached(&dir, ".json"), cached(&dir, ".lock"));
    let planted = fs::read_to_string(&entry).unwrap();
    fs::write(&entry, planted.replace("t0ken-1", "evil")).unwrap();
    fs::remove_file(&lock).unwrap();
    fifo(&lock);
    for file in [&dir.join("cache"), &entry, &lock] {
        chown(file, Some(NOBODY), None).unwrap();
    }
    let why = "'cache' (it belongs to another user), so every run asks for a new one; \
               run authpost as that user, or name another directory";
    told(&api, &issuer, &dir, 2, why);
    assert!(fs::read_to_string(&entry).unwrap().contains("evil"));

    // A link of theirs to a directory of ours; but one of root's is systemd's way (DynamicUser).
    fs::rename(dir.join("cache"), dir.join("theirs")).unwrap();
    symlink("ours", dir.join("cache")).unwrap();
    fs::create_dir(dir.join("ours")).unwrap();
    fs::set_permissions(
        dir.join("ours"),
        std::os::unix::fs::PermissionsExt::from_mode(0o700),
    )
    .unwrap();
    lchown(dir.join("cache"), Some(NOBODY), None).unwrap();
    let why = "'cache' (it is a symbolic link), so every run asks for a new one; \
               use the directory itself";
    told(&api, &issuer, &dir, 3, why);
    lchown(dir.join("cache"), Some(0), None).unwrap();
    told(&api, &issuer, &dir, 4, "");
    told(&api, &issuer, &dir, 4, "");
}

/// While everybody could write to the directory, somebody put a token there.
#[test]
fn a_token_of_another_user_is_not_used() {
    if !need_root() {
        return;
    }
    let (issuer, api, dir) = (issuer(), api(), dir());
    told(&api, &issuer, &dir, 1, "");
    chown(cached(&dir, ".json"), Some(NOBODY), None).unwrap();
    told(&api, &issuer, &dir, 2, "");
    told(&api, &issuer, &dir, 2, "");
}

#[test]
fn no_fifo_is_opened_for_a_token_or_a_lock() {
    if !need("mkfifo") {
        return;
    }
    let (issuer, api, dir) = (issuer(), api(), dir());
    told(&api, &issuer, &dir, 1, "");
    let (entry, lock) = (cached(&dir, ".json"), cached(&dir, ".lock"));
    fs::remove_file(&entry).unwrap();
    fifo(&entry);
    told(&api, &issuer, &dir, 2, "");
    told(&api, &issuer, &dir, 2, "");

    fs::remove_file(&entry).unwrap();
    fs::remove_file(&lock).unwrap();
    fifo(&lock);
    let refused = |members: &str, lock: &str| {
        post(&Server::never(), client(&issuer, members))
            .in_dir(&dir)
            .watchdog(Duration::from_secs(10))
            .run()
            .stderr(format!(
                "authpost: taking the lock '{lock}': it is not a file\n\
                 hint: find out who put it there, and remove it\n"
            ))
            .code(73);
    };
    let name = lock.file_name().unwrap().to_str().unwrap();
    refused(CACHE, &format!("cache/{name}"));
    dir.write("tokens/refresh", "r3fresh", 0o600);
    fifo(dir.join("tokens/refresh.lock"));
    refused(REFRESH, "DIR/tokens/refresh.lock");
    assert_eq!(issuer.count(), 2);
}

/// A token that was read once from a pipe could not be replaced there.
#[test]
fn a_refresh_token_is_in_a_file() {
    if !need("mkfifo") {
        return;
    }
    let (issuer, dir) = (Server::never(), dir());
    fs::create_dir(dir.join("tokens")).unwrap();
    fifo(dir.join("tokens/refresh"));
    post(&Server::never(), client(&issuer, REFRESH))
        .in_dir(&dir)
        .run()
        .stderr(
            "authpost: reading the refresh token file 'tokens/refresh': it is not a file\n\
             hint: put the refresh token into that file, readable by this user alone (chmod 600)\n",
        )
        .within(0.0, 5.0)
        .code(78);
}

/// What a token endpoint says is quoted unless it repeats a secret, in whatever form; the client's id is none.
#[test]
fn an_endpoint_that_repeats_a_secret_is_not_quoted() {
    let withheld = "what it says repeats a secret, so it is not shown here";
    for (said, is_quoted) in [
        ("no client 0b5e9c1a-reports-of-the-day", true),
        ("no secret s3cr3t-0f-the-d4y-x", false),
        ("no secret S3CR3T-0F-THE-D4Y", false),
        ("no secret 7333637233742d30662d7468652d643479", false),
        ("no header ZGF5OnMzY3IzdC0wZi10aGUtZDR5", false),
        ("no token r3fr3sh%252B%252Ft0ken", false),
    ] {
        let answer = format!(r#"{{"error":"invalid_client","error_description":"{said}"}}"#);
        let issuer = issuer_with(move |_, _| Response::json(401, answer.as_str()));
        let file = format!(
            r#"{{"token_url":"{}","client_id":"0b5e9c1a-reports-of-the-day","client_secret":"s3cr3t-0f-the-d4y"{REFRESH}}}"#,
            issuer.url("/token")
        );
        let told = match is_quoted {
            true => format!("invalid_client ({said})"),
            false => withheld.to_owned(),
        };
        post(&Server::never(), file)
            .file("tokens/refresh", "r3fr3sh+/t0ken")
            .run()
            .stderr_like(&format!(
                "authpost: fetching a token from *: it answered 401 Unauthorized: {told}\nhint: *\n"
            ))
            .code(77);
    }
}

/// An endpoint whose refresh tokens can be used once: `r3fresh-0` gives `r3fresh-1` and so on.
fn rotating() -> Server {
    let next = Mutex::new(0);
    issuer_with(move |request, _| {
        let mut next = next.lock().unwrap();
        if !request
            .text()
            .contains(&format!("refresh_token=r3fresh-{next}"))
        {
            return Response::json(400, r#"{"error":"invalid_grant"}"#);
        }
        *next += 1;
        let members = format!("\"expires_in\":3600,\"refresh_token\":\"r3fresh-{next}\"");
        Response::json(200, issued(*next, &members))
    })
}

/// The temporary files beside the refresh token and in the cache.
fn left(dir: &Dir) -> Vec<String> {
    let mut names = dir.list();
    names.retain(|name| name.contains("/.") || name.contains("probe"));
    names
}

const LEFT: &str = "tokens/.refresh.0123456789abcdef";

/// Killed before each step by which the new refresh token gets into its place.
#[test]
fn a_refresh_token_outlives_the_run_that_was_to_keep_it() {
    if !need("strace") {
        return;
    }
    for (calls, number, survivor) in [
        // Room is made first.
        ("fsync", 1, 0),
        ("rename,renameat,renameat2", 1, 0),
        ("unlink,unlinkat", 2, 0),
        ("fchmod", 2, 1),
        ("fsync", 3, 1),
        ("rename,renameat,renameat2", 2, 1),
        ("fsync", 4, 1),
        // And then the access token is kept.
        ("rename,renameat,renameat2", 3, 1),
    ] {
        let (issuer, api, dir) = (rotating(), api(), dir());
        dir.write("tokens/refresh", "r3fresh-0\n", 0o640);
        dir.write("oauth2.json", client(&issuer, REFRESH), 0o600);
        let inject = format!("inject={calls}:signal=KILL:when={number}");
        let killed = Runner::program(find("strace").unwrap())
            .args(["-o", "/dev/null", "-e", &inject])
            .arg(binary())
            .args(["--oauth2-file", "oauth2.json", api.url("/")])
            .in_dir(&dir)
            .run()
            .unjudged();
        assert_eq!(killed.code, None, "{calls} {number}: {}", killed.stderr);
        assert_eq!(
            (issuer.count(), api.count()),
            (survivor, 0),
            "{calls} {number}"
        );
        for _ in 0..2 {
            post(&api, client(&issuer, REFRESH))
                .in_dir(&dir)
                .run()
                .stdout(format!("\"Bearer t0ken-{}\"", survivor + 1))
                .stderr(OK)
                .code(0);
        }
        assert_eq!(
            dir.read("tokens/refresh"),
            format!("r3fresh-{}\n", survivor + 1)
        );
        let mode = fs::metadata(dir.join("tokens/refresh")).unwrap().mode();
        assert_eq!(mode & 0o777, 0o640, "{calls} {number}");
        assert_eq!(left(&dir), [""; 0], "{calls} {number}");
    }
}

#[test]
fn only_a_newer_and_whole_refresh_token_is_recovered() {
    let hour = Duration::from_secs(3600);
    for (content, age, used) in [
        ("r3fresh-0\n", Duration::ZERO, true),
        // Cut off, or never written.
        ("r3fresh-0", Duration::ZERO, false),
        ("", Duration::ZERO, false),
        ("r3fresh-0 \n", Duration::ZERO, false),
        // Authorized anew since.
        ("r3fresh-0\n", hour, false),
    ] {
        let (issuer, api, dir) = (rotating(), api(), dir());
        dir.write("tokens/refresh", "r3fresh-x\n", 0o600);
        dir.write(LEFT, content, 0o600);
        let left_over = File::options().write(true).open(dir.join(LEFT)).unwrap();
        let then = fs::metadata(dir.join("tokens/refresh")).unwrap();
        left_over
            .set_modified(then.modified().unwrap() - age)
            .unwrap();
        let run = post(&api, client(&issuer, REFRESH)).in_dir(&dir).run();
        match used {
            true => run.stdout("\"Bearer t0ken-1\"").stderr(OK).code(0),
            false => run
                .stderr_like("authpost: *: invalid_grant\nhint: *\n")
                .code(77),
        };
        let now = dir.read("tokens/refresh");
        assert_eq!(now, if used { "r3fresh-1\n" } else { "r3fresh-x\n" });
        assert_eq!(left(&dir), [""; 0], "{content}");
    }
}

/// The newest of several, and nothing of what only looks like one.
#[test]
fn what_is_not_left_over_is_left_alone() {
    let (issuer, api, dir) = (rotating(), api(), dir());
    dir.write("tokens/refresh", "r3fresh-x\n", 0o600);
    let now = fs::metadata(dir.join("tokens/refresh"))
        .unwrap()
        .modified()
        .unwrap();
    let foreign = [
        "tokens/.refresh.0123456789abcde",
        "tokens/.refresh.0123456789abcdeg",
        "tokens/.refresh.bak",
        "tokens/.refreshes.0123456789abcdef",
    ];
    let old = "tokens/.refresh.fedcba9876543210";
    for (seconds, name) in foreign.iter().copied().chain([old, LEFT]).enumerate() {
        dir.write(
            name,
            if name == LEFT {
                "r3fresh-0\n"
            } else {
                "r3fresh-y\n"
            },
            0o600,
        );
        let file = File::options().write(true).open(dir.join(name)).unwrap();
        file.set_modified(now + Duration::from_secs(seconds as u64))
            .unwrap();
    }
    let (link, pipe) = (
        "tokens/.refresh.1111111111111111",
        "tokens/.refresh.2222222222222222",
    );
    symlink("../planted", dir.join(link)).unwrap();
    dir.write("planted", "r3fresh-y\n", 0o600);
    if need("mkfifo") {
        fifo(dir.join(pipe));
    }
    let theirs = "tokens/.refresh.3333333333333333";
    if need_root() {
        dir.write(theirs, "r3fresh-y\n", 0o600);
        chown(dir.join(theirs), Some(NOBODY), None).unwrap();
    }
    post(&api, client(&issuer, REFRESH))
        .in_dir(&dir)
        .run()
        .stdout("\"Bearer t0ken-1\"")
        .stderr(OK)
        .code(0);
    assert_eq!(dir.read("tokens/refresh"), "r3fresh-1\n");
    let there = |name: &str| fs::symlink_metadata(dir.join(name)).is_ok();
    assert!(
        foreign.into_iter().chain([link]).all(there),
        "{:?}",
        left(&dir)
    );
    assert!(!there(old) && !there(LEFT), "{:?}", left(&dir));
}

/// The file of a run that is at it must not be taken from it, nor removed.
#[test]
fn what_another_run_writes_is_not_recovered() {
    let (issuer, dir) = (Server::never(), dir());
    dir.write("tokens/refresh", "r3fresh-0\n", 0o600);
    dir.write(LEFT, "r3fre", 0o600);
    let lock = File::create(dir.join("tokens/refresh.lock")).unwrap();
    lock.lock().unwrap();
    post(&Server::never(), client(&issuer, REFRESH))
        .in_dir(&dir)
        .args(["--timeout", "300ms"])
        .run()
        .stderr_like("authpost: *: another run is still at it*\nhint: *\n")
        .code(75);
    assert_eq!(dir.read(LEFT), "r3fre");
}
