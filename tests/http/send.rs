//! The main job: one authenticated JSON POST, byte for byte, and what the run prints of it.
use crate::support::expect::like;
use crate::support::{Request, Response, Runner, Server, binary, conn, find, need, test};

const OK: &str = r#"{"ok":true}"#;

/// A UUID of version 4, as a pattern.
const KEY: &str = "????????-????-4???-????-????????????";

fn ok() -> Server {
    Server::script([conn().read().reply_json(200, OK)])
}

/// The request of a run that went well with these arguments behind the URL, and a token.
fn sent(args: &[&str]) -> Request {
    let server = ok();
    post(&server, args).stdout(OK).code(0);
    server.request()
}

fn post(server: &Server, args: &[&str]) -> crate::support::Ran {
    let run = test().token("t0ken").arg(server.url("/data")).args(args);
    run.run().stderr("HTTP/1.1 200 OK\n")
}

fn is_key(text: &str) -> bool {
    let digits = text.bytes().zip(KEY.bytes());
    text.len() == KEY.len()
        && digits.into_iter().all(|(byte, shape)| match shape {
            b'?' => byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte),
            _ => byte == shape,
        })
}

#[test]
fn a_post_is_these_very_bytes() {
    let server = ok();
    post(&server, &["key1=value1", "key2=value2"])
        .stdout(OK)
        .code(0);
    let request = server.request();
    let expected = format!(
        "POST /data HTTP/1.1\r\n\
         content-length: 33\r\n\
         user-agent: authpost/{}\r\n\
         host: 127.0.0.1:{}\r\n\
         idempotency-key: *\r\n\
         authorization: Bearer t0ken\r\n\
         accept: application/json\r\n\
         content-type: application/json\r\n\
         \r\n\
         {{\"key1\":\"value1\",\"key2\":\"value2\"}}",
        env!("CARGO_PKG_VERSION"),
        server.port(),
    );
    let raw = String::from_utf8(request.raw().to_vec()).unwrap();
    assert!(like(&expected, &raw), "{raw}");
    assert!(is_key(request.header("idempotency-key").unwrap()), "{raw}");
}

#[test]
fn head_and_body_leave_in_one_write() {
    if !need("strace") {
        return;
    }
    let server = Server::script([
        conn().read().reply_json(200, OK),
        conn().read().reply_json(200, OK),
    ]);
    for body in [&["key=value"][..], &[]] {
        let run = Runner::program(find("strace").unwrap())
            .args([
                "-f",
                "-qq",
                "-o",
                "trace",
                "-e",
                "trace=write,writev,sendto,sendmsg",
            ])
            .arg(binary())
            .arg(server.url("/data"))
            .args(body)
            .token("t0ken");
        let dir = run.dir();
        run.run().stdout(OK).stderr("HTTP/1.1 200 OK\n").code(0);
        let trace = dir.read("trace");
        let outputs = ["(1, \"", "(2, \""];
        let writes: Vec<_> = trace
            .lines()
            .filter(|line| line.contains('(') && !outputs.iter().any(|fd| line.contains(fd)))
            .collect();
        assert_eq!(writes.len(), 1, "{trace}");
        assert!(writes[0].contains("POST /data"), "{trace}");
    }
}

#[test]
fn no_document_is_an_empty_body_without_a_content_type() {
    let request = sent(&[]);
    assert_eq!(request.body(), b"");
    assert_eq!(request.header("content-length"), Some("0"));
    assert_eq!(request.header("content-type"), None);
    assert_eq!(request.header("accept"), Some("application/json"));
}

#[test]
fn other_methods_are_sent_on_demand() {
    for (word, line) in [
        ("PUT", "PUT /data HTTP/1.1"),
        ("patch", "PATCH /data HTTP/1.1"),
        ("POST", "POST /data HTTP/1.1"),
    ] {
        assert_eq!(sent(&["-X", word, "a=b"]).line(), line);
        let long = format!("--method={word}");
        assert_eq!(sent(&[&long, "a=b"]).line(), line);
    }
}

#[test]
fn each_document_has_a_key_of_its_own() {
    let [one, two] = [sent(&["a=b"]), sent(&["a=b"])];
    let keys = [&one, &two].map(|request| request.headers("idempotency-key"));
    assert!(keys.iter().all(|all| all.len() == 1 && is_key(all[0])));
    assert_ne!(keys[0], keys[1]);

    let given = sent(&["--idempotency-key", "order-7"]);
    assert_eq!(given.headers("idempotency-key"), ["order-7"]);

    let renamed = sent(&[
        "--idempotency-header",
        "X-Request-Key",
        "--idempotency-key=7",
    ]);
    assert_eq!(renamed.headers("x-request-key"), ["7"]);
    assert_eq!(renamed.header("idempotency-key"), None);

    let without = sent(&["--no-idempotency-key"]);
    assert!(!without.head().contains("-key"), "{}", without.head());
}

#[test]
fn headers_are_added_or_take_the_place_of_ours() {
    let request = sent(&[
        "-HX-One: 1",
        "-H",
        "X-Two:  with \t white space ",
        "--header",
        "X-Two: again",
        "--header=X-Empty:",
        "-H",
        "Accept: application/vnd.api+json",
        "-H",
        "Content-Type: application/merge-patch+json",
        "-H",
        "User-Agent: cron/1",
        "-H",
        "Host: api.example.com",
        "a=b",
    ]);
    for (name, values) in [
        ("x-one", &["1"][..]),
        ("x-two", &["with \t white space", "again"]),
        ("x-empty", &[""]),
        ("accept", &["application/vnd.api+json"]),
        ("content-type", &["application/merge-patch+json"]),
        ("user-agent", &["cron/1"]),
        ("host", &["api.example.com"]),
        ("authorization", &["Bearer t0ken"]),
    ] {
        assert_eq!(request.headers(name), values, "{}", request.head());
    }
}

#[test]
fn the_url_is_sent_as_it_was_given() {
    for (path, target) in [
        ("", "/"),
        ("/", "/"),
        ("?q=1", "/?q=1"),
        ("/a/../b//c", "/a/../b//c"),
        (
            "/a%2Fb%20c?x=%C3%A4&y=a+b&&z",
            "/a%2Fb%20c?x=%C3%A4&y=a+b&&z",
        ),
        ("/a:b@c;d,e!$'()*", "/a:b@c;d,e!$'()*"),
    ] {
        let server = ok();
        let run = test().token("t0ken").args([server.url(path), "a=b"]).run();
        run.stdout(OK).stderr("HTTP/1.1 200 OK\n").code(0);
        assert_eq!(server.request().path(), target);
    }
}

#[test]
fn hosts_can_be_names_and_addresses() {
    for host in [
        "localhost",
        "LocalHost",
        "api.localhost",
        "localhost.",
        "127.0.0.1",
    ] {
        let server = ok();
        let url = server.url_on(host, "/data");
        let run = test().token("t0ken").args([url, "-4", "a=b"]).run();
        run.stdout(OK).stderr("HTTP/1.1 200 OK\n").code(0);
        let expected = format!("{host}:{}", server.port());
        assert_eq!(server.request().header("host"), Some(&*expected));
    }
    let server = Server::script_on("[::1]:0", [conn().read().reply_json(200, OK)]);
    let run = test()
        .token("t0ken")
        .args([server.url("/data"), "-6"])
        .run();
    run.stdout(OK).stderr("HTTP/1.1 200 OK\n").code(0);
    let expected = format!("[::1]:{}", server.port());
    assert_eq!(server.request().header("host"), Some(&*expected));
}

#[test]
fn the_status_goes_to_stderr_and_the_answer_to_stdout() {
    for (status, body, line) in [
        (200, "[1, 2]\n", "HTTP/1.1 200 OK\n"),
        (201, "{ }", "HTTP/1.1 201 Created\n"),
        (202, "", "HTTP/1.1 202 Accepted\n"),
        (299, "\"\\u00e4\"", "HTTP/1.1 299\n"),
    ] {
        let server = Server::script([conn().read().reply_json(status, body)]);
        let run = test()
            .token("t0ken")
            .args([server.url("/data"), "a=b"])
            .run();
        run.stdout(body).stderr(line).code(0);
    }
    let old = "HTTP/1.0 200 Fine\r\n\r\n{\"old\":1}";
    let server = Server::script([conn().read().reply(old).close()]);
    let run = test()
        .token("t0ken")
        .args([server.url("/data"), "a=b"])
        .run();
    run.stdout("{\"old\":1}")
        .stderr("HTTP/1.0 200 OK\n")
        .code(0);
}

#[test]
fn answers_come_in_every_framing() {
    let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\
        3;ext=1\r\n{\"o\r\n8\r\nk\":true}\r\n0\r\nX-Trailer: 1\r\n\r\n";
    let until_closed = "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{\"ok\":true}";
    let interim = "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n\
        HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\n{\"ok\":true}";
    for answer in [chunked, until_closed, interim] {
        let server = Server::script([conn().read().reply(answer).close()]);
        let run = test()
            .token("t0ken")
            .args([server.url("/data"), "a=b"])
            .run();
        run.stdout(OK).stderr("HTTP/1.1 200 OK\n").code(0);
    }
}

#[test]
fn stdin_is_not_read_unless_told() {
    let server = ok();
    let run = test().token("t0ken").arg(server.url("/data")).stdin_open();
    run.run().stdout(OK).stderr("HTTP/1.1 200 OK\n").code(0);
}

#[test]
fn an_early_answer_is_heard_though_the_body_is_not_read() {
    let refusal = Response::json(413, "{\"error\":\"too large\"}").close();
    let server = Server::script([conn().read_head().reply(refusal).close()]);
    let document = format!("[\"{}\"]", "x".repeat(8 << 20));
    let run = test().token("t0ken").file("big.json", document).args([
        server.url("/data"),
        "-d",
        "@big.json",
    ]);
    run.run()
        .stdout("{\"error\":\"too large\"}")
        .stderr("HTTP/1.1 413 Payload Too Large\nauthpost: the API answered 413 Payload Too Large\n  {\"error\":\"too large\"}\n")
        .code(76);
}

#[test]
fn an_api_that_accepts_what_it_has_not_read_is_told_of() {
    let answer = Response::json(200, "{}").to_bytes();
    for cut in [false, true] {
        let conn = conn().read_bytes(1000).reply(answer.clone());
        let server = Server::script([if cut { conn.cut() } else { conn.reset() }]);
        test()
            .file("large", format!("[\"{}\"]", "x".repeat(30 << 20)))
            .args(["--no-auth", "-d", "@large", server.url("/")])
            .run()
            .stdout("{}")
            .stderr_like(
                "authpost: the API accepted the document before it had read all of it: check that nothing is missing\n\
                 HTTP/1.1 200 OK\n",
            )
            .code(0);
    }
}

/// The kernel takes back what a process leaves, at once: to close and to free it before is time lost.
#[test]
fn after_the_answer_is_printed_the_process_ends() {
    if !need("strace") {
        return;
    }
    let server = ok();
    let run = Runner::program(find("strace").unwrap())
        .args(["-qq", "-o", "trace"])
        .arg(binary())
        .token("t0ken")
        .args(["-d", "{}", server.url("/data")]);
    let dir = run.dir();
    run.run().stdout(OK).stderr("HTTP/1.1 200 OK\n").code(0);
    let trace = dir.read("trace");
    let (_, behind) = trace.split_once("\nwrite(1, ").expect("the answer");
    assert!(!behind.contains("close("), "{behind}");
}
