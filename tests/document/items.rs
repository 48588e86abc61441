//! The document: what items and `--data` become on the wire, and what is refused before anything is connected.
use crate::support::{Response, Runner, Server, conn, find, need, test};
use std::process::Command;

/// A run in a directory with the files that the tests name.
fn run(url: &str, args: &[&str]) -> Runner {
    test()
        .token("t0ken")
        .file("text", "a \"text\"\n")
        .file("two", "two\n\n")
        .file("dos", "dos\r\n")
        .file("json", " {\"k\": 1.10}\n")
        .file("twice", "{\"a\":{\"k\":1,\n \"\\u006b\":2}}")
        .file("latin1", b"\"caf\xe9\"".to_vec())
        .file("bom", "\u{feff}{}")
        .arg(url)
        .args(args)
}

/// These arguments send this document.
#[track_caller]
fn sends(args: &[&str], document: &str) {
    let server = Server::script([conn().read().reply_json(200, "")]);
    run(server.url("/"), args)
        .run()
        .stderr("HTTP/1.1 200 OK\n")
        .code(0);
    let request = server.request();
    assert_eq!(request.text(), document, "{args:?}");
    let length = document.len().to_string();
    assert_eq!(request.headers("content-length"), [&*length]);
    assert_eq!(request.headers("content-type"), ["application/json"]);
}

/// These arguments end the run so, and nobody is asked for anything.
#[track_caller]
fn refuses(args: &[&str], code: i32, stderr: &str) {
    let server = Server::never();
    run(server.url("/"), args).run().stderr(stderr).code(code);
}

#[test]
fn a_backslash_in_a_name_takes_a_meaning_or_is_itself() {
    sends(&[r"a\=b=c"], r#"{"a=b":"c"}"#);
    sends(&[r"path=c:\windows"], r#"{"path":"c:\\windows"}"#);
    sends(&[r"a\:=b"], r#"{"a:":"b"}"#);
    sends(&[r"a\[b\]=c"], r#"{"a[b]":"c"}"#);
    sends(&[r"a[b\]c]=1"], r#"{"a":{"b]c":"1"}}"#);
    sends(&[r"a\\[b]=1"], r#"{"a\\":{"b":"1"}}"#);
    sends(&[r"codes[\404]:=12"], r#"{"codes":{"404":12}}"#);
    sends(
        &[r"a[\-1]=x", r"a[\+1]=y", r"a[1.0]=z", r"a[\b]=w"],
        r#"{"a":{"-1":"x","+1":"y","1.0":"z","\\b":"w"}}"#,
    );
}

#[test]
fn a_text_is_sent_as_it_is() {
    sends(
        &[r"msg=ERROR \[main\] failed", r"p=\\srv\share"],
        r#"{"msg":"ERROR \\[main\\] failed","p":"\\\\srv\\share"}"#,
    );
    for text in [
        r"x\=y", r"\=", r"\@text", r"\", r"\\", r"\n", r"\:\[\]", r"c:\new",
    ] {
        let json = text.replace('\\', r"\\");
        sends(&[&format!("a={text}")], &format!("{{\"a\":\"{json}\"}}"));
    }
    sends(&[r#"a:="@text""#, r#"b:="=""#], r#"{"a":"@text","b":"="}"#);
}

#[test]
fn texts_are_any_text() {
    sends(&["a=", "b=a=b:c", "ä=ö"], r#"{"a":"","b":"a=b:c","ä":"ö"}"#);
    sends(
        &["a=say \"hi\"\n\u{1}\u{7f}"],
        "{\"a\":\"say \\\"hi\\\"\\n\\u0001\u{7f}\"}",
    );
    sends(&["a=@text"], r#"{"a":"a \"text\"\n"}"#);
    sends(&["a=@two", "b=@dos"], r#"{"a":"two\n\n","b":"dos\r\n"}"#);
}

#[test]
fn json_keeps_its_text() {
    sends(
        &["a:=12345678901234567890123", "b:=1.10", "c:=1e400", "d:=-0"],
        r#"{"a":12345678901234567890123,"b":1.10,"c":1e400,"d":-0}"#,
    );
    sends(&["a:= [1, 2] ", "b:=null"], r#"{"a":[1, 2],"b":null}"#);
    sends(&[r#"a:="\u00e4\/""#], r#"{"a":"\u00e4\/"}"#);
    sends(&["a:=@json"], r#"{"a":{"k": 1.10}}"#);
    sends(
        &[r#"a:={"k":1,"k":[{"j":2,"j":2}]}"#, "b:=@twice"],
        "{\"a\":{\"k\":1,\"k\":[{\"j\":2,\"j\":2}]},\"b\":{\"a\":{\"k\":1,\n \"\\u006b\":2}}}",
    );
    // Another item reaches past duplicates, but not into them.
    sends(
        &[r#"a:={"b":{"k":1,"k":2}}"#, "a[c]=3", "a[b][l]=4"],
        r#"{"a":{"b":{"k":1,"k":2,"l":"4"},"c":"3"}}"#,
    );
    // What is around it keeps its white space.
    sends(
        &[
            r#"a:={ "b" : [ 1, [] ] , "c":[ ] }"#,
            "a[b][1][]:=2",
            "a[b][]:=3",
            "a[c][]:=4",
            "a[d]:=5",
        ],
        r#"{"a":{ "b" : [ 1, [2],3] , "c":[4],"d":5}}"#,
    );
}

#[test]
fn items_nest() {
    sends(
        &["a[x]=1", "b=2", "a[y]=3"],
        r#"{"a":{"x":"1","y":"3"},"b":"2"}"#,
    );
    sends(&["a[]=x", "a[]:=2"], r#"{"a":["x",2]}"#);
    sends(
        &[r#"a[]:={"b":1}"#, "a[0][c]=2"],
        r#"{"a":[{"b":1,"c":"2"}]}"#,
    );
    sends(&["a[0]=x", "a[1][b][]=y"], r#"{"a":["x",{"b":["y"]}]}"#);
    sends(&["a[2]=x"], r#"{"a":[null,null,"x"]}"#);
    let padded = format!("{{\"a\":[{}\"x\"]}}", "null,".repeat(1000));
    sends(&["a[1000]=x"], &padded);
}

#[test]
fn items_that_are_none_are_usage_errors() {
    for (item, stderr) in [
        (
            "a:=",
            "authpost: reading the item 'a:=…': no JSON behind it\nhint: write := null, or = for an empty text\n",
        ),
        (
            "=x",
            "authpost: reading the item '=…': no key before it\nhint: write KEY=TEXT, KEY:=JSON, KEY=@FILE or KEY:=@FILE\n",
        ),
        (
            "key",
            "authpost: reading the item 'key': no '=' in it\nhint: write KEY=TEXT, KEY:=JSON, KEY=@FILE or KEY:=@FILE\n",
        ),
        (
            "Name:value",
            "authpost: reading the item 'Name:…': it looks like a header\nhint: write := for JSON, and -H for a header: authpost -H 'Name: value' https://api.example.com/data key=value\n",
        ),
        (
            "q==v",
            "authpost: reading the item 'q==…': it looks like a part of the URL\nhint: write := for a text that begins with =, and a query in the URL: authpost 'https://api.example.com/data?name=value' key=value\n",
        ),
        (
            "{\"a\":1}",
            "authpost: reading the items: one looks like a whole document\nhint: give a whole document with -d: authpost -d '{\"key\":\"value\"}' https://api.example.com/data\n",
        ),
        (
            "@text",
            "authpost: reading the item '@text': no key\nhint: give a file that is the whole document with -d: authpost -d @document.json https://api.example.com/data\n",
        ),
        (
            "a=@",
            "authpost: reading the item 'a=…': no file name behind the '@'\nhint: write KEY=TEXT, KEY:=JSON, KEY=@FILE or KEY:=@FILE\n",
        ),
        (
            "a:=@-",
            "authpost: reading the item 'a:=…': '-' is no file here\nhint: write @/dev/stdin for standard input, @./- for a file named '-'\n",
        ),
        (
            "a[1001]=x",
            "authpost: reading the item 'a[1001]=…': an index above 1000\nhint: give the array as JSON, with :=\n",
        ),
        (
            "a[b=1",
            "authpost: reading the item 'a[b=…': a '[' without its ']'\nhint: in a key, write \\[ and \\] for brackets, and [\\1] for a member called 1\n",
        ),
        (
            "a]=1",
            "authpost: reading the item 'a]=…': a ']' without its '['\nhint: in a key, write \\[ and \\] for brackets, and [\\1] for a member called 1\n",
        ),
        (
            "a[b]c=1",
            "authpost: reading the item 'a[b]c=…': something behind the last ']'\nhint: in a key, write \\[ and \\] for brackets, and [\\1] for a member called 1\n",
        ),
    ] {
        refuses(&[item], 64, stderr);
    }
    for index in ["+1", "-1", " 1", "1 ", "- 1"] {
        let stderr = format!(
            "authpost: reading the item 'a[{index}]=…': an index that is not a whole number such as 0 or 12\n\
             hint: in a key, write \\[ and \\] for brackets, and [\\1] for a member called 1\n"
        );
        refuses(&[&format!("a[{index}]=x")], 64, &stderr);
    }
}

#[test]
fn items_that_contradict_each_other_are_usage_errors() {
    for (items, stderr) in [
        (
            ["a=1", "a=2"],
            "authpost: building the object: duplicate key 'a'\nhint: leave one of them out\n",
        ),
        (
            ["a:=null", "a[b]=2"],
            "authpost: building the object: 'a' is not an object\n",
        ),
        (
            ["a=1", "a[b]=2"],
            "authpost: building the object: 'a' is not an object\n",
        ),
        (
            ["a[]=1", "a[x]=2"],
            "authpost: building the object: 'a' is not an object\n",
        ),
        (
            ["a:={\"k\":1,\"\\u006b\":2}", "a[k]=1"],
            "authpost: building the object: 'a' is not an object without duplicate keys\n",
        ),
        (
            ["a[x]=1", "a[]=2"],
            "authpost: building the object: 'a' is not an array\n",
        ),
    ] {
        refuses(&items, 64, stderr);
    }
    refuses(
        &["a=1", "-d", "{}"],
        64,
        "authpost: reading the command line: --data and items are both given\n\
         hint: give the whole document with --data, or build it from items\n",
    );
}

#[test]
fn items_with_bad_data_are_data_errors() {
    for (item, stderr) in [
        (
            "a:=NaN",
            "authpost: checking the item 'a:=…': not JSON: line 1, column 1: expected a value, found 'N'\nhint: write = instead of := for a text\n",
        ),
        (
            "a:={",
            "authpost: checking the item 'a:=…': not JSON: line 1, column 2: the document ends too early\n",
        ),
        (
            "a:=@latin1",
            "authpost: checking 'latin1': not JSON: line 1, column 6: not UTF-8\n",
        ),
        (
            "a=@latin1",
            "authpost: checking 'latin1': not UTF-8 after byte 4\n",
        ),
    ] {
        refuses(&[item], 65, stderr);
    }
}

#[test]
fn files_that_cannot_be_read_are_input_errors() {
    for (arg, stderr) in [
        (
            "a=@nope",
            "authpost: reading 'nope': No such file or directory\n",
        ),
        (
            "a:=@nope",
            "authpost: reading 'nope': No such file or directory\n",
        ),
        ("a=@.", "authpost: reading '.': Is a directory\n"),
        (
            "-d@nope",
            "authpost: opening 'nope': No such file or directory\n",
        ),
        ("-d@.", "authpost: reading '.': Is a directory\n"),
    ] {
        refuses(&[arg], 66, stderr);
    }
}

#[test]
fn data_is_sent_as_the_bytes_given() {
    let document = " {\"b\" : 1.10,\n\t\"a\":1e400, \"a\":\"\\u00e4ä\"}\r\n";
    sends(&["-d", document], document);
    sends(&[&format!("--data={document}")], document);
    sends(&["-d@json"], " {\"k\": 1.10}\n");
    for scalar in ["null", "true", "\"\"", "-1.5E+3", "[]"] {
        sends(&["-d", scalar], scalar);
    }
    let server = Server::script([conn().read().reply_json(200, "")]);
    run(server.url("/"), &["-d", "@-"])
        .stdin(document)
        .run()
        .stderr("HTTP/1.1 200 OK\n")
        .code(0);
    assert_eq!(server.request().text(), document);
}

#[test]
fn data_that_is_not_json_never_leaves() {
    for (data, flaw) in [
        ("", "line 1, column 1: nothing at all"),
        (" \n\t ", "line 2, column 3: nothing but white space"),
        ("{", "line 1, column 2: the document ends too early"),
        ("[1,]", "line 1, column 4: expected a value, found ']'"),
        ("{\"a\":1,}", "line 1, column 8: expected a key, found '}'"),
        ("{} {}", "line 1, column 4: two documents"),
        (
            "[1,\n 'a']",
            "line 2, column 2: expected a value, found \"'\"",
        ),
        (
            "{\n  \"a\": nul\n}",
            "line 2, column 11: expected 'null', found the byte 0x0a",
        ),
        ("01", "line 1, column 2: a number with a leading zero"),
        ("\"\\x\"", "line 1, column 3: expected an escape, found 'x'"),
        (
            "\"a\tb\"",
            "line 1, column 3: a control character in a string",
        ),
        ("key", "line 1, column 1: expected a value, found 'k'"),
    ] {
        refuses(
            &["-d", data],
            65,
            &format!("authpost: checking --data: not JSON: {flaw}\n"),
        );
        let server = Server::never();
        run(server.url("/"), &["-d@-"])
            .stdin(data)
            .run()
            .stderr(format!(
                "authpost: checking standard input: not JSON: {flaw}\n"
            ))
            .code(65);
    }
    refuses(
        &["-d@latin1"],
        65,
        "authpost: checking 'latin1': not JSON: line 1, column 6: not UTF-8\n",
    );
    refuses(
        &["-d@bom"],
        65,
        "authpost: checking 'bom': not JSON: line 1, column 1: expected a value, found a byte order mark\n\
         hint: cut off the first three bytes: tail -c +4 document.json | authpost -d @- https://api.example.com/data\n",
    );
    refuses(
        &["-d@/dev/null"],
        65,
        "authpost: checking '/dev/null': not JSON: line 1, column 1: nothing at all\n",
    );
    refuses(
        &["-d@"],
        64,
        "authpost: reading -d: there is no file name behind the @\n\
         hint: -d, --data JSON: document to send; @FILE reads a file, @- stdin\n",
    );
}

#[test]
fn a_hundred_thousand_brackets_are_no_trouble() {
    for (name, open, column) in [("arrays", "[", 100_001), ("objects", "{\"a\":", 500_001)] {
        let server = Server::never();
        let stderr = format!(
            "authpost: checking '{name}': not JSON: line 1, column {column}: the document ends too early\n"
        );
        test()
            .token("t0ken")
            .file(name, open.repeat(100_000))
            .args([server.url("/"), "-d", &format!("@{name}")])
            .run()
            .stderr(stderr)
            .code(65);
    }
    // They are JSON once they are closed, and so is an answer that says the same.
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let server = Server::script([conn().read().reply_json(200, &deep)]);
    let run = test().token("t0ken").file("deep", &*deep);
    let ran = run.args([server.url("/"), "-d@deep", "--pick", ""]).run();
    ran.stdout(format!("{deep}\n")).code(0);
    assert_eq!(server.request().text(), deep);
}

#[test]
fn a_large_file_arrives_byte_for_byte() {
    let mut document = String::from("[");
    for number in 0..1_000_000 {
        document += &format!("{number}, \"some text\",\n");
    }
    document += "null]\n";
    assert!(document.len() > 20_000_000);
    let server = Server::script([conn().read().reply_json(200, "")]);
    let run = test().token("t0ken").file("large", &*document);
    let ran = run.args([server.url("/"), "-d@large"]).run();
    ran.stderr("HTTP/1.1 200 OK\n").code(0);
    let request = server.request();
    let length = document.len().to_string();
    assert_eq!(request.headers("content-length"), [&*length]);
    assert_eq!(request.headers("content-type"), ["application/json"]);
    assert_eq!(request.headers("transfer-encoding"), [""; 0]);
    assert!(request.body() == document.as_bytes());

    // Its last byte decides.
    let server = Server::never();
    let lines = document.lines().count();
    document.truncate(document.len() - 2);
    let run = test().token("t0ken").file("large", &*document);
    let ran = run.args([server.url("/"), "-d@large"]).run();
    ran.stderr(format!(
        "authpost: checking 'large': not JSON: line {lines}, column 5: the document ends too early\n"
    ))
    .code(65);
}

#[test]
fn a_fifo_can_be_the_file() {
    if !need("mkfifo") {
        return;
    }
    for document in [
        "{\"from\": \"a fifo\"}",
        &format!("[\"{}\"]", "x".repeat(3 << 20)),
    ] {
        let server = Server::script([conn().read().reply_json(200, "")]);
        let run = run(server.url("/"), &["-d@fifo"]);
        let fifo = run.dir().join("fifo");
        let made = Command::new(find("mkfifo").unwrap()).arg(&fifo).status();
        assert!(made.unwrap().success());
        let running = run.spawn();
        std::fs::write(&fifo, document).unwrap();
        running.wait().stderr("HTTP/1.1 200 OK\n").code(0);
        assert_eq!(server.request().text(), document);
    }
}

#[test]
fn every_try_sends_the_same_document_again() {
    for size in [10, 3 << 20] {
        let document = format!("[\"{}\"]", "x".repeat(size));
        let again = Response::json(503, "").header("Retry-After", "0");
        let server = Server::script([conn().read().reply(again).read().reply_json(200, "")]);
        let run = test().token("t0ken").file("document", &*document);
        let ran = run.args([server.url("/"), "-d@document", "--wait=0"]).run();
        ran.stderr("HTTP/1.1 200 OK\n").code(0);
        let bodies: Vec<_> = server
            .finish()
            .iter()
            .map(|r| r.text().to_owned())
            .collect();
        assert!(bodies == [&*document, &document]);
    }
}

/// A run of `authpost ARGS URL`, with a document on standard input that nobody reads.
fn without_document(args: &[&str], url: &str) -> Runner {
    test()
        .token("t0ken")
        .stdin("{\"a\":1}")
        .args(args)
        .arg(url)
        .exactly()
}

#[test]
fn a_forgotten_document_is_a_usage_error() {
    for args in [
        &[][..],
        &["check"],
        &["--dry-run"],
        &["-q"],
        &["--spool", "s"],
    ] {
        let server = Server::never();
        let run = without_document(args, server.url("/"));
        let dir = run.dir();
        run.run()
            .stderr(
                "authpost: reading the command line: there is no document\n\
                 hint: give items, -d @- to read standard input, or --no-body to send none\n",
            )
            .code(64);
        assert_eq!(dir.list(), [""; 0]);
    }
}

#[test]
fn no_body_sends_none() {
    let server = Server::script([conn().read().reply_json(200, "")]);
    without_document(&["--no-body"], server.url("/"))
        .run()
        .stderr("HTTP/1.1 200 OK\n")
        .code(0);
    let request = server.request();
    assert_eq!(request.text(), "");
    assert_eq!(request.headers("content-length"), ["0"]);
    assert_eq!(request.headers("content-type"), [""; 0]);
    without_document(&["--dry-run", "--no-body"], server.url("/"))
        .run()
        .stdout_like("POST / HTTP/1.1\n**content-length: 0\n**")
        .code(0);
}

#[test]
fn no_body_goes_with_no_document() {
    let server = Server::never();
    for document in [&["-d", "{}"][..], &["k=v"]] {
        without_document(&["--no-body"], server.url("/"))
            .args(document)
            .run()
            .stderr(
                "authpost: reading the command line: --no-body and a document are both given\n\
                 hint: drop --no-body to send the document\n",
            )
            .code(64);
    }
    without_document(&["--no-body", "--lines", "in"], server.url("/"))
        .run()
        .stderr(
            "authpost: reading the command line: --lines is given, and another document as well\n\
             hint: with --lines every line is a document: drop --data, --no-body and the items\n",
        )
        .code(64);
}
