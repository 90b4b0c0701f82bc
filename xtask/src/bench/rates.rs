//! The tables of requests per second.

use super::markdown::Table;
use super::peer::Peer;
use super::report::Report;
use super::rounds::{Rates, Sample};
use super::statistics::{time, whole};

pub fn all_rates(report: &Report) -> String {
    let mut text = String::new();
    for rates in report.rates.iter().filter(|rates| !rates.rows.is_empty()) {
        let first = rates.rows[0].peer;
        let to = format!("against {}", short(first));
        let mut table = Table::new(&[
            rates.work.title,
            "requests/s",
            "least - most",
            &to,
            "p50",
            "p99",
            "p99.9",
            "CPU a request",
            "server busy",
            "errors",
        ]);
        for row in &rates.rows {
            let rates_of_rounds = row.samples.iter().map(Sample::rate);
            let (least, most) = rates_of_rounds.fold((f64::MAX, 0.0_f64), |(least, most), rate| {
                (least.min(rate), most.max(rate))
            });
            table.row([
                row.peer.title().to_owned(),
                whole(row.median(Sample::rate)),
                format!("{} - {}", whole(least), whole(most)),
                rates
                    .ratio(row.peer, first)
                    .map_or("-".into(), |ratio| format!("{ratio:.2} x")),
                time(row.median(|sample| sample.figures.p50)),
                time(row.median(|sample| sample.figures.p99)),
                time(row.median(|sample| sample.figures.p999)),
                row.processor().map_or("-".into(), time),
                row.busy()
                    .map_or("-".into(), |busy| format!("{:.0} %", busy * 100.0)),
                whole(
                    row.samples
                        .iter()
                        .map(|sample| sample.figures.errors as f64)
                        .sum(),
                ),
            ]);
        }
        text.push_str(&table.text());
        text.push('\n');
        if let Some((middle, most)) = rates.others()
            && most > 0.1
        {
            text.push_str(&format!(
                "Other programs used {:.0} % of the processors at the same time, and {:.0} % at most.\n\n",
                middle * 100.0,
                most * 100.0
            ));
        }
        for failure in &rates.failures {
            text.push_str(&format!("Failed: {failure}\n\n"));
        }
    }
    text.pop();
    text
}

pub fn growth(report: &Report) -> String {
    let works = ["hello-1", "hello", "hello-256"].map(|work| report.rates(work));
    let [Some(one), Some(some), Some(many)] = works else {
        return String::new();
    };
    let mut table = Table::new(&["hello, requests/s", "1", "32", "256", "256 against 1"]);
    for row in &one.rows {
        let rate = |rates: &Rates| Some(rates.row(row.peer)?.median(Sample::rate));
        let (Some(one), Some(some), Some(many)) = (rate(one), rate(some), rate(many)) else {
            continue;
        };
        table.row([
            row.peer.title().to_owned(),
            whole(one),
            whole(some),
            whole(many),
            format!("{:.2} x", many / one),
        ]);
    }
    table.text()
}

/// The table of rates on more processors, by calculation.
pub fn processors(report: &Report) -> String {
    let Some(hello) = report.rates("hello") else {
        return String::new();
    };
    let mut table = Table::new(&["hello, requests/s by calculation", "1", "2", "4", "8", "16"]);
    for row in &hello.rows {
        let Some(micros) = row.processor() else {
            continue;
        };
        let of = |processors: f64| whole(processors * 1e6 / micros);
        table.row([
            row.peer.title().to_owned(),
            of(1.0),
            of(2.0),
            of(4.0),
            of(8.0),
            of(16.0),
        ]);
    }
    if table.is_empty() {
        return String::new();
    }
    format!(
        "An upper bound, for servers that share nothing: processors divided by the CPU time of a request at 32\n\
         connections. What servers do share (locks, the kernel's page tables, memory bandwidth) lowers it.\n\n{}",
        table.text()
    )
}

fn short(peer: Peer) -> &'static str {
    peer.title().split(',').next().unwrap_or_default()
}
