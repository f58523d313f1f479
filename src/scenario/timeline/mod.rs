//! The timeline language: phases, action lines, segment lines, blocks of segment lines, and tables of lines.
//!
//! Every line is read on its own, so that one mistake hides no other; a line that cannot be read keeps its place, so
//! that the lines around it are not blamed for it.

mod action;
mod errno;
mod field;
mod icmp;
mod injection;
mod layout;
mod options;
mod order;
mod payload;
mod print;
pub(super) mod quantity;
mod segment;
mod table;
mod token;
mod wire;

use std::collections::BTreeMap;
use std::path::Path;

pub use errno::errno_name;
pub(super) use layout::lay_out;

use self::payload::Payloads;
use self::table::Table;
use self::token::{Kind, Line};
use super::diagnostic::{Diagnostic, nearest, quote};
use super::{Action, Expect, Outcome, Phase, Span, Step, Verb};
use crate::tcp::Party;

/// How deep blocks may stand in each other.
const MAX_DEPTH: usize = 8;
const BLOCK_HELP: &str = "the lines of a block stand between a line that ends with `{` and a line `}`";

/// What a timeline says.
#[derive(Debug, Default)]
pub(super) struct Timeline {
    pub(super) phases: Vec<Phase>,
    /// See [`super::Scenario::written_out`].
    pub(super) written_out: BTreeMap<usize, String>,
    /// Whether every line could be read.
    pub(super) is_whole: bool,
}

/// Parses the timeline at `span` of `source`. It means something only if there are no diagnostics.
pub(super) fn parse(source: &str, span: Span, folder: &Path) -> (Timeline, Vec<Diagnostic>) {
    let mut parser = Parser {
        source,
        payloads: Payloads::new(folder),
        diagnostics: Vec::new(),
        phases: Vec::new(),
        titles: Vec::new(),
        blocks: Vec::new(),
        table: None,
        behind_table: false,
        written_out: BTreeMap::new(),
        too_many: false,
        broken_action: false,
    };
    let mut start = span.start;
    for line in source[span.clone()].split_inclusive('\n') {
        parser.line(start..start + line.trim_end().len());
        start += line.len();
    }
    parser.finish(span)
}

struct Parser<'a> {
    source: &'a str,
    payloads: Payloads<'a>,
    diagnostics: Vec<Diagnostic>,
    phases: Vec<Phase>,
    /// Where each phase's title stands; parallel to `phases`.
    titles: Vec<Span>,
    /// The blocks that are open, the innermost last.
    blocks: Vec<Block>,
    /// The table that is open.
    table: Option<Table<'a>>,
    /// Whether a table is the last thing that was read: then no segment can follow.
    behind_table: bool,
    /// The lines that the rows of tables stand for, by where their cells begin.
    written_out: BTreeMap<usize, String>,
    /// Whether tables stand for too many lines, which is told once.
    too_many: bool,
    /// Whether an action line could not be read: then nothing can be said about the order of the actions.
    broken_action: bool,
}

/// A block whose `}` has not come yet.
struct Block {
    /// The line that opens it.
    open: Span,
    kind: BlockKind,
    /// The lines since the last `{`.
    items: Vec<Expect>,
    /// Whether a line since the last `{` could not be read.
    broken: bool,
}

enum BlockKind {
    AnyOrder,
    /// `either`, with the alternatives that are complete.
    Either(Vec<Vec<Expect>>),
}

impl<'a> Parser<'a> {
    fn line(&mut self, span: Span) {
        if self.source[span.clone()].trim_start().starts_with("==") {
            return self.title(span);
        }
        if self.table.is_some() && self.row(span.clone()) {
            return;
        }
        let mut lexed = Vec::new();
        let mut line = Line::new(self.source, span, &mut lexed);
        let Some(span) = line.span() else { return };
        let mut diagnostics = Vec::new();
        self.content(&mut line, span, &mut diagnostics);
        // A text that never ends makes nonsense of the rest of its line: only the text is reported.
        self.diagnostics
            .extend(if lexed.is_empty() { diagnostics } else { lexed });
    }

    fn content(&mut self, line: &mut Line, span: Span, diagnostics: &mut Vec<Diagnostic>) {
        match line.peek_str() {
            "}" => self.close(line, span, diagnostics),
            "any" | "either" => self.open(line, span, diagnostics),
            "table" => self.open_table(line, span, diagnostics),
            _ => self.single(line, span, diagnostics),
        }
    }

    /// A line that is no part of a block's or a table's frame.
    fn single(&mut self, line: &mut Line, span: Span, diagnostics: &mut Vec<Diagnostic>) {
        match line.peek_str() {
            "..." => {
                line.advance();
                if !line.is_done() {
                    let diagnostic = line.unexpected("expected `...` alone in its line");
                    diagnostics.push(diagnostic.help("`...` stands for any number of any segments"));
                }
                self.expect(Some(Expect::Anything { span: span.clone() }), span, diagnostics);
            }
            _ if segment::begins(line) => {
                let expect = segment::parse(line, &mut self.payloads, diagnostics);
                self.expect(expect, span, diagnostics);
            }
            first if is_actor(first) => self.action(line, span, diagnostics),
            _ => self.unknown(line, span, diagnostics),
        }
    }

    fn unknown(&mut self, line: &Line, span: Span, diagnostics: &mut Vec<Diagnostic>) {
        let word = line.peek_str();
        let (place, help) = match word {
            "or" => (line.here(), "alternatives are separated by a line `} or {`".to_owned()),
            "=" => (line.here(), "a phase is written `== title ==`".to_owned()),
            _ if matches!(
                line.peek().map(|token| &token.kind),
                Some(Kind::Text(_) | Kind::Symbol(_))
            ) =>
            {
                (
                    line.here(),
                    "such as `client send \"Hello\"`, `C > S PSH ACK` or `== title ==`".to_owned(),
                )
            }
            _ => (line.here(), segment::line_help(word)),
        };
        let message = "expected an action (`client …`, `server …`, `peer …`) or a segment (`C > S …`)";
        let label = format!("no line begins with {}", quote(word));
        diagnostics.push(Diagnostic::new(place, message, label).help(help));
        if nearest(word, ["table"]).is_some() && line.has_symbol(&['{']).is_some() {
            // Its rows are not to blame.
            self.broken_action = true;
            return self.begin_table(span);
        }
        // It may have been an action: keep its place.
        if self.blocks.is_empty() {
            self.step(placeholder(span));
            self.broken_action = true;
        }
    }

    fn title(&mut self, span: Span) {
        let indent = self.source[span.clone()].len() - self.source[span.clone()].trim_start().len();
        let span = span.start + indent..span.end;
        let rest = &self.source[span.start + 2..span.end];
        self.close_all("a phase", &span);
        self.close_table("a phase", &span);
        let title = match rest.split_once("==") {
            Some((title, after)) => {
                let comment = after.trim_start();
                if rest.starts_with('=') || !(comment.is_empty() || comment.starts_with('#')) {
                    let message = "expected a phase as `== title ==`";
                    let diagnostic = Diagnostic::new(span.clone(), message, "more than two `=` or text behind them");
                    self.diagnostics.push(diagnostic);
                } else if title.trim().is_empty() {
                    self.diagnostics.push(Diagnostic::new(
                        span.clone(),
                        "expected a title between `==` and `==`",
                        "no title",
                    ));
                }
                title.trim()
            }
            None => {
                let diagnostic = Diagnostic::new(span.clone(), "expected `==` at the end of the title", "never closed");
                let help = format!("write `== {} ==`", rest.trim_matches(['=', ' ', '\t']));
                self.diagnostics.push(diagnostic.help(help));
                rest.trim()
            }
        };
        self.phases.push(Phase {
            title: title.to_owned(),
            steps: Vec::new(),
        });
        self.titles.push(span);
        self.behind_table = false;
    }

    fn action(&mut self, line: &mut Line, span: Span, diagnostics: &mut Vec<Diagnostic>) {
        self.close_all("an action", &span);
        let action = action::parse(line, &mut self.payloads, diagnostics);
        self.broken_action |= action.is_none();
        self.step(action.unwrap_or_else(|| placeholder(span)));
    }

    fn step(&mut self, action: Action) {
        self.behind_table = false;
        if self.phases.is_empty() {
            self.titles.push(action.span.clone());
            self.phases.push(Phase {
                title: String::new(),
                steps: Vec::new(),
            });
        }
        if let Some(phase) = self.phases.last_mut() {
            phase.steps.push(Step {
                action,
                expect: Vec::new(),
            });
        }
    }

    /// Adds an expectation to the innermost block or the last step; `None` stands for one that could not be read.
    fn expect(&mut self, expect: Option<Expect>, span: Span, diagnostics: &mut Vec<Diagnostic>) {
        if let Some(block) = self.blocks.last_mut() {
            block.broken |= expect.is_none();
            if matches!(block.kind, BlockKind::AnyOrder) && matches!(expect, Some(Expect::Anything { .. })) {
                let message = "expected no `...` inside `any order`";
                let diagnostic = Diagnostic::new(span, message, "any segments in any order are just any segments");
                diagnostics.push(diagnostic.help("put it before or behind the block"));
            }
            block.items.extend(expect);
            return;
        }
        if self.behind_table {
            let message = "expected an action before the first segment behind a table";
            let diagnostic = Diagnostic::new(span, message, "which row has caused this?");
            diagnostics.push(diagnostic.help("what a row causes stands in a column of the table"));
            return;
        }
        match self.phases.last_mut().and_then(|phase| phase.steps.last_mut()) {
            Some(step) => step.expect.extend(expect),
            None => {
                let message = "expected an action before the first segment of a phase";
                let diagnostic = Diagnostic::new(span, message, "nothing here has caused this");
                diagnostics.push(diagnostic.help("segments stand below the action that causes them"));
            }
        }
    }

    fn open(&mut self, line: &mut Line, span: Span, diagnostics: &mut Vec<Diagnostic>) {
        let kind = match line.eat("either") {
            true => BlockKind::Either(Vec::new()),
            false => {
                line.eat("any");
                if !line.eat("order") {
                    diagnostics.push(line.unexpected("expected `order {` after `any`").help(BLOCK_HELP));
                    line.skip_until(|token, _| token.kind == Kind::Symbol('{'));
                }
                BlockKind::AnyOrder
            }
        };
        if self.open_brace(line, diagnostics) {
            return;
        }
        if self.blocks.len() >= MAX_DEPTH {
            let message = format!("expected at most {MAX_DEPTH} blocks inside each other");
            diagnostics.push(Diagnostic::new(span.clone(), message, "one more"));
        }
        self.blocks.push(Block {
            open: span,
            kind,
            items: Vec::new(),
            broken: !diagnostics.is_empty(),
        });
    }

    /// Takes the `{` at the end of a line; returns whether the block is closed in the same line, which is a mistake.
    fn open_brace(&self, line: &mut Line, diagnostics: &mut Vec<Diagnostic>) -> bool {
        if !line.eat_symbol('{') {
            if diagnostics.is_empty() {
                diagnostics.push(line.unexpected("expected `{`").help(BLOCK_HELP));
            }
        } else if !line.is_done() {
            let span = line.rest();
            let diagnostic = Diagnostic::new(span, "expected the end of the line after `{`", "more follows");
            diagnostics.push(diagnostic.help(BLOCK_HELP));
            line.skip_until(|token, _| token.kind == Kind::Symbol('}'));
        }
        !line.is_done()
    }

    /// A line `}` or `} or {`.
    fn close(&mut self, line: &mut Line, span: Span, diagnostics: &mut Vec<Diagnostic>) {
        let brace = line.here();
        line.advance();
        let Some(mut block) = self.blocks.pop() else {
            let diagnostic = Diagnostic::new(brace, "expected an open block before `}`", "closes nothing");
            diagnostics.push(diagnostic.help("delete it, or open a block: `any order {`, `either {`"));
            return;
        };
        let items = std::mem::take(&mut block.items);
        if items.is_empty() && !block.broken {
            let message = "expected at least one segment between the braces";
            let diagnostic = Diagnostic::new(brace.clone(), message, "nothing stands there");
            diagnostics.push(diagnostic.help("a segment that may be missing ends with `?`"));
        }
        if line.is_done() {
            let expect = self.closed(&block, items, span.end, diagnostics);
            let from = block.open.start..span.end;
            return self.expect(Some(expect), from, diagnostics);
        }
        if !line.eat("or") {
            let diagnostic = line.unexpected("expected `or {` or the end of the line after `}`");
            diagnostics.push(diagnostic.help(BLOCK_HELP));
            line.skip_until(|token, _| token.kind == Kind::Symbol('{'));
        }
        match &mut block.kind {
            BlockKind::Either(alternatives) => alternatives.push(items),
            BlockKind::AnyOrder => {
                if diagnostics.is_empty() {
                    let message = "expected `or` only between the alternatives of `either`";
                    let diagnostic = Diagnostic::new(brace, message, "this closes `any order`");
                    diagnostics.push(diagnostic.help("write `either {` in place of `any order {`"));
                }
                block.kind = BlockKind::Either(vec![items]);
            }
        }
        if self.open_brace(line, diagnostics) {
            return;
        }
        block.broken = !diagnostics.is_empty();
        self.blocks.push(block);
    }

    /// The expectation that a block is, at its last `}`.
    fn closed(&self, block: &Block, items: Vec<Expect>, end: usize, diagnostics: &mut Vec<Diagnostic>) -> Expect {
        let span = block.open.start..end;
        match &block.kind {
            BlockKind::AnyOrder => {
                if items.len() == 1 && !block.broken {
                    let message = "expected at least two lines in `any order`";
                    let diagnostic = Diagnostic::new(block.open.clone(), message, "one line has one order");
                    diagnostics.push(diagnostic.help("leave the braces out"));
                }
                Expect::AnyOrder { span, items }
            }
            BlockKind::Either(alternatives) => {
                if alternatives.is_empty() {
                    let message = "expected a second alternative: `} or {`";
                    let diagnostic = Diagnostic::new(block.open.clone(), message, "only one alternative");
                    diagnostics.push(diagnostic.help("leave the braces out, or say what else may come"));
                }
                let mut alternatives = alternatives.clone();
                alternatives.push(items);
                Expect::Either { span, alternatives }
            }
        }
    }

    /// Reports the blocks that are still open where `what` begins.
    fn close_all(&mut self, what: &str, at: &Span) {
        for block in self.blocks.drain(..) {
            let message = before(self.source, what, at);
            self.diagnostics
                .push(Diagnostic::new(block.open, message, "never closed").help(BLOCK_HELP));
        }
    }

    fn finish(mut self, span: Span) -> (Timeline, Vec<Diagnostic>) {
        let open = self.blocks.drain(..).map(|block| block.open);
        let open = open.chain(self.table.take().map(|table| table.open));
        for open in open {
            let message = "expected `}` before the timeline ends";
            self.diagnostics
                .push(Diagnostic::new(open, message, "never closed").help(BLOCK_HELP));
        }
        if self.phases.is_empty() && self.diagnostics.is_empty() {
            let help = "it begins with an action, such as `server listen`";
            self.diagnostics
                .push(Diagnostic::new(span, "expected at least one action in the timeline", "empty").help(help));
        }
        if self.diagnostics.is_empty() {
            for (phase, title) in self.phases.iter().zip(&self.titles) {
                if phase.steps.is_empty() {
                    let message = "expected an action in every phase";
                    let diagnostic = Diagnostic::new(title.clone(), message, "nothing happens in it");
                    self.diagnostics
                        .push(diagnostic.help("delete the title, or add what happens"));
                }
            }
        }
        if !self.broken_action {
            self.diagnostics.extend(order::check(self.source, &self.phases));
        }
        let timeline = Timeline {
            phases: self.phases,
            written_out: self.written_out,
            is_whole: self.diagnostics.is_empty(),
        };
        (timeline, self.diagnostics)
    }
}

/// What was expected before `what` begins.
fn before(source: &str, what: &str, at: &Span) -> String {
    let line = source[..at.start].matches('\n').count() + 1;
    format!("expected `}}` before {what} begins in line {line}")
}

/// Whether an action line can begin with this word.
fn is_actor(word: &str) -> bool {
    word.starts_with('+') || ["peer", "wire"].contains(&word) || is_party(word)
}

fn is_party(word: &str) -> bool {
    Party::ALL.iter().any(|party| party.name() == word)
}

/// What stands for an action that could not be read.
fn placeholder(span: Span) -> Action {
    Action {
        span,
        delay: None,
        party: Party::Client,
        verb: Verb::Wait,
        outcome: Outcome::Success,
        outcome_span: None,
        background: false,
    }
}
