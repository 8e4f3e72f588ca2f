//! The people of a drill, when the run has a terminal; and what stands for them when it has none.
//!
//! A gate is answered by a line that says who decides: an approval has a name, as stated by the person. Lines that
//! were typed before the question stood there don't count, so that no approval is given twice by one keystroke.
//! May rely on `resource`; must never take silence, an empty line or the end of the input for an approval.

mod answer;
mod stdin;

#[cfg(test)]
mod tests;

use std::io;
use std::pin::Pin;
use std::task::Poll;

use async_trait::async_trait;
use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::Mutex;

use crate::resource::{Answer, AnsweredBy, Choice, Context, Decision, People, Question};
use answer::{Said, Tally};
pub use stdin::StdinLines;

/// The longest line that is listened to, in bytes; what is beyond is dropped and the line refused.
const MAX_LINE_BYTES: usize = 4096;

/// `--yes`: approves every gate at once; the answer says that nobody was asked. How a run that stands still goes on
/// is no gate: for that there is nobody to ask.
#[derive(Clone, Copy, Debug, Default)]
pub struct YesPeople;

#[async_trait]
impl People for YesPeople {
    async fn ask(&self, _: &Context, _: &Question) -> Option<Answer> {
        Some(Answer {
            decision: Decision::Approved,
            names: Vec::new(),
            because: None,
            by: AnsweredBy::NobodyAsked,
            evidence: None,
        })
    }
}

/// Neither a terminal nor `--yes`: there is nobody to ask.
#[derive(Clone, Copy, Debug, Default)]
pub struct NobodyPeople;

#[async_trait]
impl People for NobodyPeople {
    async fn ask(&self, _: &Context, _: &Question) -> Option<Answer> {
        None
    }
}

/// People at a terminal: questions are written to `W`, answers read from `R`. One question at a time; others wait.
pub struct TerminalPeople<R, W> {
    talk: Mutex<Talk<R, W>>,
}

impl TerminalPeople<StdinLines, tokio::io::Stderr> {
    /// Those at this run's terminal: asks on standard error, listens on standard input from the first question on.
    #[must_use]
    pub fn at_stdin() -> Self {
        Self::new(StdinLines::default(), tokio::io::stderr())
    }
}

impl<R, W> TerminalPeople<R, W> {
    /// People behind any reader and writer.
    pub fn new(input: R, output: W) -> Self {
        Self { talk: Mutex::new(Talk { input, output, line: Vec::new(), too_long: false }) }
    }
}

#[async_trait]
impl<R, W> People for TerminalPeople<R, W>
where
    R: AsyncBufRead + Unpin + Send,
    W: AsyncWrite + Unpin + Send,
{
    /// `None` also when the input ends, the terminal fails or the run is cancelled before an answer is complete.
    async fn ask(&self, cx: &Context, question: &Question) -> Option<Answer> {
        tokio::select! {
            biased;
            () = cx.cancel.cancelled() => None,
            answer = async {
                let mut tally = Tally::new(question);
                self.talk.lock().await.settle(&answer::question_text(question), |line| tally.hear(line)).await
            } => answer.ok().flatten(),
        }
    }

    /// `None` as for [`ask`](People::ask).
    async fn decide(&self, cx: &Context, situation: &str) -> Option<(Choice, AnsweredBy)> {
        tokio::select! {
            biased;
            () = cx.cancel.cancelled() => None,
            choice = async {
                self.talk.lock().await.settle(&answer::situation_text(situation), answer::choice).await
            } => choice.ok().flatten().map(|choice| (choice, AnsweredBy::Terminal)),
        }
    }
}

/// What was heard.
enum Heard {
    Line(String),
    TooLong,
    End,
}

/// The two ends of the conversation. A question that is given up leaves it ready for the next.
struct Talk<R, W> {
    input: R,
    output: W,
    /// The line that is coming in.
    line: Vec<u8>,
    too_long: bool,
}

impl<R, W> Talk<R, W>
where
    R: AsyncBufRead + Unpin + Send,
    W: AsyncWrite + Unpin + Send,
{
    /// Shows `text` and gives `understand` each line until it settles the matter; `None` at the end of the input.
    async fn settle<T>(
        &mut self,
        text: &str,
        mut understand: impl FnMut(&str) -> Said<T> + Send,
    ) -> io::Result<Option<T>> {
        self.forget_earlier_lines().await?;
        self.say(text).await?;
        // Ends with an answer, the end of the input, or the caller's deadline.
        loop {
            self.say("> ").await?;
            let reply = match self.hear().await? {
                Heard::End => return Ok(None),
                Heard::TooLong => format!("That line is longer than {MAX_LINE_BYTES} bytes and was not read.\n"),
                Heard::Line(line) => match understand(&line) {
                    Said::Decided(settled) => return Ok(Some(settled)),
                    Said::GoOn(reply) => reply,
                },
            };
            self.say(&reply).await?;
        }
    }

    async fn say(&mut self, text: &str) -> io::Result<()> {
        self.output.write_all(text.as_bytes()).await?;
        self.output.flush().await
    }

    /// Drops what is there already without waiting for more.
    async fn forget_earlier_lines(&mut self) -> io::Result<()> {
        self.line.clear();
        self.too_long = false;
        loop {
            let ready = std::future::poll_fn(|cx| {
                Poll::Ready(match Pin::new(&mut self.input).poll_fill_buf(cx) {
                    Poll::Ready(filled) => filled.map(<[u8]>::len),
                    Poll::Pending => Ok(0),
                })
            });
            match ready.await? {
                0 => return Ok(()),
                length => self.input.consume(length),
            }
        }
    }

    /// The next line. Dropped while it waits, it loses nothing of the input.
    async fn hear(&mut self) -> io::Result<Heard> {
        loop {
            let filled = self.input.fill_buf().await?;
            if filled.is_empty() {
                // A last line without its newline may be half an answer: it is none.
                return Ok(Heard::End);
            }
            let newline = filled.iter().position(|byte| *byte == b'\n');
            let part = &filled[..newline.unwrap_or(filled.len())];
            let room = MAX_LINE_BYTES - self.line.len();
            self.too_long |= part.len() > room;
            self.line.extend_from_slice(&part[..part.len().min(room)]);
            let used = newline.map_or(filled.len(), |at| at + 1);
            self.input.consume(used);
            if newline.is_some() {
                let line = std::mem::take(&mut self.line);
                let too_long = std::mem::take(&mut self.too_long);
                return Ok(if too_long {
                    Heard::TooLong
                } else {
                    Heard::Line(String::from_utf8_lossy(&line).into_owned())
                });
            }
        }
    }
}
