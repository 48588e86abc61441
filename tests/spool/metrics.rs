//! What Prometheus is told of a spool.
use crate::spool::messages::{authpost, call, flush, names, send, waiting};
use crate::support::{Dir, Response, Runner, Server, conn, dir, find, need};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, SystemTime};

fn metrics(d: &Dir) -> String {
    let run = authpost(d).args(["list", "--metrics", "s"]).run();
    run.stdout_like("**").code(0).stdout
}

/// The samples alone.
fn samples(d: &Dir) -> Vec<String> {
    let text = metrics(d);
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines
        .map(|line| line.replace("authpost_spool_", ""))
        .collect()
}

/// promtool has nothing to say of it, neither of the format nor of the names.
fn check(text: &str) {
    if !need("promtool") {
        return;
    }
    let promtool = || Runner::program(find("promtool").unwrap()).args(["check", "metrics"]);
    promtool().stdin(text).run().code(0);
    if !text.contains('{') {
        return;
    }
    // And it looks, where there is a sample.
    promtool()
        .stdin(text.replace(" gauge", " counter"))
        .run()
        .stderr_like("**counter metrics should have \"_total\" suffix**")
        .code(3);
}

const HEADS: [&str; 4] = [
    "# HELP authpost_spool_pending_messages Messages that wait to be delivered.\n\
     # TYPE authpost_spool_pending_messages gauge\n",
    "# HELP authpost_spool_dead_lettered_messages Messages that were set aside for review.\n\
     # TYPE authpost_spool_dead_lettered_messages gauge\n",
    "# HELP authpost_spool_oldest_pending_age_seconds Age of the oldest pending message, 0 if none is pending.\n\
     # TYPE authpost_spool_oldest_pending_age_seconds gauge\n",
    "# HELP authpost_spool_last_delivery_timestamp_seconds When a message was last delivered, in seconds since 1970.\n\
     # TYPE authpost_spool_last_delivery_timestamp_seconds gauge\n",
];

#[test]
fn they_count_and_date_by_target() {
    let d = dir();
    let server = Server::script([conn().read().reply_json(422, "{}")]);
    send(&d, server.url("/refuses"), &["a=1"])
        .stdout_like("**")
        .stderr_like("**")
        .code(76);
    waiting(&d, "https://a.example/x?key=s3cr3t", &[]);
    // Another query, which is not shown: the same target for whoever reads it.
    waiting(&d, "https://a.example/x?key=other", &[]);
    waiting(&d, "https://b.example/", &["-X", "PUT"]);
    let d_s = "dir=\"DIR/s\"";
    let refuses = format!("{{{d_s},target=\"POST http://127.0.0.1:PORT/refuses\"}}");
    let a = format!("{{{d_s},target=\"POST https://a.example/x?…\"}}");
    let b = format!("{{{d_s},target=\"PUT https://b.example/\"}}");
    let text = metrics(&d);
    let [pending, dead, oldest, delivered] = HEADS;
    let (before, ages) = text.split_once(oldest).unwrap();
    assert_eq!(
        before,
        format!(
            "{pending}\
             authpost_spool_pending_messages{refuses} 0\n\
             authpost_spool_pending_messages{a} 2\n\
             authpost_spool_pending_messages{b} 1\n\
             {dead}\
             authpost_spool_dead_lettered_messages{refuses} 1\n\
             authpost_spool_dead_lettered_messages{a} 0\n\
             authpost_spool_dead_lettered_messages{b} 0\n"
        )
    );
    let (ages, deliveries) = ages.split_once(delivered).unwrap();
    let age = |target: &str| -> u64 {
        let name = format!("authpost_spool_oldest_pending_age_seconds{target} ");
        let line = ages.lines().find_map(|line| line.strip_prefix(&*name));
        line.unwrap().parse().unwrap()
    };
    assert_eq!(age(&refuses), 0);
    assert!(age(&a) < 60 && age(&b) < 60);
    assert_eq!(deliveries, "");
    check(&text);
}

#[test]
fn the_age_is_that_of_the_oldest() {
    let d = dir();
    waiting(&d, "https://a.example/", &[]);
    let id = waiting(&d, "https://a.example/", &[]);
    let file = d.join(format!("s/queue/{id}"));
    let text = fs::read_to_string(&file).unwrap();
    let (_, rest) = text.split_once("\"created\":").unwrap();
    let created: u64 = rest.split(',').next().unwrap().parse().unwrap();
    let older = text.replace(
        &format!("\"created\":{created}"),
        &format!("\"created\":{}", created - 90_000),
    );
    fs::write(&file, crate::spool::crash::sealed(&older)).unwrap();
    let age = samples(&d)[2].rsplit_once(' ').unwrap().1.parse::<u64>();
    assert!((90_000..90_060).contains(&age.unwrap()));
}

/// The moment of a delivery: by a send, by a flush, and of lines; it outlives the messages.
#[test]
fn the_last_delivery_is_remembered() {
    let d = dir();
    let server = Server::handler(|_| Response::json(200, "{}"));
    let delivered = |path: &str| {
        let target = format!("target=\"POST http://127.0.0.1:PORT{path}\"}} ");
        let samples = samples(&d);
        let mut found = samples.iter().filter_map(|line| {
            line.strip_prefix("last_delivery_timestamp_seconds{dir=\"DIR/s\",")?
                .strip_prefix(&*target)
        });
        found.next().map(|seconds| seconds.parse::<u64>().unwrap())
    };
    let begun = SystemTime::now() - Duration::from_secs(1);
    let recent = |seconds: Option<u64>| {
        let moment = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds.unwrap());
        moment >= begun - Duration::from_secs(1) && moment <= SystemTime::now()
    };
    send(&d, server.url("/sent?key=s3cr3t"), &["-q", "a=1"]).code(0);
    assert!(recent(delivered("/sent?…")));
    assert!(!metrics(&d).contains("s3cr3t"));
    waiting(&d, server.url("/flushed"), &[]);
    assert_eq!(delivered("/flushed"), None);
    flush(&d).stderr_like("**").code(0);
    assert!(recent(delivered("/flushed")));
    send(&d, server.url("/lines"), &["-q", "--lines", "-"]).code(0);
    assert_eq!(delivered("/lines"), None, "no line was accepted");
    d.write("lines", "1\n", 0o600);
    send(&d, server.url("/lines"), &["-q", "--lines", "lines"]).code(0);
    assert!(recent(delivered("/lines")));
    // The next delivery is later.
    let note = names(&d, "delivered");
    assert_eq!(note.len(), 3, "{note:?}");
    let old = SystemTime::now() - Duration::from_secs(86_400);
    for name in &note {
        let file = fs::File::options()
            .write(true)
            .open(d.join(format!("s/delivered/{name}")))
            .unwrap();
        file.set_modified(old).unwrap();
    }
    assert!(!recent(delivered("/flushed")));
    waiting(&d, server.url("/flushed"), &[]);
    flush(&d).stderr_like("**").code(0);
    assert!(recent(delivered("/flushed")));
    assert!(!recent(delivered("/lines")));
    check(&metrics(&d));
    // What is lost, empty or not ours alone is not told. The next delivery mends it, but makes nothing trusted again.
    for (name, change) in note.iter().zip(0..) {
        let path = d.join(format!("s/delivered/{name}"));
        match change {
            0 => fs::remove_file(&path).unwrap(),
            1 => fs::write(&path, "").unwrap(),
            _ => fs::set_permissions(&path, PermissionsExt::from_mode(0o622)).unwrap(),
        }
    }
    let told = || {
        let text = samples(&d);
        text.iter().filter(|line| line.starts_with("last_")).count()
    };
    assert_eq!(told(), 0);
    for path in ["/sent?key=s3cr3t", "/flushed", "/lines"] {
        send(&d, server.url(path), &["-q", "a=1"]).code(0);
    }
    assert_eq!(told(), 2);
}

/// A webhook's URL is secret. Another one in its file takes its place, also where it is shorter.
#[test]
fn a_secret_url_is_not_shown() {
    let d = dir();
    let server = Server::handler(|_| Response::json(200, "{}"));
    let note = || d.join(format!("s/delivered/{}", names(&d, "delivered").remove(0)));
    for host in ["localhost", "127.0.0.1"] {
        if host != "localhost" {
            fs::write(note(), "POST https://a-host-with-a-longer-name.example/…").unwrap();
        }
        d.write("hook", server.url_on(host, "/s3cr3t?key=s3cr3t"), 0o600);
        call(&d, &["-q", "--spool", "s", "--url-file", "hook", "a=1"]).code(0);
        let last: Vec<_> = samples(&d).split_off(3);
        let [last] = &last[..] else {
            panic!("{last:?}");
        };
        let target = format!("target=\"POST http://{host}:PORT/… (from DIR/hook)\"}} ");
        assert!(last.contains(&target), "{last}");
    }
    assert!(!fs::read_to_string(note()).unwrap().contains("s3cr3t"));
}

/// A spool whose documents go to a URL of their own each does not grow without end.
#[test]
fn only_so_many_targets_are_remembered() {
    let d = dir();
    let server = Server::handler(|_| Response::json(200, "{}"));
    send(&d, server.url("/"), &["-q", "a=1"]).code(0);
    let now = SystemTime::now();
    for number in 0..1010_u64 {
        let name = format!("s/delivered/{number:012x}");
        d.write(&name, format!("POST https://a.example/{number}"), 0o600);
        let file = fs::File::options().write(true).open(d.join(&name)).unwrap();
        file.set_modified(now - Duration::from_secs(10_000 - number))
            .unwrap();
    }
    send(&d, server.url("/new"), &["-q", "a=1"]).code(0);
    let left = names(&d, "delivered");
    assert_eq!(left.len(), 1000);
    let oldest = format!("{:012x}", 11);
    let newest = format!("{:012x}", 1009);
    assert!(
        !left.contains(&oldest) && left.contains(&newest),
        "{left:?}"
    );
    let text = metrics(&d);
    assert!(text.contains("127.0.0.1:PORT/new\""), "{text}");
}

#[test]
fn labels_are_escaped_and_in_order() {
    let d = dir();
    let server = Server::handler(|_| Response::json(200, "{}"));
    let name = "a \"b\" \\c\nd";
    fs::create_dir(d.join(name)).unwrap();
    fs::set_permissions(d.join(name), PermissionsExt::from_mode(0o700)).unwrap();
    for path in ["/b", "/a", "/c"] {
        authpost(&d)
            .args(["--token-file", "token", "-q", "--spool", name])
            .args([server.url(path), "a=1"])
            .run()
            .code(0);
    }
    let text = call(&d, &["list", "--metrics", name])
        .stdout_like("**")
        .code(0)
        .stdout;
    let pending = |path: &str| {
        format!(
            "authpost_spool_pending_messages{{dir=\"DIR/a \\\"b\\\" \\\\c\\nd\",\
             target=\"POST http://127.0.0.1:PORT{path}\"}} 0\n"
        )
    };
    let expected = [pending("/a"), pending("/b"), pending("/c")].concat();
    assert!(text.contains(&expected), "{text}");
    check(&text);
}

/// Nothing is no reason for a mail each five minutes.
#[test]
fn an_empty_spool_has_no_targets() {
    let d = dir();
    fs::create_dir(d.join("s")).unwrap();
    fs::set_permissions(d.join("s"), PermissionsExt::from_mode(0o700)).unwrap();
    assert_eq!(metrics(&d), HEADS.concat());
    check(&metrics(&d));
    let id = waiting(&d, "https://a.example/", &[]);
    call(&d, &["drop", "-q", "s", &id]).code(0);
    assert_eq!(metrics(&d), HEADS.concat());
}

#[test]
fn what_is_no_message_is_counted() {
    let d = dir();
    waiting(&d, "https://a.example/", &[]);
    d.write("s/dead/rubbish", "rubbish", 0o600);
    let samples = samples(&d);
    assert_eq!(
        samples[3],
        "dead_lettered_messages{dir=\"DIR/s\",target=\"unknown\"} 1"
    );
}

#[test]
fn json_or_metrics() {
    authpost(&dir())
        .args(["list", "--json", "--metrics", "s"])
        .run()
        .stderr(
            "authpost: reading the command line: --json and --metrics are both given\n\
             hint: give one of them\n",
        )
        .code(64);
    authpost(&dir())
        .args(["list", "--metrics", "s"])
        .run()
        .stderr_like("authpost: using the spool 'DIR/s': No such file or directory\nhint: *\n")
        .code(66);
}
