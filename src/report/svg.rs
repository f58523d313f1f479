//! A picture of coloured terminal text, for documents: each line a row of monospaced text, dark or light as the
//! reader's system is.

use std::fmt::Write;

use console::{AnsiCodeIterator, measure_text_width};

/// Columns and rows in pixels at a font size of 14.
const COLUMN: f32 = 8.4;
const ROW: usize = 18;
const MARGIN: usize = 16;

/// The colours of the codes that [`Theme::paint`](super::Theme::paint) writes: `s36` is cyan, `s1` bold, `s2` dim.
const STYLE: &str = "\
text { font: 14px ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, monospace; white-space: pre; fill: #24292f }
rect { fill: #ffffff; stroke: #d0d7de }
.s1 { font-weight: bold } .s2 { fill: #6e7781 } .s31 { fill: #cf222e } .s32 { fill: #1a7f37 } .s33 { fill: #9a6700 }
.s35 { fill: #8250df } .s36 { fill: #0969da }
@media (prefers-color-scheme: dark) {
text { fill: #e6edf3 } rect { fill: #0d1117; stroke: #30363d }
.s2 { fill: #8b949e } .s31 { fill: #ff7b72 } .s32 { fill: #7ee787 } .s33 { fill: #e3b341 }
.s35 { fill: #d2a8ff } .s36 { fill: #79c0ff }
}
";

/// Renders text with the escape codes of a [`Theme`](super::Theme) as SVG: a coloured [`ladder()`](super::ladder()).
pub fn svg(text: &str) -> String {
    let columns = text.lines().map(measure_text_width).max().unwrap_or_default();
    let width = pixels(columns) + 2.0 * MARGIN as f32;
    let height = text.lines().count() * ROW + 2 * MARGIN;
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width:.0} {height}\" \
         width=\"{width:.0}\" height=\"{height}\">\n\
         <style>\n{STYLE}</style>\n<rect width=\"100%\" height=\"100%\" rx=\"8\"/>\n"
    );
    for (row, line) in text
        .lines()
        .enumerate()
        .filter(|(_, line)| measure_text_width(line) > 0)
    {
        let y = MARGIN + ROW * row + ROW * 3 / 4;
        // The length keeps the columns aligned, whatever font the reader has.
        let length = pixels(measure_text_width(line));
        let _ = write!(
            out,
            "<text x=\"{MARGIN}\" y=\"{y}\" textLength=\"{length:.1}\" xml:space=\"preserve\">"
        );
        let mut classes = String::new();
        for (part, is_code) in AnsiCodeIterator::new(line) {
            match is_code.then(|| part.trim_matches(['\u{1b}', '[', 'm'])) {
                Some("0" | "") => classes.clear(),
                Some(codes) => codes.split(';').for_each(|code| {
                    let _ = write!(classes, "{}s{code}", if classes.is_empty() { "" } else { " " });
                }),
                None if classes.is_empty() => out.push_str(&escape(part)),
                None => {
                    let _ = write!(out, "<tspan class=\"{classes}\">{}</tspan>", escape(part));
                }
            }
        }
        out.push_str("</text>\n");
    }
    out + "</svg>\n"
}

fn pixels(columns: usize) -> f32 {
    COLUMN * columns as f32
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::super::samples::{basic, theme};
    use super::super::{Theme, ladder};
    use super::*;

    #[test]
    fn colours_become_classes() {
        let picture = svg("\u{1b}[36m<a>\u{1b}[0m & \u{1b}[32m\u{1b}[1mok\u{1b}[0m\n\nend");
        let rows: Vec<&str> = picture.lines().filter(|line| line.starts_with("<text")).collect();
        assert_eq!(
            rows,
            [
                "<text x=\"16\" y=\"29\" textLength=\"67.2\" xml:space=\"preserve\">\
                 <tspan class=\"s36\">&lt;a&gt;</tspan> &amp; <tspan class=\"s32 s1\">ok</tspan></text>",
                "<text x=\"16\" y=\"65\" textLength=\"25.2\" xml:space=\"preserve\">end</text>",
            ]
        );
        assert!(picture.contains("width=\"99\" height=\"86\""), "{picture}");
    }

    #[test]
    fn the_picture_in_the_docs_is_up_to_date() {
        let colored = Theme {
            color: true,
            ..theme(100)
        };
        let picture = svg(&ladder(&basic(), &colored, None));
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/ladder.svg");
        if std::env::var_os("UPDATE_DOCS").is_some() {
            std::fs::write(path, &picture).unwrap();
        }
        let kept = std::fs::read_to_string(path).unwrap_or_default();
        assert!(
            kept == picture,
            "docs/ladder.svg is out of date: run this test with UPDATE_DOCS=1"
        );
    }
}
