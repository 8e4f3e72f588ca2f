//! Standard input for async code, without holding up the end of the program: a thread of its own reads, started at
//! the first question, and dies with the process. (tokio's stdin blocks a runtime's shutdown until a key is pressed.)

use std::io::{self, BufRead};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncBufRead, AsyncRead, ReadBuf};
use tokio::sync::mpsc;

/// Pieces that were read and not yet asked for; the thread waits beyond that.
const QUEUE: usize = 16;

/// The largest piece, in bytes.
const PIECE: usize = 4096;

/// Standard input, read from the first time that anybody asks for it.
#[derive(Debug, Default)]
pub struct StdinLines {
    pieces: Option<mpsc::Receiver<io::Result<Vec<u8>>>>,
    current: Vec<u8>,
    used: usize,
}

/// What was typed before there was any question is thrown away by the terminal itself.
fn start() -> io::Result<mpsc::Receiver<io::Result<Vec<u8>>>> {
    let (send, receive) = mpsc::channel(QUEUE);
    let _ = rustix::termios::tcflush(rustix::stdio::stdin(), rustix::termios::QueueSelector::IFlush);
    std::thread::Builder::new().name("stdin".to_owned()).spawn(move || {
        let mut input = io::stdin().lock();
        // Ends with the input or with whoever listens.
        loop {
            let piece = input.fill_buf().map(|filled| filled[..filled.len().min(PIECE)].to_vec());
            let length = piece.as_ref().map_or(0, Vec::len);
            input.consume(length);
            if send.blocking_send(piece).is_err() || length == 0 {
                return;
            }
        }
    })?;
    Ok(receive)
}

impl AsyncBufRead for StdinLines {
    fn poll_fill_buf(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<&[u8]>> {
        let this = self.get_mut();
        if this.used == this.current.len() {
            let pieces = match &mut this.pieces {
                Some(pieces) => pieces,
                none => none.insert(start()?),
            };
            // A thread that ended has nothing more to say.
            this.current = ready!(pieces.poll_recv(cx)).transpose()?.unwrap_or_default();
            this.used = 0;
        }
        Poll::Ready(Ok(&this.current[this.used..]))
    }

    fn consume(self: Pin<&mut Self>, amount: usize) {
        let this = self.get_mut();
        this.used = (this.used + amount).min(this.current.len());
    }
}

impl AsyncRead for StdinLines {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let filled = ready!(self.as_mut().poll_fill_buf(cx))?;
        let length = filled.len().min(into.remaining());
        into.put_slice(&filled[..length]);
        self.consume(length);
        Poll::Ready(Ok(()))
    }
}
