//! Items and documents: every kind of item, every message, and files that change or fail while they are read.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::io::Write;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use super::*;

/// A temporary directory for one test, removed at its end.
struct Dir(PathBuf);

impl Dir {
    fn new(test: &str) -> Dir {
        let name = format!("authpost-body-{test}-{}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).unwrap();
        Dir(path)
    }

    /// Creates a file in it; returns its path as an argument.
    fn file(&self, name: &str, content: impl AsRef<[u8]>) -> String {
        let path = self.0.join(name);
        std::fs::write(&path, content).unwrap();
        path.to_str().unwrap().to_owned()
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn build(items: &[&str]) -> Result<Document> {
    let items: Result<Vec<Item>> = items.iter().map(|item| Item::parse(item)).collect();
    Document::from_items(&items?)
}

/// The object that the items make.
fn made(items: &[&str]) -> String {
    let document = build(items).unwrap_or_else(|why| panic!("{items:?}: {why}"));
    let text = String::from_utf8(document.bytes().unwrap().to_vec()).unwrap();
    json::check(text.as_bytes()).unwrap();
    text
}

/// The error: its kind, message and remedy.
fn told(result: Result<Document>) -> (Kind, String, String) {
    let why = result.unwrap_err();
    let remedy = why.remedy().unwrap_or("").to_owned();
    (why.kind(), why.to_string(), remedy)
}

fn refused(items: &[&str]) -> (Kind, String, String) {
    told(build(items))
}

#[track_caller]
fn assert_refused(items: &[&str], kind: Kind, message: &str, remedy: &str) {
    assert_eq!(refused(items), (kind, message.into(), remedy.into()));
}

fn all_of(document: &Document) -> Vec<u8> {
    let mut bytes = Vec::new();
    document.reader().read_to_end(&mut bytes).unwrap();
    bytes
}

#[test]
fn no_item_is_no_body() {
    let document = build(&[]).unwrap();
    assert!(document.is_empty());
    assert_eq!(document.bytes(), Some(&b""[..]));
    assert_eq!(all_of(&document), b"");
}

#[test]
fn texts_and_backslashes() {
    assert_eq!(made(&["a=b"]), r#"{"a":"b"}"#);
    assert_eq!(made(&[r"a=x\=y"]), r#"{"a":"x\\=y"}"#);
    assert_eq!(made(&[r"a\=b=c"]), r#"{"a=b":"c"}"#);
    assert_eq!(made(&[r"path=c:\windows"]), r#"{"path":"c:\\windows"}"#);
    assert_eq!(
        made(&[r"a=\\server\\share\"]),
        r#"{"a":"\\\\server\\\\share\\"}"#
    );
    assert_eq!(
        made(&[r"a\:b\@c\[d\]=\:\@\[\]"]),
        r#"{"a:b@c[d]":"\\:\\@\\[\\]"}"#
    );
    assert_eq!(made(&[r"a\\=b"]), r#"{"a\\":"b"}"#);
    assert_eq!(made(&[r"a\n=\n"]), r#"{"a\\n":"\\n"}"#);
    assert_eq!(made(&["a=\n\t\"é😀"]), "{\"a\":\"\\n\\t\\\"é😀\"}");
    assert_eq!(made(&["a=b=c:d:=e@f"]), r#"{"a":"b=c:d:=e@f"}"#);
    assert_eq!(made(&["a@b=1"]), r#"{"a@b":"1"}"#);
    assert_eq!(made(&["a b=1"]), r#"{"a b":"1"}"#);
    assert_eq!(made(&["ключ=да"]), r#"{"ключ":"да"}"#);
}

#[test]
fn nothing_before_or_after_the_separator() {
    assert_eq!(made(&["a="]), r#"{"a":""}"#);
    let forms = "write KEY=TEXT, KEY:=JSON, KEY=@FILE or KEY:=@FILE";
    assert_refused(
        &["a:="],
        Kind::Usage,
        "reading the item 'a:=…': no JSON behind it",
        "write := null, or = for an empty text",
    );
    assert_refused(
        &["a:= "],
        Kind::Usage,
        "reading the item 'a:=…': no JSON behind it",
        "write := null, or = for an empty text",
    );
    assert_refused(
        &["=x"],
        Kind::Usage,
        "reading the item '=…': no key before it",
        forms,
    );
    assert_refused(
        &[":=1"],
        Kind::Usage,
        "reading the item ':=…': no key before it",
        forms,
    );
    assert_refused(
        &["a=@"],
        Kind::Usage,
        "reading the item 'a=…': no file name behind the '@'",
        forms,
    );
    assert_refused(
        &["a:=@"],
        Kind::Usage,
        "reading the item 'a:=…': no file name behind the '@'",
        forms,
    );
    assert_refused(
        &["a=@-"],
        Kind::Usage,
        "reading the item 'a=…': '-' is no file here",
        "write @/dev/stdin for standard input, @./- for a file named '-'",
    );
    assert_refused(
        &["a:=@-"],
        Kind::Usage,
        "reading the item 'a:=…': '-' is no file here",
        "write @/dev/stdin for standard input, @./- for a file named '-'",
    );
}

#[test]
fn what_is_no_item() {
    let forms = "write KEY=TEXT, KEY:=JSON, KEY=@FILE or KEY:=@FILE";
    assert_refused(
        &["word"],
        Kind::Usage,
        "reading the item 'word': no '=' in it",
        forms,
    );
    assert_refused(
        &[""],
        Kind::Usage,
        "reading the item '': no '=' in it",
        forms,
    );
    assert_refused(
        &["eyJhbGciOiJIUzI1NiJ9"],
        Kind::Usage,
        "reading the item 'eyJhbGci…': no '=' in it",
        forms,
    );
    assert_refused(
        &["@file"],
        Kind::Usage,
        "reading the item '@file': no key",
        "give a file that is the whole document with -d: authpost -d @document.json https://api.example.com/data",
    );
    assert_refused(
        &["c2VjcmV0LXRva2Vu=="],
        Kind::Usage,
        "reading the item 'c2VjcmV0…': it looks like a part of the URL",
        "write := for a text that begins with =, and a query in the URL: authpost 'https://api.example.com/data?name=value' key=value",
    );
    let header = "write := for JSON, and -H for a header: authpost -H 'Name: value' https://api.example.com/data key=value";
    assert_refused(
        &["Name:value"],
        Kind::Usage,
        "reading the item 'Name:…': it looks like a header",
        header,
    );
    assert_refused(
        &["Authorization: Bearer a=b"],
        Kind::Usage,
        "reading the item 'Authorization:…': it looks like a header",
        "give the token's file: authpost --token-file ~/.api-token https://api.example.com/data key=value",
    );
    assert_refused(
        &["a\nb:c"],
        Kind::Usage,
        "reading the item 'a\\nb:…': it looks like a header",
        header,
    );
    assert_refused(
        &["q==v"],
        Kind::Usage,
        "reading the item 'q==…': it looks like a part of the URL",
        "write := for a text that begins with =, and a query in the URL: authpost 'https://api.example.com/data?name=value' key=value",
    );
    for whole in ["{\"a\":1}", "[1,2]", "{}"] {
        assert_refused(
            &[whole],
            Kind::Usage,
            "reading the items: one looks like a whole document",
            "give a whole document with -d: authpost -d '{\"key\":\"value\"}' https://api.example.com/data",
        );
    }
}

#[test]
fn files() {
    let dir = Dir::new("files");
    let text = |content: &str| made(&[&format!("a=@{}", dir.file("text", content))]);
    assert_eq!(text("one\ntwo\n"), r#"{"a":"one\ntwo\n"}"#);
    assert_eq!(text("one\r\n"), r#"{"a":"one\r\n"}"#);
    assert_eq!(text(""), r#"{"a":""}"#);
    assert_eq!(text(r"\= as it is"), r#"{"a":"\\= as it is"}"#);

    let json = |content: &str| build(&[&format!("a:=@{}", dir.file("json", content))]);
    let made = json(" {\"b\": 1.10,\n \"c\": [] }\n").unwrap();
    assert_eq!(
        made.bytes().unwrap(),
        b"{\"a\":{\"b\": 1.10,\n \"c\": [] }}"
    );
    let path = dir.file("json", "");
    assert_eq!(
        told(json("{\"b\":\n }")),
        (
            Kind::Data,
            format!("checking '{path}': not JSON: line 2, column 2: expected a value, found '}}'"),
            String::new()
        )
    );
    assert_eq!(
        told(json("")).1,
        format!("checking '{path}': not JSON: line 1, column 1: nothing at all")
    );

    let latin = dir.file("latin", b"caf\xE9\n");
    assert_refused(
        &[&format!("a=@{latin}")],
        Kind::Data,
        &format!("checking '{latin}': not UTF-8 after byte 3"),
        "",
    );
    let gone = format!("{latin}.gone");
    for form in ["=@", ":=@"] {
        assert_refused(
            &[&format!("a{form}{gone}")],
            Kind::Input,
            &format!("reading '{gone}': No such file or directory"),
            "",
        );
    }
}

#[test]
fn file_names_are_taken_as_written() {
    let dir = Dir::new("names");
    let odd = dir.file("a=b@c:[d]\\=", "x");
    assert_eq!(made(&[&format!("k=@{odd}")]), r#"{"k":"x"}"#);
}

#[test]
fn json_keeps_its_text() {
    for text in [
        "12345678901234567890123",
        "1.10",
        "1e400",
        "-0",
        "null",
        r#""\u00e9\/""#,
        r#""c:\\dir\\=""#,
        r#"{"b" : [ 1 ]}"#,
    ] {
        assert_eq!(made(&[&format!("a:={text}")]), format!("{{\"a\":{text}}}"));
    }
    assert_eq!(made(&["a:= [1] "]), r#"{"a":[1]}"#);
    assert_eq!(
        made(&["a:=1", "b=1", "c:=\"1\""]),
        r#"{"a":1,"b":"1","c":"1"}"#
    );
}

#[test]
fn json_that_is_not() {
    assert_refused(
        &["a:=NaN"],
        Kind::Data,
        "checking the item 'a:=…': not JSON: line 1, column 1: expected a value, found 'N'",
        "write = instead of := for a text",
    );
    assert_refused(
        &["a[b]:={\"x\":}"],
        Kind::Data,
        "checking the item 'a[b]:=…': not JSON: line 1, column 6: expected a value, found '}'",
        "",
    );
}

#[test]
fn nested_keys() {
    assert_eq!(
        made(&["a[x]=1", "b=2", "a[y]=3"]),
        r#"{"a":{"x":"1","y":"3"},"b":"2"}"#
    );
    assert_eq!(
        made(&["a[b][c]:=1", "a[b][d]:=2"]),
        r#"{"a":{"b":{"c":1,"d":2}}}"#
    );
    assert_eq!(made(&["a[]=x", "a[]=y"]), r#"{"a":["x","y"]}"#);
    assert_eq!(
        made(&["a[][b]=x", "a[][b]=y"]),
        r#"{"a":[{"b":"x"},{"b":"y"}]}"#
    );
    assert_eq!(
        made(&["a[0]=x", "a[1]=y", "a[]=z"]),
        r#"{"a":["x","y","z"]}"#
    );
    assert_eq!(made(&["a[0][0]=x", "a[0][]=y"]), r#"{"a":[["x","y"]]}"#);
    assert_eq!(
        made(&[r"a[b\]c]=x", r"a\[b\]=y"]),
        r#"{"a":{"b]c":"x"},"a[b]":"y"}"#
    );
    assert_eq!(made(&["a[\"]=x"]), r#"{"a":{"\"":"x"}}"#);
}

#[test]
fn only_plain_digits_are_an_index() {
    assert_eq!(
        made(&["a[1.0]=w", "a[١]=v"]),
        r#"{"a":{"1.0":"w","١":"v"}}"#
    );
    assert_eq!(made(&["a[01]=x"]), r#"{"a":[null,"x"]}"#);
}

#[test]
fn missing_elements_are_null() {
    assert_eq!(
        made(&["a[5]=x", "a[2]=y"]),
        r#"{"a":[null,null,"y",null,null,"x"]}"#
    );
    assert_eq!(made(&["a[1]=x", "a[0][b]=y"]), r#"{"a":[{"b":"y"},"x"]}"#);
    assert_eq!(
        made(&["a:=[1]", "a[2]=x", "a[]=y"]),
        r#"{"a":[1,null,"x","y"]}"#
    );
    assert_eq!(made(&["a[1000]:=0"]).matches("null").count(), 1000);
    for index in ["1001", "99999999999999999999999"] {
        assert_refused(
            &[&format!("a[{index}]=x")],
            Kind::Usage,
            &format!("reading the item 'a[{index}]=…': an index above 1000"),
            "give the array as JSON, with :=",
        );
    }
}

#[test]
fn items_within_json() {
    assert_eq!(
        made(&[r#"a[]:={"b":1}"#, "a[0][c]=2"]),
        r#"{"a":[{"b":1,"c":"2"}]}"#
    );
    assert_eq!(
        made(&[
            r#"a:={"\u0062":{ "x" : 1e400 }, "c" : [ 1 , 2.0 ]}"#,
            "a[d]=2",
            "a[c][]:=3"
        ]),
        r#"{"a":{"\u0062":{ "x" : 1e400 }, "c" : [ 1 , 2.0,3],"d":"2"}}"#
    );
    assert_refused(
        &[r#"a:={"\u0062":1}"#, "a[b]=2"],
        Kind::Usage,
        "building the object: duplicate key 'a[b]'",
        "leave one of them out",
    );
    assert_eq!(
        made(&["a:={}", "a[b]=1", "c:=[]", "c[]=1"]),
        r#"{"a":{"b":"1"},"c":["1"]}"#
    );
    let dir = Dir::new("within");
    let file = dir.file("json", "{\n\"b\": [1]\n}\n");
    assert_eq!(
        made(&[&format!("a:=@{file}"), "a[b][]=2"]),
        "{\"a\":{\n\"b\": [1,\"2\"]}}"
    );
}

#[test]
fn items_that_contradict_each_other() {
    for (items, place) in [
        (["a=1", "a=2"], "a"),
        (["a=1", "a:={}"], "a"),
        (["a[b]=1", "a=2"], "a"),
        (["a[b]=1", "a[b]=2"], "a[b]"),
        (["a[0]=1", "a[0]=2"], "a[0]"),
        (["a[]=1", "a[0]=2"], "a[0]"),
        (["a:=[null]", "a[0]=2"], "a[0]"),
        (["a:=null", "a:=null"], "a"),
        (["a[x\ny]=1", "a[x\ny]=2"], "a[x\\ny]"),
    ] {
        assert_refused(
            &items,
            Kind::Usage,
            &format!("building the object: duplicate key '{place}'"),
            "leave one of them out",
        );
    }
    for (items, place) in [
        (["a:=null", "a[b]=2"], "a"),
        (["a=1", "a[b]=2"], "a"),
        (["a[]=1", "a[b]=2"], "a"),
        (["a:=[]", "a[b]=2"], "a"),
        (["a[x][y]:=1", "a[x][y][z]=2"], "a[x][y]"),
        (["a[]:=\"{}\"", "a[0][b]=2"], "a[0]"),
    ] {
        let message = format!("building the object: '{place}' is not an object");
        assert_refused(&items, Kind::Usage, &message, "");
    }
    for (items, place) in [
        (["a=1", "a[]=2"], "a"),
        (["a:={}", "a[0]=2"], "a"),
        (["a[b]=1", "a[]=2"], "a"),
        (["a[0]:=null", "a[0][]=2"], "a[0]"),
    ] {
        let message = format!("building the object: '{place}' is not an array");
        assert_refused(&items, Kind::Usage, &message, "");
    }
}

#[test]
fn brackets_that_do_not_match() {
    for (item, shown, why) in [
        ("a[b=1", "a[b=…", "a '[' without its ']'"),
        ("a[b=c]=1", "a[b=…", "a '[' without its ']'"),
        ("a]b=1", "a]b=…", "a ']' without its '['"),
        ("a[b]]=1", "a[b]]=…", "a ']' without its '['"),
        ("a[b[c]]:=1", "a[b[c]]:=…", "a '[' within brackets"),
        ("a[b]c=1", "a[b]c=…", "something behind the last ']'"),
        ("a[b]c[d]=1", "a[b]c[d]=…", "something between ']' and '['"),
        ("[]=1", "[]=…", "no key before the '['"),
        ("[a]:=1", "[a]:=…", "no key before the '['"),
    ] {
        assert_refused(
            &[item],
            Kind::Usage,
            &format!("reading the item '{shown}': {why}"),
            "in a key, write \\[ and \\] for brackets, and [\\1] for a member called 1",
        );
    }
}

#[test]
fn depth_costs_no_stack() {
    let keys = |count: usize| format!("a{}=x", "[b]".repeat(count - 1));
    assert_eq!(made(&[&keys(128)]).matches('{').count(), 128);
    let (kind, message, remedy) = refused(&[&keys(129)]);
    assert_eq!(kind, Kind::Usage);
    assert!(
        message.ends_with("…': more than 128 keys deep"),
        "{message}"
    );
    assert_eq!(remedy, "give the inner part as JSON, with :=");
    assert_eq!(refused(&[&keys(100_000)]).0, Kind::Usage);

    let deep = 100_000;
    let value = format!("{}1{}", "[{\"b\":".repeat(deep), "}]".repeat(deep));
    assert_eq!(
        made(&[&format!("a:={value}")]),
        format!("{{\"a\":{value}}}")
    );
    let reached = made(&[&format!("a:={value}"), "a[0][b][0][c]=2", "a[]=3"]);
    assert!(reached.ends_with("}],\"c\":\"2\"}]},\"3\"]}"));
    assert_eq!(
        refused(&[&format!("a:={}", "[".repeat(deep))]).0,
        Kind::Data
    );
}

#[test]
fn many_items_in_no_time() {
    let items: Vec<String> = (0..50_000).map(|count| format!("key{count}=x")).collect();
    let items: Vec<&str> = items.iter().map(String::as_str).collect();
    assert!(made(&items).ends_with(",\"key49999\":\"x\"}"));
}

#[test]
fn a_document_is_the_very_bytes() {
    let bytes = b" {\"k\":1.10, \"k\":1e400}\r\n\n";
    let document = Document::from_bytes(bytes.to_vec(), "--data").unwrap();
    assert_eq!(document.bytes(), Some(&bytes[..]));
    assert_eq!(document.len(), bytes.len() as u64);
    assert_eq!(all_of(&document), bytes);
    assert_eq!(all_of(&document), bytes);
    let mut reader = document.reader();
    let mut some = [0; 5];
    reader.read_exact(&mut some).unwrap();
    assert_eq!(&some, b" {\"k\"");
    assert_eq!(reader.read(&mut []).unwrap(), 0);
    let mut rest = Vec::new();
    reader.read_to_end(&mut rest).unwrap();
    assert_eq!(rest, &bytes[5..]);
    assert_eq!(format!("{document:?}"), "Document(25 bytes)");
}

#[test]
fn a_document_is_json() {
    for (text, error) in [
        (
            "{\n\"secret\" 1}",
            "line 2, column 10: expected ':', found '1'",
        ),
        ("", "line 1, column 1: nothing at all"),
        ("\n", "line 2, column 1: nothing but white space"),
        ("{} {}", "line 1, column 4: two documents"),
    ] {
        assert_eq!(
            told(Document::from_bytes(text.into(), "--data")),
            (
                Kind::Data,
                format!("checking --data: not JSON: {error}"),
                String::new()
            )
        );
        assert_eq!(
            told(Document::from_reader(text.as_bytes(), "standard input")).1,
            format!("checking standard input: not JSON: {error}")
        );
    }
}

#[test]
fn a_reader_that_fails() {
    struct Broken;
    impl Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::from_raw_os_error(5))
        }
    }
    assert_eq!(
        told(Document::from_reader(Broken, "standard input")),
        (
            Kind::Input,
            "reading standard input: Input/output error".into(),
            String::new()
        )
    );
}

/// JSON of at least `len` bytes.
fn long(len: usize) -> String {
    let element = "\"some text that fills a line or so, é\",\n";
    format!("[{}0]", element.repeat(len / element.len() + 1))
}

#[test]
fn small_files_are_kept_large_ones_are_not() {
    let dir = Dir::new("sizes");
    for (len, kept) in [
        (10, true),
        (1 << 19, true),
        ((1 << 20) + 1, false),
        (3 << 20, false),
    ] {
        let text = long(len);
        let path = dir.file("document", &text);
        let document = Document::from_file(Path::new(&path)).unwrap();
        assert_eq!(document.bytes().is_some(), kept, "{len}");
        assert_eq!(document.len(), text.len() as u64);
        assert!(!document.is_empty());
        std::fs::remove_file(&path).unwrap();
        // Deleted or not, any number of times, and interleaved.
        let mut other = document.reader();
        other.read_exact(&mut [0; 3]).unwrap();
        assert!(all_of(&document) == text.as_bytes());
        assert!(all_of(&document) == text.as_bytes());
        let mut rest = Vec::new();
        other.read_to_end(&mut rest).unwrap();
        assert!(rest == text.as_bytes()[3..]);
    }
}

#[test]
fn files_that_are_no_document() {
    let dir = Dir::new("wrong");
    let gone = dir.0.join("gone");
    assert_eq!(
        told(Document::from_file(&gone)),
        (
            Kind::Input,
            format!("opening '{}': No such file or directory", gone.display()),
            String::new()
        )
    );
    assert_eq!(
        told(Document::from_file(&dir.0)),
        (
            Kind::Input,
            format!("reading '{}': Is a directory", dir.0.display()),
            String::new()
        )
    );
    for (text, error) in [
        (
            "[1,]".to_owned(),
            "line 1, column 4: expected a value, found ']'",
        ),
        (String::new(), "line 1, column 1: nothing at all"),
        (long(2 << 20) + "x", "expected the end, found 'x'"),
        (
            long(2 << 20).replace("0]", "0"),
            "the document ends too early",
        ),
        (
            "\n".repeat(2 << 20),
            "line 2097153, column 1: nothing but white space",
        ),
    ] {
        let path = dir.file("wrong", text);
        let (kind, message, remedy) = told(Document::from_file(Path::new(&path)));
        assert_eq!((kind, remedy.as_str()), (Kind::Data, ""));
        assert!(
            message.starts_with(&format!("checking '{path}': not JSON: line ")),
            "{message}"
        );
        assert!(message.ends_with(error), "{message}");
    }
}

#[test]
fn a_pipe_is_read_into_memory() {
    use std::os::fd::AsRawFd;
    let (pipe, mut writer) = io::pipe().unwrap();
    let text = long(2 << 20); // more than a pipe holds, so that the writer is there when it is opened
    let content = text.clone();
    let thread = std::thread::spawn(move || writer.write_all(content.as_bytes()).unwrap());
    let path = format!("/proc/self/fd/{}", pipe.as_raw_fd());
    let document = Document::from_file(Path::new(&path)).unwrap();
    thread.join().unwrap();
    assert!(document.bytes() == Some(text.as_bytes()));
}

/// What a second reader of a large document returns after `change` was applied to its file.
fn after(test: &str, change: impl FnOnce(&File)) -> io::Result<Vec<u8>> {
    let dir = Dir::new(test);
    let text = long(2 << 20);
    let path = dir.file("document", &text);
    let old = SystemTime::now() - Duration::from_secs(10);
    let file = File::options().write(true).open(&path).unwrap();
    file.set_modified(old).unwrap();
    let document = Document::from_file(Path::new(&path)).unwrap();
    assert!(all_of(&document) == text.as_bytes());
    let mut begun = document.reader();
    let mut bytes = vec![0; 1 << 20];
    begun.read_exact(&mut bytes).unwrap();
    change(&file);
    // A reader that had already started must not end without an error either.
    let rest = begun.read_to_end(&mut bytes).map(|_| bytes);
    let mut fresh = Vec::new();
    let fresh = document.reader().read_to_end(&mut fresh).map(|_| fresh);
    assert_eq!(rest.is_ok(), fresh.is_ok());
    fresh
}

#[test]
fn a_file_that_changed_is_not_sent() {
    let changed = "the file changed while it was in use";
    let told = |result: io::Result<Vec<u8>>| result.unwrap_err().to_string();
    assert_eq!(
        told(after("shrunk", |file| file.set_len(1 << 20).unwrap())),
        changed
    );
    assert_eq!(
        told(after("emptied", |file| file.set_len(0).unwrap())),
        changed
    );
    assert_eq!(
        told(after("grown", |file| file.set_len(4 << 20).unwrap())),
        changed
    );
    assert_eq!(
        told(after("rewritten", |file| file
            .write_all_at(b"[9", 0)
            .unwrap())),
        changed
    );
    assert!(after("untouched", |_| ()).is_ok());
}

#[test]
fn names_in_messages() {
    assert_eq!(quoted("a b"), "'a b'");
    assert_eq!(quoted("a\n\u{1b}[31m"), "'a\\n\\u{1b}[31m'");
    assert_eq!(quoted(&"é".repeat(200)), format!("'{}'", "é".repeat(200)));
    assert_eq!(quoted(&"é".repeat(201)), format!("'{}…'", "é".repeat(200)));
}
