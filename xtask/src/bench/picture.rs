//! The picture: a group of bars for each work, relative to the native server that the work is compared with.

use super::peer::Peer;
use super::report::Report;
use super::rounds::{Rates, Sample};
use super::statistics::whole;

/// Draws an SVG that can be read on light and on dark pages.
pub fn draw(report: &Report) -> String {
    let mut body = String::new();
    let mut y = 78;
    for (work, title, to) in GROUPS {
        if let Some(rates) = report.rates(work) {
            y = group(rates, title, to, y, &mut body);
        }
    }
    let height = y + 18;
    let place = report.fact("Processor").unwrap_or_default();
    format!(
        r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" role="img" aria-label="Requests per second of belljar and its peers">
<style>
  svg {{ font: 13px system-ui, -apple-system, "Segoe UI", "DejaVu Sans", sans-serif; }}
  .page {{ fill: #ffffff; stroke: #d9dee3; }}
  text {{ fill: #24292f; }}
  .title {{ font-size: 18px; font-weight: 600; }}
  .group {{ font-weight: 600; }}
  .quiet {{ fill: #656d76; }}
  .track {{ fill: #eef1f4; }}
  .own {{ fill: #b7791f; }}
  .kept {{ fill: #dba54a; }}
  .native {{ fill: #6e7f91; }}
  .sandboxed {{ fill: #4d7fb8; }}
  .one {{ stroke: #24292f; stroke-dasharray: 2 3; opacity: 0.55; }}
  @media (prefers-color-scheme: dark) {{
    .page {{ fill: #14181d; stroke: #343b43; }}
    text {{ fill: #e6edf3; }}
    .quiet {{ fill: #98a2ad; }}
    .track {{ fill: #20262d; }}
    .own {{ fill: #e3a33b; }}
    .kept {{ fill: #a6772b; }}
    .native {{ fill: #7d8b99; }}
    .sandboxed {{ fill: #5d92cf; }}
    .one {{ stroke: #e6edf3; }}
  }}
</style>
<rect class="page" x="0.5" y="0.5" width="{}" height="{}" rx="8"/>
<text class="title" x="24" y="36">Requests per second, one processor for the server</text>
<text class="quiet" x="24" y="58">Medians of one run, peers in turn. The dashed line is the native server named beside the group. {place}</text>
{body}</svg>
"#,
        WIDTH - 1,
        height - 1,
    )
}

/// Draws the bars of one work from `y` down, and returns the `y` of the next group.
fn group(rates: &Rates, title: &str, to: Peer, mut y: u32, body: &mut String) -> u32 {
    let bars: Vec<(Peer, f64, f64)> = rates
        .rows
        .iter()
        .filter_map(|row| {
            Some((
                row.peer,
                row.median(Sample::rate),
                rates.ratio(row.peer, to)?,
            ))
        })
        .collect();
    if bars.is_empty() {
        return y;
    }
    let longest = bars.iter().map(|(_, _, ratio)| *ratio).fold(1.0, f64::max);
    let scale = f64::from(BARS) / longest;
    let one = f64::from(NAMES) + scale;
    y += 20;
    body.push_str(&format!(
        "<text class=\"group\" x=\"24\" y=\"{y}\">{title}</text>\n\
         <text class=\"quiet\" x=\"{}\" y=\"{y}\" text-anchor=\"end\">1.00 = {}</text>\n",
        WIDTH - 24,
        to.title()
    ));
    y += 10;
    let top = y;
    for (peer, rate, ratio) in bars {
        let (class, middle, length) = (class(peer), y + 13, ratio * scale);
        body.push_str(&format!(
            "<text x=\"{}\" y=\"{middle}\" text-anchor=\"end\">{}</text>\n\
             <rect class=\"track\" x=\"{NAMES}\" y=\"{}\" width=\"{BARS}\" height=\"14\" rx=\"2\"/>\n\
             <rect class=\"{class}\" x=\"{NAMES}\" y=\"{}\" width=\"{length:.1}\" height=\"14\" rx=\"2\"/>\n\
             <text x=\"{}\" y=\"{middle}\" text-anchor=\"end\">{ratio:.2} x</text>\n\
             <text class=\"quiet\" x=\"{}\" y=\"{middle}\" text-anchor=\"end\">{}/s</text>\n",
            NAMES - 12,
            peer.title(),
            y + 2,
            y + 2,
            NAMES + BARS + 62,
            WIDTH - 24,
            whole(rate),
        ));
        y += ROW;
    }
    body.push_str(&format!(
        "<line class=\"one\" x1=\"{one:.1}\" x2=\"{one:.1}\" y1=\"{top}\" y2=\"{}\"/>\n",
        y - 2
    ));
    y + 12
}

fn class(peer: Peer) -> &'static str {
    match peer {
        Peer::Fresh => "own",
        Peer::Kept | Peer::Against => "kept",
        Peer::Bare | Peer::Nginx | Peer::StaticWebServer => "native",
        Peer::Wasmtime | Peer::WasmtimeKept => "sandboxed",
    }
}

/// The works in the picture, and the native server that each is compared with.
const GROUPS: [(&str, &str, Peer); 6] = [
    ("hello", "hello from a handler", Peer::Bare),
    ("echo", "a POST of 10 kB, echoed", Peer::Bare),
    (
        "hello-new",
        "hello, a new connection for each request",
        Peer::Nginx,
    ),
    ("file-1kB", "a file of 1 kB", Peer::Nginx),
    ("file-100kB", "a file of 100 kB", Peer::Nginx),
    ("file-10MB", "a file of 10 MB", Peer::Nginx),
];

/// The lengths are in pixels.
const WIDTH: u32 = 880;
const NAMES: u32 = 250;
const BARS: u32 = 450;
const ROW: u32 = 20;
