//! The config file: `--config`, `AUTHPOST_CONFIG`, what may stand in it, and what comes first.
use crate::support::{Ran, Runner, test};

const URL: &str = "https://api.example.com/data";

/// What a run with this config file would send.
fn dry(config: &str, args: &[&str]) -> Ran {
    let run = test()
        .file("config", config)
        .args(["--dry-run", "--config=config"]);
    run.args(args).run()
}

#[track_caller]
fn sends(ran: Ran, headers: &[&str], document: &str) {
    let out = ran.stdout_like("POST /data HTTP/1.1\n**").code(0).stdout;
    for header in headers {
        assert!(out.contains(&format!("\n{header}\n")), "{header}\n{out}");
    }
    assert!(out.ends_with(&format!("\n\n{document}")), "{out}");
}

#[test]
fn each_line_is_an_argument() {
    let config = "# our API\n\n  --header\n  X-One: a b  # not a comment\n\t--header=X-Two: 2\n--no-auth\r\n\
        https://api.example.com/data\nkey=some text\n   # the end";
    sends(
        dry(config, &["more=1"]),
        &[
            "x-one: a b  # not a comment",
            "x-two: 2",
            "host: api.example.com",
        ],
        "{\"key\":\"some text\",\"more\":\"1\"}\n",
    );
}

#[test]
fn the_variable_names_a_config_file_too() {
    let run = || {
        let run = test().file("ours", "--no-auth\n-HX-From: variable\n");
        run.file("theirs", "--no-auth\n-HX-From: option\n")
    };
    let args = [URL, "--dry-run", "--no-body"];
    let ran = run().env("AUTHPOST_CONFIG", "ours").args(args).run();
    sends(ran, &["x-from: variable"], "");
    // The option comes before the variable, wherever it stands, and the last one before the others.
    for option in [
        &["--config", "theirs"][..],
        &["--config=ours", "--config=theirs"],
    ] {
        let ran = run()
            .env("AUTHPOST_CONFIG", "ours")
            .args(args)
            .args(option)
            .run();
        sends(ran, &["x-from: option"], "");
    }
    // Set but empty is not set.
    let ran = run()
        .env("AUTHPOST_CONFIG", "")
        .args(args)
        .arg("--no-auth")
        .run();
    sends(ran, &[], "");
    // What looks like the option is not always the option.
    let args = [
        "--no-auth",
        "--idempotency-key",
        "--config=theirs",
        "--",
        "--config=x",
    ];
    let ran = run().args([URL, "--dry-run"]).args(args).run();
    let key = "idempotency-key: --config=theirs";
    sends(ran, &[key], "{\"--config\":\"x\"}\n");
}

#[test]
fn the_command_line_comes_later_and_so_wins() {
    let config = "--method=PUT\n--idempotency-key=config\n--token-file=nope\n-d[1]\n--quiet\n";
    let args = [
        URL,
        "-XPOST",
        "--idempotency-key=line",
        "--no-auth",
        "-d[2]",
    ];
    sends(dry(config, &args), &["idempotency-key: line"], "[2]\n");
    // What it does not say stays as the file has it.
    sends(
        dry(
            "--auth-header=X-Key\n--token-command=nope\n--no-body\n",
            &[URL],
        ),
        &["x-key: (from --token-command, not fetched)"],
        "",
    );
    let missing = "authpost: reading the token file 'nope': No such file or directory\n\
        hint: put the token into that file, readable by this user alone (chmod 600)\n";
    let run = test().token("t0ken").file("config", "--token-file=nope");
    run.args([URL, "k=v", "--config=config"])
        .run()
        .stderr(missing)
        .code(78);
    // What may be given many times adds up.
    sends(
        dry("--no-auth\n-HX-A: 1\n", &[URL, "--no-body", "-HX-B: 2"]),
        &["x-a: 1", "x-b: 2"],
        "",
    );
}

#[test]
fn errors_say_that_the_config_file_is_meant() {
    for (config, stderr) in [
        (
            "--nope",
            "there is no option --nope\nhint: 'authpost --help' lists all options\n",
        ),
        (
            "--timeout 5s",
            "there is no option '--timeout …'\n\
             hint: put a '=' between an option and its value, or write them as two arguments\n",
        ),
        (
            "--header Authorization: Bearer s3cret",
            "there is no option '--header …'\n\
             hint: put a '=' between an option and its value, or write them as two arguments\n",
        ),
        (
            "AUTHPOST_TOKEN=s3cret",
            "'AUTHPOST…' is not a URL\n\
             hint: the URL comes first, with its scheme: authpost https://api.example.com/data key=value\n",
        ),
    ] {
        let ran = dry(config, &[URL]);
        let line = "authpost: reading the config file 'config': reading the arguments: ";
        ran.stderr(format!("{line}{stderr}")).code(78);
    }
    dry("--timeout=5x", &[URL])
        .stderr(
            "authpost: reading the config file 'config': reading --timeout: '5x' is not a time, such as 500ms, 30s, 5m or 1h\n\
             hint: --timeout TIME: total deadline per document [default: 60s]\n",
        )
        .code(78);
    dry("--timeout", &["5s", URL])
        .stderr(
            "authpost: reading the config file 'config': reading --timeout: its value is missing\n\
             hint: --timeout TIME: total deadline per document [default: 60s]\n",
        )
        .code(78);
    dry("--config=other", &[URL])
        .stderr(
            "authpost: reading the config file 'config': reading --config: a config file cannot name another\n\
             hint: --config FILE: read arguments from FILE [default: $AUTHPOST_CONFIG]\n",
        )
        .code(78);
    dry("https://other.example.com/", &[URL, "--no-auth"])
        .stderr(
            "authpost: reading the arguments: there are two URLs\n\
             hint: give one: here, in --url-file or in the config file; items are written KEY=TEXT\n",
        )
        .code(64);
}

#[test]
fn a_config_file_must_be_readable() {
    let cannot = |run: Runner, file: &str, why: &str| {
        run.run()
            .stderr(format!(
                "authpost: reading the config file '{file}': {why}\n\
                 hint: give --config or AUTHPOST_CONFIG the path of a text file that this user can read\n"
            ))
            .code(78);
    };
    let run = || test().arg(URL);
    cannot(
        run().arg("--config=nope"),
        "nope",
        "No such file or directory",
    );
    cannot(
        run().env("AUTHPOST_CONFIG", "nope"),
        "nope",
        "No such file or directory",
    );
    cannot(run().arg("--config=."), ".", "Is a directory");
    cannot(run().arg("--config="), "", "No such file or directory");
    let latin1 = run().file("latin1", b"a=caf\xe9".to_vec());
    cannot(
        latin1.arg("--config=latin1"),
        "latin1",
        "it is not text in UTF-8",
    );
    let run = run().arg("--config").run();
    run.stderr(
        "authpost: reading --config: its value is missing\n\
         hint: --config FILE: read arguments from FILE [default: $AUTHPOST_CONFIG]\n",
    )
    .code(64);
}
