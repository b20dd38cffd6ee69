use super::diagnostic::Diagnostic;
use super::document::too_large;
use super::lexer::{Span, Token};
use super::parser::parse;
use super::syntax::{Key, Line, LineKind, Run, StepNode, Tree};

/// Left parts wider than this do not move the column of `=>`.
const WIDEST_LEFT: usize = 56;
/// The keyword of a header line has at least room for this many characters.
const NARROWEST_KEY: usize = 5;
/// Lines wider than this do not move the column of the comments.
const WIDEST_LINE: usize = 72;

/// Gives a scenario its canonical form. Every word and every comment stays as it is; only the
/// space between them changes.
///
/// # Errors
/// The mistakes for which the text has no clear structure. Others do not matter here.
pub fn format(source: &str) -> Result<String, Vec<Diagnostic>> {
    let mut diagnostics = too_large(source.len());
    if diagnostics.is_empty() {
        let (tree, found) = parse(source);
        if found.is_empty() {
            return Ok(print(&tree));
        }
        diagnostics = found;
    }
    Err(diagnostics)
}

fn print(tree: &Tree<'_>) -> String {
    let rows = rows(tree);
    let mut text = String::with_capacity(tree.source.len() + 64);
    let mut start = 0;
    while start < rows.len() {
        let group = rows[start].group;
        // A comment belongs to the rows around it and does not end them.
        let same = |row: &&Row| row.group == group || row.group == Group::Comment;
        let length = match group {
            Group::Blank | Group::Comment => 1,
            _ => rows[start..].iter().take_while(same).count(),
        };
        lay_out(&rows[start..start + length], &mut text);
        start += length;
    }
    text
}

/// A line of the canonical text, before its columns are known.
struct Row<'s> {
    group: Group,
    depth: usize,
    body: Body<'s>,
    comment: &'s str,
}

/// Rows of one group that follow one another share their columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Group {
    Blank,
    Comment,
    Title,
    Header,
    Steps,
    /// The `case` lines of the block with this number.
    Case(usize),
    /// The further lines of the `case` with this number.
    Inside(usize),
    Other,
}

enum Body<'s> {
    /// Nothing but a comment, or nothing.
    None,
    /// One text without columns.
    Text(String),
    /// The keyword of a header line and what stands behind it.
    Header(&'static str, String),
    Step(Step<'s>),
    Case(String, Vec<Step<'s>>),
}

struct Step<'s> {
    actor: &'s str,
    rest: String,
    right: Option<String>,
}

impl Step<'_> {
    /// The left part with its actor padded to `width`, and `between` behind it.
    fn left(&self, width: usize, between: &str) -> String {
        if self.rest.is_empty() {
            return self.actor.to_owned();
        }
        format!("{:<width$}{between}{}", self.actor, self.rest)
    }
}

fn rows<'s>(tree: &Tree<'s>) -> Vec<Row<'s>> {
    let mut rows: Vec<Row<'s>> = Vec::with_capacity(tree.lines.len() + 1);
    let (mut blocks, mut cases) = (0, 0);
    let mut headed = None;
    for line in &tree.lines {
        let (group, depth, body) = match line.kind {
            LineKind::Blank if line.comment.is_some() => (Group::Comment, 0, Body::None),
            LineKind::Blank => (Group::Blank, 0, Body::None),
            LineKind::Title => (Group::Title, 0, Body::Text(joined(tree, line.words))),
            LineKind::Header(key) => (Group::Header, 0, header(tree, key, line)),
            LineKind::Vary | LineKind::Same | LineKind::Broken => {
                blocks += 1;
                (Group::Other, 0, Body::Text(joined(tree, line.words)))
            }
            LineKind::Case { name, steps } => {
                cases += 1;
                let name = name.map_or("", |name| tree.text(name));
                let steps = tree.steps(steps).iter().map(|node| step(tree, node)).collect();
                (Group::Case(blocks), 2, Body::Case(format!("case {name}:"), steps))
            }
            LineKind::Steps { steps, inside } => {
                let (group, depth) =
                    if inside { (Group::Inside(cases), 4) } else { (Group::Steps, 0) };
                let mut steps: Vec<Step<'s>> =
                    tree.steps(steps).iter().map(|node| step(tree, node)).collect();
                let body = match steps.pop() {
                    Some(one) if steps.is_empty() => Body::Step(one),
                    last => Body::Text(in_a_row(steps.into_iter().chain(last))),
                };
                (group, depth, body)
            }
        };
        match group {
            // The title and the header stand apart from the steps.
            Group::Title | Group::Header => headed = Some(rows.len() + 1),
            Group::Blank | Group::Comment => {}
            _ => {
                if let Some(at) = headed.take()
                    && !rows[at..].iter().any(|row| row.group == Group::Blank)
                {
                    rows.insert(at, blank());
                }
            }
        }
        let comment = line
            .comment
            .map_or("", |comment| tree.text(comment).trim_end_matches([' ', '\t', '\r']));
        let repeated = rows.last().is_none_or(|row| row.group == Group::Blank);
        if group != Group::Blank || !repeated {
            rows.push(Row { group, depth, body, comment });
        }
    }
    while rows.last().is_some_and(|row| row.group == Group::Blank) {
        rows.pop();
    }
    // A comment is as deep as what it stands above.
    let mut depth = 0;
    for row in rows.iter_mut().rev() {
        match row.group {
            Group::Blank => {}
            Group::Comment => row.depth = depth,
            _ => depth = row.depth,
        }
    }
    rows
}

fn blank<'s>() -> Row<'s> {
    Row { group: Group::Blank, depth: 0, body: Body::None, comment: "" }
}

/// The words of a run with single spaces between them.
fn joined(tree: &Tree<'_>, run: Run) -> String {
    words(tree, tree.words(run).iter().map(|word| word.span))
}

fn words(tree: &Tree<'_>, spans: impl Iterator<Item = Span>) -> String {
    let mut text = String::new();
    for span in spans {
        if !text.is_empty() {
            text.push(' ');
        }
        text.push_str(tree.text(span));
    }
    text
}

fn header<'s>(tree: &Tree<'s>, key: Key, line: &Line) -> Body<'s> {
    let rest = tree.words(line.words).iter().skip(1).map(|word| word.span);
    Body::Header(key.word(), words(tree, rest))
}

fn step<'s>(tree: &Tree<'s>, node: &StepNode) -> Step<'s> {
    let left: &[Token] = tree.words(node.left);
    let rest = left.iter().skip(1).copied().chain(node.tag).map(|word| word.span);
    Step {
        actor: left.first().map_or("", |word| tree.text(word.span)),
        rest: words(tree, rest),
        right: node.arrow.map(|_| joined(tree, node.right)),
    }
}

/// Steps on one line, without columns.
fn in_a_row<'s>(steps: impl Iterator<Item = Step<'s>>) -> String {
    let steps: Vec<String> = steps.map(|step| aligned(&step.left(0, " "), 0, &step, 1)).collect();
    steps.join("; ")
}

fn lay_out(rows: &[Row<'_>], text: &mut String) {
    let actors = rows.iter().filter_map(|row| match &row.body {
        Body::Step(step) => Some(width(step.actor)),
        _ => None,
    });
    let actors = actors.max().unwrap_or(0);
    let lefts = rows.iter().filter_map(|row| match &row.body {
        Body::Step(step) if step.right.is_some() => Some(width(&step.left(actors, "  "))),
        _ => None,
    });
    let arrow = lefts.filter(|left| *left <= WIDEST_LEFT).max().unwrap_or(0) + 2;
    let keys = rows.iter().filter_map(|row| match &row.body {
        Body::Header(key, _) => Some(width(key)),
        _ => None,
    });
    let keys = keys.max().unwrap_or(0).max(NARROWEST_KEY) + 2;
    let cases = Cases::new(rows);
    let bodies: Vec<String> = rows
        .iter()
        .map(|row| {
            let indent = " ".repeat(row.depth);
            match &row.body {
                Body::None => indent,
                Body::Text(body) => indent + body,
                Body::Header(key, rest) => {
                    let line = format!("{key:<keys$}{rest}");
                    line.trim_end_matches([' ', '\t', '\r']).to_owned()
                }
                Body::Step(step) => indent + &aligned(&step.left(actors, "  "), arrow, step, 2),
                Body::Case(name, steps) => indent + &cases.line(name, steps),
            }
        })
        .collect();
    let commented = rows.iter().zip(&bodies).filter_map(|(row, body)| {
        let beside = !row.comment.is_empty() && !matches!(row.body, Body::None);
        beside.then(|| width(body)).filter(|width| *width <= WIDEST_LINE)
    });
    let column = commented.max().unwrap_or(0) + 2;
    for (row, body) in rows.iter().zip(bodies) {
        if row.comment.is_empty() {
            text.push_str(body.trim_end_matches([' ', '\t', '\r']));
        } else {
            text.push_str(&body);
            if !matches!(row.body, Body::None) {
                text.push_str(&" ".repeat(column.saturating_sub(width(&body)).max(2)));
            }
            text.push_str(row.comment);
        }
        text.push('\n');
    }
}

/// A step with its `=>` at a column, or at least `least` spaces behind its left part.
fn aligned(left: &str, column: usize, step: &Step<'_>, least: usize) -> String {
    match &step.right {
        None => left.to_owned(),
        Some(right) => {
            let space = column.saturating_sub(width(left)).max(least);
            format!("{left}{}=> {right}", " ".repeat(space))
                .trim_end_matches([' ', '\t', '\r'])
                .to_owned()
        }
    }
}

/// The columns of the `case` lines of a block.
struct Cases {
    name: usize,
    /// For each step of a line: the column of its `=>`, and the width up to the next step.
    steps: Vec<(usize, usize)>,
}

impl Cases {
    fn new(rows: &[Row<'_>]) -> Self {
        let mut columns = Self { name: 0, steps: Vec::new() };
        let lines = || {
            rows.iter().filter_map(|row| match &row.body {
                Body::Case(name, steps) => Some((name, steps)),
                _ => None,
            })
        };
        for (name, steps) in lines() {
            columns.name = columns.name.max(width(name) + 2);
            for (at, step) in steps.iter().enumerate() {
                if columns.steps.len() == at {
                    columns.steps.push((0, 0));
                }
                let left = width(&step.left(0, " "));
                if step.right.is_some() && left <= WIDEST_LEFT {
                    columns.steps[at].0 = columns.steps[at].0.max(left + 1);
                }
            }
        }
        for (_, steps) in lines() {
            for (at, step) in steps.iter().enumerate().take(steps.len().saturating_sub(1)) {
                let whole = width(&aligned(&step.left(0, " "), columns.steps[at].0, step, 1)) + 2;
                if whole <= WIDEST_LINE {
                    columns.steps[at].1 = columns.steps[at].1.max(whole);
                }
            }
        }
        columns
    }

    fn line(&self, name: &str, steps: &[Step<'_>]) -> String {
        if steps.is_empty() {
            return name.to_owned();
        }
        let mut line = format!("{name:<0$}", self.name);
        for (at, step) in steps.iter().enumerate() {
            let (arrow, whole) = self.steps.get(at).copied().unwrap_or_default();
            let text = aligned(&step.left(0, " "), arrow, step, 1);
            line.push_str(&text);
            if at + 1 < steps.len() {
                line.push(';');
                line.push_str(&" ".repeat(whole.saturating_sub(width(&text) + 1).max(1)));
            }
        }
        line
    }
}

fn width(text: &str) -> usize {
    text.chars().count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn canonical(source: &str) -> String {
        let once = format(source).expect("the text has a clear structure");
        assert_eq!(format(&once).as_deref(), Ok(once.as_str()), "printing again changes it");
        once
    }

    #[test]
    fn columns_of_a_group_are_aligned() {
        let source = "\n\n\"t\"\nlevel must # so\nover tcp4 unix#x # both\nclient send c \"x\"=>1\n\
                      # between\nserver recv s 16 &r # waits\nwire a->b FIN   =>   1 or 2\n\n\n\nwait 1s\n";
        assert_eq!(
            canonical(source),
            "\"t\"\n\
             level  must         # so\n\
             over   tcp4 unix#x  # both\n\
             \n\
             client  send c \"x\"  => 1\n\
             # between\n\
             server  recv s 16 &r  # waits\n\
             wire    a -> b FIN  => 1 or 2\n\
             \n\
             wait  1s\n"
        );
    }

    #[test]
    fn cases_are_aligned_and_their_lines_indented() {
        let source = "\"t\"\n\nvary order\n case a: x y => 1 ; x longer=>2 # first\n\
                      \t\t# of b\n case longer:x => 1\n   x do => ok\n      z something =>   \" ;\"; y b => 2\n\
                      same across order\n";
        let source = source.replace("longer:x", "longer: x");
        assert_eq!(
            canonical(&source),
            "\"t\"\n\
             \n\
             vary order\n  \
               case a:       x y => 1; x longer => 2  # first\n  \
               # of b\n  \
               case longer:  x   => 1\n    \
                 x  do  => ok\n    \
                 z something => \" ;\"; y b => 2\n\
             same across order\n"
        );
    }

    #[test]
    fn long_left_parts_do_not_push_the_column() {
        let long = "x".repeat(60);
        let source = format!("\"t\"\n\na send b \"{long}\" => 1\na send b \"x\" => 1\n");
        assert_eq!(
            canonical(&source),
            format!("\"t\"\n\na  send b \"{long}\"  => 1\na  send b \"x\"  => 1\n")
        );
    }

    #[test]
    fn line_ends_and_byte_order_mark_become_plain() {
        assert_eq!(
            canonical("\u{feff}\"t\"\r\ncite  a  b \r\n# c \r\n"),
            "\"t\"\ncite   a  b\n# c\n"
        );
    }
}
