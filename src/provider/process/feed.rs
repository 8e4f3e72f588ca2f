//! What a program finds on its standard input.

use tokio::io::AsyncWriteExt;
use tokio::process::ChildStdin;

/// A text on its way into a program; the pipe is closed behind it.
#[derive(Debug)]
pub(super) struct Feed {
    /// `None` once all is written, or the program reads no more.
    pipe: Option<ChildStdin>,
    text: String,
    sent: usize,
}

impl Feed {
    pub(super) fn new(pipe: Option<ChildStdin>, text: Option<String>) -> Self {
        Self { pipe, text: text.unwrap_or_default(), sent: 0 }
    }

    /// Writes all of it. May be dropped and called again: nothing is written twice. A program that does not read its
    /// input to the end has what it wants.
    pub(super) async fn write_all(&mut self) {
        let Some(pipe) = &mut self.pipe else { return };
        while self.sent < self.text.len() {
            match pipe.write(&self.text.as_bytes()[self.sent..]).await {
                Ok(written @ 1..) => self.sent += written,
                Ok(0) | Err(_) => break,
            }
        }
        self.pipe = None;
    }
}
