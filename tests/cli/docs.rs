//! Help, manual page and completions: held by golden files, and each taken by the program that it is written for.
//!
//! `make bless` rewrites the golden files; what changed in them is then read in the diff.

use crate::support::{Response, Runner, Server, binary, dir, find, need, test};
use std::path::{Path, PathBuf};
use std::{env, fs};

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/golden")
        .join(name)
}

/// What authpost prints with these arguments is what the golden file says.
#[track_caller]
fn prints(args: &[&str], name: &str) {
    let ran = test().args(args).run();
    if env::var_os("AUTHPOST_BLESS").is_some_and(|v| v == "1") {
        let printed = ran.unjudged().stdout;
        return fs::write(golden(name), printed).unwrap();
    }
    ran.stdout(fs::read(golden(name)).unwrap()).code(0);
}

/// A program on the path, run as the tests run authpost.
fn program(name: &str) -> Runner {
    Runner::program(find(name).unwrap()).env("PATH", env::var_os("PATH").unwrap())
}

/// Alone it is what `make bless` runs: the other tests read these files.
#[test]
fn golden_files() {
    prints(&["-h"], "help-short.txt");
    prints(&["--help"], "help-long.txt");
    prints(&["--man"], "authpost.1");
    prints(&["--man=spool"], "authpost-spool.7");
    prints(&["--completions", "bash"], "authpost.bash");
    prints(&["--completions", "zsh"], "_authpost");
    prints(&["--completions", "fish"], "authpost.fish");
}

/// Each verb, by either way to ask for it: in one screen, with its own options and no other.
#[test]
fn help_on_a_verb() {
    let list = fs::read_to_string(golden("help-short.txt")).unwrap();
    for verb in [
        "check",
        "flush",
        "list",
        "show",
        "retry",
        "drop",
        "from-curl",
    ] {
        assert!(list.contains(&format!("authpost {verb} ")), "{verb}");
        // Neither a config file nor the order matters.
        let run = test().args(["help", verb]).env("AUTHPOST_CONFIG", "none");
        let help = run.run().stdout_like("authpost *\n**").code(0).stdout;
        for args in [[verb, "-h"], ["-h", verb]] {
            test().args(args).run().stdout(&help).code(0);
        }
        let options = if verb == "from-curl" {
            ""
        } else {
            "[OPTIONS] "
        };
        assert!(
            help.starts_with(&format!("authpost {verb} {options}")),
            "{help}"
        );
        assert!(help.lines().count() <= 24, "{help}");
        assert!(
            help.lines().all(|line| line.chars().count() <= 80),
            "{help}"
        );
        let long = test().args([verb, "--help"]).run();
        let long = long.stdout_like("authpost *\n**").code(0).stdout;
        let listed = help
            .lines()
            .filter_map(|line| line.split_once("--").filter(|_| line.starts_with("  ")));
        for (_, rest) in listed {
            let option = format!("--{}", rest.split_whitespace().next().unwrap());
            assert!(long.contains(&option), "{long}");
            // Taken: what is wrong, if anything, is not that it means nothing here.
            let run = test().args([verb, &option, "x", "y"]).run().unjudged();
            assert!(!run.stderr.contains("means nothing"), "{}", run.stderr);
        }
    }
    test().arg("help").run().stdout(list).code(0);
    test()
        .args(["help", "drop"])
        .run()
        .stdout(
            "authpost drop [OPTIONS] DIR ID...\n\
             Delete messages permanently.\n\
             \n\
             \x20     --all                      all dead-lettered messages\n\
             \x20 -q, --quiet                    print nothing on success\n\
             \x20     --color auto|always|never  colour the output [default: auto]\n\
             \n\
             'authpost drop --help' explains each option, 'authpost --help' everything.\n",
        )
        .code(0);
    test()
        .args(["show", "-h"])
        .run()
        .stdout(
            "authpost show [OPTIONS] DIR ID\n\
             Show a message: state, last error, headers and body.\n\
             \n\
             \x20     --color auto|always|never  colour the output [default: auto]\n\
             \n\
             'authpost show --help' explains each option, 'authpost --help' everything.\n",
        )
        .code(0);
}

#[test]
fn version() {
    test()
        .arg("-V")
        .run()
        .stdout_like(concat!(
            "authpost ",
            env!("CARGO_PKG_VERSION"),
            "\ntarget: * linux, * linked *ally\nTLS: rustls with ring, TLS 1.2 and 1.3\n"
        ))
        .code(0);
}

#[test]
fn help_fits_a_terminal_of_eighty_columns() {
    for name in ["help-short.txt", "help-long.txt"] {
        for line in fs::read_to_string(golden(name)).unwrap().lines() {
            assert!(line.chars().count() <= 80, "{name}: {line}");
            assert_eq!(line, line.trim_end(), "{name}");
        }
    }
}

/// Wide terminals get long lines, and narrow ones no broken ones, within reason.
#[test]
fn help_fits_the_terminal() {
    let long = fs::read_to_string(golden("help-long.txt")).unwrap();
    let words = |text: &str| {
        let words = text.split_whitespace();
        // Where a command or a comment goes on in the next line.
        let words = words.filter(|word| !["\\", "#"].contains(word));
        words.map(str::to_owned).collect::<Vec<_>>()
    };
    // A terminal that has no size is taken for one of 80 columns.
    for (columns, most) in [
        (0, 80),
        (10, 60),
        (60, 60),
        (80, 80),
        (120, 120),
        (200, 120),
    ] {
        for args in [
            &["--help"][..],
            &["-h"],
            &["help", "check"],
            &["help", "flush"],
            &["help", "from-curl"],
        ] {
            let run = test().args(args).tty_of(columns);
            let help = run.run().stdout_like("authpost *\n**").code(0).stdout;
            let longest = help.lines().map(|line| line.chars().count()).max().unwrap();
            assert!(longest <= most, "{columns}: {help}");
            if args == ["--help"] {
                assert!(longest > most - 10, "{columns}: {help}");
                assert!(words(&help) == words(&long), "{columns}: {help}");
            }
        }
    }
    // What the user says is right.
    let run = test().arg("--help").tty_of(60).env("COLUMNS", "80");
    run.run().stdout(&long).code(0);
    // It is the system's stty that is asked.
    let run = test().arg("--help").tty_of(80);
    let bin = run.dir();
    let run = run.file_mode("stty", "#!/bin/sh\necho 24 60\n", 0o755);
    run.env("PATH", bin.path()).run().stdout(&long).code(0);
    // A file has one width.
    test().arg("--help").run().stdout(&long).code(0);
}

/// Each option stands in one section, and each section, as the summary, fits a screen. Only a default may go on a line
/// below; so may the text of an option that leaves no room for it.
#[test]
fn each_section_of_the_help_fits_a_screen() {
    let long = fs::read_to_string(golden("help-long.txt")).unwrap();
    let short = fs::read_to_string(golden("help-short.txt")).unwrap();
    assert!(short.lines().count() <= 60, "{short}");
    let (_, topics) = short.split_once("options on a topic: ").unwrap();
    let (topics, _) = topics.split_once('.').unwrap();
    let mut seen = 0;
    for topic in topics.split(',').map(str::trim) {
        let run = test().args(["help", topic]).env("AUTHPOST_CONFIG", "none");
        let help = run.run().stdout_like("**").code(0).stdout;
        assert!(help.lines().count() <= 40, "{help}");
        let (_, options) = help.split_once(":\n").unwrap();
        let (options, _) = options.split_once("\n\n'authpost help").unwrap();
        let mut above = "";
        for line in options.lines() {
            assert!(line.chars().count() <= 80, "{line}");
            let below = line.strip_prefix(&" ".repeat(33));
            assert!(
                topic == "document"
                    || below.is_none_or(|text| text.starts_with('['))
                    || above.len() <= 33,
                "{line}"
            );
            above = line;
        }
        let run = test().args(["help", topic, "--help"]).run();
        let all = run.stdout_like("**").code(0).stdout;
        let described: Vec<_> = all
            .lines()
            .filter(|line| line.starts_with("  -"))
            .map(str::trim)
            .collect();
        let listed: Vec<_> = options
            .lines()
            .map(str::trim)
            .filter(|line| line.starts_with('-'))
            .map(|line| line.split("  ").next().unwrap())
            .collect();
        assert_eq!(listed, described, "{topic}");
        assert!(
            listed
                .iter()
                .all(|name| long.contains(&format!("\n  {name}\n"))),
            "{topic}"
        );
        seen += listed.len();
    }
    assert_eq!(
        seen,
        long.lines().filter(|line| line.starts_with("  -")).count()
    );
    test()
        .args(["help", "nothing"])
        .run()
        .stderr(
            "authpost: reading the arguments: there is no topic 'nothing'\n\
             hint: 'authpost help' names the topics\n",
        )
        .code(64);
}

const PAGES: [(&str, &str); 2] = [
    ("authpost.1", "AUTHPOST(1)*User Commands*AUTHPOST(1)"),
    ("authpost-spool.7", "AUTHPOST-SPOOL(7)*AUTHPOST-SPOOL(7)"),
];

/// A manual page as man shows it, on lines wide enough for all that is to be typed.
fn page(name: &str) -> Runner {
    program("man")
        .env("LC_ALL", "C.UTF-8")
        .env("MANWIDTH", "100")
        .args(["--warnings", "-l"])
        .arg(golden(name))
}

#[test]
fn man_renders_the_pages_without_a_warning() {
    if !need("man") || !need("groff") {
        return;
    }
    for (name, title) in PAGES {
        page(name)
            .run()
            .stdout_like(&format!("{title}\n\nNAME\n**\nSYNOPSIS\n**\nSEE ALSO\n**"))
            .code(0);
        // Every warning that groff knows, also those that man leaves out.
        program("groff")
            .args(["-man", "-ww", "-z", "-Tutf8"])
            .arg(golden(name))
            .run()
            .code(0);
    }
    let text = page("authpost.1").run().unjudged().stdout;
    let text = text.replace(char::is_whitespace, " ");
    // What is to be typed is shown as it is typed.
    for literal in ["tags:='[\"a\"]'", "--token-file ~/.api-token", "name=@file"] {
        assert!(text.contains(literal), "{literal}");
    }
}

#[test]
fn mandoc_finds_nothing_to_complain_about() {
    if !need("mandoc") {
        return;
    }
    for (name, _) in PAGES {
        program("mandoc")
            .arg("-Tlint")
            .arg(golden(name))
            .run()
            .code(0);
    }
    let dir = dir();
    let text = fs::read_to_string(golden("authpost.1")).unwrap();
    let (_, body) = text.split_once('\n').unwrap();
    dir.write("bad.1", format!(".TH AUTHPOST 1\n{body}"), 0o644);
    program("mandoc")
        .arg("-Tlint")
        .arg(dir.join("bad.1"))
        .run()
        .stdout_like("*: WARNING: missing date*\n**")
        .code(2);
}

/// The date of a page is that of the release, once there is one.
#[test]
fn the_pages_have_the_date_of_the_release() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let changes = fs::read_to_string(root.join("CHANGELOG.md")).unwrap();
    let heading = concat!("\n## [", env!("CARGO_PKG_VERSION"), "] - ");
    let (_, rest) = changes.split_once(heading).expect(heading);
    let date = rest.lines().next().unwrap();
    for (name, _) in PAGES {
        let text = fs::read_to_string(golden(name)).unwrap();
        let first = text.lines().next().unwrap();
        assert!(date == "unreleased" || first.contains(date), "{first}");
    }
}

/// The lines of a page's crontabs, with its variables, each run as cron would. The page stands in for the README.
#[test]
fn the_jobs_of_the_pages_run() {
    if !need("man") {
        return;
    }
    for (name, jobs) in [("authpost.1", 1), ("authpost-spool.7", 3)] {
        let server = Server::handler(|_| Response::json(200, "{}"));
        let home = dir();
        home.write(".api-token", "s3cr3t\n", 0o600);
        let text = page(name).run().unjudged().stdout;
        let lines = || text.lines().map(str::trim);
        let variable = |line: &&str| {
            let names = ["API=", "SPOOL=", "PROM="];
            names.iter().any(|name| line.starts_with(name))
        };
        let variables: Vec<_> = lines().filter(variable).collect();
        let schedule = |line: &&str| line.starts_with("17 3 ") || line.starts_with("*/5 ");
        let commands: Vec<_> = lines()
            .filter(schedule)
            .map(|line| line.split_once("authpost").unwrap().1)
            .collect();
        assert_eq!(commands.len(), jobs, "{text}");
        for command in commands {
            let script = format!("{}\n\"$0\"{command}", variables.join("\n"))
                .replace("https://api.example.com/data", server.url("/data"))
                .replace("/var/spool/authpost", home.join("spool").to_str().unwrap())
                .replace("/var/lib/node_exporter", home.path().to_str().unwrap());
            Runner::program("/bin/sh")
                .in_dir(&home)
                .env("HOME", home.path())
                .args(["-c", &script])
                .arg(binary())
                .run()
                .code(0);
        }
        assert_eq!(
            server.request().header("authorization"),
            Some("Bearer s3cr3t")
        );
        if name == "authpost-spool.7" {
            let metrics = home.read("authpost.prom");
            assert!(metrics.contains("\nauthpost_spool_last_delivery_timestamp_seconds{"));
        }
    }
}

/// Prometheus loads the rule as it stands, and finds each metric that it names in a spool.
#[test]
fn the_alert_of_the_page_is_a_rule() {
    if !need("man") || !need("promtool") {
        return;
    }
    let text = page("authpost-spool.7").run().unjudged().stdout;
    let (_, rule) = text.split_once("\n           groups:\n").unwrap();
    let lines = rule.lines().take_while(|line| !line.is_empty());
    let lines = lines.map(|line| format!("{}\n", line.strip_prefix("           ").unwrap()));
    let rule = format!("groups:\n{}", lines.collect::<String>());
    let check = |rule: &str| {
        program("promtool")
            .file("rules.yml", rule)
            .args(["check", "rules", "rules.yml"])
            .run()
    };
    check(&rule)
        .stdout_like("**SUCCESS: 1 rules found**")
        .code(0);
    check(&rule.replace(" > ", " >> "))
        .stdout_like("**")
        .stderr_like("**could not parse expression**")
        .code(1);
    let help = fs::read_to_string(golden("help-long.txt")).unwrap();
    let words = rule.split_whitespace();
    let metrics: Vec<_> = words
        .filter(|word| word.starts_with("authpost_spool_"))
        .collect();
    assert_eq!(metrics.len(), 2, "{rule}");
    assert!(metrics.iter().all(|metric| help.contains(metric)));
}

/// The commands for lines that the manual shows: whole, from where a program's name begins a line.
fn commands_for_lines() -> Vec<String> {
    let text = page("authpost.1").run().unjudged().stdout;
    let text = text.replace("\\\n", "");
    let lines = text.lines().map(str::trim);
    lines
        .filter(|line| line.starts_with("authpost ") || line.starts_with("parallel "))
        .filter(|line| line.contains(" --lines ") && !line.contains('['))
        .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
        .collect()
}

/// Against an API that answers as they all do.
#[test]
fn the_commands_of_the_page_send_lines() {
    if !need("man") {
        return;
    }
    let commands = commands_for_lines();
    assert_eq!(commands.len(), 6, "{commands:#?}");
    for command in commands {
        if command.starts_with("parallel ") && !need("parallel") {
            continue;
        }
        let home = dir();
        home.write("bulk.ndjson", "1\n2\n", 0o600);
        home.write("events.ndjson", "1\n2\n", 0o600);
        for token in [".api-token", ".es-key", ".hec-token"] {
            home.write(token, "s3cr3t\n", 0o600);
        }
        home.write("bin/.keep", "", 0o600);
        std::os::unix::fs::symlink(binary(), home.join("bin/authpost")).unwrap();
        let server = Server::handler(|_| Response::json(200, "{\"errors\":false,\"code\":0}"));
        let at = command.find("http").unwrap();
        let end = command[at..]
            .find(' ')
            .map_or(command.len(), |end| at + end);
        let here = format!("{}{}{}", &command[..at], server.url("/"), &command[end..]);
        let path = format!("{}/bin:/usr/bin:/bin", home.path().display());
        let ran = Runner::program("/bin/sh")
            .in_dir(&home)
            .env("HOME", home.path())
            .env("PATH", path)
            .args(["-c", &here])
            .run();
        let said = if command.contains(" -q ") {
            ""
        } else {
            "2 accepted, *\n"
        };
        ran.stderr_like(said).code(0);
        let sent: Vec<_> = server.requests();
        let sent: Vec<_> = sent.iter().map(|request| request.text()).collect();
        match command.contains("--group-format ndjson") {
            true => assert_eq!(sent, ["1\n2\n"], "{command}"),
            false => assert_eq!(sent, ["1", "2"], "{command}"),
        }
    }
}

/// `tls_messages.rs` shows that such a certificate is trusted.
#[test]
fn the_page_makes_a_certificate_that_is_no_authority() {
    if !need("man") || !need("openssl") {
        return;
    }
    let text = page("authpost.1").run().unjudged().stdout;
    let text = text.replace("\\\n", "");
    let make = text
        .lines()
        .find(|line| line.trim().starts_with("openssl req -x509 "))
        .unwrap();
    let show = "openssl x509 -in cert.pem -noout -ext basicConstraints,subjectAltName";
    let home = dir();
    Runner::program("/bin/sh")
        .in_dir(&home)
        .env("PATH", "/usr/bin:/bin")
        .args(["-c", &format!("{make} 2>/dev/null && {show}")])
        .run()
        .stdout_like("**DNS:api.example.com\n**CA:FALSE\n")
        .code(0);
}

/// The units of the manual are those of the README, which its tests run.
#[test]
fn the_units_of_the_page_are_those_of_the_readme() {
    if !need("man") {
        return;
    }
    let readme = include_str!("../../README.md");
    let text = page("authpost.1").run().unjudged().stdout;
    let mut count = 0;
    for unit in readme.split("\n```ini\n").skip(1) {
        let unit = unit.split("\n```\n").next().unwrap();
        for line in unit.lines().filter(|line| !line.is_empty()) {
            let shown = line.split_whitespace().collect::<Vec<_>>().join("");
            let page: String = text
                .split_whitespace()
                .filter(|word| *word != "\\")
                .collect();
            assert!(page.contains(&shown), "{line}");
            count += 1;
        }
    }
    assert!(count > 14, "{count}");
}

#[test]
fn a_manual_page_that_there_is_not() {
    test()
        .arg("--man=lines")
        .run()
        .stderr(
            "authpost: reading --man: there is no page 'lines'; there is 'spool'\n\
             hint: --man[=spool]: print the manual page (view with man -l -)\n",
        )
        .code(64);
}
