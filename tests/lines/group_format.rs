//! `--group-format ndjson`: groups for the bulk APIs of log and search servers.
use crate::support::{Response, Runner, Server, conn, dir, test};

fn lines(lines: &str, args: &[&str]) -> Runner {
    test()
        .token("t0ken")
        .file("in", lines)
        .args(["--lines", "in", "--group-format=ndjson", "--group=2"])
        .args(args)
}

#[test]
fn lines_are_sent_one_below_the_other() {
    let server = Server::handler(|_| Response::json(200, "{\"errors\":false}"));
    lines(
        "{\"create\":{}}\n {\"a\" : 1}\r\n\n3\n",
        &["-q", "--expect=/errors:=false"],
    )
    .arg(server.url("/_bulk"))
    .run()
    .code(0);
    let sent = server.finish();
    let bodies: Vec<_> = sent.iter().map(|request| request.text()).collect();
    assert_eq!(bodies, ["{\"create\":{}}\n {\"a\" : 1}\r\n", "3\n"]);
    for request in &sent {
        assert_eq!(request.headers("content-type"), ["application/x-ndjson"]);
    }
}

#[test]
fn a_content_type_of_ones_own_comes_first() {
    let server = Server::handler(|_| Response::json(200, "{}"));
    lines("1\n", &["-q", "-Hcontent-type: application/json"])
        .arg(server.url("/"))
        .run()
        .code(0);
    assert_eq!(
        server.finish()[0].headers("content-type"),
        ["application/json"]
    );
}

#[test]
fn a_group_ends_before_it_is_too_large_or_wrong() {
    let server = Server::handler(|request| match request.text() {
        "6\n" => Response::new(400, ""),
        _ => Response::json(200, "{}"),
    });
    let run = lines(
        "1\n2\n{\n\"45\"\n6\n",
        &["--group-bytes=5", "--failed=f", "-q"],
    );
    let dir = run.dir();
    run.arg(server.url("/")).run().stderr_like("**").code(76);
    let requests = server.finish();
    let bodies: Vec<_> = requests.iter().map(|request| request.text()).collect();
    assert_eq!(bodies, ["1\n2\n", "\"45\"\n", "6\n"]);
    assert_eq!(dir.read("f"), "{\n6\n");
}

#[test]
fn a_spool_keeps_the_lines() {
    let d = dir();
    let server = Server::script([
        conn().read().reply_json(503, "{}").close(),
        conn().read().reply_json(200, "{}").close(),
    ]);
    lines("1\n2\n", &["-q", "--tries=1", "--spool=spool"])
        .in_dir(&d)
        .arg(server.url("/"))
        .run()
        .code(0);
    let queue = std::fs::read_dir(d.join("spool/queue")).unwrap();
    let id = queue.last().unwrap().unwrap().file_name();
    let verb = |verb: &str| test().token("t0ken").in_dir(&d).args([verb, "-q", "spool"]);
    verb("retry").arg(id).run().code(0);
    verb("flush").run().code(0);
    let sent = server.finish();
    assert_eq!(sent[1].text(), "1\n2\n");
    assert_eq!(sent[1].headers("content-type"), ["application/x-ndjson"]);
    assert_eq!(
        sent[1].header("idempotency-key"),
        sent[0].header("idempotency-key")
    );
}

#[test]
fn a_format_in_a_config_file_is_for_runs_with_lines() {
    let server = Server::script([conn().read().reply_json(200, "{}").close()]);
    test()
        .file("config", "--group=2\n--group-format=ndjson\n--no-auth\n")
        .args(["--config=config", "-q", server.url("/"), "a=1"])
        .run()
        .code(0);
    assert_eq!(
        server.request().headers("content-type"),
        ["application/json"]
    );
}

#[test]
fn a_format_without_groups_or_another_one_is_refused() {
    let wrong = |args: &[&str], stderr: &str| {
        let run = test()
            .token("t0ken")
            .args(["--lines=in", "https://api.example.com/"]);
        run.args(args).run().stderr(stderr).code(64);
    };
    wrong(
        &["--group-format=ndjson"],
        "authpost: reading the command line: --group-format means nothing without --group\n\
         hint: say with --group how many lines go into one request\n",
    );
    wrong(
        &["--group=2", "--group-format=csv"],
        "authpost: reading --group-format: 'csv' is neither array nor ndjson\n\
         hint: --group-format array|ndjson: how a group is sent [default: array]\n",
    );
}
