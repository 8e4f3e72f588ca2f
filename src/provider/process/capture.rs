//! The start of an output, and how long all of it was.

use tokio::io::{AsyncRead, AsyncReadExt};

/// What is read at once: the size of a pipe on Linux.
const CHUNK: usize = 64 * 1024;

/// One output of a program: at most `limit` bytes are kept, the rest is read, so that the program isn't stuck, and
/// counted.
#[derive(Debug)]
pub(super) struct Capture<P> {
    /// `None` once it ended.
    pipe: Option<P>,
    kept: Vec<u8>,
    limit: usize,
    bytes: u64,
}

impl<P: AsyncRead + Unpin> Capture<P> {
    pub(super) fn new(pipe: Option<P>, limit: usize) -> Self {
        Self { pipe, kept: Vec::new(), limit, bytes: 0 }
    }

    /// Reads until the output ends or fails. May be dropped and called again: nothing is lost in between.
    pub(super) async fn read_to_end(&mut self) {
        let Some(pipe) = &mut self.pipe else { return };
        // Grows to its size only when something comes: most programs say nothing.
        let mut chunk = Vec::new();
        while let Ok(read @ 1..) = pipe.read_buf(&mut chunk).await {
            self.bytes += read as u64;
            let wanted = read.min(self.limit.saturating_sub(self.kept.len()));
            self.kept.extend_from_slice(&chunk[..wanted]);
            chunk.clear();
            chunk.reserve(CHUNK);
        }
        self.pipe = None;
    }

    /// How many bytes came in all.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// What was kept, as UTF-8 with replacement; a character that the limit cut through is left out.
    pub(super) fn into_text(self) -> String {
        let was_cut = self.bytes > self.kept.len() as u64;
        let length = if was_cut { whole_characters(&self.kept) } else { self.kept.len() };
        String::from_utf8_lossy(&self.kept[..length]).into_owned()
    }
}

/// The length of `bytes` without an unfinished character at the end.
fn whole_characters(bytes: &[u8]) -> usize {
    for back in 1..=3.min(bytes.len()) {
        let at = bytes.len() - back;
        let needs = match bytes[at] {
            0xC0..=0xDF => 2,
            0xE0..=0xEF => 3,
            0xF0..=0xF7 => 4,
            0x80..=0xBF => continue,
            _ => 1,
        };
        return if needs > back { at } else { bytes.len() };
    }
    bytes.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_character_is_never_cut_through() {
        let text = "aé€𝄞";
        for limit in 0..=text.len() {
            let bytes = &text.as_bytes()[..limit];
            let whole = &bytes[..whole_characters(bytes)];
            assert!(text.starts_with(std::str::from_utf8(whole).unwrap()), "cut at {limit}");
            assert!(limit - whole.len() < 4);
        }
    }
}
