//! Completions on a terminal, with its tab key, in the shells that they are written for. There, authpost is a function that
//! shows the arguments that the line came to; only `list` is the real one.
use crate::support::{Dir, Runner, binary, dir, find, need, test};
use std::env;
use std::path::Path;

/// What is typed, and what it comes to at a tab. `ID` is a message, of which `I` is the beginning.
const TYPED: &[(&str, &str)] = &[
    ("--token-f", "--token-file"),
    ("--completions fi", "--completions fish"),
    ("-X PU", "-X PUT"),
    ("ch", "check"),
    ("https://a.example/ --no-b", "https://a.example/ --no-body"),
    ("-q check --no-b", "-q check --no-body"),
    ("check --dry", "check --dry"),
    ("--token-file fin", "--token-file fine.json"),
    // Files behind an @, and none without.
    ("-d @fin", "-d @fine.json"),
    ("-d fin", "-d fin"),
    ("--data=@fin", "--data=@fine.json"),
    (
        "https://a.example/ key=@fin",
        "https://a.example/ key=@fine.json",
    ),
    (
        "https://a.example/ key:=@fin",
        "https://a.example/ key:=@fine.json",
    ),
    (
        "https://a.example/ a[b]=@sub/x",
        "https://a.example/ a[b]=@sub/xy.txt",
    ),
    (
        "https://a.example/ key=@two",
        "https://a.example/ key=@two_words.txt",
    ),
    ("https://a.example/ fin", "https://a.example/ fin"),
    // Spools and messages.
    ("--spool spo", "--spool spool/"),
    ("flush spo", "flush spool/"),
    ("show spo", "show spool/"),
    ("show spool I", "show spool ID"),
    ("show ./spool/ I", "show ./spool/ ID"),
    ("show ~/spool I", "show HOME/spool ID"),
    (
        "retry -q --color never spool I",
        "retry -q --color never spool ID",
    ),
    ("drop --color=never spool I", "drop --color=never spool ID"),
    ("drop spool ID I", "drop spool ID ID"),
    ("show sub I", "show sub I"),
    ("show missing fin", "show missing fin"),
    // Variables.
    ("--token-env MY_SEC", "--token-env MY_SECRET"),
    // Other verbs.
    ("he", "help"),
    ("help dr", "help drop"),
    ("from-c", "from-curl"),
    ("from-curl cur", "from-curl curl"),
    (
        "from-curl curl --cacert fin",
        "from-curl curl --cacert fine.json",
    ),
];

/// A directory with what the lines name; also the beginning of the message's id, and its id.
fn prepared() -> (Dir, String, String) {
    let home = dir();
    home.write("fine.json", "{}", 0o600);
    home.write("two_words.txt", "", 0o600);
    std::fs::create_dir(home.join("sub")).unwrap();
    home.write("sub/xy.txt", "", 0o600);
    let run = test()
        .in_dir(&home)
        .args(["-q", "--spool", "spool", "--no-auth", "--tries=1"]);
    let run = run.args(["http://127.0.0.1:1/", "n:=1"]).run();
    run.stderr_like("**").code(0);
    let list = test().in_dir(&home).args(["list", "spool"]).run();
    let list = list.stdout_like("pending: 1\n**").code(0).stdout;
    let id = list
        .lines()
        .nth(2)
        .unwrap()
        .split_whitespace()
        .next()
        .unwrap();
    // Not so short that a file could be meant.
    (home, id[..4].to_owned(), id.to_owned())
}

/// Types each line and a tab into an interactive shell, after it has read `setup`, and looks at what authpost gets.
fn types(shell: &str, setup: &[&str]) {
    let (home, start, id) = prepared();
    let path = format!(
        "{}:{}",
        binary().parent().unwrap().display(),
        env::var("PATH").unwrap()
    );
    let mut running = Runner::program(find("script").unwrap())
        .in_dir(&home)
        .args(["-qfc", shell, "/dev/null"])
        .env("SHELL", "/bin/sh")
        .env("HOME", home.path())
        .env("PATH", path)
        .env("TERM", "dumb")
        .env("MY_SECRET", "t0ken")
        .stdin_open()
        .spawn();
    let function = "authpost() { if [[ $1 == list ]]; then command authpost \"$@\"; else printf '<%s>' go t \"$@\"; fi; }";
    for line in setup.iter().chain(&[function, "PS1='rea''dy '"]) {
        running.write_stdin(format!("{line}\n"));
    }
    running.wait_stdout("ready ");
    for (number, (typed, becomes)) in TYPED.iter().enumerate() {
        let as_id = |text: &str, word: &str, id: &str| {
            let words = text.split(' ').map(|it| if it == word { id } else { it });
            words.collect::<Vec<_>>().join(" ")
        };
        let typed = as_id(&as_id(typed, "ID", &id), "I", &start);
        let becomes = as_id(&as_id(becomes, "ID", &id), "I", &start);
        let becomes = becomes.replace("HOME", home.path().to_str().unwrap());
        running.write_stdin(format!("authpost {typed}\t\necho en''d{number}\n"));
        running.wait_stdout(&format!("end{number}\r"));
        let said = running.stdout();
        let (_, got) = said.rsplit_once("<go><t>").unwrap();
        let expected: String = becomes.split(' ').map(|word| format!("<{word}>")).collect();
        assert!(got.starts_with(&expected), "{typed}\n{got}");
        assert!(!got[expected.len()..].starts_with('<'), "{typed}\n{got}");
    }
    assert!(
        !running.stdout().contains("authpost: "),
        "{}",
        running.stdout()
    );
    running.write_stdin("exit\n");
    running.close_stdin();
    running.wait().unjudged();
}

fn golden(name: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    folder.join(name).display().to_string()
}

#[test]
fn bash() {
    if !need("bash") || !need("script") {
        return;
    }
    let source = format!("source '{}'", golden("authpost.bash"));
    for option in ["shopt -s hostcomplete", "shopt -u hostcomplete"] {
        types("bash --norc --noprofile -i", &[option, &source]);
    }
}

#[test]
fn zsh() {
    if !need("zsh") || !need("script") {
        return;
    }
    // What would make more of the line than the completion: patterns, and the slash behind a directory.
    let options = "unsetopt nomatch auto_remove_slash prompt_cr prompt_sp";
    let compinit = "autoload -U compinit; compinit -u -D";
    // Installed, and read by a shell that runs.
    let path = format!("fpath=('{}' $fpath)", golden(""));
    types("zsh -f -i", &[options, &path, compinit]);
    let source = format!("source '{}'", golden("_authpost"));
    types("zsh -f -i", &[options, compinit, &source]);
}

#[test]
fn fish() {
    if !need("fish") {
        return;
    }
    let (home, start, id) = prepared();
    let path = format!(
        "{}:{}",
        binary().parent().unwrap().display(),
        env::var("PATH").unwrap()
    );
    let completes = |line: &str| {
        Runner::program(find("fish").unwrap())
            .in_dir(&home)
            .env("PATH", &path)
            .env("HOME", home.path())
            .env("MY_SECRET", "t0ken")
            .args(["--no-config", "-c", "source $argv[1]; complete -C $argv[2]"])
            .args([&golden("authpost.fish"), &format!("authpost {line}")])
            .run()
            .stdout_like("**")
            .code(0)
            .stdout
    };
    for (line, expected) in [
        (
            "--token-",
            "--token-command\trun COMMAND with sh -c; its output is the token\n\
             --token-env\tread the token from environment variable NAME\n\
             --token-file\tread the token from FILE\n",
        ),
        (
            "--completions ",
            "bash\tprint a shell completion script\n\
             fish\tprint a shell completion script\n\
             zsh\tprint a shell completion script\n",
        ),
        (
            "ch",
            "check\ttest the setup; send neither the document nor the token\n",
        ),
        ("he", "help\tlist the options of a topic\n"),
        ("help dr", "drop\n"),
        (
            "x://y --dry",
            "--dry-run\tprint the request, but do not send it\n",
        ),
        ("check --dry", ""),
        (
            "-d @fin",
            "@fine.json\tdocument to send; @FILE reads a file, @- stdin\n",
        ),
        (
            "--data=@fin",
            "--data=@fine.json\tdocument to send; @FILE reads a file, @- stdin\n",
        ),
        ("-d fin", ""),
        ("x://y key:=@sub/x", "key:=@sub/xy.txt\n"),
        ("x://y fin", ""),
        ("--spool spo", "spool/\tDirectory\n"),
        ("show spo", "spool/\tDirectory\n"),
        ("show sub ", ""),
        ("show missing ", ""),
        (
            "--token-env MY_S",
            "MY_SECRET\tread the token from environment variable NAME\n",
        ),
        ("from-curl cu", "curl\n"),
        ("from-curl curl --cacert fin", "fine.json\n"),
    ] {
        assert_eq!(completes(line), expected, "{line}");
    }
    for line in ["show spool", "retry -q ~/spool", "drop spool 00000000"] {
        let offered = completes(&format!("{line} {start}"));
        assert!(offered.starts_with(&format!("{id}\t")), "{line}: {offered}");
        assert_eq!(offered.lines().count(), 1, "{line}: {offered}");
    }
}
