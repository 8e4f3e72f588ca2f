//! Plain HTTP, as plain as it comes: what a test sees and seeds goes by no code of Muster's and no SDK.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// A message: its first line, its headers in lower case, its body.
#[derive(Clone, Debug, Default)]
pub(super) struct Message {
    pub(super) line: String,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
}

impl Message {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    pub(super) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(super) fn status(&self) -> u16 {
        self.line.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or(0)
    }
}

/// Reads one message; `None` at the end of the connection.
pub(super) fn read(stream: &mut impl Read) -> Option<Message> {
    let mut head = Vec::new();
    let mut byte = [0_u8; 1];
    while !head.ends_with(b"\r\n\r\n") {
        if stream.read(&mut byte).ok()? == 0 || head.len() > 64 * 1024 {
            return None;
        }
        head.push(byte[0]);
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let mut lines = head.trim_end().lines();
    let line = lines.next()?.to_owned();
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(key, value)| (key.trim().to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    let mut message = Message { line, headers, body: Vec::new() };
    if let Some(length) = message.header("content-length").and_then(|text| text.parse::<usize>().ok()) {
        message.body = vec![0; length];
        stream.read_exact(&mut message.body).ok()?;
    } else if message.header("transfer-encoding") == Some("chunked") {
        message.body = chunks(stream)?;
    }
    Some(message)
}

fn chunks(stream: &mut impl Read) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let (mut line, mut byte) = (Vec::new(), [0_u8; 1]);
        while !line.ends_with(b"\r\n") {
            stream.read_exact(&mut byte).ok()?;
            line.push(byte[0]);
        }
        let size = usize::from_str_radix(String::from_utf8_lossy(&line).trim(), 16).ok()?;
        let mut chunk = vec![0; size + 2];
        stream.read_exact(&mut chunk).ok()?;
        if size == 0 {
            return Some(body);
        }
        body.extend_from_slice(&chunk[..size]);
    }
}

/// Sends a request on a connection of its own and reads the answer.
pub(super) fn ask(port: u16, request: &Message) -> Option<Message> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(30))).ok()?;
    stream.write_all(&bytes(request, "close")).ok()?;
    read(&mut stream)
}

/// A message on the wire; whatever it said of its length and its connection is said anew.
pub(super) fn bytes(message: &Message, connection: &str) -> Vec<u8> {
    let mut out = format!("{}\r\n", message.line).into_bytes();
    let said_anew = ["content-length", "transfer-encoding", "connection", "expect"];
    for (key, value) in message.headers.iter().filter(|(key, _)| !said_anew.contains(&key.as_str())) {
        out.extend(format!("{key}: {value}\r\n").bytes());
    }
    out.extend(format!("content-length: {}\r\nconnection: {connection}\r\n\r\n", message.body.len()).bytes());
    out.extend(&message.body);
    out
}

/// Who a service takes this for: moto goes by the scope of the credentials and looks at no signature.
pub(super) fn signed(service: &str, region: &str) -> (String, String) {
    let scope = format!("AKIDTEST/20261126/{region}/{service}/aws4_request");
    ("authorization".into(), format!("AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0"))
}

/// The texts of all elements of this name.
pub(super) fn texts(xml: &str, element: &str) -> Vec<String> {
    let (open, close) = (format!("<{element}>"), format!("</{element}>"));
    xml.split(&open).skip(1).filter_map(|rest| rest.split_once(&close)).map(|(text, _)| text.to_owned()).collect()
}

/// The first one's text.
#[track_caller]
pub(super) fn text(xml: &str, element: &str) -> String {
    texts(xml, element).into_iter().next().unwrap_or_else(|| panic!("no <{element}> in {xml}"))
}

/// A value in the body of a form.
pub(super) fn encoded(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => char::from(byte).to_string(),
            other => format!("%{other:02X}"),
        })
        .collect()
}
