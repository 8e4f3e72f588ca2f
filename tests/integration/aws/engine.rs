//! What speaks as PostgreSQL does, as far as a proving write needs: it takes writes as long as it is let, and behind a wall
//! nobody hears anything of it, on old connections and on new ones.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

#[derive(Debug, Default)]
struct State {
    cut: bool,
    standby: bool,
    writes: u32,
}

/// One side's engine.
#[derive(Clone)]
pub(super) struct Engine {
    pub(super) port: u16,
    state: Arc<Mutex<State>>,
}

impl Engine {
    /// One that takes writes.
    pub(super) fn start() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let state = Arc::new(Mutex::new(State::default()));
        let shared = Arc::clone(&state);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let shared = Arc::clone(&shared);
                thread::spawn(move || drop(session(stream, &shared)));
            }
        });
        Self { port, state }
    }

    /// A wall is raised before it, or lowered.
    pub(super) fn cut(&self, cut: bool) {
        self.state.lock().unwrap().cut = cut;
    }

    /// It follows, or takes writes.
    pub(super) fn stands_by(&self, standby: bool) {
        self.state.lock().unwrap().standby = standby;
    }

    /// How many writes it took.
    pub(super) fn writes(&self) -> u32 {
        self.state.lock().unwrap().writes
    }
}

fn message(kind: u8, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len() + 4).unwrap();
    [&[kind][..], &length.to_be_bytes(), body].concat()
}

const READY: &[u8] = &[b'Z', 0, 0, 0, 5, b'I'];

fn session(mut stream: TcpStream, state: &Mutex<State>) -> std::io::Result<()> {
    let startup = body(&mut stream)?;
    // 80877103 asks for TLS.
    if startup.starts_with(&80_877_103_u32.to_be_bytes()) {
        stream.write_all(b"N")?;
        body(&mut stream)?;
    }
    if state.lock().unwrap().cut {
        return silent(&mut stream);
    }
    stream.write_all(&message(b'R', &0_u32.to_be_bytes()))?;
    stream.write_all(&message(b'S', b"server_version\x0017.0\0"))?;
    stream.write_all(&message(b'K', &[0; 8]))?;
    stream.write_all(READY)?;
    let mut kind = [0_u8; 1];
    while stream.read(&mut kind)? == 1 {
        let text = body(&mut stream)?;
        if kind[0] == b'X' {
            return Ok(());
        }
        let answer = {
            let mut state = state.lock().unwrap();
            if state.cut {
                None
            } else if String::from_utf8_lossy(&text).contains("pg_last_wal_replay_lsn") {
                Some(row(&now_ms()))
            } else if state.standby {
                Some(message(b'E', b"SERROR\0VERROR\0C25006\0Mcannot execute in a read-only transaction\0\0"))
            } else {
                state.writes += 1;
                Some(message(b'C', b"COMMIT\0"))
            }
        };
        let Some(answer) = answer else { return silent(&mut stream) };
        stream.write_all(&[&answer, READY].concat())?;
    }
    Ok(())
}

#[expect(clippy::disallowed_methods, reason = "a server that tells the time")]
fn now_ms() -> String {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis().to_string()
}

/// One row with one column of text.
fn row(value: &str) -> Vec<u8> {
    let mut column = b"\0\x01v\0".to_vec();
    column.extend([0; 4]);
    column.extend([0; 2]);
    column.extend(25_u32.to_be_bytes());
    column.extend([0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0]);
    let mut data = b"\0\x01".to_vec();
    data.extend(u32::try_from(value.len()).unwrap().to_be_bytes());
    data.extend(value.bytes());
    [message(b'T', &column), message(b'D', &data), message(b'C', b"SELECT 1\0")].concat()
}

/// What is behind the length.
fn body(stream: &mut TcpStream) -> std::io::Result<Vec<u8>> {
    let mut length = [0_u8; 4];
    stream.read_exact(&mut length)?;
    let mut body = vec![0; (u32::from_be_bytes(length) as usize).saturating_sub(4)];
    stream.read_exact(&mut body)?;
    Ok(body)
}

/// Hears everything and says nothing, until the other side has had enough.
fn silent(stream: &mut TcpStream) -> std::io::Result<()> {
    let mut sink = [0_u8; 1024];
    while stream.read(&mut sink)? > 0 {}
    Ok(())
}
