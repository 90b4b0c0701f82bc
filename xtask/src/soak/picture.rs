//! The picture of a soak: a line for each resource over time.

use std::time::Duration;

use super::samples::{Sample, VALUES};

/// Draws an SVG that can be read on light and on dark pages.
pub fn draw(samples: &[Sample], length: Duration) -> String {
    let end = samples.last().map_or(length, |sample| sample.at);
    let x = |at: Duration| {
        f64::from(LEFT)
            + f64::from(WIDTH - LEFT - RIGHT) * at.as_secs_f64() / end.as_secs_f64().max(1.0)
    };
    let mut body = String::new();
    for (index, (name, value)) in (0..).zip(VALUES) {
        let top = TOP + index * (CHART + GAP);
        let most = samples.iter().map(value).max().unwrap_or(0).max(1);
        let y = |value: u64| f64::from(top + CHART) - f64::from(CHART) * value as f64 / most as f64;
        let points: Vec<String> = samples
            .iter()
            .map(|sample| format!("{:.1},{:.1}", x(sample.at), y(value(sample))))
            .collect();
        body.push_str(&format!(
            "<rect class=\"chart\" x=\"{LEFT}\" y=\"{top}\" width=\"{}\" height=\"{CHART}\"/>\n\
             <text x=\"{LEFT}\" y=\"{}\">{name}</text>\n\
             <text class=\"quiet\" x=\"{}\" y=\"{}\" text-anchor=\"end\">{most}</text>\n\
             <text class=\"quiet\" x=\"{}\" y=\"{}\" text-anchor=\"end\">0</text>\n\
             <polyline class=\"line\" points=\"{}\"/>\n",
            WIDTH - LEFT - RIGHT,
            top - 8,
            LEFT - 8,
            top + 10,
            LEFT - 8,
            top + CHART,
            points.join(" "),
        ));
    }
    let bottom = TOP + VALUES.len() as u32 * (CHART + GAP);
    let height = bottom + 24;
    let stop = x(length);
    let last = samples.last();
    let counts = last.map_or_else(String::new, |last| {
        format!(
            "{} requests answered, {} failed, {} attacks",
            last.answered, last.failed, last.attacks
        )
    });
    format!(
        r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" role="img" aria-label="Memory, descriptors and threads of belljar under mixed traffic">
<style>
  svg {{ font: 13px system-ui, -apple-system, "Segoe UI", "DejaVu Sans", sans-serif; }}
  .page {{ fill: #ffffff; stroke: #d9dee3; }}
  text {{ fill: #24292f; }}
  .title {{ font-size: 18px; font-weight: 600; }}
  .quiet {{ fill: #656d76; }}
  .chart {{ fill: #f6f8fa; }}
  .line {{ fill: none; stroke: #b7791f; stroke-width: 1.5; }}
  .stop {{ stroke: #24292f; stroke-dasharray: 2 3; opacity: 0.55; }}
  @media (prefers-color-scheme: dark) {{
    .page {{ fill: #14181d; stroke: #343b43; }}
    text {{ fill: #e6edf3; }}
    .quiet {{ fill: #98a2ad; }}
    .chart {{ fill: #20262d; }}
    .line {{ stroke: #e3a33b; }}
    .stop {{ stroke: #e6edf3; }}
  }}
</style>
<rect class="page" x="0.5" y="0.5" width="{}" height="{}" rx="8"/>
<text class="title" x="24" y="36">The server under {} s of mixed and hostile traffic</text>
<text class="quiet" x="24" y="58">{counts}. The traffic ends at the dashed line.</text>
{body}<line class="stop" x1="{stop:.1}" x2="{stop:.1}" y1="{TOP}" y2="{}"/>
</svg>
"#,
        WIDTH - 1,
        height - 1,
        length.as_secs(),
        bottom - GAP,
    )
}

/// The lengths are in pixels.
const WIDTH: u32 = 880;
const LEFT: u32 = 64;
const RIGHT: u32 = 24;
const TOP: u32 = 100;
const CHART: u32 = 110;
const GAP: u32 = 40;
