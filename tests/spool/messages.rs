//! The spool: what is stored, where a message goes, what is printed, and the verbs for messages. The proofs that nothing is
//! lost are under `crash/`.
use crate::spool::crash::{checksum, sealed};
use crate::spool::order::due;
use crate::support::{
    Dir, Ran, Response, Runner, Server, Unreachable, conn, dir, need, need_root, test,
};
use std::fs::{self, File};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::time::Duration;

const ACCEPTED: &str = "HTTP/1.1 200 OK\n";
/// An id, as a pattern.
const ID: &str = "*";

/// A run with a token in a file of its directory.
pub fn authpost(d: &Dir) -> Runner {
    d.write("token", "t0ken", 0o600);
    test().in_dir(d)
}

/// A document on its way to `url` by way of the spool, in one try.
pub fn send(d: &Dir, url: &str, args: &[&str]) -> Ran {
    authpost(d)
        .args(["--token-file", "token", "--spool", "s", "--tries", "1"])
        .arg(url)
        .args(args)
        .run()
}

/// A message that waits for `url`, due at once. Its id.
pub fn waiting(d: &Dir, url: &str, args: &[&str]) -> String {
    let before = names(d, "queue");
    let refuses = Unreachable::refusing();
    send(d, refuses.url("/"), args).stderr_like("**").code(0);
    let id = names(d, "queue")
        .into_iter()
        .find(|id| !before.contains(id))
        .unwrap();
    fs::remove_file(d.join(format!("s/state/{id}"))).unwrap();
    for tried in ["POST", "PUT", "PATCH"] {
        let _ = fs::remove_file(d.join(format!("s/targets/{}", tag(tried, refuses.url("/")))));
    }
    retarget(d, &id, url)
}

/// What stands for a target in names.
pub fn tag(method: &str, url: &str) -> String {
    format!("{:012x}", checksum(&format!("{method} {url}")) & (!0 >> 16))
}

/// Gives a pending message another URL. Its new id.
pub fn retarget(d: &Dir, id: &str, url: &str) -> String {
    let file = d.join(format!("s/queue/{id}"));
    let text = fs::read_to_string(&file).unwrap();
    let member = |name: &str| {
        let (_, rest) = text.split_once(&format!("\"{name}\":\"")).unwrap();
        rest.split_once('"').unwrap().0.to_owned()
    };
    let (method, old) = (member("method"), member("url"));
    let text = text.replace(&format!("\"url\":\"{old}\""), &format!("\"url\":\"{url}\""));
    fs::write(&file, sealed(&text)).unwrap();
    let new = format!("{}{}", &id[..18], tag(&method, url));
    rename(d, id, &new);
    new
}

/// Gives a pending message another name.
pub fn rename(d: &Dir, id: &str, new: &str) {
    let at = |place: &str, id: &str| d.join(format!("s/{place}/{id}"));
    let text = fs::read_to_string(at("queue", id)).unwrap();
    fs::remove_file(at("queue", id)).unwrap();
    fs::write(at("queue", new), sealed(&text.replace(id, new))).unwrap();
    fs::set_permissions(at("queue", new), PermissionsExt::from_mode(0o600)).unwrap();
    let _ = fs::rename(at("state", id), at("state", new));
}

pub fn names(d: &Dir, place: &str) -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(d.join("s").join(place))
        .into_iter()
        .flatten()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[track_caller]
pub fn lies(d: &Dir, waiting: usize, dead: usize) {
    let count = |place| names(d, place).len();
    let found = (count("queue"), count("active"), count("dead"), count("tmp"));
    assert_eq!(found, (waiting, 0, dead, 0), "queue, active, dead, tmp");
}

/// A run with these arguments.
pub fn call(d: &Dir, args: &[&str]) -> Ran {
    authpost(d).args(args).run()
}

pub fn flush(d: &Dir) -> Ran {
    call(d, &["flush", "s"])
}

#[test]
fn what_is_accepted_leaves_nothing_behind() {
    let d = dir();
    let server = Server::script([conn().read().reply_json(200, "{}")]);
    send(&d, server.url("/data"), &["a=1"])
        .stdout("{}")
        .stderr(ACCEPTED)
        .code(0);
    lies(&d, 0, 0);
    assert_eq!(names(&d, "state"), Vec::<String>::new());
}

#[test]
fn it_is_on_the_disk_before_the_request_and_nobody_else_may_read_it() {
    let d = dir();
    let spool = d.join("s");
    let server = Server::handler(move |request| {
        let found = fs::read_dir(spool.join("active"))
            .unwrap()
            .next()
            .unwrap()
            .unwrap();
        let mode = |m: fs::Metadata| m.permissions().mode() & 0o777;
        let modes = (
            mode(spool.metadata().unwrap()),
            mode(found.metadata().unwrap()),
        );
        let whole = fs::read(found.path()).unwrap();
        let holds = whole
            .windows(request.body().len())
            .any(|part| part == request.body());
        let secret = whole.windows(5).any(|part| part == b"t0ken");
        Response::json(200, format!("{modes:?} {holds} {secret}"))
    });
    send(&d, server.url("/data"), &["a=1"])
        .stdout("(448, 384) true false")
        .stderr(ACCEPTED)
        .code(0);
}

#[test]
fn what_was_not_sent_waits_and_the_run_ends_well() {
    let d = dir();
    let refuses = Unreachable::refusing();
    send(&d, refuses.url("/data"), &["a=1"])
        .stderr_like(&format!(
            "authpost: stored in the spool as {ID}: connecting to http://127.0.0.1:*: Connection refused; \
             'authpost flush DIR/s' delivers it, retried from *Z until *Z or later\n"
        ))
        .code(0);
    lies(&d, 1, 0);
    send(&d, refuses.url("/data"), &["-q"]).code(0);
    lies(&d, 2, 0);
}

#[test]
fn what_was_not_processed_waits_and_its_answer_is_not_printed() {
    let d = dir();
    let server = Server::script([conn().read().reply_json(503, "{\"later\":1}")]);
    send(&d, server.url("/data"), &["a=1"])
        .stderr_like(&format!(
            "authpost: stored in the spool as {ID}: the API answered 503 Service Unavailable; \
             'authpost flush DIR/s' delivers it, retried from *Z until *Z or later\n"
        ))
        .code(0);
    lies(&d, 1, 0);
}

#[test]
fn a_refused_token_keeps_the_message_and_asks_for_a_person() {
    let d = dir();
    let server = Server::handler(|_| Response::json(401, "{}"));
    send(&d, server.url("/data"), &["-q", "a=1"])
        .stderr_like(&format!(
            "HTTP/1.1 401 Unauthorized\nauthpost: the API answered 401 Unauthorized\nhint: *\n  {{}}\n\
             authpost: stored in the spool as {ID}; 'authpost flush DIR/s' delivers it, retried from *Z\n"
        ))
        .code(77);
    lies(&d, 1, 0);
    assert!(names(&d, "state").len() == 1);
}

#[test]
fn a_token_that_is_missing_keeps_the_message() {
    let d = dir();
    test()
        .in_dir(&d)
        .args([
            "--token-file",
            "none",
            "--spool",
            "s",
            "http://127.0.0.1:1/",
        ])
        .run()
        .stderr_like(&format!(
            "authpost: reading the token file 'none': No such file or directory\nhint: *\n\
             authpost: stored in the spool as {ID}; 'authpost flush DIR/s' delivers it, retried from *Z\n"
        ))
        .code(78);
    lies(&d, 1, 0);
}

#[test]
fn what_is_refused_is_dead_at_once() {
    let d = dir();
    let server = Server::script([conn().read().reply_json(422, "{\"bad\":1}")]);
    send(&d, server.url("/data"), &["-q", "a=1"])
        .stderr_like(&format!(
            "HTTP/1.1 422 Unprocessable Entity\nauthpost: the API answered 422 Unprocessable Entity\n  {{\"bad\":1}}\n\
             authpost: dead-lettered in the spool as {ID}; 'authpost retry DIR/s {ID}' sends it again\n"
        ))
        .code(76);
    lies(&d, 0, 1);
}

#[test]
fn what_may_have_been_taken_is_dead_unless_that_is_harmless() {
    let d = dir();
    let server = Server::script([
        conn().read().reset(),
        conn().read().reply_json(500, "{}"),
        conn().read().reset(),
    ]);
    send(&d, server.url("/data"), &["-q"])
        .stderr_like("**authpost: dead-lettered in the spool as **")
        .code(74);
    send(&d, server.url("/data"), &["-q"])
        .stderr_like("**authpost: dead-lettered in the spool as **")
        .code(74);
    lies(&d, 0, 2);
    send(&d, server.url("/data"), &["-q", "--idempotent"]).code(0);
    lies(&d, 1, 2);
}

#[test]
fn the_report_says_spooled() {
    let d = dir();
    let server = Server::script([conn().read().reply_json(503, "{\"n\":1}")]);
    send(&d, server.url("/data"), &["-v", "--report", "--idempotency-key", "k1"])
        .stdout_like(
            "{\"outcome\":\"spooled\",\"exit\":0,\"status\":503,\"tries\":1,\"seconds\":*,\"key\":\"k1\",\
             \"method\":\"POST\",\"url\":\"http://127.0.0.1:PORT/data\",\
             \"error\":\"the API answered 503 Service Unavailable\",\"complete\":true,\"response\":{\"n\":1},\"text\":null}\n",
        )
        .stderr_like("**")
        .code(0);
}

#[test]
fn a_flush_sends_the_same_request() {
    let d = dir();
    let server = Server::script([
        conn().read().reply_json(503, "{}"),
        conn().read().reply_json(200, "{}"),
    ]);
    d.write("secret.headers", "X-Secret: s3cret\n", 0o600);
    let args = [
        "-X",
        "PUT",
        "-H",
        "X-A: 1",
        "--header-file",
        "secret.headers",
        "n:=1.10",
        "é=\"\\",
    ];
    send(&d, server.url("/data?q=1"), &args)
        .stderr_like("**")
        .code(0);
    due(&d);
    // From another directory: the message's paths hold wherever it is read.
    test()
        .args(["flush".into(), d.join("s").display().to_string()])
        .word(d.path().display().to_string(), "SPOOL")
        .run()
        .stderr("authpost: the spool 'SPOOL/s': 1 delivered\n")
        .code(0);
    let sent = server.finish();
    assert_eq!(sent[0].raw(), sent[1].raw());
    assert_eq!(sent[0].header("x-secret"), Some("s3cret"));
    lies(&d, 0, 0);
}

#[test]
fn a_flush_goes_oldest_first_over_one_connection_and_past_what_is_bad() {
    let d = dir();
    let server = Server::script([conn()
        .read()
        .reply_json(200, "{}")
        .read()
        .reply_json(400, "{}")
        .read()
        .reply_json(503, "{}")]);
    let ids: Vec<_> = (0..4)
        .map(|n| waiting(&d, server.url("/data"), &[&format!("n:={n}")]))
        .collect();
    flush(&d)
        .stderr_like(&format!(
            "authpost: {} to http://127.0.0.1:PORT/data: the API answered 400 Bad Request; dead-lettered\n\
             authpost: {} to http://127.0.0.1:PORT/data: the API answered 503 Service Unavailable; \
             next attempt in 60 s at the earliest\n\
             authpost: the spool 'DIR/s': 1 delivered, 2 still pending, 1 dead-lettered\n",
            ids[1], ids[2]
        ))
        .code(69);
    let bodies: Vec<_> = server
        .finish()
        .iter()
        .map(|r| r.text().to_owned())
        .collect();
    assert_eq!(bodies, ["{\"n\":0}", "{\"n\":1}", "{\"n\":2}"]);
    lies(&d, 2, 1);
    flush(&d)
        .stderr("authpost: the spool 'DIR/s': 2 not due yet\n")
        .code(0);
    call(&d, &["flush", "-q", "s"]).code(0);
}

#[test]
fn a_host_that_cannot_be_reached_is_tried_once() {
    let d = dir();
    let (refuses, server) = (
        Unreachable::refusing(),
        Server::handler(|_| Response::json(200, "{}")),
    );
    for _ in 0..3 {
        waiting(&d, refuses.url("/data"), &[]);
        waiting(&d, server.url("/data"), &[]);
    }
    flush(&d)
        .stderr_like(
            "authpost: * to http://127.0.0.1:*/data: connecting to http://127.0.0.1:*: Connection refused; \
             next attempt in 60 s at the earliest\n\
             authpost: the spool 'DIR/s': 3 delivered, 3 still pending\n",
        )
        .code(75);
    assert_eq!(
        names(&d, "state").len(),
        1,
        "the others are due in the next run"
    );
}

#[test]
fn a_host_that_does_not_answer_costs_one_timeout_and_max_time_ends_the_run() {
    let d = dir();
    let stalls = Server::handler(|_| Response::json(200, "{}").after(Duration::from_secs(20)));
    let server = Server::handler(|_| Response::json(200, "{}"));
    let idempotent = ["--idempotent"];
    waiting(&d, stalls.url("/data"), &idempotent);
    waiting(&d, stalls.url("/data"), &idempotent);
    waiting(&d, server.url("/data"), &[]);
    call(&d, &["flush", "--timeout", "300ms", "--max-time", "300ms", "s"])
        .stderr_like(
            "authpost: * to http://127.0.0.1:PORT/data: waiting for the answer of http://127.0.0.1:PORT: timed out; \
             next attempt in 60 s at the earliest\nhint: *\n\
             authpost: stopped by --max-time, with 1 message left\nhint: *\n\
             authpost: the spool 'DIR/s': 3 still pending\n",
        )
        .within(0.29, 1.5)
        .code(74);
    lies(&d, 3, 0);
}

#[test]
fn one_flush_at_a_time() {
    let d = dir();
    let server = Server::script([conn()
        .read()
        .wait(Duration::from_millis(1500))
        .reply_json(200, "{}")]);
    waiting(&d, server.url("/data"), &[]);
    let first = authpost(&d).args(["flush", "s"]).spawn();
    server.wait_for(1);
    flush(&d)
        .stderr("authpost: another flush of the spool 'DIR/s' is running; leaving it to that one\n")
        .code(0);
    call(&d, &["flush", "-q", "s"]).code(0);
    let id = &names(&d, "active")[0];
    for verb in ["retry", "drop"] {
        call(&d, &[verb, "-q", "s", id])
            .stderr(format!(
                "authpost: taking the message '{id}': another run is working on it\nhint: try again in a moment\n"
            ))
            .code(75);
    }
    first
        .wait()
        .stderr("authpost: the spool 'DIR/s': 1 delivered\n")
        .code(0);
}

#[test]
fn retry_after_is_obeyed_across_runs() {
    let d = dir();
    let server = Server::script([conn()
        .read()
        .reply(Response::json(429, "{}").header("Retry-After", "7300"))]);
    waiting(&d, server.url("/data"), &[]);
    flush(&d)
        .stderr_like(
            "authpost: * to http://127.0.0.1:PORT/data: the API answered 429 Too Many Requests*; \
             next attempt in 2 h at the earliest\nauthpost: the spool 'DIR/s': 1 still pending\n",
        )
        .code(69);
    call(&d, &["list", "s"])
        .stdout_like("pending: 1\n*\n  *  1      2 h  *\ndead-lettered: 0\n")
        .code(0);
}

#[test]
fn a_token_gone_stale_is_fetched_anew_within_the_run() {
    let d = dir();
    let server = Server::script([conn()
        .read()
        .reply_json(200, "{}")
        .read()
        .reply_json(401, "{}")
        .read()
        .reply_json(200, "{}")]);
    let count = "echo x >>count; echo token$(wc -l <count)";
    for _ in 0..2 {
        let refuses = Unreachable::refusing();
        call(
            &d,
            &[
                "-q",
                "--token-command",
                count,
                "--spool",
                "s",
                "--tries",
                "1",
                refuses.url("/"),
            ],
        )
        .code(0);
        retarget(&d, &names(&d, "queue").pop().unwrap(), server.url("/"));
    }
    due(&d);
    fs::remove_file(d.join("count")).unwrap();
    test()
        .in_dir(&d)
        .env("PATH", "/usr/bin:/bin")
        .args(["flush", "s"])
        .run()
        .stderr("authpost: the spool 'DIR/s': 2 delivered\n")
        .code(0);
    let tokens: Vec<_> = server
        .finish()
        .iter()
        .map(|request| request.header("authorization").unwrap().to_owned())
        .collect();
    assert_eq!(tokens, ["Bearer token1", "Bearer token1", "Bearer token2"]);
}

#[test]
fn an_expectation_decides_at_the_flush_as_well() {
    let d = dir();
    let server = Server::script([conn().read().reply_json(200, "{\"ok\":false}")]);
    waiting(&d, server.url("/data"), &["--expect", "/ok:=true"]);
    flush(&d)
        .stderr_like("authpost: * the API answered 200 OK, but '/ok' is false, not true; dead-lettered\nhint: *\n*\n")
        .code(76);
}

#[test]
fn a_message_found_half_done_is_dead_or_sent_again() {
    let d = dir();
    let server = Server::script([conn().read().reply_json(200, "{}")]);
    let plain = waiting(&d, server.url("/data"), &[]);
    let harmless = waiting(&d, server.url("/data"), &["--idempotent"]);
    for id in [&plain, &harmless] {
        fs::rename(
            d.join(format!("s/queue/{id}")),
            d.join(format!("s/active/{id}")),
        )
        .unwrap();
    }
    flush(&d)
        .stderr(format!(
            "authpost: {plain} to http://127.0.0.1:PORT/data: the run that sent it was stopped before the answer, \
             so the API may have accepted it; dead-lettered\n\
             hint: ask the API whether it has it: 'authpost drop DIR/s {plain}' removes it, 'authpost retry DIR/s {plain}' sends it again\n\
             authpost: the spool 'DIR/s': 1 delivered, 1 dead-lettered\n"
        ))
        .code(74);
    lies(&d, 0, 1);
}

#[test]
fn a_conflict_with_its_own_earlier_request_waits() {
    let d = dir();
    let server = Server::script([
        conn().read().reply_json(409, "{}"),
        conn().read().reply_json(409, "{}"),
    ]);
    let id = waiting(&d, server.url("/data"), &["--idempotent"]);
    d.write(
        format!("s/state/{id}"),
        r#"{"tries":1,"last":1,"wait":60,"waited":0,"error":"reset"}"#,
        0o600,
    );
    flush(&d)
        .stderr_like("authpost: * 409 Conflict; next attempt in 60 s at the earliest\n*\n")
        .code(76);
    lies(&d, 1, 0);
    waiting(&d, server.url("/other"), &["--idempotent"]);
    flush(&d)
        .stderr_like("authpost: * 409 Conflict; dead-lettered\n*\n")
        .code(76);
    lies(&d, 1, 1);
}

#[test]
fn waiting_ends_after_ten_tries_and_seven_days_but_not_for_a_token() {
    let d = dir();
    let server = Server::handler(|request| {
        Response::json(if request.path() == "/503" { 503 } else { 401 }, "{}")
    });
    for path in ["/503", "/401"] {
        let id = waiting(&d, server.url(path), &[]);
        let week = 7 * 86_400;
        let hint = format!(r#"{{"tries":9,"last":1,"wait":60,"waited":{week},"error":"x"}}"#);
        d.write(format!("s/state/{id}"), hint, 0o600);
    }
    flush(&d)
        .stderr_like(
            "authpost: * to http://127.0.0.1:PORT/503: given up after 10 attempts: the API answered 503 Service \
             Unavailable; dead-lettered\n\
             authpost: * to http://127.0.0.1:PORT/401: *; next attempt in 60 s at the earliest\nhint: *\n\
             authpost: the spool 'DIR/s': 1 still pending, 1 dead-lettered\n",
        )
        .code(77);
}

#[test]
fn the_dead_are_listed_shown_sent_again_and_dropped() {
    let d = dir();
    let server = Server::script([
        conn()
            .read()
            .reply_json(400, "{}")
            .read()
            .reply_json(400, "{}"),
        conn().read().reply_json(200, "{}"),
    ]);
    let first = waiting(
        &d,
        server.url("/data?secret=1"),
        &["--idempotency-key", "k1", "a=1"],
    );
    let second = waiting(&d, server.url("/data"), &["-H", "X-A: b", "b=2"]);
    call(&d, &["list", "s"])
        .stdout_like(&format!(
            "pending: 2\n  ID        AGE     TRIES  NEXT     TO\n\
             \x20 {}  * s     0      now      http://127.0.0.1:PORT/data?…\n\
             \x20 {}  * s     0      now      http://127.0.0.1:PORT/data\n\
             dead-lettered: 0\n",
            &first[10..18],
            &second[10..18]
        ))
        .code(0);
    call(&d, &["flush", "-q", "s"]).stderr_like("**").code(76);
    call(&d, &["list", "--json", "s"])
        .stdout_like(&format!(
            "{{\"id\":\"{first}\",\"state\":\"dead-lettered\",\"created\":*,\"age\":*,\"tries\":1,\"next\":null,\
             \"method\":\"POST\",\"url\":\"http://127.0.0.1:PORT/data?…\",\"url_file\":null,\"key\":\"k1\",\"bytes\":*,\
             \"error\":\"the API answered 400 Bad Request\"}}\n{{*}}\n"
        ))
        .code(0);
    call(&d, &["show", "s", &second])
        .stdout_like(&format!(
            "id: {second}\nstate: dead-lettered\naccepted: 20* UTC\ntries: 1\nlast error: the API answered 400 Bad Request\n\
             last answer:\n  HTTP/1.1 400 Bad Request\n  {{}}\n\n\
             POST /data HTTP/1.1\nhost: 127.0.0.1:PORT\naccept: application/json\nuser-agent: authpost/*\n\
             content-type: application/json\ncontent-length: 9\nx-a: b\nidempotency-key: *\n\
             authorization: Bearer ********\n\n{{\"b\":\"2\"}}\n"
        ))
        .code(0);
    call(&d, &["retry", "s", &first])
        .stderr("authpost: 1 message requeued; due at the next flush\n")
        .code(0);
    flush(&d)
        .stderr("authpost: the spool 'DIR/s': 1 delivered\n")
        .code(0);
    assert_eq!(server.requests()[2].header("idempotency-key"), Some("k1"));
    call(&d, &["drop", "--all", "s"])
        .stderr("authpost: 1 message dropped\n")
        .code(0);
    lies(&d, 0, 0);
    flush(&d)
        .stderr("authpost: nothing is pending in the spool 'DIR/s'\n")
        .code(0);
}

#[test]
fn an_id_is_a_unique_prefix() {
    let d = dir();
    let (a, b) = (
        waiting(&d, "http://127.0.0.1:1/", &[]),
        waiting(&d, "http://127.0.0.1:1/", &[]),
    );
    let common = a.bytes().zip(b.bytes()).take_while(|(a, b)| a == b).count();
    call(&d, &["drop", "s", &a[..common]])
        .stderr(format!(
            "authpost: looking for the message '{}': 2 messages have it\nhint: give more of the id\n\
             authpost: 0 messages dropped\n",
            &a[..common]
        ))
        .code(64);
    call(&d, &["drop", "-q", "s", &a[..=common], "ffff", &b])
        .stderr("authpost: looking for the message 'ffff': it is not in the spool 'DIR/s'\nhint: 'authpost list DIR/s' shows what is there\n")
        .code(66);
    lies(&d, 0, 0);
}

#[test]
fn a_spool_that_others_could_reach_into_is_refused() {
    let d = dir();
    let refused = |why: &str, hint: &str| {
        let text = format!("authpost: using the spool 'DIR/s': {why}\nhint: {hint}\n");
        send(&d, "http://127.0.0.1:1/", &[]).stderr(&text).code(73);
        for verb in ["flush", "list"] {
            test()
                .in_dir(&d)
                .args([verb, "s/"])
                .run()
                .stderr(&text)
                .code(73);
        }
    };
    fs::create_dir(d.join("real")).unwrap();
    symlink(d.join("real"), d.join("s")).unwrap();
    refused("it is a symbolic link", "use the directory itself");
    fs::remove_file(d.join("s")).unwrap();
    d.write("s", "", 0o600);
    let text = "authpost: using the spool 'DIR/s': it is not a directory\nhint: name a directory of its own\n";
    send(&d, "http://127.0.0.1:1/", &[]).stderr(text).code(73);
    fs::remove_file(d.join("s")).unwrap();
    fs::create_dir(d.join("s")).unwrap();
    for mode in [0o770, 0o702] {
        fs::set_permissions(d.join("s"), PermissionsExt::from_mode(mode)).unwrap();
        refused(
            "its group or everybody may write to it",
            "inspect it, then: chmod 700 'DIR/s'",
        );
    }
    if need_root() {
        fs::set_permissions(d.join("s"), PermissionsExt::from_mode(0o700)).unwrap();
        std::os::unix::fs::chown(d.join("s"), Some(12345), None).unwrap();
        refused(
            "it belongs to another user",
            "run authpost as that user, or name another directory",
        );
    }
}

#[test]
fn a_spool_that_cannot_be_made_stops_everything() {
    let d = dir();
    test()
        .in_dir(&d)
        .args(["--no-auth", "--spool", "no/such/dir", "http://127.0.0.1:1/"])
        .run()
        .stderr("authpost: making the spool 'no/such/dir': No such file or directory\nhint: make the directory above it, writable by this user\n")
        .code(73);
    for (args, why) in [
        (
            &["flush", "none"][..],
            "authpost: using the spool 'DIR/none': No such file or directory\nhint: give the directory that --spool names; the first message makes it\n",
        ),
        (
            &["list", "none"],
            "authpost: using the spool 'DIR/none': No such file or directory\nhint: give the directory that --spool names; the first message makes it\n",
        ),
    ] {
        test().in_dir(&d).args(args).run().stderr(why).code(66);
    }
}

#[test]
fn a_full_spool_takes_in_nothing_and_sends_nothing() {
    let d = dir();
    // What is written beside authpost is counted by the next flush, or where nothing is noted.
    waiting(&d, "http://127.0.0.1:1/", &[]);
    File::create(d.join("s/dead/large"))
        .unwrap()
        .set_len(256 << 20)
        .unwrap();
    fs::remove_file(d.join("s/bytes")).unwrap();
    send(&d, "http://127.0.0.1:1/", &["a=1"])
        .stderr_like(
            "authpost: writing to the spool 'DIR/s': it is full: 2684* bytes, with --spool-limit 268435456\n\
             hint: 'authpost list DIR/s' shows what is pending and dead-lettered: flush or drop it, or raise --spool-limit\n",
        )
        .code(73);
    lies(&d, 1, 1);
    // What was removed makes room.
    fs::remove_file(d.join("s/dead/large")).unwrap();
    send(&d, "http://127.0.0.1:1/", &["-q"]).code(0);
    lies(&d, 2, 0);
}

#[test]
fn a_version_that_is_not_known_is_left_alone_and_told() {
    let d = dir();
    let server = Server::script([conn().read().reply_json(200, "{}")]);
    let id = waiting(&d, server.url("/data"), &[]);
    waiting(&d, server.url("/data"), &[]);
    let file = format!("s/queue/{id}");
    let newer = d.read(&file).replace("\"authpost\":1", "\"authpost\":2");
    d.write(&file, sealed(&newer), 0o600);
    let told = format!(
        "authpost: reading the message 'DIR/s/queue/{id}': it was written by another authpost (spool version 2)\n"
    );
    flush(&d)
        .stderr(format!(
            "{told}authpost: the spool 'DIR/s': 1 delivered, 1 still pending\n"
        ))
        .code(78);
    call(&d, &["retry", "-q", "s", &id])
        .stderr(format!("{told}hint: use the authpost that wrote it\n"))
        .code(78);
    lies(&d, 1, 0);
}

#[test]
fn a_head_that_would_not_be_written_so_is_damaged() {
    let d = dir();
    for (from, to) in [
        ("\"authpost\":1", "\"authpost\":1,\"more\":1"),
        ("\"method\":\"POST\"", "\"method\":\"GET\""),
        ("\"headers\":[]", "\"headers\":[[\"Host\\n\",\"x\"]]"),
        ("\"length\":9", "\"length\":8"),
        ("{\"a\":\"1\"}", "{\"a\":\"1\"x"),
    ] {
        let id = waiting(&d, "http://127.0.0.1:1/", &["a=1"]);
        let file = format!("s/queue/{id}");
        let text = d.read(&file);
        assert!(text.contains(from));
        d.write(&file, sealed(&text.replace(from, to)), 0o600);
        flush(&d)
            .stderr_like(&format!(
                "authpost: dead-lettering 'DIR/s/queue/{id}': it is damaged: *\n*\n"
            ))
            .code(65);
        call(&d, &["retry", "-q", "s", &id])
            .stderr_like("authpost: reading the message '*': it is damaged: *\nhint: *\n")
            .code(65);
        call(&d, &["drop", "-q", "s", &id]).code(0);
    }
}

#[test]
fn a_copy_of_a_message_is_not_sent_twice() {
    let d = dir();
    let server = Server::script([conn().read().reply_json(200, "{}")]);
    let id = waiting(&d, server.url("/data"), &[]);
    let copy = format!("{}{}", &id[..29], if id.ends_with('0') { "1" } else { "0" });
    fs::copy(
        d.join(format!("s/queue/{id}")),
        d.join(format!("s/queue/{copy}")),
    )
    .unwrap();
    flush(&d)
        .stderr_like("authpost: dead-lettering '*': it is damaged: its name is not its own\nauthpost: the spool 'DIR/s': 1 delivered, 1 dead-lettered\n")
        .code(65);
}

#[test]
fn a_large_document_is_spooled_and_flushed_whole() {
    let d = dir();
    let body = format!("[{}1]", "1234567890,".repeat(300_000));
    d.write("large.json", &body, 0o600);
    let server = Server::handler(|_| Response::json(200, "{}"));
    waiting(&d, server.url("/data"), &["-d", "@large.json"]);
    flush(&d)
        .stderr("authpost: the spool 'DIR/s': 1 delivered\n")
        .code(0);
    assert!(server.request().body() == body.as_bytes());
}

#[test]
fn a_reader_that_is_gone_and_a_full_output() {
    let d = dir();
    waiting(&d, "http://127.0.0.1:1/", &[]);
    authpost(&d)
        .args(["list", "s"])
        .shell("\"$@\" | true")
        .run()
        .code(0);
    authpost(&d)
        .args(["list", "s"])
        .shell("exec \"$@\" >/dev/full")
        .run()
        .stderr("authpost: writing to standard output: No space left on device\nhint: make room where it goes\n")
        .code(73);
    let server = Server::script([conn().read().reply_json(200, "{}")]);
    authpost(&d)
        .args(["--no-auth", "--spool", "s", server.url("/")])
        .shell("exec \"$@\" >/dev/full")
        .run()
        .stderr_like("**No space left on device\nhint: *do not send it again\n")
        .code(73);
    lies(&d, 1, 0);
}

#[test]
fn a_progress_line_is_for_terminals_only_and_wrong_calls_are_told() {
    for (args, why) in [
        (
            &["flush"][..],
            "there is no spool\nhint: authpost flush [OPTIONS] DIR\n",
        ),
        (
            &["flush", "s", "x"],
            "'x' is one argument too many\nhint: authpost flush [OPTIONS] DIR\n",
        ),
        (
            &["flush", "--tries", "2", "s"],
            "--tries means nothing to 'authpost flush'\nhint: authpost flush [OPTIONS] DIR\n",
        ),
        (
            &["show", "s"],
            "it shows one message, and needs its id\nhint: authpost show [OPTIONS] DIR ID\n",
        ),
        (
            &["retry", "s"],
            "which messages is not said\nhint: authpost retry [OPTIONS] DIR ID...\n",
        ),
        (
            &["drop", "s", "1", "--all"],
            "ids and --all are both given\nhint: authpost drop [OPTIONS] DIR ID...\n",
        ),
    ] {
        test()
            .args(args)
            .run()
            .stderr(format!("authpost: reading the command line: {why}"))
            .code(64);
    }
}

/// In memory, so that it is authpost that is measured, and not the disk.
#[test]
fn a_hundred_thousand_messages_are_listed_in_time_and_memory() {
    if !need("time") {
        return;
    }
    let memory = Path::new("/dev/shm");
    let root = if memory.is_dir() {
        memory
    } else {
        Path::new("/tmp")
    };
    let made = tempfile::Builder::new()
        .prefix("authpost-")
        .tempdir_in(root);
    let (made, d) = (made.unwrap(), dir());
    symlink(made.path(), d.join("memory")).unwrap();
    let spool = "memory/s";
    call(
        &d,
        &[
            "-q",
            "--no-auth",
            "--spool",
            spool,
            "--tries",
            "1",
            "http://127.0.0.1:1/",
            "a=1",
        ],
    )
    .code(0);
    let queue = fs::read_dir(made.path().join("s/queue")).unwrap();
    let id = queue
        .last()
        .unwrap()
        .unwrap()
        .file_name()
        .into_string()
        .unwrap();
    let text = d.read(format!("{spool}/queue/{id}"));
    let count = if crate::spool::crash::full() {
        100_000
    } else {
        2_000
    };
    for n in 1..count {
        let other = format!("{n:014x}{}", &id[14..]);
        let text = sealed(&text.replace(&id, &other));
        fs::write(made.path().join(format!("s/queue/{other}")), text).unwrap();
        let hint = r#"{"tries":1,"last":1,"wait":60,"waited":0,"error":"the API answered 503"}"#;
        fs::write(made.path().join(format!("s/state/{other}")), hint).unwrap();
    }
    let mut seconds = f64::MAX;
    let mut memory: f64 = 0.0;
    // All is in the page cache, so it takes no time but the processor's. What else runs on the machine can only add to it.
    for _ in 0..3 {
        let output = authpost(&d)
            .args(["list", spool])
            .shell("exec /usr/bin/time -f '%U %S %M' \"$@\"")
            .run()
            .stdout_like("**")
            .stderr_like("* * *\n")
            .code(0);
        assert_eq!(output.stdout.lines().count(), count + 3);
        let figures: Vec<f64> = output
            .stderr
            .split_whitespace()
            .flat_map(str::parse)
            .collect();
        seconds = seconds.min(figures[0] + figures[1]);
        memory = memory.max(figures[2]);
    }
    println!("{count} messages listed in {seconds} s with {memory} KiB");
    assert!(memory < 50_000.0, "{memory} KiB");
    // Without optimizations it takes twenty times as long.
    if std::env::var_os("AUTHPOST_BIN").is_some() {
        assert!(seconds < 2.0, "{seconds} s");
    }
}

#[test]
fn check_tells_of_the_spool_and_makes_none() {
    let d = dir();
    let server = Server::handler(|_| Response::json(200, "{}"));
    let check = || {
        let args = ["check", "--no-auth", "--spool", "s", server.url("/")];
        test().in_dir(&d).args(args).run()
    };
    check()
        .stdout_like("**ok    the spool 's' will be created\n**")
        .code(0);
    assert!(!d.join("s").exists());
    fs::create_dir(d.join("s")).unwrap();
    fs::set_permissions(d.join("s"), PermissionsExt::from_mode(0o700)).unwrap();
    check()
        .stdout_like("**ok    the spool 's' will be created\n**")
        .code(0);
    send(&d, server.url("/"), &["-q"]).code(0);
    check()
        .stdout_like("**ok    only this user can write to the spool 's'\n**")
        .code(0);
    fs::set_permissions(d.join("s"), PermissionsExt::from_mode(0o770)).unwrap();
    check()
        .stdout_like("**FAIL  using the spool 'DIR/s': its group or everybody may write to it; **")
        .code(73);
}

#[test]
fn a_user_may_have_a_spool_below_what_only_root_may_look_into() {
    if !need_root() || !need("setpriv") {
        return;
    }
    let d = dir();
    fs::create_dir_all(d.join("closed/s")).unwrap();
    for (path, mode) in [("", 0o711), ("closed", 0o711), ("closed/s", 0o700)] {
        fs::set_permissions(d.join(path), PermissionsExt::from_mode(mode)).unwrap();
    }
    std::os::unix::fs::chown(d.join("closed/s"), Some(12345), Some(12345)).unwrap();
    let server = Server::script([conn().read().reply_json(200, "{}")]);
    fs::copy(crate::support::binary(), d.join("authpost")).unwrap();
    fs::set_permissions(d.join("authpost"), PermissionsExt::from_mode(0o755)).unwrap();
    Runner::program("/usr/bin/setpriv")
        .in_dir(&d)
        .args([
            "--reuid",
            "12345",
            "--regid",
            "12345",
            "--clear-groups",
            "./authpost",
            "-q",
            "--no-auth",
        ])
        .args(["--spool", "closed/s", server.url("/"), "k=v"])
        .run()
        .code(0);
}
