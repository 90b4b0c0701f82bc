//! The text of `bench/results.md`.

use super::goals;
use super::markdown::Table;
use super::memory;
use super::peer::Peer;
use super::rates;
use super::report::Report;
use super::statistics::{time, whole};
use super::works::Task;

/// The report as Markdown.
pub fn markdown(report: &Report) -> String {
    let mut text = String::from(
        "# Results\n\nWritten by `cargo xtask bench`; [README.md](README.md) says what is measured and how. \
         Figures are medians of\nthe rounds, ratios are medians of each round's ratio.\n",
    );
    let sections = [
        ("Goals", goals(report)),
        ("Requests per second", rates::all_rates(report)),
        ("From 1 to 256 connections", rates::growth(report)),
        ("Processors", rates::processors(report)),
        ("System calls for each request", system_calls(report)),
        (
            "A hello while eight handlers loop for ever",
            endless(report),
        ),
        ("A hello beside attacks", attacks(report)),
        ("Resident memory", memory_table(report)),
        ("From start to first answer", start(report)),
        ("Not measured", not_measured(report)),
        ("Machine, versions and settings", machine(report)),
    ];
    for (title, content) in sections {
        if !content.is_empty() {
            text.push_str(&format!("\n## {title}\n\n{content}"));
        }
    }
    text
}

fn goals(report: &Report) -> String {
    let mut table = Table::new(&["", "measured", "at least", "aim", "", "by CPU time"]);
    for goal in &goals::ALL {
        let measured = goal.measured(report);
        table.row([
            goal.what.to_owned(),
            measured.map_or("-".into(), |measured| goal.unit.text(measured)),
            goal.unit.text(goal.at_least),
            goal.unit.text(goal.aim),
            goal.verdict(measured).text().to_owned(),
            goal.by_processor(report)
                .map_or("-".into(), |ratio| goal.unit.text(ratio)),
        ]);
    }
    format!(
        "The last column is the ratio of the CPU times of a request. It is valid even if the load generator, or another\n\
         program on the machine, was the limit.\n\n{}",
        table.text()
    )
}

fn system_calls(report: &Report) -> String {
    let mut table = Table::new(&["", "work", "calls a request", "which"]).with_text(&[1, 3]);
    for calls in &report.syscalls {
        let kinds = calls
            .kinds
            .iter()
            .map(|(name, number)| format!("{name} {number:.1}"));
        table.row([
            calls.peer.title().to_owned(),
            calls.work.to_owned(),
            format!("{:.1}", calls.each),
            kinds.collect::<Vec<_>>().join(", "),
        ]);
    }
    if table.is_empty() {
        String::new()
    } else {
        table.text()
    }
}

fn endless(report: &Report) -> String {
    let mut table = Table::new(&[
        "",
        "endless handlers",
        "p50",
        "p99",
        "p99.9",
        "requests",
        "failed",
    ]);
    for endless in &report.endless {
        table.row([
            endless.peer.title().to_owned(),
            endless.loops.to_string(),
            time(endless.p50),
            time(endless.p99),
            time(endless.p999),
            endless.requests.to_string(),
            endless.failed.to_string(),
        ]);
    }
    if table.is_empty() {
        String::new()
    } else {
        table.text()
    }
}

fn attacks(report: &Report) -> String {
    let mut table = Table::new(&[
        "attack",
        "server",
        "p50",
        "p99",
        "p99.9",
        "requests",
        "failed",
        "attacks/s",
    ])
    .with_text(&[1]);
    for attacked in &report.attacks {
        table.row([
            attacked.attack.to_owned(),
            attacked.peer.title().to_owned(),
            time(attacked.p50),
            time(attacked.p99),
            time(attacked.p999),
            attacked.requests.to_string(),
            attacked.failed.to_string(),
            attacked.rate.map_or("-".into(), whole),
        ]);
    }
    if table.is_empty() {
        String::new()
    } else {
        table.text()
    }
}

fn memory_table(report: &Report) -> String {
    let states = [memory::IDLE, memory::SOME, memory::MANY, memory::CROWD];
    let mut table = Table::new(&[&["MB"], states.as_slice()].concat());
    for peer in Peer::ALL {
        if report.memory(peer, memory::IDLE).is_none() {
            continue;
        }
        let cells = states.map(|state| {
            let found = report
                .memory
                .iter()
                .find(|memory| memory.peer == peer && memory.state == state);
            found.map_or("-".into(), |memory| {
                let short = memory.reached.filter(|(reached, of)| reached < of);
                let short =
                    short.map(|(reached, _)| format!(" ({} reached)", whole(reached as f64)));
                format!("{:.1}{}", memory.resident / 1e6, short.unwrap_or_default())
            })
        });
        table.row([peer.title().to_owned()].into_iter().chain(cells));
    }
    if table.is_empty() {
        String::new()
    } else {
        table.text()
    }
}

fn start(report: &Report) -> String {
    let mut table =
        Table::new(&["", "what it serves", "cache empty", "cache warm"]).with_text(&[1]);
    for start in &report.start {
        table.row([
            start.peer.title().to_owned(),
            if start.task == Task::Files {
                "files"
            } else {
                "hello"
            }
            .to_owned(),
            start.cold.map_or("-".into(), time),
            start.warm.map_or("-".into(), time),
        ]);
    }
    if table.is_empty() {
        String::new()
    } else {
        table.text()
    }
}

fn not_measured(report: &Report) -> String {
    let peers = report
        .missing
        .iter()
        .map(|(peer, why)| format!("- {}: {why}\n", peer.title()));
    let strace = report
        .no_strace
        .then(|| "- system calls: strace is not installed\n".to_owned());
    peers.chain(strace).collect()
}

fn machine(report: &Report) -> String {
    report
        .facts
        .iter()
        .map(|(name, text)| format!("- {name}: {text}\n"))
        .collect()
}
