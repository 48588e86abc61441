//! How much memory a large document or answer takes, and what a limit on it comes to.
use crate::support::{Response, Runner, Server, Unreachable, need, test};
use std::sync::Arc;

const MIB: usize = 1 << 20;
const LENGTH: usize = 2 * MIB;

/// Each of about [`LENGTH`], and of a kind that may cost more than its bytes.
fn texts() -> Vec<(&'static str, Vec<u8>)> {
    let keys: String = (0..LENGTH / 12).map(|n| format!("\"{n:06}\":1,")).collect();
    vec![
        (
            "brackets",
            [vec![b'['; LENGTH / 2], vec![b']'; LENGTH / 2]].concat(),
        ),
        (
            "objects",
            [
                b"{\"\":".repeat(LENGTH / 5),
                b"1".to_vec(),
                b"}".repeat(LENGTH / 5),
            ]
            .concat(),
        ),
        ("keys", format!("{{{keys}\"end\":1}}").into_bytes()),
        (
            "numbers",
            format!("[{}1]", "1,".repeat(LENGTH / 2)).into_bytes(),
        ),
        ("string", format!("\"{}\"", "a".repeat(LENGTH)).into_bytes()),
        (
            "escapes",
            format!("\"{}\"", "\\u0041".repeat(LENGTH / 6)).into_bytes(),
        ),
        (
            "white space",
            format!("[{}1]", "\n".repeat(LENGTH)).into_bytes(),
        ),
        ("no JSON", vec![0x01; LENGTH]),
        ("no UTF-8", vec![0xff; LENGTH]),
    ]
}

/// Runs it without its answer; how many bytes of memory it took at most.
fn peak(run: Runner) -> usize {
    let run = run.shell("exec /usr/bin/time -o peak -f %M \"$@\" >/dev/null 2>&1");
    let dir = run.dir();
    let code = run.run().unjudged().code;
    assert!(matches!(code, Some(0 | 75)), "{code:?}");
    // A code other than 0 is told before.
    let said = dir.read("peak");
    said.lines().last().unwrap().parse::<usize>().unwrap() * 1024
}

/// Above what the run takes with next to nothing.
const SLACK: usize = MIB / 2;

#[test]
fn an_answer_takes_four_times_its_length_at_most() {
    if !need("time") {
        return;
    }
    let post = |text: &Arc<Vec<u8>>, args: &[&str]| {
        let answer = text.clone();
        let server = Server::handler(move |_| Response::json(200, answer.as_slice()));
        let run = test().token("a-token-of-some-length").args(args);
        peak(run.args(["-d", "{}", server.url("/")]))
    };
    let empty = SLACK + post(&Arc::new(b"{}".to_vec()), &[]);
    for (name, text) in texts() {
        let text = Arc::new(text);
        let is_string = ["string", "escapes"].contains(&name);
        let pick = is_string.then_some(&["--pick", ""][..]);
        let color = &["--color=always"][..];
        for args in [&["--report"][..], &["--pretty"], color]
            .into_iter()
            .chain(pick)
        {
            let (peak, length) = (post(&text, args), text.len());
            assert!(
                peak < 4 * length + empty,
                "{name} {args:?}: {peak} of {length}"
            );
        }
    }
}

#[test]
fn a_document_of_items_takes_four_times_its_length_at_most() {
    if !need("time") {
        return;
    }
    let nowhere = Unreachable::refusing();
    let post = |items: &[&str]| {
        let run = test().args(["-q", "--no-auth", "--tries", "1", nowhere.url("/")]);
        run.args(items)
    };
    let empty = SLACK + peak(post(&["a:=1"]));
    for (name, text) in texts() {
        // What other items may add to, and in.
        let others: &[_] = match text[0] {
            b'[' if text[1] == b'[' => &["a[]=1", "a[0][]=1", "a[0][0][0][]=1"],
            b'[' => &["a[]=1", "a[]=2"],
            b'{' if name == "objects" => &["a[b]=1"],
            b'{' => &["a[b]=1", "a[c][]=1"],
            b'"' => &[],
            _ => continue,
        };
        for others in [&[][..], others] {
            let items = [&["a:=@text"][..], others].concat();
            let (length, run) = (text.len(), post(&items).file("text", text.as_slice()));
            let peak = peak(run);
            let times = peak / length;
            assert!(
                peak < 4 * length + empty,
                "{name} {items:?}: {peak}, {times} times {length}"
            );
        }
    }
}

/// Whatever the limit is, once the API has accepted the document the run says so.
#[test]
fn a_limit_on_memory_hides_no_outcome() {
    let text = format!("[{}1]", "\"\\u0041\",".repeat(LENGTH / 9)).into_bytes();
    let server = Server::handler(move |request| match request.path() {
        "/large" => Response::json(200, text.as_slice()),
        _ => Response::json(200, "[1]"),
    });
    let run = |limit: usize, path: &str, args: &[&str]| {
        test()
            .token("a-token-of-some-length")
            .args(args)
            .args(["-d", "{}", server.url(path)])
            .shell(&format!("ulimit -v {}; exec \"$@\"", limit / 1024))
            .run()
            .unjudged()
    };
    let least = (2 * MIB..64 * MIB)
        .step_by(MIB / 2)
        .find(|limit| run(*limit, "/", &[]).code == Some(0));
    let mut seen = Vec::new();
    for args in [&["--report"][..], &["--pick", "/0"]] {
        for limit in (least.unwrap()..).step_by(MIB / 2).take(20) {
            let ran = run(limit, "/large", args);
            let short = ran.stderr.contains("memory");
            let told = match ran.code {
                Some(0) => !short,
                Some(74) => short && ran.stderr.contains("the API accepted the document"),
                _ => false,
            };
            assert!(told, "{args:?} {limit}: {:?}\n{}", ran.code, ran.stderr);
            seen.push(short);
        }
    }
    assert!(seen.contains(&true) && seen.contains(&false));
}
