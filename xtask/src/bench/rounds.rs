//! Measures requests per second: round by round, the peers in turn.

use super::load::{self, Figures};
use super::machine;
use super::options::Options;
use super::peer::{Peer, Setting};
use super::scratch::Scratch;
use super::server::Server;
use super::statistics::{median, whole};
use super::works::Work;

/// The results of one work.
pub struct Rates {
    pub work: &'static Work,
    pub rows: Vec<Row>,
    /// The messages of peers that failed.
    pub failures: Vec<String>,
}

pub struct Row {
    pub peer: Peer,
    /// One sample for each round, in the order of the rounds.
    pub samples: Vec<Sample>,
}

#[derive(Debug, Clone, Copy)]
pub struct Sample {
    pub figures: Figures,
    /// Processor time of the server for each request, in microseconds.
    pub processor: Option<f64>,
    /// The share of the machine's processors, 0 to 1, that other programs used at the same time.
    pub others: Option<f64>,
}

impl Sample {
    /// Requests per second.
    pub fn rate(&self) -> f64 {
        self.figures.requests as f64 / self.figures.seconds
    }
}

impl Row {
    pub fn median(&self, figure: impl Fn(&Sample) -> f64) -> f64 {
        median(self.samples.iter().map(figure)).unwrap_or(f64::NAN)
    }

    pub fn processor(&self) -> Option<f64> {
        median(self.samples.iter().filter_map(|sample| sample.processor))
    }

    /// The share of one processor that the server used, 0 to 1. Much below 1, the server was not the limit.
    pub fn busy(&self) -> Option<f64> {
        let busy = |sample: &Sample| Some(sample.processor? * sample.rate() / 1e6);
        median(self.samples.iter().filter_map(busy))
    }
}

impl Rates {
    pub fn row(&self, peer: Peer) -> Option<&Row> {
        self.rows.iter().find(|row| row.peer == peer)
    }

    /// The ratio of the processor times for a request, `to` divided by `peer`. It is valid even if the load generator is
    /// at its limit, or the machine is busy with other programs.
    pub fn ratio_by_processor(&self, peer: Peer, to: Peer) -> Option<f64> {
        let (one, other) = (self.row(peer)?, self.row(to)?);
        let rounds = one.samples.iter().zip(&other.samples);
        median(rounds.filter_map(|(one, other)| Some(other.processor? / one.processor?)))
    }

    /// The share of the processors that other programs used: the median of all samples, and the maximum.
    pub fn others(&self) -> Option<(f64, f64)> {
        let samples = self.rows.iter().flat_map(|row| &row.samples);
        let others: Vec<f64> = samples.filter_map(|sample| sample.others).collect();
        Some((
            median(others.iter().copied())?,
            others.iter().copied().fold(0.0, f64::max),
        ))
    }

    /// The rate of `peer` divided by the rate of `to`: the median of the rounds' ratios.
    pub fn ratio(&self, peer: Peer, to: Peer) -> Option<f64> {
        let (one, other) = (self.row(peer)?, self.row(to)?);
        let rounds = one.samples.iter().zip(&other.samples);
        median(rounds.map(|(one, other)| one.rate() / other.rate()))
    }
}

pub fn measure(work: &'static Work, options: &Options, scratch: &Scratch) -> Rates {
    println!("== {}: {}", work.name, work.title);
    let mut failures = Vec::new();
    let mut running = Vec::new();
    for peer in Peer::present(options, scratch) {
        match Server::start(peer, work.task, Setting::Usual, scratch) {
            None => {}
            Some(Err(error)) => failures.push(format!("{error:#}")),
            Some(Ok(server)) => {
                // Fills the caches: of compiled code, of pages, of branches.
                let warm_up = options.warm_up();
                let _ = load::run(
                    scratch,
                    (server.port, work.path),
                    work.requests,
                    work.connections,
                    warm_up,
                    true,
                );
                let row = Row {
                    peer,
                    samples: Vec::new(),
                };
                running.push((row, server));
            }
        }
    }
    for round in 1..=options.rounds() {
        let mut told = format!("   round {round}:");
        running.retain_mut(
            |(row, server)| match sample(work, options, scratch, server) {
                Ok(sample) => {
                    told.push_str(&format!(" {} {}/s", row.peer.name(), whole(sample.rate())));
                    row.samples.push(sample);
                    true
                }
                Err(error) => {
                    failures.push(format!("{}: {error:#}", row.peer.title()));
                    false
                }
            },
        );
        println!("{told}");
    }
    for failure in &failures {
        println!("   {failure}");
    }
    Rates {
        work,
        rows: running.into_iter().map(|(row, _)| row).collect(),
        failures,
    }
}

fn sample(
    work: &Work,
    options: &Options,
    scratch: &Scratch,
    server: &Server,
) -> anyhow::Result<Sample> {
    let meters = || {
        Some([
            server.processor_time()?,
            machine::used_by_ended()?,
            machine::busy()?,
        ])
    };
    let before = meters();
    let target = (server.port, work.path);
    let figures = load::run(
        scratch,
        target,
        work.requests,
        work.connections,
        options.duration(),
        true,
    )?;
    anyhow::ensure!(figures.requests > 0, "no request was answered");
    let used = before
        .zip(meters())
        .map(|(before, after)| [0, 1, 2].map(|meter| after[meter] - before[meter]));
    let whole = figures.seconds * 1e6 * machine::processors() as f64;
    Ok(Sample {
        figures,
        processor: used.map(|[server, _, _]| server / figures.requests as f64),
        others: used.map(|[server, load, all]| ((all - server - load) / whole).clamp(0.0, 1.0)),
    })
}
