//! What is handed over: the static binary, its size, what `make` says, installs and shows.
//!
//! The binary that `make` builds is the one that `AUTHPOST_BIN` names under `make test`.

use crate::support::{Response, binary};
use crate::support::{Runner, Server, dir, find, need, need_root, skipped, test};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::{env, fs};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// The static release binary.
fn packaged() -> Option<PathBuf> {
    let named = env::var_os("AUTHPOST_BIN").is_some()
        || skipped("AUTHPOST_BIN names no static binary; 'make test' sets it");
    named.then(binary)
}

fn make() -> Runner {
    Runner::program(find("make").unwrap()).args(["-C", ROOT, "--no-print-directory"])
}

#[test]
fn it_is_static() {
    let Some(binary) = packaged() else { return };
    test()
        .arg("-V")
        .run()
        .stdout_like("**, * linked statically\n**")
        .code(0);
    if !need("ldd") {
        return;
    }
    let ldd = Runner::program(find("ldd").unwrap())
        .env("PATH", env::var_os("PATH").unwrap())
        .arg(binary)
        .run()
        .unjudged();
    let said = format!("{}{}", ldd.stdout, ldd.stderr);
    let kinds = ["statically linked", "not a dynamic executable"];
    assert!(kinds.contains(&said.trim()), "{said}");
}

/// Start files of the C library refer to their own unwind tables: `crtbeginT.o`, which all but x86_64 start a static binary
/// with, and the `crtbeginS.o` that rustup brings for musl.
#[test]
fn no_unwind_leaves_the_start_files_whole() {
    if !need("cc") {
        return;
    }
    let dir = dir();
    dir.write("main.c", "int main(void) { return 0; }\n", 0o644);
    for kind in ["-static", "-static-pie"] {
        Runner::program(find("cc").unwrap())
            .env("PATH", env::var_os("PATH").unwrap())
            .args([kind, &format!("-Wl,-T,{ROOT}/src/no-unwind.ld"), "-o"])
            .args([dir.join("main"), dir.join("main.c")])
            .run()
            .code(0);
        Runner::program(dir.join("main")).run().code(0);
    }
}

/// No library, no resolv.conf, no nsswitch.conf, no /dev and no /proc: nothing but the binary and a list of names.
#[test]
fn it_posts_from_an_empty_root() {
    let Some(binary) = packaged() else { return };
    if !need_root() || !need("chroot") {
        return;
    }
    let server = Server::handler(|request| Response::json(200, request.body()));
    let root = dir();
    fs::copy(binary, root.join("authpost")).unwrap();
    root.write("etc/hosts", "127.0.0.1 api.test\n", 0o644);
    assert_eq!(root.list(), ["authpost", "etc/hosts"]);
    Runner::program(find("chroot").unwrap())
        .token("s3cr3t")
        .arg(root.path())
        .args(["/authpost", "--allow-http"])
        .args([server.url_on("api.test", "/data"), "key=value"])
        .run()
        .stdout("{\"key\":\"value\"}")
        .stderr("HTTP/1.1 200 OK\n")
        .code(0);
    let request = server.request();
    assert_eq!(request.header("authorization"), Some("Bearer s3cr3t"));
}

/// As `sudo make install` would: without cargo, which root rarely has, and for users other than root, whatever root's umask.
/// The binary is one that this machine cannot run, as after a build for another.
#[test]
fn make_installs_it() {
    if !need("make") {
        return;
    }
    let to = dir();
    let root = to.join("a root");
    to.write("built", "for another machine", 0o755);
    let run = |goal: &str| {
        let ran = Runner::program("/bin/sh")
            .env("PATH", "/usr/bin:/bin")
            .args(["-c", "umask 077; exec make -C \"$0\" \"$@\"", ROOT])
            .arg(goal)
            .arg(format!("BINARY={}", to.join("built").display()))
            .arg(format!("DESTDIR={}", root.display()))
            .arg("PREFIX=/opt/it")
            .run()
            .unjudged();
        assert_eq!(ran.code, Some(0), "{ran:?}");
    };
    run("install");
    let golden = |name: &str| fs::read(Path::new(ROOT).join("tests/golden").join(name)).unwrap();
    let installed = [
        ("opt/it/bin/authpost", b"for another machine".to_vec()),
        (
            "opt/it/share/bash-completion/completions/authpost",
            golden("authpost.bash"),
        ),
        (
            "opt/it/share/fish/vendor_completions.d/authpost.fish",
            golden("authpost.fish"),
        ),
        ("opt/it/share/man/man1/authpost.1", golden("authpost.1")),
        (
            "opt/it/share/man/man7/authpost-spool.7",
            golden("authpost-spool.7"),
        ),
        (
            "opt/it/share/zsh/site-functions/_authpost",
            golden("_authpost"),
        ),
    ];
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let files = installed
        .each_ref()
        .map(|(file, _)| format!("a root/{file}"));
    assert_eq!(to.list(), [&files[..], &["built".to_owned()]].concat());
    for (file, content) in &installed {
        let file = root.join(file);
        let right = if file.ends_with("bin/authpost") {
            0o755
        } else {
            0o644
        };
        assert_eq!(mode(&file), right, "{}", file.display());
        assert!(fs::read(&file).unwrap() == *content, "{}", file.display());
        for above in file.ancestors().skip(1).take_while(|at| *at != to.path()) {
            assert_eq!(mode(above), 0o755, "{}", above.display());
        }
    }
    run("uninstall");
    assert_eq!(to.list(), ["built"]);
}

/// cargo warns when crates.io would lack something, such as the repository.
#[test]
fn the_crate_is_complete() {
    if !need("cargo") {
        return;
    }
    let list = Runner::program(find("cargo").unwrap())
        .env("PATH", env::var_os("PATH").unwrap())
        .env("HOME", env::var_os("HOME").unwrap())
        .args([
            "package",
            "--list",
            "--offline",
            "--locked",
            "--allow-dirty",
        ])
        .args(["--manifest-path", &format!("{ROOT}/Cargo.toml")])
        .run()
        .stdout_like("**")
        .code(0)
        .stdout;
    let parts = [
        "Cargo.lock",
        "LICENSE-APACHE",
        "LICENSE-MIT",
        "README.md",
        "src/main.rs",
        "src/no-unwind.ld",
        "tests/bench/figures.svg",
        "tests/demo/example.svg",
    ];
    for part in parts {
        assert!(list.lines().any(|line| line == part), "{part}: {list}");
    }
    assert!(!list.contains(".github"), "{list}");
}

/// Names in comments, documents and the Makefile are checked by no compiler.
#[test]
fn files_that_are_named_exist() {
    let mut dirs = vec![PathBuf::from(ROOT)];
    let mut named = 0;
    while let Some(dir) = dirs.pop() {
        for entry in fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            let made = [".git", "target", "node_modules"].map(|name| path.ends_with(name));
            if made.contains(&true) {
                continue;
            }
            if path.is_dir() {
                dirs.push(path);
                continue;
            }
            let text = fs::read_to_string(&path).unwrap_or_default();
            let in_name = |c: char| c.is_ascii_alphanumeric() || "._-/".contains(c);
            for word in text.split(|c| !in_name(c)) {
                if word.starts_with("src/") || word.starts_with("tests/") {
                    let exists = Path::new(ROOT).join(word.trim_end_matches('.')).exists();
                    assert!(exists, "{} names {word}", path.display());
                    named += 1;
                }
            }
        }
    }
    assert!(named > 50, "{named}");
}

#[test]
fn make_says_what_is_missing_in_one_line() {
    if !need("make") {
        return;
    }
    let path = dir();
    symlink(find("sed").unwrap(), path.join("sed")).unwrap();
    let says = |line: &str| {
        make()
            .env("PATH", path.path())
            .arg("build")
            .run()
            .stderr_like(&format!(
                "{line}\nmake: *** [Makefile:*: toolchain] Error 1\n"
            ))
            .code(2);
    };
    let needed = concat!(
        "authpost needs Rust ",
        env!("CARGO_PKG_RUST_VERSION"),
        " or later"
    );
    says(&format!(
        "make: cargo is not installed; {needed}: https://rustup.rs"
    ));
    path.write(
        "cargo",
        "#!/bin/sh\necho 'cargo 1.85.0 (d73d2caf9 2024-12-31)'\n",
        0o755,
    );
    says(&format!("make: this is Rust 1.85; {needed}: rustup update"));
    path.write(
        "cargo",
        "#!/bin/sh\necho 'error: no default toolchain' >&2; exit 1\n",
        0o755,
    );
    says(&format!(
        "make: cargo is not installed; {needed}: https://rustup.rs"
    ));
    path.write("cargo", "#!/bin/sh\necho 'cargo 1.999.0'\n", 0o755);
    path.write("rustc", "#!/bin/sh\necho /nowhere\n", 0o755);
    make()
        .env("PATH", path.path())
        .args(["build", "BUILD_STD=1"])
        .run()
        .stderr_like(
            "make: BUILD_STD needs the source of Rust's library: rustup component add rust-src\n\
             make: *** [Makefile:*: toolchain] Error 1\n",
        )
        .code(2);
}

/// The API of the demo, which cargo built as an example.
fn demo_api() -> Option<PathBuf> {
    let api = Path::new(env!("CARGO_BIN_EXE_authpost")).with_file_name("examples/demo-api");
    let built = api.is_file() || skipped("the demo API is not built; 'cargo test' builds it");
    built.then_some(api)
}

/// The script behind `make demo`, with this binary and that API.
fn demo(binary: &Path) -> Option<Runner> {
    demo_api().map(|api| {
        Runner::program("/bin/sh")
            .env("PATH", "/usr/bin:/bin")
            .arg(Path::new(ROOT).join("tests/demo/demo.sh"))
            .args([binary, &api])
    })
}

#[test]
fn the_demo_posts_for_real() {
    let Some(demo) = demo(&binary()) else { return };
    demo.env("HTTP_PROXY", "http://127.0.0.1:1")
        .run()
        .stdout_like(
            "\nA small API now listens on this machine. *\n\n\
             $ AUTHPOST_TOKEN=demo-* /*authpost http://127.0.0.1:*/data key1=value1 key2=value2\n\
             HTTP/1.1 200 OK\n\
             {\"received\":{\"key1\":\"value1\",\"key2\":\"value2\"}}\n\n\
             The first line is the status *\n*\n",
        )
        .code(0);
}

/// Each command that it prints does what is said of it; Enter stops the API, and nothing is left behind.
#[test]
fn the_demo_stays_up_when_asked() {
    let Some(demo) = demo(&binary()) else { return };
    let temporary = dir();
    let mut demo = demo
        .env("KEEP", "1")
        .env("TMPDIR", temporary.path())
        .stdin_open()
        .spawn();
    demo.wait_stdout("Press Enter to stop the API.\n");
    let text = demo.stdout();
    let commands: Vec<_> = text
        .lines()
        .filter_map(|line| line.strip_prefix("$ "))
        .collect();
    let [_, refused, lines, spooled] = commands[..] else {
        panic!("{text}");
    };
    let shell = |command: &str| {
        Runner::program("/bin/sh")
            .env("PATH", "/usr/bin:/bin")
            .args(["-c", command])
            .run()
    };
    shell(refused)
        .stdout_like("{\"error\":*}exit code 77\n")
        .stderr_like("HTTP/1.1 401 Unauthorized\n**")
        .code(0);
    shell(lines).stdout("accepted\n").stderr("").code(0);
    shell(spooled)
        .stdout_like("**http://127.0.0.1:1/data**")
        .stderr_like("**")
        .code(0);
    demo.write_stdin("\n");
    demo.wait()
        .stdout_like("**\nThe API is stopped. Next: *\n")
        .code(0);
    assert!(temporary.list().is_empty(), "{:?}", temporary.list());
}

/// `make demo-svg` draws it.
#[test]
fn the_picture_of_the_readme_shows_what_is_printed() {
    let Some(api) = demo_api() else { return };
    if !need("python3") {
        return;
    }
    let drawn = Runner::program(find("python3").unwrap())
        .env("PATH", env::var_os("PATH").unwrap())
        .arg(Path::new(ROOT).join("tests/demo/picture.py"))
        .args([binary(), api])
        .run();
    drawn.stdout(include_str!("../demo/example.svg")).code(0);
}

#[test]
fn the_demo_fails_when_the_post_does() {
    let Some(demo) = demo(Path::new("/bin/false")) else {
        return;
    };
    demo.run()
        .stdout_like("**$ AUTHPOST_TOKEN=*\n")
        .stderr("demo: authpost ended with exit code 1\n")
        .code(1);
}
