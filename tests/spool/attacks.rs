//! Spools that users or attackers changed: foreign directories, links, copies, a directory that is removed during a
//! request, and messages of a killed run.
use crate::spool::messages::{authpost, call, flush, lies, names, send, waiting};
use crate::support::{
    Dir, Response, Runner, Server, Unreachable, conn, dir, need, need_root, test,
};
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::process::Command;
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

fn fifo(d: &Dir, name: &str) {
    let made = Command::new("mkfifo").arg(d.join(name)).status();
    assert!(made.unwrap().success());
}

fn mode(d: &Dir, name: &str, mode: u32) {
    fs::set_permissions(d.join(name), PermissionsExt::from_mode(mode)).unwrap();
}

/// A message whose sender was killed.
fn orphan(d: &Dir, url: &str, args: &[&str]) -> String {
    let id = waiting(d, url, args);
    fs::rename(
        d.join(format!("s/queue/{id}")),
        d.join(format!("s/active/{id}")),
    )
    .unwrap();
    id
}

#[test]
fn a_directory_that_is_no_spool_is_left_alone() {
    let d = dir();
    fs::create_dir_all(d.join("app/tmp")).unwrap();
    mode(&d, "app", 0o755);
    d.write("app/tmp/mydata.txt", "important", 0o600);
    d.write("app/lock", "", 0o600);
    let why = "authpost: using the spool 'DIR/app': it is not a spool, and not empty\n\
               hint: name a directory of its own\n";
    for args in [
        &["flush", "app"][..],
        &["list", "app"],
        &["show", "app", "1234"],
        &["retry", "app", "1234"],
        &["drop", "app", "--all"],
    ] {
        call(&d, args).stderr(why).code(66);
    }
    let url = "http://127.0.0.1:1/";
    call(&d, &["--no-auth", "--spool", "app", url])
        .stderr(why)
        .code(73);
    call(&d, &["check", "--no-auth", "--spool", "app", url])
        .stdout_like("**FAIL  using the spool 'DIR/app': it is not a spool, and not empty; **")
        .code(73);
    assert_eq!(d.read("app/tmp/mydata.txt"), "important");
    assert_eq!(fs::read_dir(d.join("app")).unwrap().count(), 2);
    if need_root() {
        call(&d, &["--no-auth", "--spool", "/", url])
            .stderr("authpost: using the spool '/': it is not a spool, and not empty\nhint: name a directory of its own\n")
            .code(73);
    }
    fs::create_dir(d.join("empty")).unwrap();
    mode(&d, "empty", 0o700);
    call(&d, &["flush", "empty"])
        .stderr("authpost: nothing is pending in the spool 'empty'\n")
        .code(0);
    assert_eq!(fs::read_dir(d.join("empty")).unwrap().count(), 0);
    mode(&d, "empty", 0o777);
    call(&d, &["flush", "empty"])
        .stderr("authpost: using the spool 'DIR/empty': its group or everybody may write to it\nhint: inspect it, then: chmod 700 'DIR/empty'\n")
        .code(73);
}

#[test]
fn a_sweep_removes_our_left_overs_only() {
    let d = dir();
    let id = waiting(&d, "http://127.0.0.1:1/", &[]);
    d.write("s/tmp/notes.txt", "mine", 0o600);
    fs::rename(
        d.join(format!("s/queue/{id}")),
        d.join(format!("s/tmp/{id}")),
    )
    .unwrap();
    flush(&d)
        .stderr("authpost: nothing is pending in the spool 'DIR/s'\n")
        .code(0);
    assert_eq!(names(&d, "tmp"), ["notes.txt"]);
}

#[test]
fn a_spool_whose_making_was_cut_short_is_made_whole() {
    let d = dir();
    for part in ["s/tmp", "s/queue"] {
        fs::create_dir_all(d.join(part)).unwrap();
        mode(&d, part, 0o700);
    }
    mode(&d, "s", 0o700);
    let id = waiting(&d, "http://127.0.0.1:1/", &[]);
    // A power cut may take the lock, which is not synced.
    fs::remove_file(d.join("s/lock")).unwrap();
    call(&d, &["drop", "-q", "s", &id]).stderr("").code(0);
}

#[test]
fn what_the_api_said_is_told_although_the_spool_is_gone() {
    let told = |status: u16, args: &[&str], flushed: bool| {
        let d = dir();
        let spool = d.join("s");
        let server = Server::handler(move |_| {
            fs::remove_dir_all(&spool).unwrap();
            match status {
                0 => Response::json(200, "{}").after(Duration::from_secs(20)),
                status => Response::json(status, "{}"),
            }
        });
        if flushed {
            waiting(&d, server.url("/"), args);
            return call(&d, &["flush", "-q", "--timeout", "300ms", "s"]);
        }
        let args = [&["--timeout", "300ms"], args].concat();
        send(&d, server.url("/"), &args)
    };
    let gone = "No such file or directory\nhint: *";
    for flushed in [false, true] {
        told(200, &["-q"], flushed)
            .stderr_like(&format!(
                "**authpost: the API accepted it, but removing '*' in the spool: {gone}then drop the message**"
            ))
            .code(73);
        told(400, &["-q"], flushed)
            .stderr_like(&format!(
                "**400 Bad Request\n**authpost: the API refused it, but moving to dead '*' in the spool: {gone}\n**"
            ))
            .code(76);
        told(0, &["-q"], flushed)
            .stderr_like(&format!(
                "**authpost: the API may have accepted it, but moving to dead '*' in the spool: {gone}before you send it again**"
            ))
            .code(74);
        told(503, &["-q"], flushed)
            .stderr_like(&format!(
                "**503 Service Unavailable**authpost: the API did not accept it, but moving to queue '*' in the spool: {gone}\n**"
            ))
            .code(73);
    }
}

#[test]
fn an_empty_or_short_id_names_nothing() {
    let d = dir();
    let id = waiting(&d, "http://127.0.0.1:1/", &[]);
    for verb in ["drop", "retry"] {
        for short in ["", &id[..3]] {
            call(&d, &[verb, "-q", "s", short])
                .stderr(format!(
                    "authpost: looking for the message '{short}': that is too short for an id\n\
                     hint: give at least 4 characters of it\n"
                ))
                .code(64);
        }
    }
    call(&d, &["show", "s", ""])
        .stderr_like("authpost: looking for the message '': that is too short for an id\n*\n")
        .code(64);
    lies(&d, 1, 0);
    call(&d, &["drop", "-q", "s", &id[..4]]).code(0);
    lies(&d, 0, 0);
}

/// Gives a waiting message these places, by links or by copies.
fn spread(d: &Dir, id: &str, places: &[&str], link: bool) {
    let at = |place: &str| d.join(format!("s/{place}/{id}"));
    for place in places.iter().filter(|place| **place != "queue") {
        match link {
            true => fs::hard_link(at("queue"), at(place)).unwrap(),
            false => drop(fs::copy(at("queue"), at(place)).unwrap()),
        }
    }
    if !places.contains(&"queue") {
        fs::remove_file(at("queue")).unwrap();
    }
}

const PAIRS: &[&[&str]] = &[
    &["queue", "active"],
    &["queue", "dead"],
    &["active", "dead"],
    &["queue", "active", "dead"],
];

const DOUBLED: &str = "it was in two places of the spool, as a power cut or a restored backup leaves it, \
                       so the API may have accepted it; dead-lettered";

#[test]
fn a_message_in_two_places_is_not_sent_unless_that_is_harmless() {
    for (places, link) in PAIRS.iter().flat_map(|it| [(it, true), (it, false)]) {
        let what = format!("{places:?}, by links: {link}");
        let d = dir();
        let seen: Arc<Mutex<Vec<String>>> = Arc::default();
        let log = seen.clone();
        let server = Server::handler(move |request| {
            let key = request.header("idempotency-key").unwrap_or("");
            log.lock()
                .unwrap()
                .push(format!("{} {key}", request.text()));
            Response::json(200, "{}")
        });
        let plain = waiting(&d, server.url("/"), &["a=1"]);
        let key = ["b=1", "--idempotent", "--idempotency-key", "own-key"];
        let harmless = waiting(&d, server.url("/"), &key);
        let other = waiting(
            &d,
            server.url("/"),
            &["c=1", "--idempotency-key", "other-key"],
        );
        spread(&d, &plain, places, link);
        spread(&d, &harmless, places, link);
        flush(&d)
            .stderr(format!(
                "authpost: {plain} to http://127.0.0.1:PORT/: {DOUBLED}\n\
                 hint: ask the API whether it has it: 'authpost drop DIR/s {plain}' removes it, \
                 'authpost retry DIR/s {plain}' sends it again\n\
                 authpost: the spool 'DIR/s': 2 delivered, 1 dead-lettered\n"
            ))
            .code(74);
        let seen = seen.lock().unwrap();
        let expected = ["{\"b\":\"1\"} own-key", "{\"c\":\"1\"} other-key"];
        assert_eq!(*seen, expected, "{what}, {other}");
        lies(&d, 0, 1);
        assert_eq!(names(&d, "dead"), [plain], "{what}");
    }
}

#[test]
fn a_message_in_two_places_is_listed_shown_retried_and_dropped_as_one() {
    for (places, link) in PAIRS.iter().flat_map(|it| [(it, true), (it, false)]) {
        let d = dir();
        let server = Server::script([conn().read().reply_json(200, "{}")]);
        let id = waiting(&d, server.url("/"), &["a=1"]);
        spread(&d, &id, places, link);
        call(&d, &["list", "s"])
            .stdout_like(&format!(
                "pending: 1\n*\n  {}  *  0      -        http://127.0.0.1:PORT/  \
                 (may have been accepted (it is in two places))\ndead-lettered: 0\n",
                &id[10..18]
            ))
            .code(0);
        call(&d, &["list", "--json", "s"])
            .stdout_like(&format!(
                "{{\"id\":\"{id}\",\"state\":\"unknown\",*,\"next\":null,*,\
                 \"error\":\"may have been accepted (it is in two places)\"}}\n"
            ))
            .code(0);
        call(&d, &["show", "s", &id[..27]])
            .stdout_like(&format!(
                "id: {id}\nstate: may have been accepted (it is in two places)\n**"
            ))
            .code(0);
        // Looking changed nothing.
        for place in *places {
            assert_eq!(names(&d, place), [id.as_str()], "{places:?}");
        }
        call(&d, &["retry", "s", &id[..27]])
            .stderr(format!(
                "authpost: {id}: {DOUBLED}\nhint: 'authpost retry DIR/s {id}' sends it again anyway\n\
                 authpost: 0 messages requeued; due at the next flush\n"
            ))
            .code(74);
        lies(&d, 0, 1);
        call(&d, &["retry", "-q", "s", &id]).code(0);
        flush(&d)
            .stderr("authpost: the spool 'DIR/s': 1 delivered\n")
            .code(0);
        lies(&d, 0, 0);

        let id = waiting(&d, server.url("/"), &["a=1", "--idempotent"]);
        spread(&d, &id, places, link);
        call(&d, &["retry", "-q", "s", &id]).code(0);
        lies(&d, 1, 0);
        spread(&d, &id, places, link);
        call(&d, &["drop", "-q", "s", &id]).code(0);
        lies(&d, 0, 0);
    }
}

#[test]
fn another_file_of_its_name_keeps_no_message_back() {
    let d = dir();
    let server = Server::handler(|_| Response::json(200, "{}"));
    let id = orphan(&d, server.url("/"), &["a=1", "--idempotent"]);
    d.write(format!("s/queue/{id}"), "half of a mess", 0o600);
    flush(&d)
        .stderr(format!(
            "authpost: dead-lettering 'DIR/s/queue/{id}': \
             another message of its name may have been accepted\n\
             authpost: the spool 'DIR/s': 1 delivered, 1 dead-lettered\n"
        ))
        .code(65);
    lies(&d, 0, 1);
}

#[test]
fn a_message_in_two_places_stays_where_it_is_while_somebody_works_on_it() {
    let d = dir();
    let server = Server::script([]);
    let id = waiting(&d, server.url("/"), &["a=1"]);
    spread(&d, &id, &["queue", "dead"], false);
    let sender = fs::File::open(d.join(format!("s/dead/{id}"))).unwrap();
    sender.lock().unwrap();
    flush(&d)
        .stderr("authpost: the spool 'DIR/s': 1 still pending\n")
        .code(0);
    lies(&d, 1, 1);
}

#[test]
fn a_message_whose_sender_was_killed_is_sent_again_knowingly() {
    let d = dir();
    let server = Server::script([conn().read().reply_json(200, "{}")]);
    let id = orphan(&d, server.url("/"), &["a=1"]);
    call(&d, &["list", "s"])
        .stdout_like(&format!(
            "pending: 1\n*\n  {}  *  0      -        http://127.0.0.1:PORT/  (may have been accepted (its sender was stopped))\n\
             dead-lettered: 0\n",
            &id[10..18]
        ))
        .code(0);
    call(&d, &["show", "s", &id])
        .stdout_like("*\nstate: may have been accepted (its sender was stopped)\n**")
        .code(0);
    call(&d, &["retry", "s", &id])
        .stderr(format!(
            "authpost: {id}: the run that sent it was stopped before the answer, so the API may have accepted it; dead-lettered\n\
             hint: 'authpost retry DIR/s {id}' sends it again anyway\n\
             authpost: 0 messages requeued; due at the next flush\n"
        ))
        .code(74);
    lies(&d, 0, 1);
    flush(&d)
        .stderr("authpost: nothing is pending in the spool 'DIR/s'\n")
        .code(0);
    call(&d, &["retry", "s", &id])
        .stderr("authpost: 1 message requeued; due at the next flush\n")
        .code(0);
    flush(&d)
        .stderr("authpost: the spool 'DIR/s': 1 delivered\n")
        .code(0);
    let id = orphan(&d, "http://127.0.0.1:1/", &["--idempotent"]);
    call(&d, &["retry", "-q", "s", &id]).stderr("").code(0);
    lies(&d, 1, 0);
}

#[test]
fn what_is_being_sent_is_no_orphan() {
    let d = dir();
    let server = Server::script([conn()
        .read()
        .wait(Duration::from_millis(500))
        .reply_json(200, "{}")]);
    waiting(&d, server.url("/"), &[]);
    let run = authpost(&d).args(["flush", "-q", "s"]).spawn();
    server.wait_for(1);
    call(&d, &["list", "s"])
        .stdout_like("pending: 1\n*\n*  sending  *\ndead-lettered: 0\n")
        .code(0);
    run.wait().code(0);
}

#[test]
fn a_retry_on_a_read_only_disk_changes_nothing_and_says_so() {
    if !need("unshare") || !need("mount") || !need_root() {
        return;
    }
    let d = dir();
    let refuses = Unreachable::refusing();
    send(&d, refuses.url("/"), &["-q"]).code(0);
    let id = names(&d, "queue").remove(0);
    let script = "mount --bind s s && mount -o remount,ro,bind s && exec \"$@\"";
    Runner::program("/usr/bin/unshare")
        .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
        .in_dir(&d)
        .args(["-m", "sh", "-c", script, "sh"])
        .arg(crate::support::binary())
        .args(["retry", "s", &id])
        .run()
        .stderr(format!(
            "authpost: removing 'DIR/s/state/{id}' in the spool: Read-only file system\n\
             hint: mount its file system writable again ('dmesg' may say why it is not)\n\
             authpost: 0 messages requeued; due at the next flush\n"
        ))
        .code(73);
}

#[test]
fn the_remedy_is_that_of_the_failure() {
    let d = dir();
    waiting(&d, "http://127.0.0.1:1/", &[]);
    authpost(&d)
        .args(["flush", "."])
        .shell("mkdir gone && cd gone && rmdir ../gone && exec \"$@\"")
        .run()
        .stderr("authpost: using the spool '.': it is not a spool\nhint: give the directory that --spool names; the first message makes it\n")
        .code(66);
    if !need_root() || !need("setpriv") {
        return;
    }
    mode(&d, "", 0o711);
    for part in [
        "s",
        "s/tmp",
        "s/queue",
        "s/active",
        "s/dead",
        "s/state",
        "s/targets",
    ] {
        std::os::unix::fs::chown(d.join(part), Some(12345), Some(12345)).unwrap();
    }
    fs::copy(crate::support::binary(), d.join("authpost")).unwrap();
    mode(&d, "authpost", 0o755);
    mode(&d, "s/lock", 0o400);
    Runner::program("/usr/bin/setpriv")
        .in_dir(&d)
        .args(["--reuid", "12345", "--regid", "12345", "--clear-groups"])
        .args(["./authpost", "flush", "s"])
        .run()
        .stderr(
            "authpost: locking 'DIR/s/lock' in the spool: Permission denied\n\
             hint: run authpost as the user whose spool it is, or give that user the right to write to it ('ls -ld')\n",
        )
        .code(73);
}

#[test]
fn what_lies_in_the_spool_is_looked_at_before_it_is_opened() {
    let d = dir();
    let url = "http://127.0.0.1:1/";
    let id = waiting(&d, url, &[]);
    let refused = |what: &str, why: &str| {
        let text = format!("authpost: using the spool 'DIR/s/{what}': {why}\nhint: *\n");
        for verb in ["flush", "list"] {
            call(&d, &[verb, "s"]).stderr_like(&text).code(73);
        }
        send(&d, url, &[]).stderr_like(&text).code(73);
    };
    mode(&d, "s/queue", 0o777);
    refused("queue", "its group or everybody may write to it");
    mode(&d, "s/queue", 0o700);
    fs::rename(d.join("s/dead"), d.join("elsewhere")).unwrap();
    symlink(d.join("elsewhere"), d.join("s/dead")).unwrap();
    refused("dead", "it is a symbolic link");
    fs::remove_file(d.join("s/dead")).unwrap();
    fs::rename(d.join("elsewhere"), d.join("s/dead")).unwrap();

    // A hint that is a link, or would hang whoever reads it.
    d.write("precious", "mine", 0o600);
    symlink(d.join("precious"), d.join(format!("s/state/{id}"))).unwrap();
    flush(&d).stderr_like("**").code(75);
    assert_eq!(d.read("precious"), "mine");
    fs::remove_file(d.join(format!("s/state/{id}"))).unwrap();
    fifo(&d, &format!("s/state/{id}"));
    call(&d, &["list", "s"]).stdout_like("**").code(0);

    fs::remove_file(d.join("s/lock")).unwrap();
    symlink(d.join("made"), d.join("s/lock")).unwrap();
    let refused = || {
        test()
            .in_dir(&d)
            .args(["flush", "s"])
            .watchdog(Duration::from_secs(5))
            .run()
            .stderr_like("authpost: locking 'DIR/s/lock' in the spool: it is not a file\nhint: *\n")
            .code(73);
    };
    refused();
    assert!(!d.join("made").exists());
    fs::remove_file(d.join("s/lock")).unwrap();
    fifo(&d, "s/lock");
    refused();
}

#[test]
fn a_head_too_long_to_be_read_again_is_refused_at_once() {
    let d = dir();
    let refuses = Unreachable::refusing();
    d.write("in", "1\n", 0o600);
    // With headers of so many bytes, in a config file: no command line could be that long.
    let run = |bytes: usize, args: &[&str]| {
        let line = |length| format!("-HX-Long: {}\n", "x".repeat(length));
        let lines = line(64 << 10).repeat(bytes >> 16);
        d.write("long", lines + &line(1 + bytes % (64 << 10)), 0o600);
        authpost(&d)
            .args([
                "--config",
                "long",
                "--token-file",
                "token",
                "--spool",
                "s",
                "-q",
            ])
            .args(["--tries", "1", refuses.url("/")])
            .args(args)
            .run()
    };
    let refused = |bytes, args: &[&str]| {
        run(bytes, args)
            .stderr(
                "authpost: noting the request in a message: its URL, headers and options are longer than 4 MiB\n\
                 hint: give it fewer or shorter headers, or send it without --spool\n",
            )
            .code(64);
    };
    refused(4 << 20, &["a=1"]);
    refused(4 << 20, &["--lines", "in"]);
    assert!(!d.join("s").exists());
    let bytes = 63 << 16;
    run(bytes, &["a=1"]).code(0);
    let name = names(&d, "queue").remove(0);
    let head = d.read(format!("s/queue/{name}")).find('\n').unwrap() + 1;
    call(&d, &["drop", "-q", "s", &name]).code(0);
    // The longest that is taken in can be read, and one byte more is not taken in.
    let longest = bytes + (4 << 20) - head;
    refused(longest + 1, &["a=1"]);
    run(longest, &["a=1"]).code(0);
    let name = names(&d, "queue").remove(0);
    call(&d, &["show", "s", &name])
        .stdout_like("**\n\n{\"a\":\"1\"}\n")
        .code(0);
    call(&d, &["retry", "-q", "s", &name]).code(0);
    flush(&d)
        .stderr_like(
            "authpost: * to http://127.0.0.1:*: connecting to *\nauthpost: the spool 'DIR/s': 1 still pending\n",
        )
        .code(75);
}

/// As a network file system may have it; the standard library panics then.
#[test]
fn a_directory_that_cannot_be_closed_stops_nothing() {
    if !need("strace") {
        return;
    }
    let d = dir();
    let server = Server::handler(|_| Response::json(200, "{}"));
    let refuses = Unreachable::refusing();
    d.write("in", "1\n2\n", 0o600);
    fs::create_dir(d.join("empty")).unwrap();
    mode(&d, "empty", 0o700);
    let sending = ["--token-file", "token", "--spool", "s", "--tries", "1"];
    let lines = ["--lines", "in", refuses.url("/")];
    let dirs = ["empty", "s", "s/tmp", "s/queue", "s/active", "s/dead"].map(|part| d.join(part));
    for args in [
        &[&sending[..], &[server.url("/"), "a=1"]].concat()[..],
        &[&sending[..], &lines].concat(),
        &["list", "s"],
        &["retry", "s", "--all"],
        &["flush", "empty"],
        &["flush", "s"],
    ] {
        d.write("token", "t0ken", 0o600);
        Runner::program("/usr/bin/strace")
            .in_dir(&d)
            .args(["-o", "trace", "-e", "trace=close,openat,getdents64"])
            .args(["-e", "inject=close:error=EIO"])
            .args(dirs.iter().flat_map(|dir| ["-P".as_ref(), dir.as_os_str()]))
            .arg(crate::support::binary())
            .args(args)
            .run()
            .stdout_like("**")
            .stderr_like("**")
            .code(0);
        assert!(d.read("trace").contains("getdents64("), "{args:?}");
    }
    lies(&d, 2, 0);
}

/// Directories stay open until the run ends, but not one for each message.
#[test]
fn many_messages_need_few_open_files() {
    let d = dir();
    let refuses = Unreachable::refusing();
    d.write("in", "1\n".repeat(100), 0o600);
    let few = |args: &[&str]| {
        authpost(&d)
            .args(args)
            .shell("ulimit -n 32; exec \"$@\"")
            .run()
            .stderr_like("**")
            .code(0);
    };
    few(&[
        "--no-auth",
        "--spool",
        "s",
        "--tries",
        "1",
        "--lines",
        "in",
        refuses.url("/"),
    ]);
    lies(&d, 100, 0);
    let ids = names(&d, "queue");
    let ids: Vec<_> = ids.iter().map(String::as_str).collect();
    few(&[&["retry", "s"], &ids[..]].concat());
    few(&[&["drop", "s"], &ids[..]].concat());
    lies(&d, 0, 0);
}

#[test]
fn a_message_that_others_may_write_is_set_aside_and_sent_once_its_mode_is_mended() {
    let d = dir();
    let server = Server::script([conn().read().reply_json(200, "{}")]);
    for bits in [0o620, 0o602] {
        let id = waiting(&d, server.url("/"), &["a=1"]);
        mode(&d, &format!("s/queue/{id}"), bits);
        flush(&d)
            .stderr(format!(
                "authpost: dead-lettering 'DIR/s/queue/{id}': its group or everybody may write to it\n\
                 authpost: the spool 'DIR/s': 1 dead-lettered\n"
            ))
            .code(65);
        call(&d, &["list", "s"])
            .stdout_like(
                "pending: 0\ndead-lettered: 1\n*\n*(its group or everybody may write to it)\n",
            )
            .code(0);
        for verb in ["show", "retry"] {
            call(&d, &[verb, "s", &id])
                .stderr_like(&format!(
                    "authpost: reading the message 'DIR/s/dead/{id}': its group or everybody may write to it\n\
                     hint: inspect it, then: chmod 600 'DIR/s/dead/{id}'\n**"
                ))
                .code(65);
        }
        if bits == 0o620 {
            call(&d, &["drop", "-q", "s", &id]).code(0);
            continue;
        }
        mode(&d, &format!("s/dead/{id}"), 0o600);
        call(&d, &["retry", "-q", "s", &id]).code(0);
        flush(&d)
            .stderr("authpost: the spool 'DIR/s': 1 delivered\n")
            .code(0);
    }
    lies(&d, 0, 0);
    assert_eq!(names(&d, "state"), Vec::<String>::new());
}

#[test]
fn a_message_that_others_may_write_and_whose_sender_was_killed_may_have_been_accepted() {
    let d = dir();
    let server = Server::never();
    for args in [&["a=1"][..], &["a=1", "--idempotent"]] {
        let id = orphan(&d, server.url("/"), args);
        mode(&d, &format!("s/active/{id}"), 0o666);
        flush(&d)
            .stderr(format!(
                "authpost: dead-lettering 'DIR/s/active/{id}': its group or everybody may write to it; \
                 the run that sent it was stopped before the answer, so the API may have accepted it\n\
                 authpost: the spool 'DIR/s': 1 dead-lettered\n"
            ))
            .code(74);
        call(&d, &["list", "s"])
            .stdout_like("pending: 0\ndead-lettered: 1\n*\n*(*so the API may have accepted it)\n")
            .code(0);
        call(&d, &["drop", "-q", "s", &id]).code(0);
    }
}

#[test]
fn a_message_that_is_being_sent_is_left_to_its_sender_whatever_its_mode() {
    let d = dir();
    let (sender, waits) = mpsc::channel::<()>();
    let (arrives, arrived) = mpsc::channel();
    let waits = Mutex::new(waits);
    let server = Server::handler(move |_| {
        arrives.send(()).unwrap();
        // Also when the test has failed, and its end is dropped.
        let _ = waits.lock().unwrap().recv();
        Response::json(200, "{}")
    });
    let answer = sender;
    d.write("token", "t0ken", 0o600);
    let run = authpost(&d)
        .args(["--token-file", "token", "--spool", "s", "-q"])
        .args([server.url("/"), "a=1"])
        .spawn();
    arrived.recv_timeout(Duration::from_secs(10)).unwrap();
    let id = names(&d, "active").remove(0);
    mode(&d, &format!("s/active/{id}"), 0o666);
    for verb in ["retry", "drop"] {
        call(&d, &[verb, "-q", "s", &id])
            .stderr_like(
                "authpost: taking the message '*': another run is working on it\nhint: *\n",
            )
            .code(75);
    }
    flush(&d)
        .stderr("authpost: the spool 'DIR/s': 1 still pending\n")
        .code(0);
    answer.send(()).unwrap();
    run.wait().code(0);
    lies(&d, 0, 0);
}

/// What is remembered of a target decides when it is tried: nobody else may say so.
#[test]
fn what_others_may_write_is_not_remembered() {
    let d = dir();
    let server = Server::script([conn().read().reply_json(200, "{}")]);
    let id = waiting(&d, server.url("/"), &[]);
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let hint = format!(
        "{{\"tries\":1,\"last\":{},\"wait\":3600}}",
        now.unwrap().as_secs()
    );
    let state = format!("s/targets/{}", &id[18..]);
    d.write(&state, &hint, 0o600);
    flush(&d)
        .stderr("authpost: the spool 'DIR/s': 1 not due yet\n")
        .code(0);
    mode(&d, &state, 0o622);
    flush(&d)
        .stderr("authpost: the spool 'DIR/s': 1 delivered\n")
        .code(0);
}
