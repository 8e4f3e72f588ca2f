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
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::task::Poll;

use async_trait::async_trait;
use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::Mutex;

use crate::resource::{
    Answer, AnsweredBy, Ballot, Cast, Choice, Context, Decision, Exhibit, People, Person, Question, Votes,
};
use crate::store::{keep_evidence, read_evidence};
use answer::{Given, Line, Said};
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
        Some(Answer::nobody_asked())
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
    /// The run's folder, which gets copies of files that are given as evidence.
    folder: Option<PathBuf>,
}

impl TerminalPeople<StdinLines, tokio::io::Stderr> {
    /// Those at this run's terminal: asks on standard error, listens on standard input from the first question on.
    /// Files that they give as evidence are kept in `run_folder`.
    #[must_use]
    pub fn at_stdin(run_folder: PathBuf) -> Self {
        Self { folder: Some(run_folder), ..Self::new(StdinLines::default(), tokio::io::stderr()) }
    }
}

impl<R, W> TerminalPeople<R, W> {
    /// People behind any reader and writer; of files that they give as evidence only the digest is kept.
    pub fn new(input: R, output: W) -> Self {
        Self { talk: Mutex::new(Talk { input, output, line: Vec::new(), too_long: false }), folder: None }
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
        let votes = Here(Mutex::new(Ballot::new(question, &Person::default())));
        self.poll(cx, question, &votes).await
    }

    async fn poll(&self, cx: &Context, question: &Question, votes: &dyn Votes) -> Option<Answer> {
        tokio::select! {
            biased;
            () = cx.cancel.cancelled() => None,
            answer = async {
                let elsewhere = answer::elsewhere(cx, question);
                self.talk.lock().await.settle_gate(question, &elsewhere, votes, self.folder.as_ref()).await
            } => answer.ok().flatten(),
        }
    }

    /// `None` as for [`ask`](People::ask).
    async fn decide(&self, cx: &Context, situation: &str) -> Option<(Choice, AnsweredBy)> {
        tokio::select! {
            biased;
            () = cx.cancel.cancelled() => None,
            choice = async {
                self.talk.lock().await.settle_course(situation).await
            } => choice.ok().flatten().map(|choice| (choice, AnsweredBy::Terminal)),
        }
    }
}

/// The votes on a question that nobody else is asked.
struct Here(Mutex<Ballot>);

#[async_trait]
impl Votes for Here {
    async fn cast(&self, vote: Answer) -> Cast {
        self.0.lock().await.cast(&vote)
    }

    async fn approved(&self) -> Vec<String> {
        self.0.lock().await.approved()
    }
}

/// Reads a file as evidence, beside the conversation: a share that hangs must not hold up the run.
async fn exhibit_of(path: String, folder: Option<PathBuf>) -> Result<Exhibit, String> {
    let (sender, receiver) = tokio::sync::oneshot::channel();
    let read = move || {
        let path = Path::new(&path);
        let exhibit = match folder {
            Some(folder) => keep_evidence(path, &folder),
            None => read_evidence(path).map(|(exhibit, _)| exhibit),
        };
        let _ = sender.send(exhibit.map_err(|error| error.to_string()));
    };
    let thread = std::thread::Builder::new().name("evidence".to_owned()).spawn(read);
    thread.map_err(|error| error.to_string())?;
    receiver.await.unwrap_or_else(|_| Err("the file could not be read".to_owned()))
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
    /// Puts a gate and casts each vote until they settle it; `None` at the end of the input.
    async fn settle_gate(
        &mut self,
        question: &Question,
        elsewhere: &str,
        votes: &dyn Votes,
        folder: Option<&PathBuf>,
    ) -> io::Result<Option<Answer>> {
        self.open(&(answer::question_text(question, &votes.approved().await) + elsewhere)).await?;
        // Ends with an answer, the end of the input, or the caller's deadline.
        while let Some(line) = self.line().await? {
            let reply = match answer::parse(&line) {
                Err(help) => help,
                Ok(line) => match self.vote(question, line, folder).await? {
                    Err(help) => help,
                    Ok(vote) => match votes.cast(vote).await {
                        Cast::Decided(answer) => return Ok(Some(*answer)),
                        cast => answer::reply(&cast).unwrap_or_default(),
                    },
                },
            };
            self.say(&reply).await?;
        }
        Ok(None)
    }

    /// A line as a vote. The words of a manual step are its evidence, those of a mere approval its reason; the error is
    /// what to say instead.
    async fn vote(
        &mut self,
        question: &Question,
        line: Line,
        folder: Option<&PathBuf>,
    ) -> io::Result<Result<Answer, String>> {
        let vote = Answer::vote(line.decision, &line.stated, AnsweredBy::Terminal);
        if line.decision == Decision::Rejected || question.checklist.is_empty() {
            return Ok(Ok(Answer { because: line.words, ..vote }));
        }
        let words = if let Some(words) = line.words {
            words
        } else {
            self.say(answer::evidence_text(question)).await?;
            // Who goes before the evidence was given has not said that it is done.
            let Some(words) = self.line().await? else { return Ok(Err(String::new())) };
            words
        };
        let exhibit = match answer::given(&words) {
            Err(help) => return Ok(Err(help)),
            Ok(Given::Nothing) => return Ok(Ok(vote)),
            Ok(Given::Exhibit(exhibit)) => exhibit,
            Ok(Given::File(path)) => match exhibit_of(path, folder.cloned()).await {
                Ok(exhibit) => exhibit,
                Err(why) => return Ok(Err(format!("{why}.\n"))),
            },
        };
        Ok(Ok(Answer { evidence: vec![exhibit], ..vote }))
    }

    /// Asks how a run that stands still goes on; `None` at the end of the input.
    async fn settle_course(&mut self, situation: &str) -> io::Result<Option<Choice>> {
        self.open(&answer::situation_text(situation)).await?;
        while let Some(line) = self.line().await? {
            match answer::choice(&line) {
                Said::Decided(choice) => return Ok(Some(choice)),
                Said::GoOn(help) => self.say(&help).await?,
            }
        }
        Ok(None)
    }

    /// Shows a question. What was typed before it stood there is no answer to it.
    async fn open(&mut self, text: &str) -> io::Result<()> {
        self.forget_earlier_lines().await?;
        self.say(text).await
    }

    /// The next line of a bearable length; `None` at the end of the input.
    async fn line(&mut self) -> io::Result<Option<String>> {
        loop {
            self.say("> ").await?;
            match self.hear().await? {
                Heard::End => return Ok(None),
                Heard::Line(line) => return Ok(Some(line)),
                Heard::TooLong => {
                    let help = format!("That line is longer than {MAX_LINE_BYTES} bytes and was not read.\n");
                    self.say(&help).await?;
                }
            }
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
