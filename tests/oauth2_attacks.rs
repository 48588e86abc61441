//! What others, or a run that was killed, left where OAuth2 keeps tokens and locks: none of it is believed blindly, and
//! nothing holds a run up.
use crate::oauth2::{api, client, issuer, issuer_with, post};
use crate::support::{Dir, Response, Server, dir, find, need, need_root};
use std::fs;
use std::os::unix::fs::{chown, lchown, symlink};
use std::path::Path;
use std::process::Command;
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
