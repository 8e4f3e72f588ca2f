//! An editor's language server, the real one, knows the playbooks of this repository.

use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde_json::{Value, json};

use crate::harness::Scene;

/// Messages that are read at most before an answer must have come.
const MESSAGES_MAX: usize = 200;

/// Where `tests/run` puts packages of npm.
fn program() -> PathBuf {
    #[expect(clippy::disallowed_methods, reason = "the cache is where this machine has it")]
    let (cache, home) = (std::env::var_os("XDG_CACHE_HOME"), std::env::var_os("HOME"));
    let cache = cache.map_or_else(|| Path::new(&home.unwrap_or_default()).join(".cache"), PathBuf::from);
    cache.join("muster/npm/node_modules/.bin/yaml-language-server")
}

/// A language server with one document open.
struct Editor {
    server: Child,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
    uri: String,
    asked: u64,
    /// What it marked while something else was waited for.
    marked: Option<Value>,
}

impl Drop for Editor {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

impl Editor {
    fn open(path: &Path, text: &str) -> Self {
        #[expect(clippy::disallowed_methods, reason = "an editor starts its language server")]
        let mut server = Command::new(program())
            .arg("--stdio")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| panic!("tests/run installs yaml-language-server; it did not start: {error}"));
        let (to, from) = (server.stdin.take().unwrap(), BufReader::new(server.stdout.take().unwrap()));
        let uri = format!("file://{}", path.display());
        let mut editor = Self { server, to, from, uri, asked: 0, marked: None };
        let capabilities = json!({ "textDocument": {
            "completion": { "completionItem": { "snippetSupport": true } }, "hover": { "contentFormat": ["markdown"] },
        } });
        editor.ask("initialize", &json!({ "processId": null, "rootUri": null, "capabilities": capabilities }));
        editor.tell("initialized", &json!({}));
        // Nothing is fetched: the schema lies beside the playbook.
        let settings = json!({ "yaml": { "validate": true, "completion": true, "hover": true, "schemaStore": { "enable": false } } });
        editor.tell("workspace/didChangeConfiguration", &json!({ "settings": settings }));
        let document = json!({ "uri": editor.uri, "languageId": "yaml", "version": 1, "text": text });
        editor.tell("textDocument/didOpen", &json!({ "textDocument": document }));
        editor
    }

    fn send(&mut self, message: &Value) {
        let body = message.to_string();
        write!(self.to, "Content-Length: {}\r\n\r\n{body}", body.len()).unwrap();
        self.to.flush().unwrap();
    }

    fn tell(&mut self, method: &str, params: &Value) {
        self.send(&json!({ "jsonrpc": "2.0", "method": method, "params": params }));
    }

    fn next(&mut self) -> Value {
        let mut length = 0;
        loop {
            let mut line = String::new();
            assert!(self.from.read_line(&mut line).unwrap() > 0, "the language server ended");
            match line.trim().split_once(": ") {
                Some(("Content-Length", number)) => length = number.parse().unwrap(),
                Some(_) => {}
                None => break,
            }
        }
        let mut body = vec![0; length];
        self.from.read_exact(&mut body).unwrap();
        let message: Value = serde_json::from_slice(&body).unwrap();
        // What the server asks in its turn has no answer that matters, but it waits for one.
        if let (Some(id), true) = (message.get("id"), message.get("method").is_some()) {
            let items = message["params"]["items"].as_array().map_or(0, Vec::len);
            self.send(&json!({ "jsonrpc": "2.0", "id": id, "result": vec![Value::Null; items] }));
        }
        message
    }

    fn until(&mut self, is: impl Fn(&Value) -> bool) -> Value {
        for _ in 0..MESSAGES_MAX {
            let message = self.next();
            if is(&message) {
                return message;
            }
            // It comes once, and before or behind an answer, as the server finds time for it.
            if message["method"] == "textDocument/publishDiagnostics" {
                self.marked = Some(message);
            }
        }
        panic!("no answer comes");
    }

    fn ask(&mut self, method: &str, params: &Value) -> Value {
        self.asked += 1;
        let id = self.asked;
        self.send(&json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params }));
        self.until(|message| message.get("method").is_none() && message["id"] == id)["result"].take()
    }

    fn at(&mut self, method: &str, (line, character): (usize, usize)) -> Value {
        let params =
            json!({ "textDocument": { "uri": self.uri }, "position": { "line": line, "character": character } });
        self.ask(method, &params)
    }

    /// What the editor marks: line and message.
    fn marks(&mut self) -> Vec<(u64, String)> {
        let is = |message: &Value| message["method"] == "textDocument/publishDiagnostics";
        let told = self.marked.take().unwrap_or_else(|| self.until(is));
        let all = told["params"]["diagnostics"].as_array().unwrap();
        all.iter()
            .map(|one| (one["range"]["start"]["line"].as_u64().unwrap(), one["message"].as_str().unwrap().to_owned()))
            .collect()
    }
}

/// A copy of what the repository has for editors.
fn shipped() -> Scene {
    Scene::new().shipped("playbooks").shipped("docs/schema")
}

/// Every playbook and infrastructure file of the repository, as its folders have them.
fn documents() -> Vec<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    for folder in ["playbooks", "playbooks/infra"] {
        for entry in std::fs::read_dir(root.join(folder)).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|it| it == "yaml") {
                found.push(format!("{folder}/{}", path.file_name().unwrap().display()));
            }
        }
    }
    found.sort();
    found
}

/// Where a text stands: its line, and a character in it.
fn place(text: &str, of: &str, inside: &str) -> (usize, usize) {
    let (number, line) = text.lines().enumerate().find(|(_, line)| line.contains(of)).unwrap();
    (number, line.find(inside).unwrap() + 1)
}

#[test]
fn every_shipped_document_names_its_schema_and_needs_yaml_language_server_finds_nothing_to_mark() {
    let scene = shipped();
    let shipped = documents();
    assert!(shipped.len() > 8 && shipped.iter().any(|path| path == "playbooks/infra/aws.yaml"), "{shipped:?}");
    for path in &shipped {
        let text = std::fs::read_to_string(scene.path(path)).unwrap();
        assert!(text.contains("# yaml-language-server: $schema="), "{path} names no schema");
        let mut editor = Editor::open(&scene.path(path), &text);
        assert_eq!(editor.marks(), [], "{path}");
    }
}

#[test]
fn an_editor_that_needs_yaml_language_server_explains_completes_and_marks() {
    let scene = shipped();
    let path = scene.path("playbooks/quarterly-failover.yaml");
    let text = std::fs::read_to_string(&path).unwrap();
    let text = text
        .replace("owner: platform-reliability", "ovner: platform-reliability")
        .replace("within: 4m ", "within: 240 ")
        .replace("region.isolate: { region: primary,", "region.isolate: { region: primry,");
    let empty = "      - id: isolate\n        \n";
    let text = text.replace("      - id: isolate\n", &format!("{empty}      - id: isolate-2\n"));
    let mut editor = Editor::open(&path, &text);
    let hover = editor.at("textDocument/hover", place(&text, "        within: 240", "within"));
    let told = hover["contents"]["value"].as_str().unwrap().to_owned();
    assert!(told.contains("Its own objective: timed, passed or missed") && told.contains("2m"), "{told}");
    let line = text.lines().position(|line| line == "      - id: isolate").unwrap() + 1;
    let completed = editor.at("textDocument/completion", (line, 8));
    let labels: Vec<&str> =
        completed["items"].as_array().unwrap().iter().filter_map(|item| item["label"].as_str()).collect();
    for wanted in ["region.isolate", "check", "database.promote", "within", "needs", "silence"] {
        assert!(labels.contains(&wanted), "{wanted} is not proposed: {labels:?}");
    }
    let marks = editor.marks();
    let marked = |of: &str, words: &str| {
        let line = text.lines().position(|line| line.contains(of)).unwrap() as u64;
        assert!(
            marks.iter().any(|(at, told)| *at == line && told.contains(words)),
            "{of}: {words} is not marked: {marks:?}"
        );
    };
    marked("ovner:", "ovner is not allowed");
    marked("within: 240", "Incorrect type");
    marked("region: primry", "Value is not accepted");
}
