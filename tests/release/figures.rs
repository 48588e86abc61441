//! The figures are in `tests/bench/figures.json`, which `make bench` writes; README and chart are rendered from it.
//! `make bench CHECK=1` compares the counts with it.

use crate::support::{Dir, Response, Runner, Server, binary, dir, find, need, skipped, test};
use serde_json::{Value, json};
use std::fs;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// A copy of what renders, and of what it renders.
fn copy() -> Dir {
    let dir = dir();
    for path in ["README.md", "tests/bench/bench.py", "tests/bench/counts.py"]
        .into_iter()
        .chain(["tests/bench/render.py", "tests/bench/launch.c"])
        .chain(["tests/bench/figures.json", "tests/bench/figures.svg"])
    {
        dir.write(path, read(path), 0o600);
    }
    dir
}

fn read(path: &str) -> String {
    fs::read_to_string(format!("{ROOT}/{path}")).unwrap()
}

fn bench(dir: &Dir) -> Runner {
    Runner::program(find("python3").unwrap())
        .env("PATH", std::env::var_os("PATH").unwrap())
        .in_dir(dir)
        .arg("tests/bench/bench.py")
}

#[test]
fn readme_and_chart_are_rendered_from_the_figures() {
    if !need("python3") {
        return;
    }
    let dir = copy();
    bench(&dir).arg("--render").run().code(0);
    for path in ["README.md", "tests/bench/figures.svg"] {
        let advice = "python3 tests/bench/bench.py --render";
        assert!(dir.read(path) == read(path), "{path}: run {advice}");
    }
    // And what they show comes from nowhere else.
    let figures = read("tests/bench/figures.json");
    let first = "\"what\": \"one POST, http, whole process\"";
    assert!(figures.contains(first));
    let figures = figures.replace(first, "\"what\": \"ANOTHER FIGURE\"");
    dir.write("tests/bench/figures.json", figures, 0o600);
    bench(&dir).arg("--render").run().code(0);
    for path in ["README.md", "tests/bench/figures.svg"] {
        assert!(dir.read(path).contains("ANOTHER FIGURE"), "{path}");
    }
}

/// They mean something for the static release binary only, which `make test` names in `AUTHPOST_BIN`.
#[test]
fn the_check_sees_what_costs_more() {
    let is_release = std::env::var_os("AUTHPOST_BIN").is_some()
        || skipped("AUTHPOST_BIN names no release binary; 'make test' does");
    if !is_release
        || !["python3", "cc", "valgrind", "strace"]
            .into_iter()
            .all(need)
    {
        return;
    }
    let dir = copy();
    let check = |change: &dyn Fn(&mut Value)| {
        let path = "tests/bench/figures.json";
        let mut figures: Value = serde_json::from_str(&read(path)).unwrap();
        let counts = figures["counts"].as_object_mut().unwrap();
        counts.values_mut().for_each(change);
        dir.write(path, figures.to_string(), 0o600);
        bench(&dir).arg(binary()).arg("--check").run().unjudged()
    };
    let ran = check(&|counts| {
        counts["instructions of one http POST"] = json!(100_000);
        counts["instructions of a line"] = json!(1_000_000);
    });
    let row = |what: &str| {
        let row = ran.stdout.lines().find(|row| row.contains(what));
        row.unwrap_or_else(|| panic!("{ran:?}"))
    };
    assert!(row("of one http POST").contains("worse by"), "{ran:?}");
    assert!(row("instructions of a line").contains("lower"), "{ran:?}");
    assert!(row("syncs of").contains("as it was"), "{ran:?}");
    assert_eq!(ran.code, Some(1));
}

#[test]
fn bytes_of_a_post() {
    let server = Server::handler(|_| Response::json(200, "{\"ok\":true}"));
    test()
        .token("t0ken")
        .args(["-q", server.url("/data"), "key1=value1", "key2=value2"])
        .run()
        .code(0);
    let host = format!("127.0.0.1:{}", server.port());
    let expected = "POST /data HTTP/1.1\r\n".len()
        + "content-length: 33\r\n".len()
        + "content-type: application/json\r\n".len()
        + "accept: application/json\r\n".len()
        + concat!("user-agent: authpost/", env!("CARGO_PKG_VERSION"), "\r\n").len()
        + "authorization: Bearer t0ken\r\n".len()
        + "idempotency-key: 00000000-0000-0000-0000-000000000000\r\n".len()
        + format!("host: {host}\r\n\r\n").len()
        + "{\"key1\":\"value1\",\"key2\":\"value2\"}".len();
    let requests = server.requests();
    assert_eq!(requests[0].raw().len(), expected, "{}", requests[0].head());
}
